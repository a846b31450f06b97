//! What befalls the whole fleet: outages, restarts of the server, and jumps of its clock. All from the seed, so that every
//! device meets the same. Times are milliseconds since the devices were switched on.

use crate::dice::Dice;
use std::ops::Range;
use valetkey::time::UnixTime;

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// When the devices were switched on.
pub(crate) const START: u64 = 1_800_000_000;

/// Their hours, and what is answered meanwhile: nothing, or 503 with a `Retry-After` of so many seconds.
const OUTAGES: [(u64, Option<u32>); 11] = [
    (1, None),
    (4, Some(60)),
    (24, None),
    (1, Some(600)),
    (2, Some(60)),
    (3, Some(60)),
    (4, None),
    (4, Some(600)),
    (5, None),
    (6, Some(60)),
    (8, Some(60)),
];
const FIRST_OUTAGE: u64 = 10 * DAY;
const BETWEEN_OUTAGES: u64 = 30 * DAY;

/// After so long a fleet that came at one moment is spread.
const SETTLED: u64 = 5 * DAY;

pub(crate) struct Outage {
    pub(crate) during: Range<u64>,
    pub(crate) retry_after: Option<u32>,
}

/// How the server is reached at some time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Up,
    /// Up, but it will be restarted before it answers.
    Falling,
    /// Nobody listens.
    Down,
    /// It answers 503.
    Busy(u32),
}

pub(crate) struct Weather {
    pub(crate) outages: Vec<Outage>,
    restarts: Vec<Range<u64>>,
    /// From when on the server's clock is off by so many seconds.
    clock: Vec<(u64, i64)>,
    /// From the restart at this time on the server makes tokens by another key.
    pub(crate) new_key: u64,
}

impl Weather {
    pub(crate) fn new(seed: u64, end: u64) -> Self {
        let mut dice = Dice::new(seed, u64::MAX);
        let mut outages = Vec::new();
        for (nth, (hours, retry_after)) in (0..).zip(OUTAGES) {
            let begin = FIRST_OUTAGE + nth * BETWEEN_OUTAGES + dice.below(DAY);
            outages.push(Outage { during: begin..begin + hours * HOUR, retry_after });
        }
        outages.retain(|outage| outage.during.end + HOUR <= end);
        let mut restarts = Vec::new();
        let mut at = dice.below(14 * DAY);
        while at < end {
            restarts.push(at..at + dice.between(5 * SECOND, 2 * MINUTE));
            at += dice.between(DAY, 13 * DAY);
        }
        let mut clock = vec![(0, 0)];
        let mut at = dice.below(30 * DAY);
        while at < end {
            clock.push((at, i64::try_from(dice.below(601)).unwrap_or(0) - 300));
            at += dice.between(DAY, 30 * DAY);
        }
        let new_key = restarts.get(restarts.len() / 2).map_or(end, |restart| restart.start);
        Self { outages, restarts, clock, new_key }
    }

    pub(crate) fn reach(&self, at: u64) -> Reach {
        if let Some(outage) = self.outages.iter().find(|outage| outage.during.contains(&at)) {
            return outage.retry_after.map_or(Reach::Down, Reach::Busy);
        }
        let next = self.restarts.partition_point(|restart| restart.end <= at);
        match self.restarts.get(next) {
            Some(restart) if restart.start <= at => Reach::Down,
            Some(restart) if restart.start <= at + SECOND => Reach::Falling,
            _ => Reach::Up,
        }
    }

    /// The end of the last time before `at` in which no request got through, if it was one that devices notice.
    pub(crate) fn last_outage(&self, at: u64) -> Option<&Outage> {
        self.outages.iter().rev().find(|outage| outage.during.start <= at)
    }

    /// The times that are not within so many days after the fleet was switched on at one moment, or came back at one.
    pub(crate) fn steady(&self, end: u64) -> Vec<Range<u64>> {
        let mut steady = Vec::new();
        let mut begin = SETTLED;
        for outage in &self.outages {
            steady.push(begin..outage.during.start);
            begin = outage.during.end + SETTLED;
        }
        steady.push(begin..end);
        steady.retain(|range| range.start < range.end);
        steady
    }

    /// Whether the server's clock was set within these two minutes, or the next.
    pub(crate) fn jumps(&self, at: u64) -> bool {
        self.clock.iter().any(|(jump, _)| *jump > 0 && at.abs_diff(*jump) < 2 * MINUTE)
    }

    /// By the server's clock.
    pub(crate) fn unix(&self, at: u64) -> UnixTime {
        let jumps = self.clock.partition_point(|(from, _)| *from <= at);
        let off = self.clock.get(jumps.saturating_sub(1)).map_or(0, |(_, off)| *off);
        UnixTime((START + at / SECOND).saturating_add_signed(off))
    }
}
