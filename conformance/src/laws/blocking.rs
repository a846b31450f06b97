//! A store that blocks, tried by the same laws.

use tokio::task::block_in_place;
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_std::store::{By, Store, StoreError, blocking};

/// Each call blocks its thread, in whose place the runtime puts another: rivals are threads.
pub(super) struct Blocking<S>(pub(super) S);

impl<S: blocking::Store + 'static> Store for Blocking<S> {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        block_in_place(|| self.0.load(keys))
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        block_in_place(|| self.0.commit(change))
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        block_in_place(|| self.0.scan(by, after, limit))
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        block_in_place(|| self.0.sweep(now, limit))
    }
}
