//! The policy matrix: asked at every issuance, so that a new grant cannot forget a check. Profiles are data over it.

use super::fault::Fault;
use super::record::GrantTypes;
use crate::text::scope;
use crate::time::UnixTime;

/// In seconds.
const YEAR: u32 = 31_556_952;

/// Lifetimes, in seconds, and what a server leaves to choose. [`Policy::OAUTH21`] is the default profile.
///
/// ```
/// use valetkey::server::Policy;
/// let policy = Policy { access_lifetime: 300, ..Policy::OAUTH21 };
/// assert_eq!(policy.code_lifetime, 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Of a code. At most 600 by RFC 6749 section 4.1.2; a minute is enough for a redirect.
    pub code_lifetime: u32,
    /// Of an access token.
    pub access_lifetime: u32,
    /// How long a refresh token lives unused.
    pub refresh_idle: u32,
    /// How long a grant lives, whatever is refreshed.
    pub grant_lifetime: u32,
    /// For how long after a rotation the same request gets the same successor; 0 for never.
    ///
    /// It is for answers that got lost, and for programs that refresh in two places at once. A second holder of the token, who
    /// comes each time within this time of the first, looks the same, and is not found out. Keep it a tenth of
    /// [`access_lifetime`](Self::access_lifetime) at most: who refreshes at some place in the last half, or last fifth, of an access
    /// token's life then meets another one outside of the window after a few rotations. Where it is two fifths or more, two
    /// such holders live side by side for good, as if nothing were rotated.
    pub refresh_grace: u32,
    /// Whether a client that authenticates gets it even after that, until the successor is known to have arrived: it was
    /// used to refresh, or introspection was shown an access token that came with it, [`refresh_grace`](Self::refresh_grace) ago.
    /// Who comes in the second half of that access token's life, or later, gets another one beside the same successor; the use
    /// of either ends the window.
    ///
    /// For clients that may lose an answer and come back hours later. Nothing is opened to who holds an old refresh token
    /// alone, and [RFC 9700 section 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2) asks for rotation only of
    /// public clients, which get no more than `refresh_grace`. Who holds the client's credentials as well can follow the
    /// rotations for as long as nobody is seen to use what they gave; the first old token after that ends the grant.
    pub grace_until_used: bool,
    /// How long a person may take for login and consent.
    pub pending_lifetime: u32,
    /// How far ahead `exp` of a client's assertion may lie, and how far back its `iat`: for so long its `jti` is kept.
    pub assertion_lifetime: u32,
    /// By how much the clock of a client that signs assertions may differ, either way: for its `exp`, `nbf` and `iat`.
    pub assertion_leeway: u32,
    /// For whom a client's assertion may be.
    pub assertion_audience: AssertionAudience,
}

/// What `aud` of a client's assertion must be.
///
/// ```
/// use valetkey::server::{AssertionAudience, Policy};
/// assert_eq!(Policy::OAUTH21.assertion_audience, AssertionAudience::Issuer);
/// // For clients of old that cannot be changed:
/// let policy = Policy { assertion_audience: AssertionAudience::IssuerOrTokenEndpoint, ..Policy::OAUTH21 };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer identifier alone, as a string, as `draft-ietf-oauth-rfc7523bis` wants it: a client that another server
    /// tells a token endpoint signs for that server, whatever endpoint it is told.
    #[default]
    Issuer,
    /// Also the URL of the token endpoint, and arrays of both, as RFC 7523 had it. **Weaker**: a client that also talks to a
    /// malicious server, and believes it that our token endpoint were its own, signs assertions for us that it gets. No
    /// member of an array may be anything else.
    IssuerOrTokenEndpoint,
}

impl Policy {
    /// OAuth 2.1 with RFC 9700: PKCE for every client, exact redirect URIs, rotation, short codes.
    pub const OAUTH21: Self = Self {
        code_lifetime: 60,
        access_lifetime: 600,
        refresh_idle: 30 * 24 * 3600,
        grant_lifetime: 90 * 24 * 3600,
        refresh_grace: 10,
        grace_until_used: false,
        pending_lifetime: 600,
        assertion_lifetime: 3600,
        assertion_leeway: 30,
        assertion_audience: AssertionAudience::Issuer,
    };

    /// For devices on bad networks, as confidential clients: access tokens of eight hours; refresh tokens that may lie unused
    /// for three years, for ten in all; and a grace window that waits for a device whose answer got lost
    /// ([`grace_until_used`](Self::grace_until_used)), of a minute at least, in which a request may still be on its way.
    ///
    /// Their access tokens are best opaque, so that one which is revoked ends at once.
    pub const EMBEDDED: Self = Self {
        access_lifetime: 8 * 3600,
        refresh_idle: 3 * YEAR,
        grant_lifetime: 10 * YEAR,
        refresh_grace: 60,
        grace_until_used: true,
        ..Self::OAUTH21
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::OAUTH21
    }
}

/// The grant that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// A client for itself.
    ClientCredentials,
    /// A person's consent, at the authorization endpoint.
    Consent,
    /// A code, at the token endpoint.
    Code,
    /// A refresh token.
    Refresh,
}

/// All that decides an issuance. Every field must be given: there is no default.
pub(super) struct Issuance<'a> {
    pub(super) asking: Asking,
    /// Whether the client authenticated with credentials.
    pub(super) confidential: bool,
    pub(super) grant_types: GrantTypes,
    /// What the client may have now.
    pub(super) client_scope: &'a str,
    pub(super) client_resource: &'a str,
    /// What the owner agreed to; for client credentials the client itself.
    pub(super) consented_scope: &'a str,
    pub(super) consented_resource: &'a str,
    /// What is asked for.
    pub(super) scope: &'a str,
    pub(super) resource: &'a str,
    /// Whether the owner's account is usable, as far as it is known now; the commit holds it.
    pub(super) account_live: bool,
    /// When the grant began and ends.
    pub(super) grant_ends: UnixTime,
}

/// What may be issued.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// When the access token ends.
    pub(super) access_ends: UnixTime,
    /// Whether a refresh token goes with it.
    pub(super) refresh: bool,
}

impl Policy {
    /// The matrix: account state, client grants, consent, audience, lifetime.
    pub(super) fn decide(&self, ask: &Issuance<'_>, now: UnixTime) -> Result<Terms, Fault> {
        let allowed = match ask.asking {
            // RFC 6749 section 4.4: confidential clients only.
            Asking::ClientCredentials => ask.grant_types.client_credentials && ask.confidential,
            Asking::Consent | Asking::Code => ask.grant_types.authorization_code,
            Asking::Refresh => ask.grant_types.refresh_token,
        };
        if !allowed {
            return Err(Fault::GrantNotAllowed);
        }
        if !ask.account_live {
            return Err(Fault::LockedAccount);
        }
        if now >= ask.grant_ends {
            return Err(Fault::ExpiredGrant);
        }
        if !scope::is_subset(ask.scope, ask.consented_scope) || !scope::is_subset(ask.scope, ask.client_scope) {
            return Err(Fault::ScopeNotAllowed);
        }
        if !scope::is_subset(ask.resource, ask.consented_resource)
            || !scope::is_subset(ask.resource, ask.client_resource)
        {
            return Err(Fault::ResourceNotAllowed);
        }
        let refresh = match ask.asking {
            Asking::ClientCredentials => false, // RFC 6749 section 4.4.3
            Asking::Consent | Asking::Code | Asking::Refresh => ask.grant_types.refresh_token,
        };
        Ok(Terms { access_ends: now.plus(self.access_lifetime).min(ask.grant_ends), refresh })
    }
}
