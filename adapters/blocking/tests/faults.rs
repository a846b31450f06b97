//! A store that fails: nothing half-done, and the client is told to come again.

mod common;

use common::{client_credentials, code, field, introspect, redeem, refresh, start, text};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use valetkey::server::change::{Change, Committed, Key, Keys, Kind, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_blocking::server::Response;
use valetkey_blocking::store::{By, Store, StoreError};
use valetkey_memory::MemoryStore;

/// Fails as often as each number says; `usize::MAX` is for good.
#[derive(Default)]
struct Faulty {
    inner: MemoryStore,
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
    fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        fails(&self.loads)?;
        self.inner.load(keys)
    }

    fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        fails(&self.commits)?;
        let committed = self.inner.commit(change)?;
        fails(&self.acknowledgements)?;
        Ok(committed)
    }

    fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        self.inner.scan(by, after, limit)
    }

    fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(now, limit)
    }
}

fn assert_unavailable(answer: &Response) {
    assert_eq!((answer.status, text(answer, "error").as_str()), (503, "temporarily_unavailable"));
    let wait: u32 = field(answer, "Retry-After").unwrap().parse().unwrap();
    assert!(wait > 0 && !answer.body.contains("token\""), "a token came with an error: {}", answer.body);
}

#[test]
fn a_store_that_cannot_load_is_answered_with_503() {
    let server = start(Faulty::default());
    let code = code(&server);
    server.store().loads.store(1, SeqCst);
    assert_unavailable(&client_credentials(&server));
    server.store().loads.store(1, SeqCst);
    assert_unavailable(&redeem(&server, &code));
    assert_eq!(redeem(&server, &code).status, 200, "the code was spent by a request that failed");
}

#[test]
fn a_store_that_cannot_commit_is_answered_with_503_and_nothing_half_done() {
    let server = start(Faulty::default());
    let code = code(&server);
    let grants = || server.store().scan(By::Kind(Kind::Grant), None, 100).unwrap();
    let before = grants();
    server.store().commits.store(usize::MAX, SeqCst);
    assert_unavailable(&redeem(&server, &code));
    server.store().commits.store(0, SeqCst);
    assert_eq!(grants(), before);
    assert_eq!(redeem(&server, &code).status, 200);
}

#[test]
fn a_lost_acknowledgement_is_no_replay() {
    let server = start(Faulty::default());
    let lose = |n| server.store().acknowledgements.store(n, SeqCst);
    let code = code(&server);
    lose(1);
    let tokens = redeem(&server, &code);
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    lose(3);
    let again = refresh(&server, &text(&tokens, "refresh_token"));
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(introspect(&server, &text(&again, "access_token"))["active"], true);
}
