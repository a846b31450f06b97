//! Client authentication by an assertion that the client signed: `private_key_jwt`.
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3>, as `draft-ietf-oauth-rfc7523bis` narrows it: one audience, which is
//! the issuer, and a type of its own.
//!
//! Who signs is known by the key in its client's record, so that the record comes first, by the `sub` that the assertion
//! claims. An assertion is good once: its `jti` is put in the same change as what its request writes, and in one of its own
//! where that writes nothing, a refusal included.

use super::Server;
use super::change::{Key, Kind, sha256};
use super::fault::Fault;
use super::params::MAX_PARAMETER;
use super::pending::HELD;
use super::policy::{AssertionAudience, Policy};
use super::record::Client;
use super::step::Machine;
use crate::jose::{Algorithm, Algorithms, Claims, Jwk, Limits, PublicJwk, Unverified, Verify, VerifyBy, each_key};
use crate::text::buf::{Scratch, Span};
use crate::text::json::{JsonError, Kind as Json, Reader};
use crate::time::UnixTime;

/// `client_assertion_type`. <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Most bytes of a client's JWK Set: three RSA keys of 4096 bits, or twenty of P-256.
pub const MAX_CLIENT_JWKS: usize = 2560;

/// Most bytes that are kept of an assertion, while it is taken apart once more: who claims to have signed it, and its `jti`.
pub(super) const KEPT: usize = MAX_PARAMETER;

/// Most bytes in which an assertion and the keys that check it are taken apart.
pub(super) const ROOM: usize = 2 * MAX_PARAMETER + 3 * MAX_CLIENT_JWKS;

/// How signatures by clients' keys are checked, and of which algorithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientKeys {
    pub(super) algorithms: Algorithms,
    pub(super) verify: VerifyBy,
}

/// An assertion that is good if it was not used before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assertion {
    /// Its `jti`.
    id: Span,
    /// For how many seconds from now it is to be known that it was used.
    held: u32,
}

impl Assertion {
    /// Where it is written that it was used: each client has identifiers of its own.
    pub(super) fn key(self, m: &Machine<'_>) -> Key {
        Key { kind: Kind::Used, id: sha256(&[b"jti", &m.caller.key().id.0, m.text(self.id).as_bytes()]) }
    }

    pub(super) fn keep_until(self, now: UnixTime) -> UnixTime {
        now.plus(self.held)
    }
}

/// A key of a client's set, with what checks signatures.
struct ClientKey<'k>(&'k PublicJwk<'k>, Algorithm, VerifyBy);

impl Verify for ClientKey<'_> {
    fn algorithm(&self) -> Algorithm {
        self.1
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.2)(self.0, message, signature)
    }
}

/// The client that an assertion claims to be of, for its record to be found. Nothing is proven by it.
pub(super) fn claimed(assertion: Span, scratch: &mut Scratch<'_>) -> Result<Span, Fault> {
    let room = scratch.text(assertion).len().saturating_mul(2);
    let found = scratch.extract(assertion, room, |text, room| {
        let mut jwt = Unverified::read(text, Limits::DEFAULT, room).ok()?;
        Some(((), [jwt.claims("").ok()?.subject?]))
    });
    let ((), [client_id]) = found.map_err(|_| Fault::Scratch)?.ok_or(Fault::MalformedAssertion)?;
    Ok(client_id)
}

/// Whether the client signed this assertion, for this server and for now.
pub(super) fn check(
    server: &Server<'_>,
    now: UnixTime,
    client: &Client<'_>,
    assertion: Span,
    scratch: &mut Scratch<'_>,
) -> Result<Assertion, Fault> {
    let keys = server.client_keys.ok_or(Fault::AssertionNotTaken)?;
    let len = scratch.text(assertion).len();
    // What the keys are taken apart in serves the audience afterwards.
    let room = len.saturating_mul(2).saturating_add(client.jwks.len().saturating_mul(3).max(len));
    let checked = scratch.extract(assertion, room, |text, room| {
        let (own, others) = room.split_at_mut_checked(len.saturating_mul(2)).unwrap_or_default();
        Some(match check_in(server, &keys, now, client, text, own, others) {
            Ok((id, good_until)) => (Ok(good_until), [id]),
            Err(fault) => (Err(fault), [""]),
        })
    });
    let (good_until, [id]) = checked.map_err(|_| Fault::Scratch)?.ok_or(Fault::MalformedAssertion)?;
    Ok(Assertion { id, held: good_until?.plus(HELD).since(now) })
}

