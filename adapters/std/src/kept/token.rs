//! The core's keeper together with the text of its token and its clock.

use super::{Credentials, RefreshToken, SetupError};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use valetkey::client::keeper::{Keeper, Now, Refused, Renewal, State, Ticket, Timing, TokenId, Trouble, Usable, seed};
use valetkey::client::{Error, Outcome, Tokens};
use valetkey::time::Uptime;
use zeroize::Zeroizing;

/// A [`Keeper`] and the text of its token, which change together, and the clock, which must not go back between two looks at
/// it. So it belongs behind a lock, which is never held while something is sent or waited for.
pub struct KeptToken {
    keeper: Keeper,
    text: Arc<Zeroizing<String>>,
    renewal: Renewal,
    refresh_token: Option<RefreshToken>,
    /// Of a renewal that is on, though its ticket may be lost by now: a refresh token is not sent by two.
    pub(super) renewing: Option<Request>,
    uptime: Box<dyn Fn() -> Uptime + Send + Sync>,
}

/// What became of the request of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// It is still kept or signed, or is known not to have reached the server.
    Unsent,
    /// It was sent, or may have been, and no answer was read.
    Sent,
    /// What came of it was told.
    Told,
}

impl fmt::Debug for KeptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptToken").field("keeper", &self.keeper).finish_non_exhaustive()
    }
}

/// A token that was good when it was asked for. Its text is zeroed when nobody has it any more.
#[derive(Clone)]
pub struct Token {
    id: TokenId,
    text: Arc<Zeroizing<String>>,
}

impl Token {
    /// What goes into the header, and nowhere else.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What to do now.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Use this token.
    Use(Token),
    /// Send the request for a token, and tell what came of it.
    Renew {
        /// To whoever sends it.
        ticket: Ticket,
        /// To be used meanwhile, so that nobody waits.
        meanwhile: Option<Token>,
    },
    /// Somebody else is asking for a token: look again when the ticket has been handed back, and after so long at the
    /// latest.
    Wait(Duration),
}

