//! A copy taken while others write.

use crate::changes::{commit, open, records_of};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use valetkey::server::change::Committed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_among_writers_is_whole_and_opens() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    let applied = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (store, applied) = (store.clone(), Arc::clone(&applied));
        async move {
            for n in 0.. {
                assert_eq!(commit(&store, n).await.unwrap(), Committed::Applied);
                applied.store(n + 1, Ordering::Release);
            }
        }
    });
    for round in 0..3 {
        while applied.load(Ordering::Acquire) < 50 * (round + 1) {
            tokio::task::yield_now().await;
        }
        let to = directory.path().join(format!("backup-{round}.db"));
        let before = applied.load(Ordering::Acquire);
        store.backup(&to).await.unwrap();
        let after = applied.load(Ordering::Acquire);
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);

        let copy = open(&to);
        let events = copy.check().await.unwrap().events;
        assert!((before..=after + 1).contains(&events), "{before} <= {events} <= {after} + 1");
        for n in 0..events + 5 {
            assert_eq!(records_of(&copy, n).await, if n < events { 3 } else { 0 }, "change {n} of {events}");
        }
        assert_eq!(commit(&copy, events).await.unwrap(), Committed::Applied, "a copy is a database like any other");
    }
    writer.abort();
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    let to = directory.path().join("backups");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("precious"), "data").unwrap();
    let said = store.backup(&to.join("precious")).await.unwrap_err().to_string();
    assert!(said.ends_with("/precious exists already; name another file for the backup"), "{said}");
    assert_eq!(fs::read(to.join("precious")).unwrap(), b"data");
    let said = store.backup(&to.join("missing").join("backup.db")).await.unwrap_err().to_string();
    assert!(said.ends_with("/missing/backup.db cannot be written; is there room and permission?"), "{said}");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    store.backup(&to.join("backup.db")).await.unwrap();
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2);
}

#[tokio::test]
async fn a_backup_is_not_put_beside_the_log_of_another_database() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    assert_eq!(commit(&store, 0).await.unwrap(), Committed::Applied);
    let to = directory.path().join("backup.db");
    let log = directory.path().join("backup.db-wal");
    fs::copy(directory.path().join("valetkey.db-wal"), &log).unwrap();
    let said = store.backup(&to).await.unwrap_err().to_string();
    assert!(said.contains("/backup.db-wal is there, the log of another database; remove it"), "{said}");
    assert!(!to.exists());
    fs::remove_file(&log).unwrap();
    store.backup(&to).await.unwrap();
}
