//! A full disk, a locked file, a damaged one: a clear error, nothing half-done, and on it goes when the cause is gone.

use crate::changes::{commit, log_of, open, records_of};
use crate::child;
use rusqlite::Connection;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::error::Error;
use std::fs;
use std::path::Path;
use valetkey::server::change::Committed;
use valetkey_sqlite::SqliteStore;

#[tokio::test]
async fn a_full_disk_is_told_and_recovered_from() {
    if let Some(path) = child::database() {
        return fill_the_disk(&path).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "faults::a_full_disk_is_told_and_recovered_from";
    child::succeeds(child::again(&child::this_program(), test, &directory.path().join("valetkey.db")));
}

/// Files may grow no longer than what the log has now and a little more, until the limit is lifted.
async fn fill_the_disk(path: &Path) {
    let store = open(path);
    commit(&store, 0).await.unwrap();
    let free = getrlimit(Resource::Fsize);
    let bytes = fs::metadata(log_of(path)).unwrap().len() + 100_000;
    setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), ..free }).unwrap();
    let mut first = None;
    for n in 1..1_000 {
        if let Err(error) = commit(&store, n).await {
            first = Some((n, error));
            break;
        }
    }
    let (failed, error) = first.expect("the limit bites");
    let said = error.to_string();
    assert!(said.contains("valetkey.db") && said.contains("full"), "{said}");
    assert!(error.source().is_some());
    assert!(failed > 1, "some fit");
    for n in 0..failed {
        assert_eq!(records_of(&store, n).await, 3, "reads go on");
    }
    assert_eq!(records_of(&store, failed).await, 0, "nothing half-done");
    commit(&store, failed + 1).await.unwrap_err();

    setrlimit(Resource::Fsize, free).unwrap();
    for n in [failed, failed + 1, failed + 2] {
        assert_eq!(commit(&store, n).await.unwrap(), Committed::Applied);
        assert_eq!(records_of(&store, n).await, 3);
    }
    drop(store);
    assert_eq!(open(path).check().await.unwrap().events, failed + 3);
}

#[tokio::test]
async fn a_locked_file_is_told_and_recovered_from() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    commit(&store, 0).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = commit(&store, 1).await.unwrap_err().to_string();
    assert!(said.ends_with("valetkey.db is locked by another process; wait until that is done, or end it"), "{said}");
    assert_eq!(records_of(&store, 0).await, 3, "reads go on");
    assert_eq!(records_of(&store, 1).await, 0);
    drop(other);
    assert_eq!(commit(&store, 1).await.unwrap(), Committed::Applied);
}

/// A closed database with some records, all but its first page overwritten.
async fn damaged(path: &Path, from: usize) {
    let store = open(path);
    for n in 0..100 {
        commit(&store, n).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(path).unwrap();
    bytes[from..].fill(0xA5);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    damaged(&path, 4096).await;
    let store = open(&path);
    let said = [
        store.check().await.unwrap_err(),
        commit(&store, 1).await.unwrap_err(),
        valetkey_std::store::Store::load(&store, &[Some(crate::changes::key(1, 0)), None, None, None])
            .await
            .unwrap_err(),
        store.events(&valetkey_sqlite::EventFilter::default(), None, 9).await.unwrap_err(),
    ];
    for error in said {
        let said = error.to_string();
        assert!(said.contains("valetkey.db is damaged") && said.ends_with("restore a backup"), "{said}");
    }
}

#[tokio::test]
async fn a_database_with_a_damaged_beginning_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    damaged(&path, 0).await;
    let said = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(said.contains("is not a database, or its beginning is damaged"), "{said}");
}
