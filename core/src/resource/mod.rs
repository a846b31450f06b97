//! The resource server: is this request's access token good for what it asks?
//!
//! ```text
//!  check(Authorization, policy, now, scratch)
//!     |-> Done(refused)                                          no, and the response says why
//!     |-> Key(need) --------- resume(its issuer's key) --> Ok(access) or Err(refused)      a signed token
//!     '-> Introspect(need) -- resume(answer) ------------> Ok(access) or Err(refused)      any other
//!            each: fail() --> refused: 503
//! ```
//!
//! When to fetch the keys of an issuer, and how long they are good for, [`KeySet`] decides.
//!
//! [`validate`] is the same for signed tokens as one pure function, where the keys are at hand. An answer to
//! [`NeedIntrospect`] comes from [`Introspection::read`](crate::wire::introspection::Introspection::read) over an
//! introspection response, or from [`Reply::introspection`](crate::server::Reply::introspection) in the server's own
//! program.
//!
//! ```
//! use valetkey::resource::{Audience, Check, Issuer, Policy, check};
//! use valetkey::time::UnixTime;
//! use valetkey::wire::{header::Header, introspection::Introspection};
//!
//! let issuers = [Issuer::opaque("https://as.example")];
//! let policy = Policy::new(&issuers, Audience::IfNamed("https://api.example"), "read");
//! let now = UnixTime(1_700_000_000);
//! let mut scratch = [0; 64];
//! let Check::Introspect(need) = check(Header::One("Bearer mF_9.B5f-4.1JqM"), &policy, now, &mut scratch) else { panic!() };
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
//! let Check::Done(refused) = check(Header::Absent, &policy, now, &mut []) else { panic!() };
//! assert_eq!(refused.challenge.status(), 401);
//! ```

mod jwt;
mod key_set;
mod policy;
mod refusal;

pub use jwt::{IssuerKeys, validate};
pub use key_set::{Advice, KeySet, Timing};
pub use policy::{Audience, Issuer, Jwt, Policy, StepUp, Tokens};
pub use refusal::{Refusal, Refused};

use crate::jose::{Algorithm, JwsError, Key};
use crate::secret::SecretText;
use crate::text::{grammar, scope};
use crate::time::UnixTime;
use crate::wire::header::Header;
use crate::wire::introspection::Introspection;
use core::fmt;
use jwt::{Presented, Read};

/// Most bytes of an access token; a longer one is refused as malformed.
pub const MAX_TOKEN: usize = 8 * 1024;

/// What an access token lets its bearer do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// Whose token it is; empty if an introspection did not say.
    pub issuer: &'a str,
    /// Who bears it.
    pub client_id: &'a str,
    /// On whose behalf. On the client's own: empty from introspection at our server, and in signed tokens an identifier
    /// that no person has ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
    pub subject: &'a str,
    /// What it is good for, space-separated.
    pub scope: &'a str,
    /// Until when.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
    /// How the person logged in; empty if that is not told.
    pub acr: &'a str,
    /// The token's own identifier (`jti`); empty if it has none.
    pub id: &'a str,
    /// All claims of a signed token, as JSON that was checked and proven; empty for others. Your own claims are in it.
    pub claims: &'a [u8],
}

impl fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, client_id, subject, scope, expires_at, .. } = self;
        let mut shown = f.debug_struct("Access");
        shown.field("issuer", issuer).field("client_id", client_id).field("subject", subject);
        // The other claims may say more of a person than a log should.
        shown.field("scope", scope).field("expires_at", expires_at).finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
impl<'a> Access<'a> {
    /// Your own claims of a signed token, by the strict rules of [`from_slice`](crate::text::json::from_slice).
    ///
    /// ```
    /// use valetkey::resource::Access;
    /// # use valetkey::time::UnixTime;
    /// #[derive(serde::Deserialize)]
    /// struct Plan<'a> {
    ///     tenant: &'a str,
    /// }
    /// # let access = Access { issuer: "", client_id: "", subject: "", scope: "", expires_at: UnixTime(0), auth_time: None, acr: "", id: "", claims: br#"{"tenant":"acme"}"# };
    /// let mut scratch = [0; 64]; // for text with escapes
    /// let plan: Plan<'_> = access.claims(&mut scratch).unwrap();
    /// assert_eq!(plan.tenant, "acme");
    /// ```
    ///
    /// # Errors
    /// They are not what the type allows; or the token was not a signed one.
    pub fn claims<T: serde::Deserialize<'a>>(
        &self,
        scratch: &'a mut [u8],
    ) -> Result<T, crate::text::json::DeserializeError> {
        crate::text::json::from_slice(self.claims, crate::jose::Claims::LIMITS, scratch)
    }
}

