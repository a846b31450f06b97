//! The SQLite store keeps every law.

use std::cell::Cell;
use valetkey_conformance::laws::store_laws;
use valetkey_sqlite::SqliteStore;

#[test]
fn the_sqlite_store_keeps_every_law() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Cell::new(0);
    store_laws(|| {
        opened.set(opened.get() + 1);
        SqliteStore::open(directory.path().join(format!("{}.db", opened.get()))).unwrap()
    });
}
