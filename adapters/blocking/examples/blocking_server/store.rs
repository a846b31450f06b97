//! A store of one's own, complete. Let `valetkey_conformance::laws::blocking_store_laws` try to break it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_blocking::store::{By, OwnedChange, OwnedPut, Store, StoreError};

/// Rows under a lock; a real one has a database transaction in place of the lock.
#[derive(Debug, Default)]
pub(crate) struct MyStore(RwLock<Rows>);

type Rows = BTreeMap<Key, (Version, OwnedPut)>;

impl MyStore {
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MyStore {
    fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let rows = self.read();
        Ok(keys.map(|key| rows.get(&key?).map(|(version, put)| (put.record.clone().into(), *version))))
    }

    fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let OwnedChange { id, puts, holds, .. } = OwnedChange::from(change);
        let mut rows = self.write();
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

    fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let rows = self.read();
        let found = rows.iter().filter(|(key, (_, put))| match by {
            By::Kind(kind) => key.kind == kind,
            By::Index(owner) => put.index.contains(&Some(owner)),
        });
        let page = found.filter(|(key, _)| after.is_none_or(|after| **key > after)).take(limit);
        Ok(page.map(|(key, (version, put))| (*key, put.record.clone(), *version)).collect())
    }

    fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.write();
        let due = rows.iter().filter(|(_, (_, put))| put.keep_until < now).map(|(key, _)| *key);
        let due: Vec<_> = due.take(limit).collect();
        due.iter().for_each(|key| drop(rows.remove(key)));
        Ok(due.len())
    }
}
