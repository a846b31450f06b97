//! The machine itself.

use super::{
    spread::Jitter,
    told::{Now, Refused, State, Ticket, TokenId, Trouble, Usable},
};
use crate::{
    client::outcome::{Error, Outcome, Tokens},
    error::ErrorCode,
    time::Uptime,
};

/// How a token is renewed, which decides what may be done when a request was sent and no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// By asking in one's own name, as often as one likes.
    ClientCredentials,
    /// By a refresh token, with a server that answers the same request with the same successor once more (a grace window):
    /// it is sent again.
    RefreshUnderGrace,
    /// By a refresh token, with a server that is not known to have a grace window: a refresh token that comes twice would
    /// count as stolen, so it is sent once, and only a login helps if that stays unanswered.
    RefreshOnce,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Seconds from a ticket's issue to its deadline.
    pub answer: u32,
    /// The longest pause between two attempts, in seconds. A server that comes back after an outage longer than its tokens
    /// live is asked by the whole fleet within this time; a program that people wait for takes less.
    pub longest_pause: u32,
}

impl Timing {
    /// For a fleet: a minute for the answer, up to an hour between attempts.
    pub const DEVICE: Self = Self { answer: 60, longest_pause: 3_600 };
    /// For a service of few instances: half a minute for the answer, up to a minute between attempts.
    pub const SERVICE: Self = Self { answer: 30, longest_pause: 60 };
}

/// If the server does not say how long a token lives, it is renewed as if it lived so many seconds.
const UNSAID_LIFE: u32 = 3_600;
/// Milliseconds. The first pause after a failure is shorter than this,
const FIRST_PAUSE: u32 = 2_000;
/// and no pause is shorter than this.
const SHORTEST_PAUSE: u32 = 1_000;
/// No `Retry-After` is followed for more than a day.
const LONGEST_RETRY_AFTER: u32 = 86_400;
/// So many milliseconds after a refused token was replaced, a refusal of its successor counts as the API's own doing.
const QUIET: u32 = 65_536;

#[derive(Clone, Copy, Debug)]
struct Token {
    id: TokenId,
    renew: Uptime,
    until: Uptime,
}

/// Keeps one access token alive: it knows how long it is good and when to get another, and holds none of its text.
///
/// [The module](super) has the table of its transitions and examples.
#[derive(Debug)]
pub struct Keeper {
    renewal: Renewal,
    timing: Timing,
    jitter: Jitter,
    /// Of the ticket given last.
    serial: u32,
    /// Until when that ticket is out.
    out: Option<Uptime>,
    token: Option<Token>,
    /// No ticket before this.
    next: Uptime,
    failures: u8,
    trouble: Option<Trouble>,
    /// Whether the token was refused and the next one replaces it.
    replacing: bool,
    /// How many tokens in a row replaced a refused one.
    replaced: u8,
    quiet_until: Uptime,
}

impl Keeper {
    /// Without a token. `seed` is [that of this device](super::seed).
    ///
    /// So it is after each restart: a lifetime that was stored would count from a moment that nobody knows any more. With
    /// a refresh token that was kept (or a client's credentials) a new token is asked for at once; without one, call
    /// [`log_out`](Self::log_out).
    pub const fn new(renewal: Renewal, timing: Timing, seed: u32) -> Self {
        Self {
            renewal,
            timing,
            jitter: Jitter::new(seed),
            serial: 0,
            out: None,
            token: None,
            next: Uptime(0),
            failures: 0,
            trouble: None,
            replacing: false,
            replaced: 0,
            quiet_until: Uptime(0),
        }
    }

    /// What to do at `now`, which must not be earlier than in any call before.
    pub fn ask(&mut self, now: Uptime) -> Now {
        if self.out.is_some_and(|deadline| now >= deadline) {
            self.out = None;
            self.fail_unknown(Trouble::NoAnswer, now);
        }
        let usable = self.usable(now);
        if let Some(until) = self.out {
            return usable.map_or(Now::Wait { until, trouble: None }, Now::Use);
        }
        match (usable, self.trouble) {
            (Some(usable), _) if now < usable.ask_again => Now::Use(usable),
            (None, Some(Trouble::GrantEnded)) => Now::LogIn,
            (None, Some(Trouble::Denied(code))) if now < self.next => Now::Denied { code, until: self.next },
            (None, trouble) if now < self.next => Now::Wait { until: self.next, trouble },
            _ => {
                self.serial = self.serial.wrapping_add(1);
                let deadline = now.plus(self.timing.answer);
                self.out = Some(deadline);
                let ticket = Ticket { serial: self.serial, sent: now, deadline };
                Now::Renew { ticket, meanwhile: self.usable(now) }
            }
        }
    }

