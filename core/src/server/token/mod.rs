//! The token endpoint. <https://www.rfc-editor.org/rfc/rfc6749#section-3.2>

mod client_credentials;
mod code;
mod refresh;

use super::caller::Caller;
use super::change::{Found, Key, Kind, sha256};
use super::commit::KeptAccess;
use super::credential::{Locator, Presented};
use super::fault::Fault;
use super::jwt::{self, Facts};
use super::kept::Kept;
use super::params::{self, FormRequest};
use super::policy::{Asking, Issuance, Terms};
use super::record::{AccessTokenFormat, Digest, Record};
use super::step::{Flow, Machine, Step};
use super::{ENTROPY, Server};
use crate::secret::Entropy;
use crate::text::buf::{Scratch, Span};
use crate::text::{scope, uri};
use crate::time::UnixTime;

/// What a token request says, decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    grant_type: Span,
    code: Span,
    redirect_uri: Span,
    code_verifier: Span,
    refresh_token: Span,
    scope: Span,
    resource: Span,
    /// The record of the access token that a retried refresh gives once more, where that is to be looked at too.
    given: Option<Key>,
}

/// What a kept grant gives now.
#[derive(Clone, Copy)]
struct Given {
    terms: Terms,
    scope: Span,
    resource: Span,
}

/// Tokens to be shown once their change is applied; made from these facts when the reply is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub(super) locator: Locator,
    pub(super) access: AccessToken,
    /// Of the grant, where there is a refresh token.
    pub(super) refresh: bool,
    pub(super) server_key: u8,
    pub(super) generation: u32,
    pub(super) rotated_at: UnixTime,
    pub(super) salt: Digest,
    pub(super) expires_in: u32,
    pub(super) scope: Span,
}

/// An access token, or where its secret comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum AccessToken {
    /// From the entropy of this request.
    Drawn,
    /// From the server key and the grant's generation, so that the grace window can compute it again.
    Derived,
    /// Signed, or to be signed.
    Signed { message: Span, signature: Span },
}

/// Serves one request to the token endpoint: authorization code, client credentials, refresh.
///
/// `seed` is drawn for this request alone. `scratch` of [`super::SCRATCH`] bytes suffices; what was written
/// of it is zeroed at the end.
/// The reply has status 200, or an error as in
/// [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2).
pub fn token<'r>(
    server: &'r Server<'r>,
    request: &FormRequest<'_>,
    now: UnixTime,
    seed: Entropy<ENTROPY>,
    scratch: &'r mut [u8],
) -> Step<'r> {
    let mut scratch = Scratch::new(scratch);
    let read = read(request, &mut scratch);
    let (caller, request) = match read {
        Ok((caller, request)) => (Ok(caller), request),
        Err(fault) => (Err(fault), Request::EMPTY),
    };
    Machine::new(server, now, seed, scratch, Flow::Token(request)).begin(caller)
}

impl Request {
    const EMPTY: Self = Self {
        grant_type: Span::EMPTY,
        code: Span::EMPTY,
        redirect_uri: Span::EMPTY,
        code_verifier: Span::EMPTY,
        refresh_token: Span::EMPTY,
        scope: Span::EMPTY,
        resource: Span::EMPTY,
        given: None,
    };
}

fn read(request: &FormRequest<'_>, scratch: &mut Scratch<'_>) -> Result<(Caller, Request), Fault> {
    let form = params::body(request)?;
    let caller = Caller::read(request.authorization, form, scratch)?;
    let names = ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"];
    let [grant_type, code, redirect_uri, code_verifier, refresh_token, scope, resource] =
        params::take(form, names, scratch)?;
    let request =
        Request { grant_type, code, redirect_uri, code_verifier, refresh_token, scope, resource, given: None };
    Ok((caller, request))
}

