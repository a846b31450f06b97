//! Who calls: the client and how it authenticated, the same for the token, revocation and introspection endpoints.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>

use super::Server;
use super::assertion::{self, Assertion};
use super::change::{Key, Kind, Version, sha256};
use super::fault::Fault;
use super::params::{self, FormRequest};
use super::record::{AccessTokenFormat, Client, ClientAuth, Digest, GrantTypes};
use crate::secret::ct_eq;
use crate::text::buf::{Scratch, Span};
use crate::text::form::{Encoded, Form};
use crate::text::{base64, grammar};
use crate::time::UnixTime;
use crate::wire::header::Header;
use zeroize::Zeroize;

/// Most bytes of decoded Basic credentials.
const MAX_CREDENTIALS: usize = 1024;

/// What the request says of its client, and what the client's record says once it was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller {
    pub(super) client_id: Span,
    /// SHA-256 of `client_id`, which names the client's record.
    digest: [u8; 32],
    pub(super) secret: Span,
    /// What it signed, in place of a secret.
    pub(super) assertion: Span,
    /// The same once it is proven, until it is written that it was used.
    pub(super) proven: Option<Assertion>,
    /// There is such a client; whether it is the one that calls, its secret tells.
    pub(super) recognised: bool,
    pub(super) confidential: bool,
    pub(super) version: Option<Version>,
    pub(super) grant_types: GrantTypes,
    pub(super) access_token: AccessTokenFormat,
    pub(super) may_introspect: bool,
    pub(super) scope: Span,
    pub(super) resource: Span,
}

/// What the client's record says of the secret.
pub(super) enum Checked {
    /// Authenticated, or public.
    Done,
    /// A slow hash must decide.
    Slow { hash: Span },
}

impl Caller {
    /// Reads the credentials: in the header, in the body or in an assertion, and never in two of them.
    pub(super) fn read(authorization: Header<'_>, form: Form<'_>, scratch: &mut Scratch<'_>) -> Result<Self, Fault> {
        let names = ["client_id", "client_secret", "client_assertion_type", "client_assertion"];
        let [body_id, body_secret, kind, assertion] = params::take(form, names, scratch)?;
        let caller = match authorization {
            Header::Many => return Err(Fault::BadAuthorization),
            Header::Absent if !kind.is_empty() || !assertion.is_empty() => {
                if !body_secret.is_empty() {
                    return Err(Fault::TwoAuthMethods);
                }
                if scratch.text(kind) != assertion::JWT_BEARER || assertion.is_empty() {
                    return Err(Fault::AssertionKind);
                }
                let client_id = assertion::claimed(assertion, scratch)?;
                // RFC 7521 section 4.2: `client_id` is not needed, and names the same client.
                if !body_id.is_empty() && scratch.text(body_id) != scratch.text(client_id) {
                    return Err(Fault::AssertionSubject);
                }
                Self { client_id, assertion, ..Self::default() }
            }
            Header::Absent => Self { client_id: body_id, secret: body_secret, ..Self::default() },
            Header::One(_) if !kind.is_empty() || !assertion.is_empty() => return Err(Fault::TwoAuthMethods),
            Header::One(header) => {
                let [client_id, secret] = basic(header, scratch)?;
                // `client_id` beside the header is no second method, if it names the same client.
                let same = body_id.is_empty() || scratch.text(body_id) == scratch.text(client_id);
                if !body_secret.is_empty() {
                    return Err(Fault::TwoAuthMethods);
                }
                if !same {
                    return Err(Fault::TwoClientIds);
                }
                Self { client_id, secret, ..Self::default() }
            }
        };
        let ok = |span| grammar::is_vschar(scratch.text(span));
        match () {
            () if caller.client_id.is_empty() => Err(Fault::NoCredentials),
            () if !ok(caller.client_id) || !caller.secret.is_empty() && !ok(caller.secret) => Err(Fault::UnknownClient),
            () => Ok(caller.named(scratch)),
        }
    }

    /// A client that authenticates by nothing.
    pub(super) fn of(client_id: Span, scratch: &Scratch<'_>) -> Self {
        Self { client_id, ..Self::default() }.named(scratch)
    }

    fn named(self, scratch: &Scratch<'_>) -> Self {
        Self { digest: sha256(&[scratch.text(self.client_id).as_bytes()]).0, ..self }
    }

    /// The key of the client's record.
    pub(super) const fn key(&self) -> Key {
        Key { kind: Kind::Client, id: Digest(self.digest) }
    }

