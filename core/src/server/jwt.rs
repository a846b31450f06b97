//! Signed access tokens: what is signed, and how one of our own is recognised when it comes back.
//! <https://www.rfc-editor.org/rfc/rfc9068#section-2>
//!
//! A `jti` reads `base64url(locator (16) || 16 bytes)`, so that every key is known before any load, as with opaque tokens.
//! No record is written for one. It lives as long as its grant, unless a record says that it alone was revoked.

use super::change::sha256;
use super::credential::{Locator, Presented};
use super::fault::Fault;
use super::kept::Kept;
use super::record::{Digest, Grant, GrantState};
use super::step::Machine;
use crate::jose::{Algorithms, Key, Limits, Unverified, find};
use crate::text::buf::Span;
use crate::text::json::Object;
use crate::text::{base64, scope};
use crate::time::UnixTime;

/// `typ` of the header. <https://www.rfc-editor.org/rfc/rfc9068#section-2.1>
const TYPE: &str = "at+jwt";

/// What `sub` begins with where a client acts for itself: no account has such a subject, so that neither passes for the
/// other. <https://www.rfc-editor.org/rfc/rfc9068#section-5>
const CLIENT: &str = "client:";

/// Whether the subject of an account could be taken for a client's.
pub(super) fn is_clients(subject: &str) -> bool {
    subject.starts_with(CLIENT)
}

/// A `jti`, as bytes.
#[derive(Clone, Copy)]
pub(super) struct TokenId(pub(super) Locator, pub(super) [u8; 16]);

impl TokenId {
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.0.into_iter().chain(self.1)) {
            *to = from;
        }
        bytes
    }

    /// What it is filed under: the digest of its text, which is not as long as any secret.
    pub(super) fn digest(self) -> Digest {
        digest(base64::encode(&self.bytes(), &mut [0; 43]).unwrap_or_default())
    }
}

fn digest(id: &str) -> Digest {
    sha256(&[id.as_bytes()])
}

/// What an access token says besides what its grant says.
pub(super) struct Facts {
    pub(super) id: TokenId,
    pub(super) scope: Span,
    /// The granted resource; empty for the default.
    pub(super) resource: Span,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Writes what is to be signed by `key`: header and claims.
pub(super) fn compose(m: &mut Machine<'_>, key: &Key<'_>, grant: &Kept, facts: &Facts) -> Result<Span, Fault> {
    let (server, own) = (m.server, m.caller.resource);
    one_resource(m.text(facts.resource))?;
    // An account may be older than the rule that it is named otherwise.
    if is_clients(m.text(grant.subject)) {
        return Err(Fault::BadRecord);
    }
    let span = m.scratch.compose(|kept, w| {
        let text = |span| kept.text(span);
        let audience = [text(facts.resource), only(text(own)), server.default_audience()];
        let audience = audience.into_iter().find_map(|list| scope::words(list).next()).unwrap_or_default();
        let mut header = Object::new(w);
        header.string("typ", TYPE);
        header.string("alg", key.algorithm().as_str());
        header.string("kid", key.kid());
        header.close();
        w.encode_since(0);
        w.push('.');
        let payload = w.len();
        let mut claims = Object::new(w);
        claims.string("iss", server.issuer());
        match text(grant.subject) {
            "" => claims.string_of("sub", [CLIENT, text(grant.client_id)]),
            subject => claims.string("sub", subject),
        }
        claims.string("aud", audience);
        claims.string("client_id", text(grant.client_id));
        claims.number("iat", facts.issued_at.0);
        claims.number("exp", facts.expires_at.0);
        claims.string_with("jti", |w| w.push_base64(&facts.id.bytes()));
        if !facts.scope.is_empty() {
            claims.string("scope", text(facts.scope));
        }
        if grant.auth_time != UnixTime(0) {
            claims.number("auth_time", grant.auth_time.0);
        }
        if !grant.acr.is_empty() {
            claims.string("acr", text(grant.acr));
        }
        if !grant.amr.is_empty() {
            claims.strings("amr", scope::words(text(grant.amr)));
        }
        claims.close();
        w.encode_since(payload);
    });
    span.map_err(|_| Fault::Scratch)
}

/// A scope has a meaning at one resource, and a signed token says none of another: one that mixed them would be
/// ambiguous. <https://www.rfc-editor.org/rfc/rfc9068#section-3>
fn one_resource(list: &str) -> Result<(), Fault> {
    let mut words = scope::words(list);
    let first = words.next();
    if words.all(|word| Some(word) == first) { Ok(()) } else { Err(Fault::SeveralResources) }
}

/// The list, if it is of one resource: what a client has that is registered for no other.
fn only(list: &str) -> &str {
    if scope::words(list).nth(1).is_none() { list } else { "" }
}

/// A signed access token as presented. Signature, type and issuer were checked, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Signed {
    pub(super) locator: Locator,
    pub(super) digest: Digest,
    pub(super) client_id: Span,
    pub(super) scope: Span,
    pub(super) audience: Span,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Takes apart a token that may be of any form. `None` if it is of none of ours.
pub(super) fn presented(m: &mut Machine<'_>, token: Span) -> Result<Option<Presented>, Fault> {
    match Presented::read(m.text(token)) {
        Some(presented) => Ok(Some(presented)),
        None => recognise(m, token).map(|signed| signed.map(Presented::Signed)),
    }
}

impl Signed {
    /// Whether it was issued for this grant: a signature that was made for one that then did not come to be, or not so, is
    /// none of a token that was given out.
    pub(super) fn is_of(&self, m: &Machine<'_>, grant: &Grant<'_>) -> bool {
        let its_one_token = grant.access.is_none_or(|access| access == self.digest);
        grant.state == GrantState::Live && its_one_token && m.text(self.client_id) == grant.client_id
    }
}

fn recognise(m: &mut Machine<'_>, token: Span) -> Result<Option<Signed>, Fault> {
    let server = m.server;
    let room = m.text(token).len().saturating_mul(2);
    let found = m.scratch.extract(token, room, |text, room| {
        let mut token = Unverified::read(text, Limits::DEFAULT, room).ok()?;
        let (algorithm, kid) = (token.header().algorithm, token.header().kid?);
        let key = find(server.signing_keys().iter().copied(), algorithm, Some(kid))?;
        if !token.header().is_type(TYPE) || token.check(&key, Algorithms::of(&[algorithm])).is_err() {
            return None;
        }
        let claims = token.claims("").ok()?;
        let id: [u8; 32] = base64::decode_array(claims.id?).ok()?;
        let (locator, _) = id.split_first_chunk::<16>()?;
        let found = (Locator(*locator), digest(claims.id?), claims.issued_at?, claims.expires_at?);
        let texts = [claims.client_id?, claims.scope.unwrap_or_default(), claims.audience?];
        (claims.issuer? == server.issuer()).then_some((found, texts))
    });
    let Some((found, [client_id, scope, audience])) = found.map_err(|_| Fault::Scratch)? else { return Ok(None) };
    let (locator, digest, issued_at, expires_at) = found;
    Ok(Some(Signed { locator, digest, client_id, scope, audience, issued_at, expires_at }))
}
