//! The resource server: is this request's access token good for what it asks?
//!
//! ```text
//!  check(Authorization, policy, now) -> Done(challenge)                       no, and the response says why
//!                                    -> Introspect(need) -- resume(answer) -> Ok(access) or Err(challenge)
//!                                                        '- fail() ---------> challenge: 503
//! ```
//!
//! An answer comes from [`Introspection::read`](crate::wire::introspection::Introspection::read) over an introspection
//! response, or from [`Reply::introspection`](crate::server::Reply::introspection) in the server's own program.
//!
//! ```
//! use valetkey::resource::{Audience, Check, Policy, check};
//! use valetkey::time::UnixTime;
//! use valetkey::wire::{header::Header, introspection::Introspection};
//!
//! let policy = Policy::new("https://as.example", Audience::IfNamed("https://api.example"), "read");
//! let now = UnixTime(1_700_000_000);
//! let Check::Introspect(need) = check(Header::One("Bearer mF_9.B5f-4.1JqM"), &policy, now) else { panic!() };
//! assert_eq!(need.token().expose(), "mF_9.B5f-4.1JqM");
//! let answer = Introspection {
//!     active: true,
//!     client_id: "web",
//!     subject: "alice",
//!     scope: "read write",
//!     expires_at: now.plus(60),
//!     ..Introspection::INACTIVE
//! };
//! assert_eq!(need.resume(&answer).unwrap().subject, "alice");
//!
//! let Check::Done(challenge) = check(Header::Absent, &policy, now) else { panic!() };
//! assert_eq!(challenge.status(), 401);
//! ```

use crate::error::ErrorCode;
use crate::secret::SecretText;
use crate::text::{form::Encoded, grammar, scope};
use crate::time::UnixTime;
use crate::wire::challenge::Challenge;
use crate::wire::header::Header;
use crate::wire::introspection::Introspection;

/// Most bytes of an access token; a longer one is refused as malformed.
pub const MAX_TOKEN: usize = 4096;

/// For whom a token must be. <https://www.rfc-editor.org/rfc/rfc8707>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience<'p> {
    /// The token names this resource.
    Required(&'p str),
    /// The token names this resource or none at all: for an authorization server that serves this API alone.
    IfNamed(&'p str),
}

/// What a resource server asks of a token. Nothing in it has a default: to take tokens of any audience is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'p> {
    issuer: &'p str,
    audience: Audience<'p>,
    scope: &'p str,
}

impl<'p> Policy<'p> {
    /// Tokens of this issuer, for this audience, with each of these scopes (space-separated; empty for none). The issuer
    /// counts to the letter; an answer that names none passes, as `iss` is optional in
    /// [RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2) and the asked server is its issuer.
    pub const fn new(issuer: &'p str, audience: Audience<'p>, scope: &'p str) -> Self {
        Self { issuer, audience, scope }
    }

    /// Refuses a request whose query or form bears a token besides the one in its `Authorization` header.
    ///
    /// Ask it for both once [`check`] found a token in the header: one that stands elsewhere alone counts for nothing.
    /// <https://www.rfc-editor.org/rfc/rfc6750#section-2>
    ///
    /// ```
    /// use valetkey::resource::{Audience, Policy};
    /// let policy = Policy::new("https://as.example", Audience::IfNamed("https://api.example"), "");
    /// assert!(policy.only_in_header("page=2").is_ok());
    /// assert_eq!(policy.only_in_header("page=2&access_token=abc").unwrap_err().status(), 400);
    /// ```
    ///
    /// # Errors
    /// The challenge to answer with: `invalid_request`.
    pub fn only_in_header(&self, form: &str) -> Result<(), Challenge<'p>> {
        let mut pairs = form.split(['&']).filter_map(|pair| pair.split_once(['=']));
        let second = pairs.any(|(name, value)| !value.is_empty() && Encoded::new(name).is("access_token"));
        if second { Err(self.refuse(ErrorCode::InvalidRequest)) } else { Ok(()) }
    }

    fn refuse(&self, error: ErrorCode) -> Challenge<'p> {
        let scope = if matches!(error, ErrorCode::InsufficientScope) { self.scope } else { "" };
        Challenge { error: Some(error), scope, ..Challenge::bare(self.realm()) }
    }

    const fn realm(&self) -> &'p str {
        match self.audience {
            Audience::Required(resource) | Audience::IfNamed(resource) => resource,
        }
    }
}

