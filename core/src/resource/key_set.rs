//! When to fetch the keys of an issuer, and how long they are good for. The keys themselves, and who fetches them, are the
//! adapter's.
//!
//! ```text
//!               ask: its key is there, and fresh               ask: its key is there, but ageing
//!                   --> Use                                        --> UseAndFetch, once
//!
//!   nothing held -- ask: Fetch --> a fetch is on -- fetched --> a set is held -- too old --> nothing held
//!                                  ask: Wait     '- failed ---> as before; no fetch for a while: Unavailable
//! ```
//!
//! Whoever makes up `kid`s cannot make the issuer work: between two fetches there is a pause, and what is unknown in it is
//! refused.

use crate::time::Uptime;

/// How often keys are fetched, and how long they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The least number of seconds from the end of one fetch to the beginning of the next. So long may a new key go
    /// unnoticed, and so often can a flood of unknown ones make the issuer work.
    pub pause: u32,
    /// For so many seconds a set is used without a thought of another; then it is fetched anew, while it still serves.
    pub fresh: u32,
    /// For so many seconds a set is used if no newer one can be had; then not any more. A key that the issuer withdrew
    /// is good for so long to whoever can keep us from the issuer.
    pub usable: u32,
}

impl Timing {
    /// A pause of 10 seconds; fresh for 10 minutes; usable for an hour, as tokens seldom live longer and an issuer that is
    /// away makes no new ones.
    pub const DEFAULT: Self = Self { pause: 10, fresh: 600, usable: 3_600 };

    /// Whether a set that was fetched then is used without a thought of another: for readers that would not take a lock
    /// to [ask](KeySet::ask).
    pub fn is_fresh(&self, fetched: Uptime, now: Uptime) -> bool {
        now < fetched.plus(self.fresh.min(self.usable))
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What to do about a token's key. Exhaustive on purpose.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Use the key that is there.
    Use,
    /// Use it, and begin to fetch; this token need not wait for it.
    UseAndFetch,
    /// Begin to fetch, and ask again when that has ended.
    Fetch,
    /// A fetch is on: ask again when it has ended.
    Wait,
    /// The issuer has no such key: a set that is new enough says so.
    Refuse,
    /// The issuer's keys cannot be had now.
    Unavailable,
}

/// What is known of an issuer's keys: when they were fetched, and whether someone is at it.
///
/// ```
/// use valetkey::resource::{Advice, KeySet, Timing};
/// use valetkey::time::Uptime;
///
/// let mut set = KeySet::new(Timing::DEFAULT);
/// let ask = |set: &mut KeySet, known, now| set.ask(known, now, now);
/// assert_eq!(ask(&mut set, false, Uptime(0)), Advice::Fetch);
/// assert_eq!(ask(&mut set, false, Uptime(1)), Advice::Wait); // one fetch for all who want one
/// set.fetched(Uptime(200));
/// assert_eq!(ask(&mut set, true, Uptime(201)), Advice::Use);
/// assert_eq!(ask(&mut set, false, Uptime(202)), Advice::Refuse); // a set just fetched does not have it
/// assert_eq!(ask(&mut set, false, Uptime(10_200)), Advice::Fetch); // it may have come since
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KeySet {
    timing: Timing,
    /// Of the set that is held: when its fetch began, as it may have been written down then.
    held: Option<Uptime>,
    /// Since when somebody fetches.
    began: Option<Uptime>,
    ended: Option<Ended>,
}

/// How the last fetch ended, and when.
#[derive(Clone, Copy, Debug)]
struct Ended {
    at: Uptime,
    well: bool,
}

impl KeySet {
    /// Nothing is held, and nobody fetches.
    pub const fn new(timing: Timing) -> Self {
        Self { timing, held: None, began: None, ended: None }
    }

    /// The same, with other times.
    #[must_use]
    pub const fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// A token wants a key; `known` tells whether the set that is held has it, `came` when the token came, which is before
    /// `now` if it waited. Whoever is told to fetch calls [`Self::fetched`] or [`Self::failed`] in the end, whatever
    /// happens.
    pub fn ask(&mut self, known: bool, came: Uptime, now: Uptime) -> Advice {
        let usable = known && self.held.is_some_and(|held| now < held.plus(self.timing.usable));
        let fresh = self.held.is_some_and(|held| self.timing.is_fresh(held, now));
        let may_fetch = self.ended.is_none_or(|ended| now >= ended.at.plus(self.timing.pause));
        // A set that was asked for since the token came has all that the token could mean.
        let newer = self.held.is_some_and(|held| held >= came) && self.ended.is_some_and(|ended| ended.well);
        match (usable, self.began) {
            (true, Some(_)) => Advice::Use,
            (true, None) if fresh || !may_fetch => Advice::Use,
            (false, None) if newer && !known => Advice::Refuse,
            (false, Some(_)) => Advice::Wait,
            (_, None) if may_fetch => {
                self.began = Some(now);
                if usable { Advice::UseAndFetch } else { Advice::Fetch }
            }
            // A fresh set does not have it, and was looked up a moment ago.
            (_, None) if fresh && self.ended.is_some_and(|ended| ended.well) => Advice::Refuse,
            _ => Advice::Unavailable,
        }
    }

    /// The fetch has ended well: a new set is held. Returns the time from which its age counts.
    pub fn fetched(&mut self, now: Uptime) -> Uptime {
        let since = self.began.take().unwrap_or(now);
        self.held = Some(since);
        self.ended = Some(Ended { at: now, well: true });
        since
    }

