//! What a resource server asks of a token. Nothing in it has a default that lets more in.

use super::Refusal;
use crate::error::ErrorCode;
use crate::jose::Algorithms;
use crate::text::form::Encoded;
use crate::wire::challenge::Challenge;

/// For whom a token must be. <https://www.rfc-editor.org/rfc/rfc8707>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience<'p> {
    /// The token names this resource.
    Required(&'p str),
    /// The token names this resource or none at all: for an authorization server that serves this API alone. A JWT
    /// names it all the same, as
    /// [RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) wants of each.
    IfNamed(&'p str),
}

impl<'p> Audience<'p> {
    /// The resource.
    pub const fn resource(self) -> &'p str {
        match self {
            Self::Required(resource) | Self::IfNamed(resource) => resource,
        }
    }
}

/// An authorization server whose tokens are taken, and how they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuer<'p> {
    /// Its issuer identifier, which counts to the letter.
    pub name: &'p str,
    /// Which tokens of it are taken.
    pub tokens: Tokens<'p>,
}

impl<'p> Issuer<'p> {
    /// Opaque tokens, of which the issuer is asked.
    pub const fn opaque(name: &'p str) -> Self {
        Self { name, tokens: Tokens::Opaque }
    }

    /// Access tokens by [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068) that are signed with one of these algorithms.
    pub const fn jwt(name: &'p str, algorithms: Algorithms) -> Self {
        Self { name, tokens: Tokens::Jwt(Jwt { algorithms, typ: "at+jwt" }) }
    }

    pub(super) const fn jwt_rules(&self) -> Option<Jwt<'p>> {
        match self.tokens {
            Tokens::Opaque => None,
            Tokens::Jwt(jwt) | Tokens::Both(jwt) => Some(jwt),
        }
    }

    pub(super) const fn is_asked(&self) -> bool {
        matches!(self.tokens, Tokens::Opaque | Tokens::Both(_))
    }
}

/// Which tokens of an issuer are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens<'p> {
    /// Whatever they are made of, the issuer is asked about them: what it revokes ends at once.
    Opaque,
    /// Signed ones, which are checked here: what the issuer revokes is good until it expires.
    Jwt(Jwt<'p>),
    /// Signed ones are checked here, and the issuer is asked about all others.
    Both(Jwt<'p>),
}

/// What a signed token must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jwt<'p> {
    /// Signed with one of these.
    pub algorithms: Algorithms,
    /// Of this type, `application/` left out; `at+jwt` by [RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4).
    /// Another one lets in what the issuer may have meant for someone else, such as an ID token.
    pub typ: &'p str,
}

/// Which login a token must come from. <https://www.rfc-editor.org/rfc/rfc9470>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepUp<'p> {
    /// The token's `acr` is one of these, space-separated; empty if any will do.
    pub acr_values: &'p str,
    /// At most so many seconds have passed since the login.
    pub max_age: Option<u32>,
}

/// What a resource server asks of a token. To take tokens of any audience is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'p> {
    pub(super) issuers: &'p [Issuer<'p>],
    pub(super) audience: Audience<'p>,
    pub(super) scope: &'p str,
    pub(super) step_up: StepUp<'p>,
    pub(super) leeway: u32,
    metadata: &'p str,
}

impl<'p> Policy<'p> {
    /// The most that [`Self::with_leeway`] allows: "no more than a few minutes"
    /// ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4)).
    pub const MOST_LEEWAY: u32 = 300;

    /// Tokens of these issuers, for this audience, with each of these scopes (space-separated; empty for none). An
    /// answer of introspection that names no issuer passes, as `iss` is optional in
    /// [RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2) and the asked server is its issuer. Of
    /// the issuers one may have opaque tokens: with several of them, tokens that name no issuer are refused, as one issuer
    /// would be shown what is another's.
    pub const fn new(issuers: &'p [Issuer<'p>], audience: Audience<'p>, scope: &'p str) -> Self {
        Self { issuers, audience, scope, step_up: StepUp { acr_values: "", max_age: None }, leeway: 0, metadata: "" }
    }

    /// Forgives clocks that differ by so many seconds, at most [`Self::MOST_LEEWAY`]; by default none. It counts for the
    /// times of signed tokens alone: whoever answers an introspection has looked at a clock.
    #[must_use]
    pub const fn with_leeway(self, seconds: u32) -> Self {
        let leeway = if seconds > Self::MOST_LEEWAY { Self::MOST_LEEWAY } else { seconds };
        Self { leeway, ..self }
    }

    /// Asks for a recent login, or one of a certain class.
    #[must_use]
    pub const fn with_step_up(self, step_up: StepUp<'p>) -> Self {
        Self { step_up, ..self }
    }

    /// Names in each challenge the URL where this resource describes itself.
    /// <https://www.rfc-editor.org/rfc/rfc9728#section-5.1>
    #[must_use]
    pub const fn with_metadata(self, url: &'p str) -> Self {
        Self { metadata: url, ..self }
    }

    /// Refuses a request whose query or form bears a token besides the one in its `Authorization` header.
    ///
    /// Ask it for both once [`check`](super::check) found a token in the header: one that stands elsewhere alone counts
    /// for nothing. <https://www.rfc-editor.org/rfc/rfc6750#section-2>
    ///
    /// ```
    /// use valetkey::resource::{Audience, Issuer, Policy};
    /// let issuers = [Issuer::opaque("https://as.example")];
    /// let policy = Policy::new(&issuers, Audience::IfNamed("https://api.example"), "");
    /// assert!(policy.only_in_header("page=2").is_ok());
    /// assert_eq!(policy.only_in_header("page=2&access_token=abc").unwrap_err().status(), 400);
    /// ```
    ///
    /// # Errors
    /// The challenge to answer with: `invalid_request`.
    pub fn only_in_header(&self, form: &str) -> Result<(), Challenge<'p>> {
        let mut pairs = form.split(['&']).filter_map(|pair| pair.split_once(['=']));
        let second = pairs.any(|(name, value)| !value.is_empty() && Encoded::new(name).is("access_token"));
        if second { Err(self.challenge(Some(Refusal::Request))) } else { Ok(()) }
    }

    /// Whether some issuer has signed tokens.
    pub(super) fn takes_signed(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.jwt_rules().is_some())
    }

    /// Whether some issuer is asked about tokens that are not signed.
    pub(super) fn asks(&self) -> bool {
        self.issuers.iter().any(Issuer::is_asked)
    }

    /// The only issuer that is asked about tokens that are not signed.
    pub(super) fn asked(&self) -> Option<&'p str> {
        let mut asked = self.issuers.iter().filter(|issuer| issuer.is_asked());
        match (asked.next(), asked.next()) {
            (Some(only), None) => Some(only.name),
            _ => None,
        }
    }

    /// How a refusal is told; `None` for a request without credentials.
    pub(super) fn challenge(&self, why: Option<Refusal>) -> Challenge<'p> {
        let mut challenge = Challenge { resource_metadata: self.metadata, ..Challenge::bare(self.audience.resource()) };
        challenge.error = why.map(Refusal::code);
        match challenge.error {
            Some(ErrorCode::InsufficientScope) => challenge.scope = self.scope,
            Some(ErrorCode::InsufficientUserAuthentication) => {
                challenge.acr_values = self.step_up.acr_values;
                challenge.max_age = self.step_up.max_age;
            }
            _ => {}
        }
        challenge
    }
}
