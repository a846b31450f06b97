//! What time it is for what a client signs: that of this machine, or as a refusal showed it to be.

use std::time::{Instant, SystemTime};
use valetkey::client::keeper::WallClock;
use valetkey::time::{UnixTime, Uptime};

/// A refusal moves the clock of this machine by no more seconds than these, which the core bounds as well.
const A_DAY: u64 = 86_400;

/// Of one renewal: the next one asks the machine again, whose clock may have been set meanwhile.
#[derive(Debug)]
pub(super) struct Clock {
    wall: WallClock,
    began: Instant,
    is_corrected: bool,
}

impl Clock {
    /// By the clock of this machine; `None` if it stands before 1970.
    pub(super) fn of_this_machine() -> Option<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self::at(UnixTime(now.as_secs())))
    }

    fn at(now: UnixTime) -> Self {
        let mut wall = WallClock::new(UnixTime(now.0.saturating_sub(A_DAY)));
        wall.set(now, Uptime(0));
        Self { wall, began: Instant::now(), is_corrected: false }
    }

    fn uptime(&self) -> Uptime {
        Uptime(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn now(&self) -> Option<UnixTime> {
        self.wall.at(self.uptime())
    }

    /// What was signed by it was refused, in an answer with this `Date`. Whether it was wrong and is right now: once.
    pub(super) fn refused(&mut self, date: &str) -> bool {
        let corrects = !self.is_corrected && self.wall.refused(date, self.uptime());
        self.is_corrected |= corrects;
        corrects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Mon, 10 Nov 2025 08:00:00 GMT
    const EIGHT: UnixTime = UnixTime(1_762_761_600);

    #[test]
    fn a_refusal_moves_the_clock_by_a_day_at_most_and_once() {
        for (date, moved) in [
            ("Mon, 10 Nov 2025 08:10:00 GMT", Some(600)),
            ("Mon, 10 Nov 2025 06:00:00 GMT", Some(-7_200)),
            ("Tue, 11 Nov 2025 07:59:00 GMT", Some(86_340)),
            ("Sun, 09 Nov 2025 08:01:00 GMT", Some(-86_340)),
            ("Tue, 11 Nov 2025 08:01:00 GMT", None),
            ("Sun, 09 Nov 2025 07:59:00 GMT", None),
            ("Mon, 10 Nov 2025 08:00:00 GMT", None),
            ("yesterday", None),
            ("", None),
        ] {
            let mut clock = Clock::at(EIGHT);
            assert_eq!(clock.refused(date), moved.is_some(), "{date}");
            let shown = EIGHT.0.saturating_add_signed(moved.unwrap_or(0));
            let off = clock.now().unwrap().0 - shown;
            assert!(off < 60, "{date}: {off}");
            // Nor later than the minute after it in which the core listens to none.
            clock.began = clock.began.checked_sub(Duration::from_secs(61)).unwrap();
            assert!(moved.is_none() || !clock.refused("Mon, 10 Nov 2025 20:00:00 GMT"), "{date}");
        }
    }
}
