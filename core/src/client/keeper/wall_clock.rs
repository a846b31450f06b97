//! What time it is, learnt from the server, for the one thing that needs it: what a client signs for that server.

use crate::{
    text::date::http_date,
    time::{UnixTime, Uptime},
};

/// Thirty years: no firmware is that old.
const OLDEST: u32 = 30 * 31_556_952;
/// A refusal moves a clock of the device's own by no more seconds than these: a day. A crystal is off by ten minutes in a year,
/// and a clock that somebody set to the local time by up to fourteen hours. One whose battery is empty begins before the program
/// was made, and is not taken.
const OWN_IS_OFF: u32 = 86_400;
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
/// what the server says of the time is not listened to, unless it takes a signed request meanwhile. Lifetimes of tokens never
/// depend on this clock, and a certificate's validity must not. The transports of this repository hand the `Date` on as
/// [`Response::date`](crate::client::Response::date).
///
/// Whoever stands in the server's place could say a time that lies years ahead, and keep what a device signs for it until
/// then. A clock of the device's own is protection: refusals move it by a day at most, however many there are, and nothing more
/// is signed after them than that. So `set` it at each start, and once a year. Where all that is known comes from a `Date`,
/// a later one is believed as the first was, however far off: a server that came up with a wrong clock would otherwise be
/// right for ever, and after a restart anything is believed anyway. When such a server is found, give its devices new keys.
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
    /// Whether that is from a clock of the device's own, and not the server's word.
    own: bool,
    /// Seconds by which the server has shown such a clock to be slow; negative if it is fast.
    slow: i32,
    /// When, since a signed request was taken.
    corrected: Option<Uptime>,
}

impl WallClock {
    /// No time is known. No time before `built`, when the program was made, is plausible, nor one 30 years later.
    pub const fn new(built: UnixTime) -> Self {
        Self { built, known: None, own: false, slow: 0, corrected: None }
    }

    /// The time, if it is known: sign nothing otherwise. What was learnt once serves for a year of uptime.
    pub fn at(&self, now: Uptime) -> Option<UnixTime> {
        let (then, learnt) = self.known?;
        // Eighths of a second, so that a year fits 32 bits: small processors divide 64 bits at great length.
        let eighths = now.0.saturating_sub(learnt.0) >> 3;
        let passed = u32::try_from(eighths).ok()? / 125;
        Some(UnixTime(then.plus(passed).0.saturating_add_signed(self.slow.into())))
    }

    /// Takes the time from a clock of the device's own, such as one that a battery runs, GNSS or NTS. Returns whether it is
    /// plausible.
    pub fn set(&mut self, time: UnixTime, now: Uptime) -> bool {
        let plausible = self.is_plausible(time);
        if plausible {
            (self.known, self.own, self.slow) = (Some((time, now)), true, 0);
        }
        plausible
    }

    fn is_plausible(&self, time: UnixTime) -> bool {
        time >= self.built && time <= self.built.plus(OLDEST)
    }

    /// An answer of the server came with this `Date`: taken if no time is known yet.
    pub fn learn(&mut self, date: &str, now: Uptime) {
        if let (None, Some(time)) = (self.at(now), self.shown(date)) {
            self.believe(time, now);
        }
    }

    /// The server refused what was signed, in an answer with this `Date`. Returns whether the time was wrong and is right
    /// now, so that signing anew and sending it once more may help. A time that was [`set`](Self::set) is not corrected where
    /// that would move it by more than a day from what was set.
    pub fn refused(&mut self, date: &str, now: Uptime) -> bool {
        if self.corrected.is_some_and(|then| now < then.plus(AN_ATTEMPT)) {
            return false;
        }
        let Some(shown) = self.shown(date) else { return false };
        match self.at(now) {
            Some(before) if before.since(shown).max(shown.since(before)) <= NOTHING => return false,
            Some(before) if self.own => {
                let off = i64::try_from(shown.0).unwrap_or(i64::MAX).saturating_sub_unsigned(before.0);
                let slow = i32::try_from(off.saturating_add(self.slow.into())).unwrap_or(i32::MAX);
                if slow.unsigned_abs() > OWN_IS_OFF {
                    return false;
                }
                self.slow = slow;
            }
            _ => self.believe(shown, now),
        }
        self.corrected = Some(now);
        true
    }

    /// The server took what was signed: it may correct the time again, should it ever have to.
    pub const fn accepted(&mut self) {
        self.corrected = None;
    }

    fn shown(&self, date: &str) -> Option<UnixTime> {
        http_date(date, self.built).filter(|time| self.is_plausible(*time))
    }

    fn believe(&mut self, time: UnixTime, now: Uptime) {
        (self.known, self.own, self.slow) = (Some((time, now)), false, 0);
    }
}
