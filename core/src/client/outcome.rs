//! What came of a request to the token endpoint.

use super::{post::Duties, retry_after::RetryAfter};
use crate::{
    error::TooSmall,
    secret::SecretText,
    text::scope,
    wire::token_response::{self, ErrorResponse, Fault, Leniency},
};
use core::fmt;

/// What the transport received.
#[derive(Clone, Copy)]
pub struct Response<'b> {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`: as with all headers, without the white space around it, which is no part of it.
    pub content_type: Option<&'b str>,
    /// The value of `Retry-After`.
    pub retry_after: Option<&'b str>,
    /// The value of `Date`, from which a [`WallClock`](super::keeper::WallClock) learns the time.
    pub date: Option<&'b str>,
    /// The whole body. The tokens stay in it: zero it when they were used.
    pub body: &'b [u8],
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What the server decided. Exhaustive on purpose: a client that passes over one of these would hang or lose a token.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'b> {
    /// Tokens.
    Tokens(Tokens<'b>),
    /// The server refused.
    Denied {
        /// The HTTP status.
        status: u16,
        /// Why.
        error: ErrorResponse<'b>,
    },
    /// The server is busy (status 429 or 503). Where the request's duties say that a retry is safe, send it again then.
    After(RetryAfter<'b>),
}

/// What a grant gave.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'b> {
    /// The access token, of type Bearer. It says nothing to a client, and goes into the `Authorization` header alone.
    pub access_token: SecretText<'b>,
    /// Its lifetime in seconds, which counts from when the request was *sent*; `u32::MAX` if these are more than nine
    /// digits, over thirty years, but more than 19 are refused. `None` if the server did not say.
    pub expires_in: Option<u32>,
    /// The refresh token to keep. One that was kept before is to be forgotten.
    pub refresh_token: Option<SecretText<'b>>,
    /// The scope that was granted: as asked for, if the server did not say otherwise.
    pub scope: &'b str,
}

impl Tokens<'_> {
    /// Whether the scope has words that were not asked for; never if none were. No error, but a sign that the server or its
    /// settings have changed.
    pub fn is_wider_than(&self, asked: &str) -> bool {
        !asked.is_empty() && !scope::is_subset(self.scope, asked)
    }
}

/// Why a response could not be read: the peer's fault, but for [`Scratch`](Self::Scratch). Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The body exceeds [`Duties::BODY_CAP`].
    TooLong,
    /// The status is neither 200 nor that of an error. A redirect, for one, must not be followed.
    Status(u16),
    /// The body breaks the rules. With a status other than 200 it most likely comes from a proxy.
    Body {
        /// The HTTP status.
        status: u16,
        /// Which rule.
        fault: Fault,
    },
    /// The caller's scratch is too short; so much always suffices.
    Scratch(TooSmall),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the token endpoint answered more than 64 KiB"),
            Self::Status(status) => write!(f, "the token endpoint answered with status {status}"),
            Self::Body { status, fault } => write!(f, "the token endpoint answered {status}, and {fault}"),
            Self::Scratch(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl<'b> Response<'b> {
    /// `scope` is what was asked for.
    #[inline]
    pub(super) fn read(self, scratch: &'b mut [u8], leniency: &Leniency, scope: &'b str) -> Result<Outcome<'b>, Error> {
        let Self { status, retry_after, date, body, .. } = self;
        match status {
            429 | 503 => return Ok(Outcome::After(RetryAfter { value: retry_after, date })),
            200 | 400..600 => {}
            _ => return Err(Error::Status(status)),
        }
        if body.len() > Duties::BODY_CAP {
            return Err(Error::TooLong);
        }
        self.read_body(scratch, leniency, scope).map_err(|fault| {
            if fault.is_scratch() {
                Error::Scratch(TooSmall { needed: body.len() })
            } else {
                Error::Body { status, fault }
            }
        })
    }

    #[inline]
    fn read_body(self, scratch: &'b mut [u8], leniency: &Leniency, scope: &'b str) -> Result<Outcome<'b>, Fault> {
        let Self { status, content_type, body, .. } = self;
        let mut members = token_response::Members::default();
        if !token_response::read_members(&mut members, status == 200, content_type, body, scratch, leniency)? {
            return Ok(Outcome::Denied { status, error: token_response::error(&members)? });
        }
        let tokens = token_response::tokens(&members, leniency)?;
        Ok(Outcome::Tokens(Tokens {
            access_token: tokens.access_token,
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
            scope: tokens.scope.unwrap_or(scope),
        }))
    }
}