/// What an access token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access<'a> {
    /// Who bears it.
    pub client_id: &'a str,
    /// On whose behalf; empty if on the client's own.
    pub subject: &'a str,
    /// What it is good for, space-separated.
    pub scope: &'a str,
    /// Until when.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
}

/// What comes next. Exhaustive on purpose: whoever passes over one of these lets a request hang, or pass.
#[must_use]
#[derive(Debug)]
pub enum Check<'r> {
    /// The authorization server must be asked.
    Introspect(NeedIntrospect<'r>),
    /// Refused as it stands.
    Done(Challenge<'r>),
}

/// Reads the token from the `Authorization` header, and from nowhere else; [`Policy::only_in_header`] refuses a second
/// one.
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
pub fn check<'r>(authorization: Header<'r>, policy: &Policy<'r>, now: UnixTime) -> Check<'r> {
    let header = match authorization {
        Header::Absent => return Check::Done(Challenge::bare(policy.realm())),
        Header::Many => return Check::Done(policy.refuse(ErrorCode::InvalidRequest)),
        Header::One(header) => header,
    };
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Check::Done(Challenge::bare(policy.realm()));
    }
    let token = token.trim_start_matches(' ');
    if token.len() > MAX_TOKEN || !grammar::is_b64token(token) {
        return Check::Done(policy.refuse(ErrorCode::InvalidRequest));
    }
    Check::Introspect(NeedIntrospect { token: SecretText::new(token), policy: *policy, now })
}

/// The resource server needs to know what the authorization server says of a token: by introspection over HTTP, or
/// straight from the store of the same program.
#[must_use]
#[derive(Debug)]
pub struct NeedIntrospect<'r> {
    token: SecretText<'r>,
    policy: Policy<'r>,
    now: UnixTime,
}

impl<'r> NeedIntrospect<'r> {
    /// The token as presented.
    pub const fn token(&self) -> SecretText<'r> {
        self.token
    }

    /// Decides.
    ///
    /// # Errors
    /// The challenge to answer with: `invalid_token`, or `insufficient_scope` with the scope that is needed.
    pub fn resume<'a>(self, answer: &Introspection<'a>) -> Result<Access<'a>, Challenge<'r>> {
        let policy = &self.policy;
        let of_issuer = answer.issuer.is_empty() || answer.issuer == policy.issuer;
        let for_us = match policy.audience {
            Audience::Required(resource) => scope::contains(answer.audience, resource),
            Audience::IfNamed(resource) => answer.audience.is_empty() || scope::contains(answer.audience, resource),
        };
        let in_time = answer.not_before <= self.now && self.now < answer.expires_at;
        if !answer.active || !of_issuer || !for_us || !in_time {
            return Err(policy.refuse(ErrorCode::InvalidToken));
        }
        if !scope::is_subset(policy.scope, answer.scope) {
            return Err(policy.refuse(ErrorCode::InsufficientScope));
        }
        Ok(Access {
            client_id: answer.client_id,
            subject: answer.subject,
            scope: answer.scope,
            expires_at: answer.expires_at,
            auth_time: answer.auth_time,
        })
    }

    /// The authorization server cannot be asked now: 503.
    pub fn fail(self) -> Challenge<'r> {
        self.policy.refuse(ErrorCode::TemporarilyUnavailable)
    }
}

#[cfg(test)]
mod tests;
