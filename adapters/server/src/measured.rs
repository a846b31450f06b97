//! A store around a store, which measures it: how long it takes, what it answers, and what was committed. And what the
//! parts of the program say of themselves.

use crate::database::Database;
use crate::metrics::{Answer, Metrics, Verb};
use crate::passwords::Passwords;
use std::sync::Arc;
use std::time::Instant;
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_tokio::store::{By, Store, StoreError};

/// The store `S`, measured.
#[derive(Clone, Debug)]
pub struct Measured<S> {
    store: S,
    metrics: Arc<Metrics>,
}

impl<S> Measured<S> {
    /// Counts what `store` does in `metrics`.
    pub const fn new(store: S, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    fn begin(&self, verb: Verb) -> Running<'_> {
        Running { metrics: &self.metrics, verb, since: Instant::now(), answer: Answer::None }
    }
}

/// Shows the queues, and how the database groups what it writes: changes by transactions tells how well.
pub fn watch(metrics: &Metrics, database: &Database, passwords: &Passwords) {
    let pool = passwords.clone();
    metrics.gauge("password_checks_waiting", "Passwords and secrets that wait to be hashed.", move || pool.waiting());
    let Database::File(store) = database else { return };
    let [of_waiting, of_transactions, of_changes] = [(); 3].map(|()| store.clone());
    metrics.gauge("store_changes_waiting", "Changes that wait to be written.", move || of_waiting.stats().waiting);
    let transactions = move || of_transactions.stats().transactions;
    metrics.counter("store_transactions", "Transactions of the database.", transactions);
    metrics.counter("store_changes", "Changes that they carried.", move || of_changes.stats().changes);
}

/// A call that is measured when it ends. The driver stops waiting at its deadline: that is no answer, and the one that
/// an operator most wants to know of.
struct Running<'m> {
    metrics: &'m Metrics,
    verb: Verb,
    since: Instant,
    answer: Answer,
}

impl Running<'_> {
    fn end<T>(mut self, result: &Result<T, StoreError>, answer: impl FnOnce(&T) -> Answer) {
        self.answer = result.as_ref().map_or(Answer::Error, answer);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.metrics.store(self.verb, self.answer, self.since.elapsed());
    }
}

impl<S: Store> Store for Measured<S> {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let running = self.begin(Verb::Load);
        let result = self.store.load(keys).await;
        running.end(&result, |_| Answer::Ok);
        result
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let running = self.begin(Verb::Commit);
        let result = self.store.commit(change).await;
        running.end(&result, |committed| match committed {
            Committed::Applied => Answer::Applied,
            Committed::Conflict => Answer::Conflict,
        });
        if let (Ok(Committed::Applied), Some(event)) = (&result, &change.event) {
            self.metrics.event(event.what);
        }
        result
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let running = self.begin(Verb::Scan);
        let result = self.store.scan(by, after, limit).await;
        running.end(&result, |_| Answer::Ok);
        result
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let running = self.begin(Verb::Sweep);
        let result = self.store.sweep(now, limit).await;
        running.end(&result, |_| Answer::Ok);
        result
    }
}