    /// The fetch has failed: what is held stays, for as long as it is usable.
    pub fn failed(&mut self, now: Uptime) {
        self.began = None;
        self.ended = Some(Ended { at: now, well: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMING: Timing = Timing { pause: 2, fresh: 10, usable: 40 };

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Known,
        Unknown,
        Fetched,
        Failed,
    }

    /// Events, how much time passes before each, and how long its token has waited.
    fn events() -> impl Strategy<Value = std::vec::Vec<(Event, u64, u64)>> {
        let event = prop::sample::select(std::vec![
            Event::Known,
            Event::Known,
            Event::Unknown,
            Event::Unknown,
            Event::Fetched,
            Event::Failed,
        ]);
        let passes = prop_oneof![0u64..50, 0u64..5_000, 0u64..60_000];
        prop::collection::vec((event, passes, prop_oneof![Just(0), 0u64..20_000]), 1..60)
    }

    proptest! {
        /// What holds after any sequence of events, told by a second account of it that keeps every fetch.
        #[test]
        fn fetches_keep_apart_and_no_key_is_used_beyond_its_time(events in events()) {
            let mut set = KeySet::new(TIMING);
            let (mut now, mut fetching, mut last_end, mut held) = (Uptime(0), None, None, None);
            for (event, passes, waited) in events {
                now.0 += passes;
                let known = match event {
                    Event::Known => held.is_some(),
                    Event::Unknown => false,
                    Event::Fetched => {
                        if let Some(began) = fetching.take() {
                            prop_assert_eq!(set.fetched(now), began, "its age counts from the request");
                            (last_end, held) = (Some((now, true)), Some(began));
                        }
                        continue;
                    }
                    Event::Failed => {
                        if fetching.take().is_some() {
                            set.failed(now);
                            last_end = Some((now, false));
                        }
                        continue;
                    }
                };
                let came = Uptime(now.0.saturating_sub(waited));
                let advice = set.ask(known, came, now);
                if matches!(advice, Advice::Fetch | Advice::UseAndFetch) {
                    prop_assert!(fetching.is_none(), "two fetches at once");
                    prop_assert!(last_end.is_none_or(|(end, _): (Uptime, bool)| now >= end.plus(2)), "two fetches too close");
                    fetching = Some(now);
                }
                let age = held.map(|held: Uptime| now.0 - held.0);
                match advice {
                    Advice::Use | Advice::UseAndFetch => prop_assert!(known && age.unwrap() < 40_000),
                    Advice::Fetch => prop_assert!(!known || age.unwrap() >= 40_000, "nobody waits for what is there"),
                    Advice::Wait => prop_assert!(fetching.is_some(), "nobody would wake it"),
                    // Only an issuer that was reached just now, or since the token came, can say that there is no such key.
                    Advice::Refuse => {
                        let (end, well) = last_end.unwrap();
                        prop_assert!(!known && well && (now < end.plus(2) || held.unwrap() >= came));
                    }
                    Advice::Unavailable => prop_assert!(last_end.is_some() && fetching.is_none()),
                }
                // A known key that is usable always serves, whoever else asks for what.
                if known && age.unwrap() < 40_000 {
                    prop_assert!(matches!(advice, Advice::Use | Advice::UseAndFetch));
                    prop_assert!(age.unwrap() < 10_000 || fetching.is_some() || now < last_end.unwrap().0.plus(2), "never refetched");
                }
            }
        }
    }

    #[test]
    fn rfc8725_3_10_01_a_flood_of_unknown_keys_costs_one_fetch_a_pause() {
        let (mut set, mut fetches) = (KeySet::new(TIMING), 0);
        for ms in 0..20_000 {
            if set.ask(false, Uptime(ms), Uptime(ms)) == Advice::Fetch {
                fetches += 1;
                set.fetched(Uptime(ms));
            }
        }
        assert_eq!(fetches, 10);
    }

    #[test]
    fn while_the_issuer_is_away_its_keys_serve_for_the_stated_time_and_not_longer() {
        let mut set = KeySet::new(TIMING);
        assert_eq!(set.ask(false, Uptime(0), Uptime(0)), Advice::Fetch);
        set.fetched(Uptime(0));
        for ms in (0..100_000).step_by(100) {
            let advice = set.ask(true, Uptime(ms), Uptime(ms));
            assert_eq!(matches!(advice, Advice::Use | Advice::UseAndFetch), ms < 40_000, "{ms}: {advice:?}");
            if matches!(advice, Advice::UseAndFetch | Advice::Fetch) {
                assert!(ms >= 10_000);
                set.failed(Uptime(ms + 50));
            }
        }
    }

    #[test]
    fn a_fetch_that_takes_longer_than_a_set_is_usable_still_ends_the_wait() {
        let mut set = KeySet::new(Timing { pause: 1, fresh: 1, usable: 1 });
        assert_eq!(set.ask(false, Uptime(0), Uptime(0)), Advice::Fetch);
        set.fetched(Uptime(5_000));
        assert_eq!(set.ask(true, Uptime(5_000), Uptime(5_000)), Advice::Unavailable);
    }

    #[test]
    fn who_waited_for_a_fetch_is_told_by_it_however_short_the_pause() {
        let mut set = KeySet::new(Timing { pause: 0, ..TIMING });
        assert_eq!(set.ask(false, Uptime(7), Uptime(7)), Advice::Fetch);
        set.fetched(Uptime(9));
        assert_eq!(set.ask(false, Uptime(7), Uptime(9)), Advice::Refuse);
        assert_eq!(set.ask(false, Uptime(8), Uptime(9)), Advice::Fetch, "this one came later");
    }
}
