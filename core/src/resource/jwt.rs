//! Signed access tokens, checked where they are shown. <https://www.rfc-editor.org/rfc/rfc9068#section-4>

use super::{Access, Policy, Refusal};
use crate::jose::{Algorithm, Algorithms, Claims, JwsError, Key, Limits, Unverified, find};
use crate::secret::SecretText;
use crate::text::scope;
use crate::time::UnixTime;

/// The keys of an issuer. A token is checked by keys of the issuer that it names, and by no others
/// ([RFC 8725 section 3.8](https://www.rfc-editor.org/rfc/rfc8725#section-3.8)).
#[derive(Clone, Copy, Debug)]
pub struct IssuerKeys<'k> {
    /// Its issuer identifier.
    pub issuer: &'k str,
    /// Its keys, each of one algorithm.
    pub keys: &'k [Key<'k>],
}

/// Validates a signed access token with the keys at hand: signature, `typ`, issuer, audience, times, required claims,
/// scope and login, and that is all of [RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4). A pure
/// function. `scratch` of twice as many bytes as the token suffices.
///
/// ```
/// # #[cfg(feature = "p256")] {
/// use valetkey::jose::{Algorithm, Algorithms, Jwk, Key, parts::PublicKey};
/// use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy, Refusal, validate};
/// use valetkey::secret::SecretText;
/// use valetkey::time::UnixTime;
///
/// let json = br#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"ec"}"#;
/// let mut scratch = [0; 512];
/// let Ok(Jwk::Public(jwk)) = Jwk::read(json, &mut scratch) else { panic!() };
/// let parsed = PublicKey::new(&jwk, Algorithm::Es256).unwrap(); // once
/// let keys = [Key::new("ec", &parsed)];
/// let keys = [IssuerKeys { issuer: "https://as.example", keys: &keys }];
///
/// let issuers = [Issuer::jwt("https://as.example", Algorithms::of(&[Algorithm::Es256]))];
/// let policy = Policy::new(&issuers, Audience::Required("https://rs.example/api"), "read");
/// let token = SecretText::new("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJ1c2VyLTEiLCJhdWQiOiJodHRwczovL3JzLmV4YW1wbGUvYXBpIiwiY2xpZW50X2lkIjoiY2xpZW50LTEiLCJleHAiOjE3MDAwMDAzMDAsImlhdCI6MTY5OTk5OTk5MCwianRpIjoianRpLTEiLCJzY29wZSI6InJlYWQifQ.GQMwF0RqgQXH6halIUv4X1QiGTBIhxze754kP4WPjGVJTbwVGdRjhS58HS-6S6eYxU5wBztTq8O00zW1gI_uuw");
/// let mut scratch = [0; 1024];
/// let access = validate(token, &policy, &keys, UnixTime(1_700_000_000), &mut scratch).unwrap();
/// assert_eq!((access.subject, access.client_id), ("user-1", "client-1"));
/// let late = validate(token, &policy, &keys, UnixTime(1_700_000_300), &mut scratch);
/// assert_eq!(late, Err(Refusal::Expired));
/// # }
/// ```
///
/// # Errors
/// [`Refusal`]: the one check that it did not pass.
pub fn validate<'r>(
    token: SecretText<'r>,
    policy: &Policy<'_>,
    keys: &[IssuerKeys<'_>],
    now: UnixTime,
    scratch: &'r mut [u8],
) -> Result<Access<'r>, Refusal> {
    let Read::Signed(presented) = Presented::read(token.expose(), policy, now, scratch)? else {
        return Err(Refusal::Issuer);
    };
    let own = keys.iter().find(|keys| keys.issuer == presented.issuer());
    let key = own.and_then(|own| find(own.keys.iter().copied(), presented.algorithm(), presented.kid()));
    presented.judge(&key.ok_or(Refusal::UnknownKey)?, policy, now)
}

