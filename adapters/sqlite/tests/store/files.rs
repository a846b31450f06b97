//! What lies on the disk: made for its owner alone, opened again with all that was applied, refused when it is not ours.

use crate::changes::{change, change_of, commit, key, log_of, open, put, records_of};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use valetkey::server::change::{Committed, Expect, Kind};
use valetkey_sqlite::SqliteStore;
use valetkey_std::store::Store;

fn refusal(path: &Path) -> String {
    SqliteStore::open(path).unwrap_err().to_string()
}

fn sqlite(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn what_was_applied_is_there_when_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    for n in 0..3 {
        assert_eq!(commit(&store, n).await.unwrap(), Committed::Applied);
    }
    drop(store);
    assert!(!log_of(&path).exists(), "a clean end empties the log");
    let store = open(&path);
    for n in 0..3 {
        assert_eq!(records_of(&store, n).await, 3);
        assert_eq!(commit(&store, n).await.unwrap(), Committed::Applied, "the same change again");
    }
    assert_eq!(records_of(&store, 3).await, 0);
}

#[tokio::test]
async fn what_was_accepted_is_finished_before_the_last_handle_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let other = store.clone();
    let accepted = tokio::spawn(async move { commit(&other, 1).await });
    drop(store);
    assert_eq!(accepted.await.unwrap().unwrap(), Committed::Applied);
    assert_eq!(records_of(&open(&path), 1).await, 3);
}

#[tokio::test]
async fn all_files_are_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    commit(&store, 1).await.unwrap();
    records_of(&store, 1).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["valetkey.db", "valetkey.db-shm", "valetkey.db-wal"]);
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let said = refusal(&directory.path().join("missing").join("valetkey.db"));
    assert!(said.starts_with("there is no directory ") && said.ends_with("/missing; create it"), "{said}");
    let said = refusal(directory.path());
    assert!(said.ends_with("is a directory; name a file in it"), "{said}");
}

#[test]
fn a_newer_schema_is_refused_and_both_versions_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    drop(open(&path));
    sqlite(&path, "PRAGMA user_version = 1000");
    let said = refusal(&path);
    assert!(said.ends_with("has schema 1000, and this program knows schemas up to 2; use a newer program"), "{said}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for (n, sql) in ["CREATE TABLE t (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"].iter().enumerate() {
        let path = directory.path().join(format!("{n}.db"));
        sqlite(&path, sql);
        let before = fs::read(&path).unwrap();
        let said = refusal(&path);
        assert!(said.ends_with("is a database of another program; name another file"), "{sql}: {said}");
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(&path, "these are notes and no database ".repeat(100)).unwrap();
    let said = refusal(&path);
    assert!(
        said.contains("notes.txt is not a database") && said.contains("; name another file, or restore a backup"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap().len(), 3_200);
}

#[tokio::test]
async fn two_stores_and_two_first_starts_at_once_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = directory.path().join(format!("{round}.db"));
        let starts: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn({
                    let path = path.clone();
                    move || open(&path)
                })
            })
            .collect();
        let stores: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        for (n, store) in (0..).zip(&stores) {
            assert_eq!(commit(store, n).await.unwrap(), Committed::Applied);
        }
        for store in &stores {
            for n in 0..4 {
                assert_eq!(records_of(store, n).await, 3);
            }
        }
        let rival = store_put(&stores[1]).await;
        assert_eq!(rival, Committed::Conflict, "each sees the other's versions");
    }
}

/// Another change of a key of change 0, which is there.
async fn store_put(store: &SqliteStore) -> Committed {
    store.commit(&change_of(9, [put(key(0, 0), Expect::Absent, "")])).await.unwrap()
}

#[tokio::test]
async fn a_sound_database_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    for n in 0..5 {
        commit(&store, n).await.unwrap();
    }
    let report = store.check().await.unwrap();
    assert_eq!((report.schema, report.events), (2, 5));
    let counts: Vec<u64> = report.records.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [0, 0, 0, 0, 15, 0, 0]);
    assert_eq!(report.records[4].0, Kind::Access);
}

#[tokio::test]
async fn a_record_of_more_than_16_kib_is_refused_and_its_change_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    let long = "x".repeat(16 * 1024);
    let puts = [put(key(1, 0), Expect::Absent, "short"), put(key(1, 1), Expect::Absent, &long)];
    let said = store.commit(&change_of(1, puts)).await.unwrap_err().to_string();
    assert!(said.contains("more than 16384") && !said.contains("xxx"), "{said}");
    assert_eq!(records_of(&store, 1).await, 0);
    assert_eq!(store.commit(&change(2)).await.unwrap(), Committed::Applied);
}
