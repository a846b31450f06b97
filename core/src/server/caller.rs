//! Who calls: the client and how it authenticated, the same for the token, revocation and introspection endpoints.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>

use super::change::{Version, sha256};
use super::fault::Fault;
use super::params::{self, FormRequest};
use super::record::{AccessTokenFormat, Client, ClientAuth, Digest, GrantTypes};
use crate::secret::ct_eq;
use crate::text::buf::{Scratch, Span};
use crate::text::form::{Encoded, Form};
use crate::text::{base64, grammar};
use crate::wire::header::Header;
use zeroize::Zeroize;

/// Most bytes of decoded Basic credentials.
const MAX_CREDENTIALS: usize = 1024;

/// What the request says of its client, and what the client's record says once it was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller {
    pub(super) client_id: Span,
    pub(super) secret: Span,
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
    /// Reads the credentials: in the header or in the body, never in both.
    pub(super) fn read(authorization: Header<'_>, form: Form<'_>, scratch: &mut Scratch<'_>) -> Result<Self, Fault> {
        let [body_id, body_secret] = params::take(form, ["client_id", "client_secret"], scratch)?;
        let caller = match authorization {
            Header::Many => return Err(Fault::BadAuthorization),
            Header::Absent => Self { client_id: body_id, secret: body_secret, ..Self::default() },
            Header::One(header) => {
                let [client_id, secret] = basic(header, scratch)?;
                // `client_id` beside the header is no second method, if it names the same client.
                let same = body_id.is_empty() || scratch.text(body_id) == scratch.text(client_id);
                if !body_secret.is_empty() || !same {
                    return Err(Fault::TwoAuthMethods);
                }
                Self { client_id, secret, ..Self::default() }
            }
        };
        let ok = |span| grammar::is_vschar(scratch.text(span));
        match () {
            () if caller.client_id.is_empty() => Err(Fault::NoCredentials),
            () if !ok(caller.client_id) || !caller.secret.is_empty() && !ok(caller.secret) => Err(Fault::UnknownClient),
            () => Ok(caller),
        }
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

    /// Compares the secret with what the record says.
    pub(super) fn authenticate(&self, client: &Client<'_>, scratch: &mut Scratch<'_>) -> Result<Checked, Fault> {
        let secret = scratch.text(self.secret);
        match client.auth {
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