/// What a token turned out to be.
#[expect(clippy::large_enum_variant, reason = "there is no heap to box into, and it lives for one call")]
pub(super) enum Read<'r, 'p> {
    /// A signed one, whose key is needed.
    Signed(Presented<'r>),
    /// One of this issuer, which wants to be asked about all of its tokens.
    Asked(&'p str),
}

/// A signed token of an issuer that is trusted for such, and what it lets its bearer do, if it is proven.
#[derive(Debug)]
pub(super) struct Presented<'r> {
    token: Unverified<'r>,
    access: Access<'r>,
}

impl<'r> Presented<'r> {
    /// All that can be seen without a key, so that none is fetched for what is refused all the same.
    #[inline(always)] // it is called twice in all, and what it gives is large
    pub(super) fn read<'p>(
        token: &'r str,
        policy: &Policy<'p>,
        now: UnixTime,
        scratch: &'r mut [u8],
    ) -> Result<Read<'r, 'p>, Refusal> {
        let limits = Limits { token: super::MAX_TOKEN, ..Limits::DEFAULT };
        let mut token = Unverified::read(token, limits, scratch)?;
        let claims = token.claims(policy.audience.resource())?;
        let issuer = claims.issuer.ok_or(Refusal::Missing("iss"))?;
        let trusted = policy.issuers.iter().find(|trusted| trusted.name == issuer).ok_or(Refusal::Issuer)?;
        let Some(rules) = trusted.jwt_rules() else { return Ok(Read::Asked(trusted.name)) };
        if !rules.algorithms.contains(token.header().algorithm) {
            return Err(JwsError::NotAllowed.into());
        }
        if !token.header().is_type(rules.typ) {
            return Err(Refusal::Type);
        }
        let access = claimed(&claims, issuer, token.payload(), policy.leeway, now)?;
        Ok(Read::Signed(Self { token, access }))
    }

    pub(super) const fn issuer(&self) -> &'r str {
        self.access.issuer
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.token.header().algorithm
    }

    pub(super) const fn kid(&self) -> Option<&'r str> {
        self.token.header().kid
    }

    #[inline(always)]
    pub(super) fn judge(self, key: &Key<'_>, policy: &Policy<'_>, now: UnixTime) -> Result<Access<'r>, Refusal> {
        // Only what the policy allows was read.
        self.token.check(key, Algorithms::of(&[self.algorithm()]))?;
        allowed(&self.access, policy, now)?;
        Ok(self.access)
    }
}

/// What the claims come to now, if they are proven.
#[inline(always)]
fn claimed<'r>(
    claims: &Claims<'r>,
    issuer: &'r str,
    payload: &'r [u8],
    leeway: u32,
    now: UnixTime,
) -> Result<Access<'r>, Refusal> {
    let expires_at = claims.expires_at.ok_or(Refusal::Missing("exp"))?;
    if !claims.for_audience.ok_or(Refusal::Missing("aud"))? {
        return Err(Refusal::Audience);
    }
    let subject = claims.subject.ok_or(Refusal::Missing("sub"))?;
    let client_id = claims.client_id.ok_or(Refusal::Missing("client_id"))?;
    claims.issued_at.ok_or(Refusal::Missing("iat"))?;
    let id = claims.id.ok_or(Refusal::Missing("jti"))?;
    if now >= expires_at.plus(leeway) {
        return Err(Refusal::Expired);
    }
    if claims.not_before.is_some_and(|not_before| now.plus(leeway) < not_before) {
        return Err(Refusal::NotYet);
    }
    if claims.bound {
        return Err(Refusal::Bound);
    }
    let (scope, acr) = (claims.scope.unwrap_or_default(), claims.acr.unwrap_or_default());
    let auth_time = claims.auth_time;
    Ok(Access { issuer, client_id, subject, scope, expires_at, auth_time, acr, id, claims: payload })
}

/// What is asked of every token, once it is known to be good: the scopes, and the login that it comes from.
pub(super) fn allowed(access: &Access<'_>, policy: &Policy<'_>, now: UnixTime) -> Result<(), Refusal> {
    if !scope::is_subset(policy.scope, access.scope) {
        return Err(Refusal::Scope);
    }
    let step_up = &policy.step_up;
    if !step_up.acr_values.is_empty() && (access.acr.is_empty() || !scope::contains(step_up.acr_values, access.acr)) {
        return Err(Refusal::Login);
    }
    // RFC 9470 section 4: without `auth_time` nobody knows.
    if let Some(max_age) = step_up.max_age
        && access.auth_time.is_none_or(|at| at.plus(max_age) < now)
    {
        return Err(Refusal::Login);
    }
    Ok(())
}
