//! What failed, or is counted otherwise, by key and within bounds of memory, and how failures turn into waiting.

use std::hash::{BuildHasher, Hash, RandomState};

/// How failures turn into waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// This many failures cost no waiting.
    pub(super) free: u32,
    /// The longest wait, in seconds: for so long a stranger who is gone can keep the owner of an account out.
    pub(super) longest: u64,
    /// After so many seconds without an attempt the failures are forgotten.
    pub(super) forget: u64,
    /// Whether who takes over an entry takes over its failures.
    pub(super) inherits: bool,
}

/// As many entries as it has room for, in sets of a few: which set a key belongs to nobody outside can tell.
///
/// Where a set is full, a newcomer takes over the entry of the fewest failures, and, if the [policy](Policy::inherits) says so,
/// those as well. Then nobody can rid himself of failures by sending others under ten thousand names: to drive his entry out
/// again takes a failure for each entry there is, as he begins anew with no fewer than the fewest of his set. Whoever does not
/// fail has no entry, and never waits on account of others.
#[derive(Debug)]
pub(super) struct Table<K> {
    policy: Policy,
    pub(super) sets: Vec<Vec<(K, Entry)>>,
    hasher: RandomState,
}

/// Entries in a set: to look at all of them takes no time that a flood could make felt.
pub(super) const IN_A_SET: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) failures: u32,
    last: u64,
    pub(super) not_before: u64,
}

impl Entry {
    const fn waiting(&self, now: u64) -> u64 {
        self.not_before.saturating_sub(now)
    }
}

impl<K: Eq + Hash + Copy> Table<K> {
    pub(super) fn new(policy: Policy, capacity: usize) -> Self {
        let sets = vec![Vec::new(); capacity.div_ceil(IN_A_SET).max(1)];
        Self { policy, sets, hasher: RandomState::new() }
    }

    fn place(&self, key: &K) -> usize {
        let sets = u64::try_from(self.sets.len()).unwrap_or(u64::MAX);
        usize::try_from(self.hasher.hash_one(key) % sets).unwrap_or_default()
    }

    pub(super) fn has(&self, key: &K) -> bool {
        self.sets[self.place(key)].iter().any(|(known, _)| known == key)
    }

    pub(super) fn wait(&self, key: &K, now: u64) -> u64 {
        let set = &self.sets[self.place(key)];
        set.iter().find(|(known, _)| known == key).map_or(0, |(_, entry)| entry.waiting(now))
    }

    /// Counts a failure, which makes for no longer a wait than `most` failures do.
    pub(super) fn charge(&mut self, key: K, now: u64, most: u32) -> Entry {
        let (policy, place) = (self.policy, self.place(&key));
        let set = &mut self.sets[place];
        let at = set.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            if set.len() < IN_A_SET {
                set.push((key, Entry { failures: 0, last: now, not_before: now }));
                return set.len() - 1;
            }
            let least = set.iter().enumerate().min_by_key(|(_, (_, entry))| {
                let failures = if policy.forgets(entry, now) { 0 } else { entry.failures };
                (failures, entry.last)
            });
            let at = least.map_or(0, |(at, _)| at);
            set[at].0 = key;
            if !policy.inherits {
                set[at].1.failures = 0;
            }
            at
        });
        let entry = &mut set[at].1;
        if policy.forgets(entry, now) {
            entry.failures = 0;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        entry.not_before = now.saturating_add(policy.backoff(entry.failures.min(most)));
        *entry
    }

    pub(super) fn refund(&mut self, key: &K) {
        let place = self.place(key);
        let set = &mut self.sets[place];
        if let Some((_, entry)) = set.iter_mut().find(|(known, _)| known == key) {
            entry.failures = entry.failures.saturating_sub(1);
            entry.not_before = entry.last;
            if entry.failures == 0 {
                self.remove(key);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        let place = self.place(key);
        self.sets[place].retain(|(known, _)| known != key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }
}

impl Policy {
    const fn forgets(&self, entry: &Entry, now: u64) -> bool {
        now.saturating_sub(entry.last) > self.forget
    }

    /// Nothing for the free failures, then 1, 2, 4 .. seconds.
    fn backoff(self, failures: u32) -> u64 {
        match failures.checked_sub(self.free) {
            None => 0,
            Some(over) => 1_u64.checked_shl(over).filter(|wait| *wait <= self.longest).unwrap_or(self.longest),
        }
    }
}