/// Why there is no token now, and when there may be one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoToken {
    /// What went wrong when the server was asked last.
    pub trouble: Trouble,
    /// The first request after so long asks the server again; until then all fail at once. `None` if it is never asked again.
    pub retry_in: Option<Duration>,
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no access token: {}", self.trouble)?;
        match self.retry_in {
            Some(pause) => write!(f, "; asked again after {:.1} s", pause.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoToken {}

impl KeptToken {
    /// Without an access token. With a refresh token that may have been spent, and a server that gives no successor twice, it
    /// begins logged out.
    ///
    /// # Errors
    /// [`SetupError::Random`].
    pub fn new(credentials: &Credentials, uptime: Box<dyn Fn() -> Uptime + Send + Sync>) -> Result<Self, SetupError> {
        let mut drawn = [0; 8];
        getrandom::fill(&mut drawn).map_err(|_| SetupError::Random)?;
        let (grant, renewal) = (credentials.grant.as_ref(), credentials.renewal());
        let mut keeper = Keeper::new(renewal, Timing::SERVICE, seed(b"", &drawn));
        if renewal == Renewal::RefreshOnce && grant.is_some_and(|grant| grant.token.is_in_use()) {
            keeper.log_out();
        }
        let refresh_token = grant.map(|grant| grant.token.clone());
        Ok(Self { keeper, text: Arc::default(), renewal, refresh_token, renewing: None, uptime })
    }

    /// The refresh token to send next, if the client has one.
    pub fn refresh_token(&self) -> Option<RefreshToken> {
        self.refresh_token.clone()
    }

    /// Whether it is known, after an answer without tokens, that the refresh token was not spent. It is to be kept as such
    /// then: after a restart, too, no login is needed.
    pub fn is_unspent(&self) -> bool {
        self.renewal == Renewal::RefreshOnce && self.keeper.trouble() != Some(Trouble::GrantEnded)
    }

    /// Takes the refresh token out of an answer, if the client has one: it is the one to send next, and to be
    /// [kept](Credentials::keep) before the answer is [told](Self::answered).
    pub fn successor(&mut self, answer: &Result<Outcome<'_>, Error>) -> Option<RefreshToken> {
        let Ok(Outcome::Tokens(Tokens { refresh_token: Some(came), .. })) = answer else { return None };
        let held = self.refresh_token.as_mut()?;
        *held = RefreshToken::new(came.expose(), false);
        Some(held.clone())
    }

    /// What somebody has to do who needs a token.
    ///
    /// # Errors
    /// [`NoToken`]: at once, as it is for the caller to say whether to wait.
    pub fn ask(&mut self) -> Result<Next, NoToken> {
        let now = (self.uptime)();
        let pause = |until: Uptime| Duration::from_millis(until.millis_since(now).into());
        let (trouble, until) = match self.keeper.ask(now) {
            Now::Use(usable) => return Ok(Next::Use(self.token(usable))),
            Now::Renew { ticket, meanwhile } => {
                return Ok(Next::Renew { ticket, meanwhile: meanwhile.map(|usable| self.token(usable)) });
            }
            Now::Wait { until, trouble: None } => return Ok(Next::Wait(pause(until))),
            Now::Wait { until, trouble: Some(trouble) } => (trouble, Some(until)),
            Now::Denied { code, until } => (Trouble::Denied(code), Some(until)),
            Now::LogIn if self.is_held_up() => (Trouble::NoAnswer, Some(now.plus(Timing::SERVICE.answer))),
            Now::LogIn => (Trouble::GrantEnded, None),
        };
        Err(NoToken { trouble, retry_in: until.map(pause) })
    }

    /// What comes of a renewal is not known yet, though its ticket may be past its deadline: no grant has ended by that.
    const fn is_held_up(&self) -> bool {
        matches!(self.renewing, Some(Request::Unsent | Request::Sent))
    }

    fn token(&self, usable: Usable) -> Token {
        Token { id: usable.token, text: Arc::clone(&self.text) }
    }

    /// The request of a ticket was answered.
    pub fn answered(&mut self, ticket: Ticket, answer: Result<Outcome<'_>, Error>) {
        let (now, has_no_tokens) = ((self.uptime)(), !matches!(answer, Ok(Outcome::Tokens(_))));
        if let Some((_, tokens)) = self.keeper.answered(ticket, answer, now) {
            self.text = Arc::new(Zeroizing::new(tokens.access_token.expose().to_owned()));
        }
        if has_no_tokens {
            self.may_be_spent();
        }
    }

    /// Unless it is known to be good, what was sent stays in use until there is a successor, though a later attempt is not sent.
    fn may_be_spent(&mut self) {
        if !self.is_unspent() {
            self.refresh_token = self.refresh_token.as_ref().map(RefreshToken::sending);
        }
    }

    /// The request of a ticket was not answered; `unsent` if it is known that nothing was sent.
    pub fn unanswered(&mut self, ticket: Ticket, unsent: bool) {
        let now = (self.uptime)();
        if unsent {
            self.keeper.not_sent(ticket, now);
        } else {
            self.keeper.unanswered(ticket, now);
            self.may_be_spent();
        }
    }

    /// The request of a ticket could not be signed.
    pub fn not_signed(&mut self, ticket: Ticket) {
        self.keeper.not_signed(ticket, (self.uptime)());
    }

    /// The refresh token of a ticket, or its successor, could not be kept.
    pub fn not_kept(&mut self, ticket: Ticket) {
        self.keeper.not_kept(ticket, (self.uptime)());
    }

    /// An API answered 401 to this token. Whether to send the request once more, with [another](Self::ask).
    pub fn refused(&mut self, token: &Token) -> bool {
        self.keeper.refused(token.id, (self.uptime)()) == Refused::Retry
    }

    /// For logs and metrics.
    pub fn state(&self) -> State {
        match self.keeper.state((self.uptime)()) {
            State::LoggedOut if self.is_held_up() => State::Empty,
            state => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use valetkey::client::RetryAfter;

    /// With and without a grace window.
    fn kept(grace: bool, in_use: bool) -> KeptToken {
        let token = RefreshToken::new("tGzv3JOkF0XG5Qx2TlKWIA", in_use);
        let credentials = Credentials::public("https://as.example/token", "app").with_refresh_token(token, |_| true);
        let credentials = if grace { credentials.with_grace_window() } else { credentials };
        let clock = AtomicU64::new(0);
        KeptToken::new(&credentials, Box::new(move || Uptime(clock.fetch_add(3_600_000, SeqCst)))).unwrap()
    }

    fn ticket(kept: &mut KeptToken) -> Ticket {
        let Ok(Next::Renew { ticket, .. }) = kept.ask() else { panic!("nothing to renew") };
        ticket
    }

    fn is_in_use(kept: &KeptToken) -> bool {
        kept.refresh_token().unwrap().is_in_use()
    }

    #[test]
    fn what_may_have_been_spent_stays_in_use_until_there_is_a_successor() {
        assert!(is_in_use(&kept(true, true)), "of before the start");
        let mut kept = kept(true, false);
        let first = ticket(&mut kept);
        kept.unanswered(first, true);
        assert!(!is_in_use(&kept));
        let second = ticket(&mut kept);
        kept.unanswered(second, false);
        let third = ticket(&mut kept);
        kept.unanswered(third, true);
        assert!(is_in_use(&kept));
    }

    #[test]
    fn what_a_busy_server_has_not_spent_is_not_in_use() {
        let mut kept = kept(false, false);
        let first = ticket(&mut kept);
        kept.answered(first, Ok(Outcome::After(RetryAfter { value: None, date: None })));
        assert!(!is_in_use(&kept));
    }
}
