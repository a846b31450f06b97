//! A store on trial: every call checked, every failure naming the law.

use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};
use valetkey::server::change::{Committed, Expect, Key, Keys, Kind, OwnedFound, Version};
use valetkey::server::record::{Digest, OwnedRecord};
use valetkey::time::UnixTime;
use valetkey_std::store::{By, OwnedChange, OwnedPut, Store, StoreError};

use super::sample;

/// Far ahead of any clock, so that a store that forgets by a clock of its own keeps it during a trial.
pub(super) const LATER: UnixTime = UnixTime(8_000_000_000);

/// How often a commit that failed is sent again before the law counts as broken.
const ATTEMPTS: usize = 8;

/// One store and the law that is tried on it.
pub(super) struct Trial<S> {
    store: Arc<S>,
    law: &'static str,
    says: &'static str,
    drawn: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

impl<S> Clone for Trial<S> {
    fn clone(&self) -> Self {
        let (store, drawn, reads) = (Arc::clone(&self.store), Arc::clone(&self.drawn), Arc::clone(&self.reads));
        Self { store, law: self.law, says: self.says, drawn, reads }
    }
}

impl<S: Store> Trial<S> {
    pub(super) fn new(law: &'static str, says: &'static str, store: S) -> Self {
        Self { store: Arc::new(store), law, says, drawn: Arc::default(), reads: Arc::default() }
    }

    /// Panics in the name of the law.
    pub(super) fn broken(&self, what: &str) -> ! {
        panic!("law `{}` is broken: {}\n  {what}", self.law, self.says)
    }

    pub(super) fn same<T: PartialEq + Debug>(&self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.broken(&format!("{what}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }

    fn answer<T>(&self, verb: &str, answer: Result<T, StoreError>) -> T {
        answer.unwrap_or_else(|error| self.broken(&format!("{verb}\n  expected an answer\n  found the error: {error}")))
    }

    pub(super) async fn load_slots(&self, keys: &Keys) -> OwnedFound {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.answer("load", self.store.load(keys).await)
    }

    pub(super) async fn load(&self, key: Key) -> Option<(OwnedRecord, Version)> {
        let [found, ..] = self.load_slots(&[Some(key), None, None, None]).await;
        found.map(|(record, version)| (Arc::unwrap_or_clone(record), version))
    }

    /// What is at each key.
    pub(super) async fn load_all(&self, keys: &[Key]) -> Vec<Option<(OwnedRecord, Version)>> {
        let mut all = Vec::new();
        for key in keys {
            all.push(self.load(*key).await);
        }
        all
    }

    /// Commits as the driver does: an error means that the outcome is unknown, and the same change is sent again.
    pub(super) async fn commit(&self, change: &OwnedChange) -> Committed {
        let view = change.view().expect("the laws build changes within bounds");
        for _ in 1..ATTEMPTS {
            if let Ok(committed) = self.store.commit(&view).await {
                return committed;
            }
        }
        self.answer("commit, sent again and again", self.store.commit(&view).await)
    }

    pub(super) async fn applied(&self, what: &str, change: &OwnedChange) {
        self.same(what, &Committed::Applied, &self.commit(change).await);
    }

    pub(super) async fn conflict(&self, what: &str, change: &OwnedChange) {
        self.same(what, &Committed::Conflict, &self.commit(change).await);
    }

    /// Puts a first record, and says at which version.
    pub(super) async fn seed(&self, key: Key, text: &str) -> Version {
        let id = self.id();
        self.applied("the first record of a key is put", &change(id, [put(key, Expect::Absent, text)])).await;
        id
    }

    pub(super) async fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Vec<(Key, OwnedRecord, Version)> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.answer("scan", self.store.scan(by, after, limit).await)
    }

    /// How many loads and scans have begun, by all tasks of this trial.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The keys of all pages, which must be in order and not too long.
    pub(super) async fn walk(&self, by: By, limit: usize) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        loop {
            let page = self.scan(by, keys.last().copied(), limit).await;
            if page.len() > limit {
                self.broken(&format!("scan\n  expected at most {limit} records\n  found    {}", page.len()));
            }
            for (key, ..) in &page {
                if let Some(last) = keys.last().filter(|last| *last >= key) {
                    self.broken(&format!("scan\n  expected a key after {last:?}\n  found    {key:?}"));
                }
                keys.push(*key);
            }
            if page.len() < limit {
                return keys;
            }
            // Others may write between two pages.
            yield_now().await;
        }
    }

    pub(super) async fn sweep(&self, now: UnixTime, limit: usize) -> usize {
        self.answer("sweep", self.store.sweep(now, limit).await)
    }

    fn draw(&self) -> u64 {
        scramble(self.drawn.fetch_add(1, Ordering::Relaxed))
    }

    /// A version that was not drawn before, of any size.
    pub(super) fn id(&self) -> Version {
        Version::new(self.draw() >> 1).unwrap_or_else(|| self.id())
    }

    /// A key that was not drawn before.
    pub(super) fn key(&self, kind: Kind) -> Key {
        let mut id = [0; 32];
        for bytes in id.chunks_exact_mut(8) {
            bytes.copy_from_slice(&self.draw().to_be_bytes());
        }
        Key { kind, id: Digest(id) }
    }

    /// As many keys as asked for, of every kind in turn.
    pub(super) fn keys(&self, count: usize) -> Vec<Key> {
        Kind::ALL.into_iter().cycle().take(count).map(|kind| self.key(kind)).collect()
    }
}

/// Runs all tasks at once, begun at the same moment, and gives their answers in order.
pub(super) async fn race<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let start = Arc::new(Barrier::new(tasks.len()));
    let mut running = JoinSet::new();
    for (place, task) in tasks.into_iter().enumerate() {
        let start = Arc::clone(&start);
        running.spawn(async move {
            start.wait().await;
            (place, task.await)
        });
    }
    let mut answers = Vec::new();
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(answer) => answers.push(answer),
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Spreads a counter over all of 64 bits, each value once: the finaliser of SplitMix64.
pub(super) const fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// A put of a record that tells its text, kept long and not indexed.
pub(super) fn put(key: Key, expect: Expect, text: &str) -> OwnedPut {
    OwnedPut { key, expect, keep_until: LATER, index: [None; 2], record: sample::record(key.kind, text) }
}

/// A change of puts alone.
pub(super) fn change(id: Version, puts: impl IntoIterator<Item = OwnedPut>) -> OwnedChange {
    OwnedChange { id, puts: puts.into_iter().collect(), holds: Vec::new(), event: None }
}
