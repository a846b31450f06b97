//! Why a token is refused: what the caller is told is a [`Challenge`], what the operator is told is a [`Refusal`].

use crate::error::ErrorCode;
use crate::jose::{ClaimsError, JwsError};
use crate::wire::challenge::Challenge;
use core::fmt;

/// A refusal in both its faces.
#[must_use = "a refusal that is not answered lets the request hang, or pass"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<'r> {
    /// For the log: which check it was. `None` if the request had no credentials.
    pub why: Option<Refusal>,
    /// For the response.
    pub challenge: Challenge<'r>,
}

/// The check that a request or token did not pass. It never holds any of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The `Authorization` header is malformed or came twice, or a token stands elsewhere too.
    Request,
    /// It is no signed token by the rules, or its signature is not good.
    Jws(JwsError),
    /// Its claims are malformed.
    Claims(ClaimsError),
    /// Its `typ` is another one.
    Type,
    /// It has no claim of this name.
    Missing(&'static str),
    /// Its issuer is none that is trusted here.
    Issuer,
    /// Its issuer has no key, or several, of its `kid` and `alg`.
    UnknownKey,
    /// It is for another audience.
    Audience,
    /// It is past its end.
    Expired,
    /// Its time has not come yet.
    NotYet,
    /// It is bound to a key (`cnf`), and whoever bears it proves nothing.
    Bound,
    /// The authorization server says that it is not active.
    Inactive,
    /// It lacks a scope.
    Scope,
    /// The login is too long ago, not of the class that is asked for, or not told.
    Login,
    /// The authorization server, or its keys, cannot be had now.
    Unavailable,
}

impl Refusal {
    /// What the caller is told.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Request => ErrorCode::InvalidRequest,
            Self::Scope => ErrorCode::InsufficientScope,
            Self::Login => ErrorCode::InsufficientUserAuthentication,
            Self::Unavailable => ErrorCode::TemporarilyUnavailable,
            Self::Jws(JwsError::Scratch) | Self::Claims(ClaimsError::Scratch) => ErrorCode::ServerError,
            Self::Jws(_)
            | Self::Claims(_)
            | Self::Type
            | Self::Missing(_)
            | Self::Issuer
            | Self::UnknownKey
            | Self::Audience
            | Self::Expired
            | Self::NotYet
            | Self::Bound
            | Self::Inactive => ErrorCode::InvalidToken,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the Authorization header is malformed or came twice, or a token stands elsewhere too",
            Self::Jws(e) => return e.fmt(f),
            Self::Claims(e) => return e.fmt(f),
            Self::Type => "the token's typ is not the one that is asked for",
            Self::Missing(name) => return write!(f, "the token has no {name}"),
            Self::Issuer => "the token's issuer is not trusted here",
            Self::UnknownKey => "the issuer has no key, or several, of the token's kid and alg",
            Self::Audience => "the token is for another audience",
            Self::Expired => "the token is expired",
            Self::NotYet => "the token is not good yet",
            Self::Bound => "the token is bound to a key that was not shown",
            Self::Inactive => "the authorization server says that the token is not active",
            Self::Scope => "the token lacks a scope",
            Self::Login => "the login that the token comes from is too old, or not of the class that is asked for",
            Self::Unavailable => "the authorization server or its keys cannot be had now",
        })
    }
}

impl core::error::Error for Refusal {}

impl From<JwsError> for Refusal {
    fn from(e: JwsError) -> Self {
        Self::Jws(e)
    }
}

impl From<ClaimsError> for Refusal {
    fn from(e: ClaimsError) -> Self {
        Self::Claims(e)
    }
}
