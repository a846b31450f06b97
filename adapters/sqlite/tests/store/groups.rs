//! Changes that share a transaction: none is hurt by another.

use crate::changes::{change, change_of, commit, key, open, put, records_of, version};
use rusqlite::Connection;
use std::path::Path;
use tokio::task::{JoinHandle, yield_now};
use valetkey::server::change::{Committed, Expect};
use valetkey_sqlite::SqliteStore;
use valetkey_std::store::{Store, StoreError};

/// Keeps the writer of another connection waiting until it is dropped.
fn lock(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    conn
}

/// Waits until all these, but for the one that the writer has taken, are in its queue.
async fn queued(store: &SqliteStore, count: usize) {
    while store.stats().waiting + 1 < count {
        yield_now().await;
    }
}

/// Sends it again for as long as the file is locked.
fn send(
    store: &SqliteStore,
    n: u64,
    second: &'static str,
    expect: Expect,
) -> JoinHandle<Result<Committed, StoreError>> {
    let store = store.clone();
    tokio::spawn(async move {
        let change = change_of(n, [put(key(n, 0), Expect::Absent, ""), put(key(n, 1), expect, second)]);
        loop {
            match store.commit(&change).await {
                Err(error) if error.to_string().contains("locked") => yield_now().await,
                answer => return answer,
            }
        }
    })
}

#[tokio::test]
async fn mates_of_a_conflict_are_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let locked = lock(&path);
    let sent: Vec<_> = (0..64)
        .map(|n| send(&store, n, "", if n % 4 == 0 { Expect::At(version(9_999)) } else { Expect::Absent }))
        .collect();
    queued(&store, sent.len()).await;
    drop(locked);
    for (n, sent) in (0..).zip(sent) {
        let (expected, records) = if n % 4 == 0 { (Committed::Conflict, 0) } else { (Committed::Applied, 2) };
        assert_eq!(sent.await.unwrap().unwrap(), expected);
        assert_eq!(records_of(&store, n).await, records);
    }
    let stats = store.stats();
    assert_eq!((stats.changes, stats.conflicts, stats.waiting), (48, 16, 0));
    assert!(stats.transactions < stats.changes, "those that wait share a transaction: {stats:?}");
}

#[tokio::test]
async fn mates_of_a_failing_change_are_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.body LIKE '%unwanted%'
        BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END";
    Connection::open(&path).unwrap().execute_batch(trigger).unwrap();
    let locked = lock(&path);
    let sent: Vec<_> =
        (0..32).map(|n| send(&store, n, if n % 8 == 3 { "unwanted" } else { "" }, Expect::Absent)).collect();
    queued(&store, sent.len()).await;
    drop(locked);
    for (n, sent) in (0..).zip(sent) {
        let answer = sent.await.unwrap();
        if n % 8 == 3 {
            let error = answer.unwrap_err();
            assert!(error.to_string().ends_with("valetkey.db; the cause says why"), "{error}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("refused by a trigger"), "{cause}");
            assert_eq!(records_of(&store, n).await, 0);
        } else {
            assert_eq!(answer.unwrap(), Committed::Applied);
            assert_eq!(records_of(&store, n).await, 2);
        }
    }
    assert_eq!(store.check().await.unwrap().events, 28);
}

#[tokio::test]
async fn a_change_whose_future_is_dropped_is_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let locked = lock(&path);
    let sent: Vec<_> = (0..32)
        .map(|n| {
            let (store, change) = (store.clone(), change(n));
            tokio::spawn(async move { store.commit(&change).await })
        })
        .collect();
    queued(&store, sent.len()).await;
    sent.iter().skip(1).for_each(JoinHandle::abort);
    drop(locked);
    // Behind them in the queue: once it is applied, they are done with.
    assert_eq!(send(&store, 99, "", Expect::Absent).await.unwrap().unwrap(), Committed::Applied);
    for n in 0..32 {
        assert!([0, 3].contains(&records_of(&store, n).await));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_process_gets_its_turn_beside_a_busy_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let (server, command) = (open(&path), open(&path));
    let busy: Vec<_> = (0..16)
        .map(|task| {
            let server = server.clone();
            tokio::spawn(async move {
                for round in 0.. {
                    drop(commit(&server, 1_000 + task + 16 * round).await);
                }
            })
        })
        .collect();
    for n in 0..10 {
        let mut tries = 0;
        while commit(&command, n).await.is_err() {
            tries += 1;
            assert!(tries < 100, "a change among others never got the lock");
        }
        assert_eq!(records_of(&server, n).await, 3);
    }
    busy.iter().for_each(JoinHandle::abort);
}