    /// The request of a ticket was answered: `answer` is what the flow's `response` made of it. Returns the tokens, if there
    /// are, and the name of the access token: keep both from now on instead of what was kept. A new refresh token must be
    /// stored before the access token is used.
    ///
    /// An answer that comes when another ticket has been given since is passed over.
    pub fn answered<'b>(
        &mut self,
        ticket: Ticket,
        answer: Result<Outcome<'b>, Error>,
        now: Uptime,
    ) -> Option<(TokenId, Tokens<'b>)> {
        if ticket.serial != self.serial {
            return None;
        }
        self.out = None;
        match answer {
            Ok(Outcome::Tokens(tokens)) => return Some((self.take(tokens.expires_in, ticket.sent, now), tokens)),
            Ok(Outcome::After(said)) => {
                self.trouble = Some(Trouble::Busy);
                self.pause(said.seconds().unwrap_or(0).min(LONGEST_RETRY_AFTER), now);
            }
            Ok(Outcome::Denied { error, .. }) => match error.code() {
                Some(ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable) => {
                    self.fail_unknown(Trouble::Server, now);
                }
                Some(ErrorCode::InvalidGrant) if self.renewal != Renewal::ClientCredentials => {
                    self.trouble = Some(Trouble::GrantEnded);
                }
                code => {
                    self.trouble = Some(Trouble::Denied(code));
                    self.pause(self.timing.longest_pause, now);
                }
            },
            // What answers so has not spent a refresh token.
            Err(Error::Status(300..500) | Error::Body { status: 300..500, .. }) => self.fail(Trouble::Server, now),
            Err(_) => self.fail_unknown(Trouble::Server, now),
        }
        None
    }

    /// The request of a ticket was sent, in part at least, and no whole answer came.
    pub fn unanswered(&mut self, ticket: Ticket, now: Uptime) {
        if ticket.serial == self.serial && self.out.take().is_some() {
            self.fail_unknown(Trouble::NoAnswer, now);
        }
    }

    /// Nothing of the request of a ticket was sent: no address, no connection, no TLS, or nobody wants it any more.
    pub fn not_sent(&mut self, ticket: Ticket, now: Uptime) {
        self.not_begun(ticket, Trouble::NotSent, now);
    }

    /// The request of a ticket lacks its signature, and so was not sent: its key is away or broken, or the clock was never
    /// set.
    pub fn not_signed(&mut self, ticket: Ticket, now: Uptime) {
        self.not_begun(ticket, Trouble::NotSigned, now);
    }

    /// The refresh token could not be kept: before it was to be sent, so that it was not; or what came in its place, which has
    /// to be known still and is the one to send next. The access token that came along is not used, as a restart would leave
    /// the device with a refresh token that was spent; the one before is for as long as it is good.
    pub fn not_kept(&mut self, ticket: Ticket, now: Uptime) {
        self.not_begun(ticket, Trouble::NotKept, now);
    }

    fn not_begun(&mut self, ticket: Ticket, trouble: Trouble, now: Uptime) {
        // Past its deadline it counted as sent, and a grant as ended for that reason alone.
        if ticket.serial == self.serial && (self.out.take().is_some() || self.trouble == Some(Trouble::GrantEnded)) {
            self.fail(trouble, now);
        }
    }

    /// An API answered 401 to a request with this token, and so it is not used any more. However many callers tell so of
    /// one token, one renewal comes of it.
    pub fn refused(&mut self, token: TokenId, now: Uptime) -> Refused {
        if self.token.is_none_or(|held| held.id != token) {
            return Refused::Retry;
        }
        if now < self.quiet_until {
            return Refused::GiveUp;
        }
        self.token = None;
        self.replacing = true;
        Refused::Retry
    }

    /// A login gave tokens, by a request that was sent at `sent`. Returns the name of the access token.
    pub fn logged_in(&mut self, expires_in: Option<u32>, sent: Uptime, now: Uptime) -> TokenId {
        self.log_out();
        self.take(expires_in, sent, now)
    }

    /// Forgets the token, and asks for none until [`logged_in`](Self::logged_in). A ticket that is out is worth nothing
    /// any more.
    pub fn log_out(&mut self) {
        self.serial = self.serial.wrapping_add(1);
        self.out = None;
        self.token = None;
        self.replacing = false;
        self.trouble = Some(Trouble::GrantEnded);
    }

    /// The state at `now`, for logs and metrics.
    pub fn state(&self, now: Uptime) -> State {
        match (self.token, self.trouble) {
            (Some(token), Some(_)) if now < token.until => State::Failing,
            (Some(token), None) if now < token.renew => State::Fresh,
            (Some(token), None) if now < token.until => State::Ageing,
            (_, Some(Trouble::GrantEnded)) => State::LoggedOut,
            (Some(_), _) => State::Expired,
            (None, _) if self.replacing => State::Revoked,
            (None, _) => State::Empty,
        }
    }

    /// Why the last attempt to get a token failed; `None` if it did not.
    pub const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn usable(&self, now: Uptime) -> Option<Usable> {
        let Token { id, renew, until } = self.token.filter(|token| now < token.until)?;
        let ask_again = match (self.out, self.trouble) {
            (Some(deadline), _) => deadline,
            (None, Some(Trouble::GrantEnded)) => until,
            (None, _) => renew.max(self.next),
        };
        Some(Usable { token: id, until, ask_again: ask_again.min(until) })
    }

    /// Counts from `sent`, as the server may have made the token at any time since.
    fn take(&mut self, expires_in: Option<u32>, sent: Uptime, now: Uptime) -> TokenId {
        let life = expires_in.unwrap_or(UNSAID_LIFE).saturating_mul(1_000);
        // Somewhere between a half and 13/16 of the life: so devices that came together part within some lives, and a fifth
        // of it is left to outlast an outage.
        let renew = sent.plus_millis((life / 2).saturating_add(self.jitter.below((life / 16).saturating_mul(5))));
        // A slow oscillator is off by a hundredth, and what is sent last has to arrive.
        let until = expires_in.map_or(Usable::FOR_EVER, |_| sent.plus_millis(life.saturating_sub(life / 64)));
        let id = TokenId(self.serial);
        self.token = Some(Token { id, renew, until });
        if now >= until {
            self.fail(Trouble::Server, now);
            return id;
        }
        self.quiet_until = now;
        if self.replacing {
            let quiet = QUIET.wrapping_shl(u32::from(self.replaced)).min(self.longest_pause());
            self.quiet_until = now.plus_millis(quiet);
            self.replaced = self.replaced.saturating_add(1).min(10);
        } else {
            self.replaced = 0;
        }
        self.replacing = false;
        self.trouble = None;
        self.failures = 0;
        self.next = now;
        id
    }

    /// Whether the server acted on the request is not known.
    fn fail_unknown(&mut self, trouble: Trouble, now: Uptime) {
        match self.renewal {
            Renewal::RefreshOnce => self.trouble = Some(Trouble::GrantEnded),
            Renewal::ClientCredentials | Renewal::RefreshUnderGrace => self.fail(trouble, now),
        }
    }

    fn fail(&mut self, trouble: Trouble, now: Uptime) {
        self.trouble = Some(trouble);
        self.pause(0, now);
    }

    /// The next attempt is at least `least` seconds away, and then evenly somewhere in a window that grows fourfold with each
    /// failure ([full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
    fn pause(&mut self, least: u32, now: Uptime) {
        let least = least.saturating_mul(1_000);
        let growth = 1_u32.wrapping_shl(u32::from(self.failures).wrapping_mul(2));
        let grown = least.saturating_mul(4).max(FIRST_PAUSE).saturating_mul(growth);
        let (mut floor, mut window) = (SHORTEST_PAUSE, grown.min(self.longest_pause()));
        let left = self.usable(now).map_or(0, |usable| usable.until.millis_since(now)).saturating_sub(least);
        if left > FIRST_PAUSE && left < window {
            // One more attempt before a good token runs out, in the later half of what is left of it. This pause is short for
            // that reason, and says nothing of how long the server has been away.
            (floor, window) = (left / 2, left);
        } else {
            self.failures = self.failures.saturating_add(1).min(10);
        }
        let jitter = self.jitter.below(window.saturating_sub(floor));
        self.next = now.plus_millis(least).plus_millis(floor.saturating_add(jitter));
    }

    /// In milliseconds.
    fn longest_pause(&self) -> u32 {
        self.timing.longest_pause.saturating_mul(1_000).max(FIRST_PAUSE)
    }
}
