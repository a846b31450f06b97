//! A good store behind one flaw.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::yield_now;
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, Kind, OwnedFound, Put, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_std::store::{By, Store, StoreError};

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    WritesBlindly,
    AcceptsAnyVersion,
    IgnoresLastPut,
    WritesBeforeItChecks,
    IgnoresHolds,
    IgnoresSecondHold,
    ResendIsConflict,
    ResendWritesAgain,
    RemembersApplied,
    RemembersConflicts,
    AnyPutTellsResent,
    InFlightIsConflict,
    ChecksThenWrites,
    ChecksHoldsBefore,
    ErrsOnceApplied,
    LoadsInTwo,
    LoadsOldNews,
    LoadClosesGaps,
    RoundsVersions,
    TrimsText,
    ScansBackwards,
    ScansAfterToo,
    ScansByOffset,
    KeepsFirstIndexOnly,
    ForgetsEarly,
    KeepsSignedTimes,
    KeepsFirstTime,
    SweepsAll,
    SweepsThenForgets,
    SweptStaysTaken,
}
use Flaw::*;

/// The gap in which a rival gets to work: wide enough that the laws meet it in every run.
async fn lets_others_in() {
    for _ in 0..24 {
        yield_now().await;
    }
}

/// A good store behind one flaw.
pub(crate) struct Broken {
    good: MemoryStore,
    flaw: Flaw,
    kept: Mutex<Kept>,
}

/// What flaws need to remember.
#[derive(Default)]
struct Kept {
    ids: HashSet<u64>,
    times: HashMap<Key, UnixTime>,
    swept: HashSet<Key>,
    loaded: HashMap<Key, Option<(Arc<OwnedRecord>, Version)>>,
    offsets: HashMap<Key, usize>,
}

impl Broken {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { good: MemoryStore::new(), flaw, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    async fn at(&self, key: Key) -> Option<Version> {
        let [found, ..] = self.good.load(&[Some(key), None, None, None]).await.unwrap();
        found.map(|(_, version)| version)
    }

    async fn as_expected(&self, change: &Change<'_>) -> bool {
        for put in change.puts.iter().flatten() {
            let right = match put.expect {
                Expect::Absent => None,
                Expect::At(version) => Some(version),
            };
            if self.at(put.key).await != right {
                return false;
            }
        }
        self.holds_hold(change).await
    }

    async fn holds_hold(&self, change: &Change<'_>) -> bool {
        for (key, version) in change.holds.iter().flatten() {
            if self.at(*key).await != Some(*version) {
                return false;
            }
        }
        true
    }

