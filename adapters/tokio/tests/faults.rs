//! A store that fails: nothing half-done, and the client is told to come again.

mod common;

use common::{Answered, Running, start};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use valetkey::server::change::{Change, Committed, Key, Keys, Kind, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_tokio::store::{By, Store, StoreError};

/// Fails as often as each number says; `usize::MAX` is for good. Loads fail after `good_loads` more.
#[derive(Default)]
struct Faulty {
    inner: MemoryStore,
    good_loads: AtomicUsize,
    loads: AtomicUsize,
    commits: AtomicUsize,
    acknowledgements: AtomicUsize,
}

fn fails(left: &AtomicUsize) -> Result<(), StoreError> {
    match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(StoreError::new("the disk is on fire; put it out")),
        Err(_) => Ok(()),
    }
}

impl Store for Faulty {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        if fails(&self.good_loads).is_ok() {
            fails(&self.loads)?;
        }
        self.inner.load(keys).await
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        fails(&self.commits)?;
        let committed = self.inner.commit(change).await?;
        fails(&self.acknowledgements)?;
        Ok(committed)
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        self.inner.scan(by, after, limit).await
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(now, limit).await
    }
}

async fn started() -> Running<Faulty> {
    start(Faulty::default()).await
}

fn assert_unavailable(answer: &Answered) {
    assert_eq!((answer.status, answer.text("error").as_str()), (503, "temporarily_unavailable"));
    let wait: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 0);
    assert!(!answer.body.contains("token\""), "a token came with an error: {}", answer.body);
}

#[tokio::test]
async fn a_store_that_cannot_load_is_answered_with_503() {
    let run = started().await;
    let store = run.server.store();
    store.loads.store(1, SeqCst);
    assert_unavailable(&run.client_credentials().await);
    assert_eq!(run.client_credentials().await.status, 200);

    let code = run.code().await;
    for client_found in [0, 1] {
        store.good_loads.store(client_found, SeqCst);
        store.loads.store(1, SeqCst);
        assert_unavailable(&run.redeem(&code).await);
        assert_eq!(store.loads.load(SeqCst), 0, "the store was not asked");
    }
    assert_eq!(run.redeem(&code).await.status, 200, "the code was spent by a request that failed");
}

#[tokio::test]
async fn a_store_that_cannot_commit_is_answered_with_503_and_nothing_half_done() {
    let run = started().await;
    let code = run.code().await;
    let grants = || async { run.server.store().scan(By::Kind(Kind::Grant), None, 100).await.unwrap() };
    let before = grants().await;
    run.server.store().commits.store(usize::MAX, SeqCst);
    assert_unavailable(&run.client_credentials().await);
    assert_unavailable(&run.redeem(&code).await);
    run.server.store().commits.store(0, SeqCst);
    assert_eq!(grants().await, before);
    assert_eq!(run.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn a_lost_acknowledgement_is_no_replay() {
    let run = started().await;
    let lose = |n| run.server.store().acknowledgements.store(n, SeqCst);
    let code = run.code().await;
    lose(1);
    let tokens = run.redeem(&code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    lose(3);
    let again = run.refresh(&tokens.text("refresh_token")).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(run.introspect(&again.text("access_token")).await["active"], true);
    lose(1);
    let own = run.client_credentials().await;
    assert_eq!(run.introspect(&own.text("access_token")).await["active"], true);
}
