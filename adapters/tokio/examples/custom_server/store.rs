//! A store of one's own, complete. Let `valetkey_conformance::laws::store_laws` try to break it.

use std::collections::BTreeMap;
use tokio::sync::RwLock;
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_tokio::store::{By, OwnedChange, OwnedPut, Store, StoreError};

/// Rows under a lock; a real one has a database transaction in place of the lock.
#[derive(Debug, Default)]
pub(crate) struct MyStore(RwLock<BTreeMap<Key, (Version, OwnedPut)>>);

impl Store for MyStore {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let rows = self.0.read().await;
        Ok(keys.map(|key| rows.get(&key?).map(|(version, put)| (put.record.clone().into(), *version))))
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let OwnedChange { id, puts, holds, .. } = OwnedChange::from(change);
        let mut rows = self.0.write().await;
        let at = |key: &Key| rows.get(key).map(|(version, _)| *version);
        if at(&puts[0].key) == Some(id) {
            return Ok(Committed::Applied); // the same change came before
        }
        let expected = |put: &OwnedPut| match put.expect {
            Expect::Absent => at(&put.key).is_none(),
            Expect::At(version) => at(&put.key) == Some(version),
        };
        if !puts.iter().all(expected) || !holds.iter().all(|(key, version)| at(key) == Some(*version)) {
            return Ok(Committed::Conflict);
        }
        rows.extend(puts.into_iter().map(|put| (put.key, (id, put))));
        Ok(Committed::Applied)
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let rows = self.0.read().await;
        let found = rows.iter().filter(|(key, (_, put))| match by {
            By::Kind(kind) => key.kind == kind,
            By::Index(owner) => put.index.contains(&Some(owner)),
        });
        let page = found.filter(|(key, _)| after.is_none_or(|after| **key > after)).take(limit);
        Ok(page.map(|(key, (version, put))| (*key, put.record.clone(), *version)).collect())
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.0.write().await;
        let due = rows.iter().filter(|(_, (_, put))| put.keep_until < now).map(|(key, _)| *key);
        let due: Vec<_> = due.take(limit).collect();
        due.iter().for_each(|key| drop(rows.remove(key)));
        Ok(due.len())
    }
}