    /// Reads a request about a token: the credentials and `token`. `token_type_hint` is not needed, as the kinds of token
    /// differ in length.
    pub(super) fn read_with_token(request: &FormRequest<'_>, scratch: &mut Scratch<'_>) -> (Result<Self, Fault>, Span) {
        let read = params::body(request).and_then(|form| {
            let caller = Self::read(request.authorization, form, scratch)?;
            let [token] = params::take(form, ["token"], scratch)?;
            Ok((caller, token))
        });
        match read {
            Ok((caller, token)) => (Ok(caller), token),
            Err(fault) => (Err(fault), Span::EMPTY),
        }
    }

    /// Keeps what the record says and what later steps need of it.
    pub(super) fn recognise(
        &mut self,
        client: &Client<'_>,
        version: Option<Version>,
        scratch: &mut Scratch<'_>,
    ) -> Result<(), Fault> {
        if client.client_id != scratch.text(self.client_id) {
            return Err(Fault::BadRecord);
        }
        if !client.live {
            return Err(Fault::UnknownClient);
        }
        self.recognised = true;
        self.confidential = client.auth != ClientAuth::Public;
        self.version = version;
        self.grant_types = client.grant_types;
        self.access_token = client.access_token;
        self.may_introspect = client.may_introspect && self.confidential;
        self.scope = scratch.keep(client.scope).map_err(|_| Fault::Scratch)?;
        self.resource = scratch.keep(client.resource).map_err(|_| Fault::Scratch)?;
        Ok(())
    }

    /// Compares the secret with what the record says, or checks the assertion by it.
    pub(super) fn authenticate(
        &mut self,
        server: &Server<'_>,
        now: UnixTime,
        client: &Client<'_>,
        scratch: &mut Scratch<'_>,
    ) -> Result<Checked, Fault> {
        let secret = scratch.text(self.secret);
        match client.auth {
            ClientAuth::PrivateKeyJwt if !self.assertion.is_empty() => {
                self.proven = Some(assertion::check(server, now, client, self.assertion, scratch)?);
                Ok(Checked::Done)
            }
            ClientAuth::PrivateKeyJwt if secret.is_empty() => Err(Fault::NoAssertion),
            ClientAuth::PrivateKeyJwt => Err(Fault::OtherAuthMethod),
            _ if !self.assertion.is_empty() => Err(Fault::OtherAuthMethod),
            ClientAuth::Public if secret.is_empty() => Ok(Checked::Done),
            ClientAuth::Public => Err(Fault::PublicWithSecret),
            _ if secret.is_empty() => Err(Fault::NoSecret),
            ClientAuth::Drawn => {
                let kept = Digest::from_hex(client.secret).ok_or(Fault::BadRecord)?;
                let equal = ct_eq(&sha256(&[secret.as_bytes()]).0, &kept.0);
                if equal { Ok(Checked::Done) } else { Err(Fault::WrongSecret) }
            }
            ClientAuth::Chosen => {
                let hash = scratch.keep(client.secret).map_err(|_| Fault::Scratch)?;
                Ok(Checked::Slow { hash })
            }
        }
    }
}

/// Splits `Basic base64(form(client_id) ":" form(client_secret))`.
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>
fn basic(header: &str, scratch: &mut Scratch<'_>) -> Result<[Span; 2], Fault> {
    let bad = Fault::BadAuthorization;
    let (scheme, credentials) = header.split_once(' ').ok_or(bad)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(bad);
    }
    let mut room = [0; MAX_CREDENTIALS];
    let spans = id_and_secret(credentials.trim_start_matches(' '), &mut room, scratch);
    // Decoded they are shorter than they came.
    room.get_mut(..credentials.len().min(MAX_CREDENTIALS)).unwrap_or_default().zeroize();
    spans
}

fn id_and_secret(credentials: &str, room: &mut [u8], scratch: &mut Scratch<'_>) -> Result<[Span; 2], Fault> {
    let bad = Fault::BadAuthorization;
    let bytes = base64::decode_standard(credentials, room).map_err(|_| bad)?;
    let (id, secret) = core::str::from_utf8(bytes).map_err(|_| bad)?.split_once(':').ok_or(bad)?;
    let mut keep = |part: &str| {
        let mut read = Ok(());
        let span = scratch.write(|w| read = Encoded::new(part).decode(w)).map_err(|_| Fault::Scratch)?;
        read.map_err(|_| bad).map(|()| span)
    };
    Ok([keep(id)?, keep(secret)?])
}