/// The client is known and authenticated: on to the grant.
pub(super) fn authenticated(m: Machine<'_>) -> Step<'_> {
    let Flow::Token(request) = m.flow else { return m.refuse(Fault::BadRecord) };
    if let Err(fault) = check_scope_and_resource(&m, &request) {
        return m.refuse(fault);
    }
    match m.text(request.grant_type) {
        "authorization_code" => code::begin(m, &request),
        "client_credentials" => client_credentials::begin(m, &request),
        "refresh_token" => refresh::begin(m, &request),
        "" => m.refuse(Fault::NoGrantType),
        _ => m.refuse(Fault::GrantType),
    }
}

pub(super) fn loaded<'r>(m: Machine<'r>, found: &Found<'_>) -> Step<'r> {
    let Flow::Token(request) = m.flow else { return m.refuse(Fault::BadRecord) };
    match m.text(request.grant_type) {
        "authorization_code" => code::loaded(m, &request, found),
        _ => refresh::loaded(m, &request, found),
    }
}

fn check_scope_and_resource(m: &Machine<'_>, request: &Request) -> Result<(), Fault> {
    check_list(m.text(request.scope), scope::is_scope, Fault::BadScope)?;
    check_resources(m.text(request.resource))
}

/// Every named resource is an absolute URI without fragment. <https://www.rfc-editor.org/rfc/rfc8707#section-2>
pub(super) fn check_resources(resource: &str) -> Result<(), Fault> {
    check_list(resource, |list| list.split(' ').all(uri::is_resource), Fault::BadResource)
}

pub(super) fn check_list(list: &str, ok: impl Fn(&str) -> bool, fault: Fault) -> Result<(), Fault> {
    if list.is_empty() || ok(list) { Ok(()) } else { Err(fault) }
}

/// What is asked for, or all that there is if nothing is named.
const fn asked(asked: Span, all: Span) -> Span {
    if asked.is_empty() { all } else { asked }
}

/// The code or refresh token of the request, taken apart.
fn presented(m: &Machine<'_>, span: Span, absent: Fault, unknown: Fault) -> Result<Presented, Fault> {
    if span.is_empty() {
        return Err(absent);
    }
    Presented::read(m.text(span)).ok_or(unknown)
}

/// Asks the matrix for what a kept grant may give now.
///
/// What its client is registered for may have become less since the grant was made. Then it gives what is left of what was
/// asked for, and the response says so: <https://www.rfc-editor.org/rfc/rfc6749#section-3.3>. The grant stays as it is.
fn decide(
    m: &mut Machine<'_>,
    request: &Request,
    asking: Asking,
    kept: &mut Kept,
    found: &Found<'_>,
    grant_ends: UnixTime,
) -> Result<Given, Fault> {
    let account_live = look_at_account(m, kept, found);
    let (scope, resource) = (asked(request.scope, kept.scope), asked(request.resource, kept.resource));
    // Beyond the consent nothing is passed over: the matrix refuses it.
    let consented = scope::is_subset(m.text(scope), m.text(kept.scope));
    let scope = if consented { left_to_client(m, scope)? } else { scope };
    let ask = Issuance {
        asking,
        confidential: m.caller.confidential,
        grant_types: m.caller.grant_types,
        client_scope: m.text(m.caller.scope),
        client_resource: m.text(m.caller.resource),
        consented_scope: m.text(kept.scope),
        consented_resource: m.text(kept.resource),
        scope: m.text(scope),
        resource: m.text(resource),
        account_live,
        grant_ends,
    };
    Ok(Given { terms: m.server.policy.decide(&ask, m.now)?, scope, resource })
}

/// What the client is registered for of a scope. Where that is nothing, the scope itself, for the matrix to refuse.
fn left_to_client(m: &mut Machine<'_>, scope: Span) -> Result<Span, Fault> {
    let own = m.caller.scope;
    if scope::is_subset(m.text(scope), m.text(own)) {
        return Ok(scope);
    }
    let left = m.scratch.compose(|kept, w| {
        for word in scope::words(kept.text(scope)).filter(|word| scope::contains(kept.text(own), word)) {
            if !w.is_empty() {
                w.push(' ');
            }
            w.push_str(word);
        }
    });
    left.map(|left| if left.is_empty() { scope } else { left }).map_err(|_| Fault::Scratch)
}

/// Issues in the grant's current generation: by whose key and when its tokens are made, and the record of its access token.
fn next_generation(
    m: &mut Machine<'_>,
    locator: Locator,
    kept: &mut Kept,
    given: &Given,
) -> Result<(Option<KeptAccess>, Tokens), Fault> {
    kept.rotated_at = m.now;
    kept.server_key = m.server.current_key()?.id();
    let tokens = generation(m, locator, kept, given)?;
    kept.signed = matches!(tokens.access, AccessToken::Signed { .. });
    let access = if kept.signed { None } else { Some(access_record(m, kept, given)?) };
    Ok((access, tokens))
}

/// The tokens of the grant's current generation, all computed from it.
fn generation(m: &mut Machine<'_>, locator: Locator, kept: &Kept, given: &Given) -> Result<Tokens, Fault> {
    let Kept { server_key, generation, rotated_at, salt, .. } = *kept;
    let Given { terms, scope, resource } = *given;
    let id = m.server.key(server_key).ok_or(Fault::NoServerKey)?.token_id(locator, generation, rotated_at, &salt);
    let facts = Facts { id, scope, resource, issued_at: rotated_at, expires_at: terms.access_ends };
    let access = access_token(m, kept, &facts, AccessToken::Derived)?;
    let expires_in = terms.access_ends.since(m.now);
    Ok(Tokens { locator, access, refresh: terms.refresh, server_key, generation, rotated_at, salt, expires_in, scope })
}

/// The record of the current generation's opaque access token.
fn access_record(m: &Machine<'_>, kept: &Kept, given: &Given) -> Result<KeptAccess, Fault> {
    let server_key = m.server.key(kept.server_key).ok_or(Fault::NoServerKey)?;
    let secret = server_key.access_secret(&kept.key.id, kept.generation, kept.rotated_at, &kept.salt);
    Ok(KeptAccess {
        key: Key { kind: Kind::Access, id: sha256(&[&secret.0]) },
        scope: given.scope,
        resource: given.resource,
        issued_at: kept.rotated_at,
        expires_at: given.terms.access_ends,
    })
}

/// The access token in the format of its client, a signed one without its signature.
fn access_token(m: &mut Machine<'_>, grant: &Kept, facts: &Facts, opaque: AccessToken) -> Result<AccessToken, Fault> {
    if m.caller.access_token == AccessTokenFormat::Opaque {
        return Ok(opaque);
    }
    let key = m.server.signing_key(m.caller.access_token).ok_or(Fault::NoSigningKey)?;
    Ok(AccessToken::Signed { message: jwt::compose(m, &key, grant, facts)?, signature: Span::EMPTY })
}

/// Whether the grant's account is usable. The first look takes it as it was when it last decided, and the commit holds
/// that version; after a conflict the account itself was asked for (fourth slot), and its version is the one to hold.
fn look_at_account(m: &Machine<'_>, kept: &mut Kept, found: &Found<'_>) -> bool {
    match &found[3] {
        Some((Record::Account(account), version)) => {
            kept.account = Some(*version);
            account.live
        }
        Some(_) => false,
        None => m.account.is_none(), // asked for and not there: it is gone
    }
}
