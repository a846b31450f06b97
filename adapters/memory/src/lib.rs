//! A store in memory: for a first program, for tests and examples. What it holds ends with the process.
//!
//! It serves async programs and those that block alike, keeps the store's contract to the letter, under one lock, and no
//! events. `scan` and `sweep` walk every record while they hold the lock, which is quick enough for some hundred thousand
//! of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_std::store::blocking::Store;
use valetkey_std::store::{self, By, StoreError};

/// A handle to records in memory; a clone is a handle to the same ones.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), valetkey_std::store::StoreError> {
/// use valetkey::server::change::Key;
/// use valetkey_memory::MemoryStore;
/// use valetkey_std::store::Store; // the same as valetkey_tokio::store::Store
///
/// let store = MemoryStore::new();
/// let found = store.load(&[Some(Key::client("demo-web")), None, None, None]).await?;
/// assert_eq!(found, [None, None, None, None]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    rows: Arc<Mutex<Rows>>,
}

/// No order is kept: to find a key in a million by it costs several times as much. Rows are boxed, as a map moves what it
/// holds.
type Rows = HashMap<Key, Box<Row>>;

struct Row {
    version: Version,
    keep_until: UnixTime,
    index: [Option<Key>; 2],
    record: Arc<OwnedRecord>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every method holds the lock for its whole work, and writes only when nothing can go wrong any more: what a
    /// panicking thread left behind is whole.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.rows().len()).finish()
    }
}

impl Store for MemoryStore {
    fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let rows = self.rows();
        Ok(keys.map(|key| rows.get(&key?).map(|row| (Arc::clone(&row.record), row.version))))
    }

    fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let mut rows = self.rows();
        let at = |key| rows.get(&key).map(|row| row.version);
        let mut as_expected = true;
        for (place, put) in change.puts.iter().flatten().enumerate() {
            let found = at(put.key);
            if place == 0 && found == Some(change.id) {
                return Ok(Committed::Applied);
            }
            as_expected &= match put.expect {
                Expect::Absent => found.is_none(),
                Expect::At(version) => found == Some(version),
            };
        }
        if !as_expected || change.holds.iter().flatten().any(|(key, version)| at(*key) != Some(*version)) {
            return Ok(Committed::Conflict);
        }
        for put in change.puts.iter().flatten() {
            let record = Arc::new(OwnedRecord::from(&put.record));
            let row = Row { version: change.id, keep_until: put.keep_until, index: put.index, record };
            rows.insert(put.key, Box::new(row));
        }
        Ok(Committed::Applied)
    }

    fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let rows = self.rows();
        let is_named = |key: &Key, row: &Row| match by {
            By::Kind(kind) => key.kind == kind,
            By::Index(owner) => row.index.contains(&Some(owner)),
        };
        let rest = rows.iter().filter(|(key, _)| after.is_none_or(|after| **key > after));
        let mut found: Vec<(&Key, &Box<Row>)> = rest.filter(|(key, row)| is_named(key, row)).collect();
        if limit < found.len() {
            found.select_nth_unstable_by_key(limit, |(key, _)| *key);
            found.truncate(limit);
        }
        found.sort_unstable_by_key(|(key, _)| *key);
        Ok(found.into_iter().map(|(key, row)| (*key, OwnedRecord::clone(&row.record), row.version)).collect())
    }

    fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.rows();
        let due: Vec<Key> =
            rows.iter().filter(|(_, row)| row.keep_until < now).map(|(key, _)| *key).take(limit).collect();
        for key in &due {
            rows.remove(key);
        }
        Ok(due.len())
    }
}

/// No call waits for more than the lock, so that a runtime's thread may make it too.
impl store::Store for MemoryStore {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        Store::load(self, keys)
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        Store::commit(self, change)
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        Store::scan(self, by, after, limit)
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        Store::sweep(self, now, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_how_much_but_not_what() {
        assert_eq!(format!("{:?}", MemoryStore::new()), "MemoryStore { records: 0 }");
    }
}
