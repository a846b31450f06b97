//! The SQLite store keeps every law.

use std::cell::Cell;
use tempfile::TempDir;
use valetkey_conformance::laws::{blocking_store_laws, store_laws};
use valetkey_sqlite::SqliteStore;

/// Opens another database of this directory each time.
fn fresh(directory: &TempDir) -> impl Fn() -> SqliteStore {
    let opened = Cell::new(0);
    move || {
        opened.set(opened.get() + 1);
        SqliteStore::open(directory.path().join(format!("{}.db", opened.get()))).unwrap()
    }
}

#[test]
fn the_sqlite_store_keeps_every_law() {
    let directory = tempfile::tempdir().unwrap();
    store_laws(fresh(&directory));
}

#[test]
fn the_sqlite_store_keeps_every_law_for_threads_that_block() {
    let directory = tempfile::tempdir().unwrap();
    blocking_store_laws(fresh(&directory));
}