    /// Writes the puts at `places`, whatever is there.
    async fn force(&self, change: &Change<'_>, places: std::ops::Range<usize>) -> Result<Committed, StoreError> {
        let mut forced = Change { puts: [None; 6], holds: [None; 2], ..*change };
        for (to, from) in forced.puts.iter_mut().zip(&change.puts[places]) {
            *to = *from;
        }
        loop {
            for put in forced.puts.iter_mut().flatten() {
                put.expect = self.at(put.key).await.map_or(Expect::Absent, Expect::At);
            }
            if self.good.commit(&forced).await? == Committed::Applied {
                return Ok(Committed::Applied);
            }
        }
    }
}

impl Store for Broken {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let mut found = self.good.load(keys).await?;
        match self.flaw {
            LoadsInTwo => {
                lets_others_in().await;
                let again = self.good.load(keys).await?;
                for (to, from) in found.iter_mut().zip(again).skip(2) {
                    *to = from;
                }
            }
            LoadsOldNews => {
                let mut kept = self.kept();
                for (key, slot) in keys.iter().zip(&mut found) {
                    if let Some(old) = key.and_then(|key| kept.loaded.insert(key, slot.clone())) {
                        *slot = old;
                    }
                }
            }
            LoadClosesGaps => found.sort_by_key(Option::is_none),
            RoundsVersions => {
                for (_, version) in found.iter_mut().flatten() {
                    *version =
                        Version::new(version.get().max(1 << 53) & !1).filter(|v| v.get() > 1 << 53).unwrap_or(*version);
                }
            }
            TrimsText => {
                for (record, _) in found.iter_mut().flatten() {
                    if let OwnedRecord::Access(access) = Arc::make_mut(record) {
                        access.resource = access.resource.trim_start().into();
                    }
                }
            }
            _ => {}
        }
        Ok(found)
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let id = change.id.get();
        let mut wrong = *change;
        let resent = match change.puts[0] {
            Some(first) => self.at(first.key).await == Some(change.id),
            None => false,
        };
        let last = change.puts.iter().flatten().count();
        match self.flaw {
            WritesBlindly => return self.force(change, 0..6).await,
            AcceptsAnyVersion => {
                for put in wrong.puts.iter_mut().flatten() {
                    if let (Expect::At(_), Some(version)) = (put.expect, self.at(put.key).await) {
                        put.expect = Expect::At(version);
                    }
                }
            }
            IgnoresLastPut => {
                if let Some(put) = wrong.puts.iter_mut().flatten().last() {
                    put.expect = self.at(put.key).await.map_or(Expect::Absent, Expect::At);
                }
            }
            WritesBeforeItChecks if !resent => {
                for place in 0..last {
                    let mut one = Change { puts: [None; 6], ..*change };
                    one.puts[0] = change.puts[place];
                    if self.good.commit(&one).await? == Committed::Conflict {
                        return Ok(Committed::Conflict);
                    }
                    lets_others_in().await;
                }
                return Ok(Committed::Applied);
            }
            IgnoresHolds => wrong.holds = [None; 2],
            IgnoresSecondHold => wrong.holds[1] = None,
            ResendIsConflict if resent => return Ok(Committed::Conflict),
            ResendWritesAgain if self.kept().ids.contains(&id) => {
                // The others before the first, by which the good store would see that all of it was applied.
                if last > 1 {
                    let _ = self.force(change, 1..6).await?;
                }
                return self.force(change, 0..6).await;
            }
            RemembersApplied | RemembersConflicts if self.kept().ids.contains(&id) => {
                return Ok(if self.flaw == RemembersApplied { Committed::Applied } else { Committed::Conflict });
            }
            AnyPutTellsResent => {
                for put in change.puts.iter().flatten() {
                    if self.at(put.key).await == Some(change.id) {
                        return Ok(Committed::Applied);
                    }
                }
            }
            InFlightIsConflict => {
                if !self.kept().ids.insert(id) {
                    return Ok(Committed::Conflict);
                }
                lets_others_in().await;
                let committed = self.good.commit(change).await;
                self.kept().ids.remove(&id);
                return committed;
            }
            ChecksThenWrites if !resent => {
                if !self.as_expected(change).await {
                    return Ok(Committed::Conflict);
                }
                lets_others_in().await;
                return self.force(change, 0..6).await;
            }
            ChecksHoldsBefore => {
                if !resent && !self.holds_hold(change).await {
                    return Ok(Committed::Conflict);
                }
                lets_others_in().await;
                wrong.holds = [None; 2];
            }
            KeepsFirstIndexOnly => wrong.puts.iter_mut().flatten().for_each(|put| put.index[1] = None),
            KeepsSignedTimes => {
                for put in wrong.puts.iter_mut().flatten().filter(|put| put.keep_until.0 > i64::MAX.unsigned_abs()) {
                    put.keep_until = UnixTime(0);
                }
            }
            KeepsFirstTime => {
                for put in wrong.puts.iter_mut().flatten() {
                    put.keep_until = *self.kept().times.entry(put.key).or_insert(put.keep_until);
                }
            }
            SweptStaysTaken if change.puts.iter().flatten().any(|put| self.kept().swept.contains(&put.key)) => {
                return Ok(Committed::Conflict);
            }
            _ => {}
        }
        let committed = self.good.commit(&wrong).await?;
        match (self.flaw, committed) {
            (ErrsOnceApplied, Committed::Applied) if self.kept().ids.insert(id) => {
                return Err(StoreError::new("the acknowledgement was lost"));
            }
            (RemembersApplied | ResendWritesAgain, Committed::Applied) | (RemembersConflicts, Committed::Conflict) => {
                self.kept().ids.insert(id);
            }
            (SweepsThenForgets, Committed::Applied) => {
                self.kept().times.extend(change.puts.iter().flatten().map(|put| (put.key, put.keep_until)));
            }
            _ => {}
        }
        Ok(committed)
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let all = self.good.scan(by, None, usize::MAX).await?;
        let mut page = self.good.scan(by, after, limit).await?;
        match self.flaw {
            ScansBackwards => page.reverse(),
            ScansAfterToo => {
                page =
                    all.into_iter().filter(|(key, ..)| after.is_none_or(|after| *key >= after)).take(limit).collect();
            }
            ScansByOffset => {
                lets_others_in().await;
                let mut kept = self.kept();
                let skipped = after.and_then(|after| kept.offsets.get(&after).copied()).unwrap_or(0);
                page = all.into_iter().skip(skipped).take(limit).collect();
                if let Some((last, ..)) = page.last() {
                    kept.offsets.insert(*last, skipped + page.len());
                }
            }
            _ => {}
        }
        Ok(page)
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        match self.flaw {
            ForgetsEarly => self.good.sweep(now.plus(1), limit).await,
            SweepsAll => self.good.sweep(now, usize::MAX).await,
            SweptStaysTaken => {
                let before = self.everything().await?;
                let count = self.good.sweep(now, limit).await?;
                let after = self.everything().await?;
                self.kept().swept.extend(before.difference(&after));
                Ok(count)
            }
            SweepsThenForgets => {
                let due: Vec<Key> = self
                    .kept()
                    .times
                    .iter()
                    .filter(|(_, until)| **until < now)
                    .map(|(key, _)| *key)
                    .take(limit)
                    .collect();
                lets_others_in().await;
                for key in &due {
                    self.kept().times.remove(key);
                    self.forget(*key).await?;
                }
                Ok(due.len())
            }
            _ => self.good.sweep(now, limit).await,
        }
    }
}

impl Broken {
    async fn everything(&self) -> Result<HashSet<Key>, StoreError> {
        let mut keys = HashSet::new();
        for kind in Kind::ALL {
            keys.extend(self.good.scan(By::Kind(kind), None, usize::MAX).await?.into_iter().map(|(key, ..)| key));
        }
        Ok(keys)
    }

    /// Deletes a record, as nothing in the contract can: makes it due long ago, and sweeps.
    async fn forget(&self, key: Key) -> Result<(), StoreError> {
        let [found, ..] = self.good.load(&[Some(key), None, None, None]).await?;
        if let Some((record, version)) = found {
            let put = Put {
                key,
                expect: Expect::At(version),
                keep_until: UnixTime(0),
                index: [None; 2],
                record: record.as_view(),
            };
            let id = Version::new(version.get() ^ 1).unwrap_or(version);
            let puts = [Some(put), None, None, None, None, None];
            let _ = self.good.commit(&Change { id, puts, holds: [None; 2], event: None }).await?;
            self.good.sweep(UnixTime(1), usize::MAX).await?;
        }
        Ok(())
    }
}
