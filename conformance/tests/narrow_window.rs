//! A store whose window between check and write is narrow: it lets its lock go, lets whoever is ready have a turn, and takes
//! it again. Without that turn the window is of nanoseconds, which two threads meet only where both have a core.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::yield_now;
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_conformance::laws::store_law;
use valetkey_std::store::{By, Store, StoreError};

#[derive(Default)]
struct Narrow(Mutex<BTreeMap<Key, (OwnedRecord, Version)>>);

impl Store for Narrow {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let rows = self.0.lock().unwrap();
        Ok(keys.map(|key| rows.get(&key?).map(|(record, version)| (record.clone().into(), *version))))
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let as_expected = {
            let rows = self.0.lock().unwrap();
            change.puts.iter().flatten().all(|put| match put.expect {
                Expect::Absent => !rows.contains_key(&put.key),
                Expect::At(version) => rows.get(&put.key).is_some_and(|(_, at)| *at == version),
            })
        };
        if !as_expected {
            return Ok(Committed::Conflict);
        }
        yield_now();
        let mut rows = self.0.lock().unwrap();
        for put in change.puts.iter().flatten() {
            rows.insert(put.key, ((&put.record).into(), change.id));
        }
        Ok(Committed::Applied)
    }

    async fn scan(&self, _: By, _: Option<Key>, _: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        Err(StoreError::new("this store cannot scan"))
    }

    async fn sweep(&self, _: UnixTime, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

#[test]
fn a_window_of_one_turn_is_found() {
    let panic = catch_unwind(AssertUnwindSafe(|| store_law("two_never_win", Narrow::default))).unwrap_err();
    let said = panic.downcast_ref::<String>().expect("a law panics with text");
    assert!(said.contains("law `two_never_win` is broken"), "{said}");
}