/// What comes next. Exhaustive on purpose: whoever passes over one of these lets a request hang, or pass.
#[must_use]
#[expect(clippy::large_enum_variant, reason = "there is no heap to box into")]
#[derive(Debug)]
pub enum Check<'r> {
    /// A key of the issuer is needed.
    Key(NeedKey<'r>),
    /// The authorization server must be asked.
    Introspect(NeedIntrospect<'r>),
    /// Refused as it stands.
    Done(Refused<'r>),
}

/// Reads the token from the `Authorization` header, and from nowhere else; [`Policy::only_in_header`] refuses a second
/// one. <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
///
/// `scratch` of twice as many bytes as the token suffices, and none where no issuer has signed ones.
pub fn check<'r>(authorization: Header<'r>, policy: &Policy<'r>, now: UnixTime, scratch: &'r mut [u8]) -> Check<'r> {
    let done = |why| Check::Done(Refused { why, challenge: policy.challenge(why) });
    let header = match authorization {
        Header::Absent => return done(None),
        Header::Many => return done(Some(Refusal::Request)),
        Header::One(header) => header,
    };
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return done(None);
    }
    let token = token.trim_start_matches(' ');
    if token.len() > MAX_TOKEN || !grammar::is_b64token(token) {
        return done(Some(Refusal::Request));
    }
    let ask =
        |issuer| Check::Introspect(NeedIntrospect { token: SecretText::new(token), issuer, policy: *policy, now });
    // Nobody else's token is shown to one of several issuers: whose it is, is not to be seen.
    let unsigned = || policy.asked().map_or_else(|| done(Some(Refusal::Issuer)), ask);
    if !policy.takes_signed() {
        return unsigned();
    }
    match Presented::read(token, policy, now, scratch) {
        Ok(Read::Signed(presented)) => Check::Key(NeedKey { presented, policy: *policy, now }),
        Ok(Read::Asked(issuer)) => ask(issuer),
        // It is no signed token at all.
        Err(Refusal::Jws(JwsError::Segments | JwsError::Base64 | JwsError::Header(_))) if policy.asks() => unsigned(),
        Err(why) => done(Some(why)),
    }
}

/// The resource server needs a key of a token's issuer.
#[must_use]
#[derive(Debug)]
pub struct NeedKey<'r> {
    presented: Presented<'r>,
    policy: Policy<'r>,
    now: UnixTime,
}

impl<'r> NeedKey<'r> {
    /// Whose key: one of the policy's issuers, as the token names it.
    pub const fn issuer(&self) -> &'r str {
        self.presented.issuer()
    }

    /// For which algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.presented.algorithm()
    }

    /// Of which id, if the token names one: to be compared with those of the issuer's keys, and for nothing else.
    pub const fn kid(&self) -> Option<&'r str> {
        self.presented.kid()
    }

    /// Decides. `None` if the issuer has no such key, or two: see [`find`](crate::jose::find).
    ///
    /// # Errors
    /// What to answer with.
    pub fn resume(self, key: Option<&Key<'_>>) -> Result<Access<'r>, Refused<'r>> {
        let Self { presented, policy, now } = self;
        let judged = match key {
            Some(key) => presented.judge(key, &policy, now),
            None => Err(Refusal::UnknownKey),
        };
        judged.map_err(|why| refused(&policy, why))
    }

    /// The issuer's keys cannot be had now: 503.
    pub fn fail(self) -> Refused<'r> {
        refused(&self.policy, Refusal::Unavailable)
    }
}

/// The resource server needs to know what the authorization server says of a token: by introspection over HTTP, or
/// straight from the store of the same program.
#[must_use]
#[derive(Debug)]
pub struct NeedIntrospect<'r> {
    token: SecretText<'r>,
    issuer: &'r str,
    policy: Policy<'r>,
    now: UnixTime,
}

impl<'r> NeedIntrospect<'r> {
    /// The token as presented.
    pub const fn token(&self) -> SecretText<'r> {
        self.token
    }

    /// Whom to ask: the one of the policy's issuers that the token names, or the only one that has opaque tokens.
    pub const fn issuer(&self) -> &'r str {
        self.issuer
    }

    /// Decides.
    ///
    /// # Errors
    /// What to answer with: `invalid_token`, or `insufficient_scope` with the scope that is needed.
    pub fn resume<'a>(self, answer: &Introspection<'a>) -> Result<Access<'a>, Refused<'r>> {
        let policy = &self.policy;
        let of_issuer = answer.issuer.is_empty() || answer.issuer == self.issuer;
        let for_us = match policy.audience {
            Audience::Required(resource) => scope::contains(answer.audience, resource),
            Audience::IfNamed(resource) => answer.audience.is_empty() || scope::contains(answer.audience, resource),
        };
        let why = match () {
            () if !answer.active => Refusal::Inactive,
            () if !of_issuer => Refusal::Issuer,
            () if !for_us => Refusal::Audience,
            () if self.now < answer.not_before => Refusal::NotYet,
            () if self.now >= answer.expires_at => Refusal::Expired,
            () => {
                let access = Access {
                    issuer: answer.issuer,
                    client_id: answer.client_id,
                    subject: answer.subject,
                    scope: answer.scope,
                    expires_at: answer.expires_at,
                    auth_time: answer.auth_time,
                    acr: answer.acr,
                    id: "",
                    claims: &[],
                };
                return match jwt::allowed(&access, policy, self.now) {
                    Ok(()) => Ok(access),
                    Err(why) => Err(refused(policy, why)),
                };
            }
        };
        Err(refused(policy, why))
    }

    /// The authorization server cannot be asked now: 503.
    pub fn fail(self) -> Refused<'r> {
        refused(&self.policy, Refusal::Unavailable)
    }
}

fn refused<'r>(policy: &Policy<'r>, why: Refusal) -> Refused<'r> {
    Refused { why: Some(why), challenge: policy.challenge(Some(why)) }
}

#[cfg(test)]
mod tests;
