//! What time it is, learnt from the server, for the one thing that needs it: what a client signs for that server.

use crate::{
    text::date::http_date,
    time::{UnixTime, Uptime},
};

/// Thirty years: no firmware is that old.
const OLDEST: u32 = 30 * 31_556_952;
/// Within so many seconds what is sent again after a correction was answered. Not for ever: that answer may have got lost, and
/// the server's clock or this one be off again since.
const AN_ATTEMPT: u32 = 60;
/// A difference of so many seconds is nothing that a server refuses for.
const NOTHING: u32 = 2;

/// Wall time on a device that may have no clock: `None` until it is plausible, so that nothing is signed before.
///
/// It comes from a clock of the device's own ([`set`](Self::set)) or from the `Date` of the server's answers. A `Date` is
/// believed where nothing is known, and when the server has refused what was signed and shows another time: then that request
/// is sent again, once. If that is refused too, the time was not the reason: for a minute, which is longer than an attempt,
/// what the server says of the time is not listened to, unless it takes a signed request meanwhile. Lifetimes of tokens never depend on this clock, and a
/// certificate's validity must not. The transports of this repository hand the `Date` on
/// as [`Response::date`](crate::client::Response::date).
///
/// ```
/// use valetkey::{client::keeper::WallClock, time::{UnixTime, Uptime}};
/// let built = UnixTime(1_760_000_000); // when the firmware was made
/// let mut clock = WallClock::new(built);
/// assert_eq!(clock.at(Uptime(1_000)), None);
/// clock.learn("Thu, 01 Jan 1970 00:00:07 GMT", Uptime(1_500)); // the server has no clock either
/// assert_eq!(clock.at(Uptime(2_000)), None);
/// clock.learn("Mon, 10 Nov 2025 08:00:00 GMT", Uptime(5_000));
/// assert_eq!(clock.at(Uptime(65_999)), Some(UnixTime(1_762_761_660)));
/// // A signed request was refused, with a `Date` ten minutes ahead: correct the clock and send it again, once.
/// assert!(clock.refused("Mon, 10 Nov 2025 08:11:00 GMT", Uptime(65_000)));
/// assert!(!clock.refused("Mon, 10 Nov 2025 08:21:00 GMT", Uptime(66_000)));
/// assert_eq!(clock.at(Uptime(65_000)), Some(UnixTime(1_762_762_260)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    built: UnixTime,
    known: Option<(UnixTime, Uptime)>,
    /// When, since a signed request was taken.
    corrected: Option<Uptime>,
}

impl WallClock {
    /// No time is known. No time before `built`, when the program was made, is plausible, nor one 30 years later.
    pub const fn new(built: UnixTime) -> Self {
        Self { built, known: None, corrected: None }
    }

    /// The time, if it is known: sign nothing otherwise. What was learnt once serves for a year of uptime.
    pub fn at(&self, now: Uptime) -> Option<UnixTime> {
        let (then, learnt) = self.known?;
        // Eighths of a second, so that a year fits 32 bits: small processors divide 64 bits at great length.
        let eighths = now.0.saturating_sub(learnt.0) >> 3;
        Some(then.plus(u32::try_from(eighths).ok()? / 125))
    }

    /// Takes the time from a clock of the device's own, such as one that a battery runs, GNSS or NTS. Returns whether it is
    /// plausible.
    pub fn set(&mut self, time: UnixTime, now: Uptime) -> bool {
        let plausible = time >= self.built && time <= self.built.plus(OLDEST);
        if plausible {
            self.known = Some((time, now));
        }
        plausible
    }

    /// An answer of the server came with this `Date`: taken if no time is known yet.
    pub fn learn(&mut self, date: &str, now: Uptime) {
        if self.at(now).is_none() {
            self.correct(date, now);
        }
    }

    /// The server refused what was signed, in an answer with this `Date`. Returns whether the time was wrong and is right
    /// now, so that signing anew and sending it once more may help.
    pub fn refused(&mut self, date: &str, now: Uptime) -> bool {
        if self.corrected.is_some_and(|then| now < then.plus(AN_ATTEMPT)) {
            return false;
        }
        let before = self.at(now);
        let corrected = self.correct(date, now);
        let off = match (before, self.at(now)) {
            (Some(before), Some(after)) => before.since(after).max(after.since(before)),
            _ => u32::MAX,
        };
        let helps = corrected && off > NOTHING;
        self.corrected = if helps { Some(now) } else { self.corrected };
        helps
    }

    /// The server took what was signed: it may correct the time again, should it ever have to.
    pub const fn accepted(&mut self) {
        self.corrected = None;
    }

    fn correct(&mut self, date: &str, now: Uptime) -> bool {
        http_date(date, self.built).is_some_and(|time| self.set(time, now))
    }
}