/// Its `jti`, and until when it could be shown again.
fn check_in<'a>(
    server: &Server<'_>,
    keys: &ClientKeys,
    now: UnixTime,
    client: &Client<'_>,
    text: &'a str,
    own: &'a mut [u8],
    others: &mut [u8],
) -> Result<(&'a str, UnixTime), Fault> {
    let mut jwt = Unverified::read(text, Limits::DEFAULT, own).map_err(|_| Fault::MalformedAssertion)?;
    // First of all, so that who cannot sign learns nothing of the client.
    signed(&jwt, keys, client.jwks, others)?;
    // A token of another kind that the client signed must not pass for this: RFC 8725 section 3.11.
    let header = jwt.header();
    if header.typ.is_some() && !header.is_type("client-authentication+jwt") && !header.is_type("JWT") {
        return Err(Fault::AssertionType);
    }
    let payload = jwt.payload();
    let claims = jwt.claims("").map_err(|_| Fault::MalformedAssertion)?;
    if claims.issuer != Some(client.client_id) || claims.subject != Some(client.client_id) {
        return Err(Fault::AssertionSubject);
    }
    let for_us = match server.policy.assertion_audience {
        AssertionAudience::Issuer => claims.audience == Some(server.issuer()),
        AssertionAudience::IssuerOrTokenEndpoint => names_us_alone(payload, server, others).unwrap_or(false),
    };
    if !for_us {
        return Err(Fault::AssertionAudience);
    }
    let id = claims.id.ok_or(Fault::NoAssertionId)?;
    Ok((id, in_time(&claims, &server.policy, now)?))
}

/// Signed by the one key of the set that its header names, of an algorithm that the server takes and the key is for.
fn signed(jwt: &Unverified<'_>, keys: &ClientKeys, jwks: &str, scratch: &mut [u8]) -> Result<(), Fault> {
    let header = jwt.header();
    let (mut count, mut good) = (0u8, false);
    let read = each_key(jwks.as_bytes(), scratch, |key| {
        let Ok(Jwk::Public(jwk)) = key else { return };
        let Some(algorithm) = jwk.algorithm.filter(|algorithm| *algorithm == header.algorithm) else { return };
        if header.kid.is_some_and(|kid| kid != jwk.kid) {
            return;
        }
        count = count.saturating_add(1);
        // Of two that fit nobody knows which was meant, so that the second is not even tried.
        if count == 1 {
            let part = ClientKey(&jwk, algorithm, keys.verify);
            good = jwt.check(&crate::jose::Key::new(jwk.kid, &part), keys.algorithms).is_ok();
        }
    });
    match (read, count, good) {
        (Err(_), ..) => Err(Fault::BadRecord),
        (Ok(()), 1, true) => Ok(()),
        (Ok(()), 1, false) => Err(Fault::ForgedAssertion),
        _ => Err(Fault::UnknownAssertionKey),
    }
}

/// Whether `aud` names this server, be it by its token endpoint or in an array, and no other: one that is good elsewhere
/// too could be shown here by whoever received it there.
fn names_us_alone(payload: &[u8], server: &Server<'_>, scratch: &mut [u8]) -> Result<bool, JsonError> {
    let is_us = |name: &str| {
        let endpoint = name.strip_prefix(server.issuer().trim_end_matches('/'));
        name == server.issuer() || endpoint == Some(super::Endpoint::Token.path())
    };
    let mut r = Reader::new(payload, Claims::LIMITS, scratch);
    let (mut us, mut all_us) = (false, true);
    r.object()?;
    while let Some(name) = r.name()? {
        if name != "aud" {
            r.skip()?;
        } else if r.peek()? == Json::String {
            us = is_us(r.string()?);
        } else {
            r.array()?;
            while r.element()? {
                us = is_us(r.string()?);
                all_us &= us;
            }
        }
    }
    Ok(us && all_us)
}

/// Until when it could be shown again. Clocks may differ by the policy's leeway, at both ends.
fn in_time(claims: &Claims<'_>, policy: &Policy, now: UnixTime) -> Result<UnixTime, Fault> {
    let (latest, longest) = (now.plus(policy.assertion_leeway), policy.assertion_lifetime);
    let expires_at = claims.expires_at.ok_or(Fault::NoAssertionExpiry)?.plus(policy.assertion_leeway);
    let begins = [claims.not_before, claims.issued_at];
    let too_old = |issued_at: UnixTime| now >= issued_at.plus(longest).plus(policy.assertion_leeway);
    match () {
        () if now >= expires_at || claims.issued_at.is_some_and(too_old) => Err(Fault::ExpiredAssertion),
        () if expires_at > latest.plus(longest) => Err(Fault::LongAssertion),
        () if begins.into_iter().flatten().any(|begin| begin > latest) => Err(Fault::EarlyAssertion),
        () => Ok(expires_at),
    }
}

/// Whether these may be kept as a client's keys: public ones, each for one algorithm, and told apart by `kid`.
pub(super) fn are_client_keys(jwks: &str) -> bool {
    let (mut count, mut good, mut nameless) = (0usize, true, false);
    let read = each_key(jwks.as_bytes(), &mut [0; 3 * MAX_CLIENT_JWKS], |key| {
        count = count.saturating_add(1);
        match key {
            Ok(Jwk::Public(jwk)) => {
                good &= jwk.algorithm.is_some();
                nameless |= jwk.kid.is_empty();
            }
            Ok(Jwk::Symmetric(_)) | Err(_) => good = false,
        }
    });
    jwks.len() <= MAX_CLIENT_JWKS && read.is_ok() && good && count > 0 && (count == 1 || !nameless)
}
