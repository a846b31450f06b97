//! What a keeper tells: what to do now, in which state it is, and what is wrong.

use crate::{error::ErrorCode, time::Uptime};
use core::fmt;

/// Names an access token among those of one keeper, so that it can be said which one an API refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(pub(super) u32);

/// A token that is good now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Which.
    pub token: TokenId,
    /// It is not to be used from then on; [`FOR_EVER`](Usable::FOR_EVER) if the server did not say how long it lives.
    pub until: Uptime,
    /// Ask again then, so that it is renewed ahead. Asking earlier or more often does no harm.
    pub ask_again: Uptime,
}

impl Usable {
    /// Until an API refuses it.
    pub const FOR_EVER: Uptime = Uptime(u64::MAX);
}

/// The right to send one request for a token, and the duty to tell what came of it: by
/// [`Keeper::answered`](super::Keeper::answered), [`Keeper::unanswered`](super::Keeper::unanswered),
/// [`Keeper::not_sent`](super::Keeper::not_sent), [`Keeper::not_signed`](super::Keeper::not_signed) or
/// [`Keeper::not_kept`](super::Keeper::not_kept). Only one is out at a time. One that is lost counts as unanswered at its
/// deadline; what is told of it later counts all the same, while there is no other.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nobody else may send the request until this ticket's deadline"]
pub struct Ticket {
    pub(super) serial: u32,
    pub(super) sent: Uptime,
    pub(super) deadline: Uptime,
}

impl Ticket {
    /// Give up waiting for the answer then, and break the connection.
    pub const fn deadline(&self) -> Uptime {
        self.deadline
    }
}

/// What to do now. Exhaustive on purpose: a program that passes over one of these would hang, or hammer the server.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Now {
    /// Use this token.
    Use(Usable),
    /// Send the request for a token now.
    Renew {
        /// To whoever sends it.
        ticket: Ticket,
        /// Until the answer is there, this token may be used; without one, others [wait](Self::Wait).
        meanwhile: Option<Usable>,
    },
    /// There is no token now. Ask again when the ticket that is out has been handed back, and at `until` at the latest.
    Wait {
        /// Not later than this; a deadline and no advice to sleep.
        until: Uptime,
        /// Why nobody is asking for one; `None` while a ticket is out.
        trouble: Option<Trouble>,
    },
    /// There is no token, and the server refuses to give one: somebody has to look at the client's settings here or there.
    /// Whoever wants a token is to be told so; at `until` the server is asked once more.
    Denied {
        /// The server's word for it, if it is a registered one.
        code: Option<ErrorCode>,
        /// Not before this.
        until: Uptime,
    },
    /// There is no token, and only a person can get one: begin a new login, and hand over what it gives by
    /// [`Keeper::logged_in`](super::Keeper::logged_in).
    LogIn,
}

/// What to do with a request to an API that was answered with 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Refused {
    /// Ask the keeper, and send the request once more with the token that it then names. If that is refused too, give up.
    Retry,
    /// This token was got because another one was refused, a moment ago: a third would not do better. Hand the API's answer
    /// on.
    GiveUp,
}

/// The state of a keeper, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No token yet.
    Empty,
    /// The token is good, and it is too early to renew it.
    Fresh,
    /// The token is good, and to be renewed.
    Ageing,
    /// The token is good, though the last attempt to renew it failed.
    Failing,
    /// The token has run out.
    Expired,
    /// The token was refused by an API, and another is not there yet.
    Revoked,
    /// Only a login helps.
    LoggedOut,
}

/// Why the last attempt to get a token failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection: the request was not sent.
    NotSent,
    /// No signature: the client's key is away or broken, or its clock was never set or runs wild. The request was not sent.
    NotSigned,
    /// The refresh token could not be kept: it was not sent, or its successor is not used before it is in safety.
    NotKept,
    /// The request was sent, or may have been, and no answer came.
    NoAnswer,
    /// The server is busy: status 429 or 503.
    Busy,
    /// The server failed, something else answered in its place, or its answer cannot be believed.
    Server,
    /// The server refuses this client, with this word if it is a registered one.
    Denied(Option<ErrorCode>),
    /// The refresh token is not good any more, or it is not known whether it is.
    GrantEnded,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "the authorization server cannot be reached",
            Self::NotSigned => "the request for a token could not be signed: look at the client's key and at the clock",
            Self::NotKept => "the refresh token could not be kept: look at what it is written to",
            Self::NoAnswer => "the authorization server did not answer",
            Self::Busy => "the authorization server is busy",
            Self::Server => "the authorization server failed",
            Self::Denied(None) => "the authorization server refuses this client",
            Self::Denied(Some(code)) => return write!(f, "the authorization server refuses this client: {code}"),
            Self::GrantEnded => "the grant has ended; log in again",
        })
    }
}

impl core::error::Error for Trouble {}
