//! The authorization endpoint: a checked request, a person's login and consent, a code.
//!
//! Nothing redirects before the client and its redirect URI are checked, whatever else is wrong.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1>, <https://www.rfc-editor.org/rfc/rfc9700#section-2.1>

mod owner;

pub use owner::{NeedOwner, Owner};

use super::caller::Caller;
use super::change::{Found, Key, Kind, sha256};
use super::commit::{KeptCode, NeedCommit, Transition};
use super::credential::Locator;
use super::fault::Fault;
use super::kept::Kept;
use super::params::{self, MAX_REQUEST, form_fault};
use super::policy::{Asking, Issuance};
use super::record::{Client, Digest, GrantState, Record};
use super::reply::Outcome;
use super::step::{Flow, Machine, Step};
use super::token::{check_list, check_resources};
use super::{AUTHORIZE_ENTROPY, Server, seed};
use crate::secret::Entropy;
use crate::text::buf::{Scratch, Span};
use crate::text::form::{Form, FormError};
use crate::text::{base64, grammar, scope, uri};
use crate::time::UnixTime;
use owner::Answered;

/// A request to the authorization endpoint, by GET or as a posted form.
#[derive(Clone, Copy)]
pub struct AuthorizeRequest<'r> {
    /// What follows the `?`, or the body of a POST; at most [`MAX_REQUEST`] bytes.
    pub query: &'r str,
}

impl core::fmt::Debug for AuthorizeRequest<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AuthorizeRequest(..)")
    }
}

/// What an authorization request says, decoded, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// As it came, so that a pause can seal it.
    pub(super) query: Span,
    pub(super) redirect_uri: Span,
    redirect_uri_named: bool,
    /// The redirect URI was checked: answers may go there.
    pub(super) may_redirect: bool,
    pub(super) state: Span,
    scope: Span,
    resource: Span,
    challenge: Digest,
    acr_values: Span,
    max_age: Option<u32>,
    /// What is wrong with the parameters, to be said once it is known where to.
    fault: Option<Fault>,
    client_name: Span,
    pub(super) ids: Ids,
    /// The pending request that this one was reopened from, and when that expires.
    pub(super) pending: Option<(Key, UnixTime)>,
    /// What the person said; kept over conflicts, as nobody is asked twice.
    owner: Option<Answered>,
}

/// What is drawn for this endpoint alone. No secrets: both stand where others can read them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    /// Of the grant.
    salt: Digest,
    /// Of the request, if it is paused.
    pub(super) pending: Digest,
}

/// Serves one request to the authorization endpoint.
///
/// The reply is a redirect with `code`, `state` and `iss`, a redirect with `error`, or a page if there is nowhere that
/// may be redirected to ([`super::Reply::page`]).
pub fn authorize<'r>(
    server: &'r Server<'r>,
    request: &AuthorizeRequest<'_>,
    now: UnixTime,
    seed: Entropy<AUTHORIZE_ENTROPY>,
    scratch: &'r mut [u8],
) -> Step<'r> {
    begin(server, request.query, None, now, seed, Scratch::new(scratch))
}

pub(super) fn begin<'r>(
    server: &'r Server<'r>,
    query: &str,
    pending: Option<(Key, UnixTime)>,
    now: UnixTime,
    seed: Entropy<AUTHORIZE_ENTROPY>,
    mut scratch: Scratch<'r>,
) -> Step<'r> {
    let (caller, request) = match read(query, pending, &mut scratch) {
        Ok((caller, request)) => (Ok(caller), request),
        Err(fault) => (Err(fault), Request::NONE),
    };
    let ids = Ids { salt: Digest(seed.part(seed::SALT)), pending: Digest(seed.part(seed::PENDING)) };
    let flow = Flow::Authorize(Request { ids, ..request });
    Machine::new(server, now, Entropy::new(seed.part(0)), scratch, flow).begin(caller)
}

impl Request {
    /// Says nothing, so nothing can be redirected.
    pub(super) const NONE: Self = Self {
        query: Span::EMPTY,
        redirect_uri: Span::EMPTY,
        redirect_uri_named: false,
        may_redirect: false,
        state: Span::EMPTY,
        scope: Span::EMPTY,
        resource: Span::EMPTY,
        challenge: Digest([0; 32]),
        acr_values: Span::EMPTY,
        max_age: None,
        fault: None,
        client_name: Span::EMPTY,
        ids: Ids { salt: Digest([0; 32]), pending: Digest([0; 32]) },
        pending: None,
        owner: None,
    };
}

/// An error is one that must be shown here; what may be told to the client goes to `fault` of the request.
fn read(query: &str, pending: Option<(Key, UnixTime)>, scratch: &mut Scratch<'_>) -> Result<(Caller, Request), Fault> {
    if query.len() > MAX_REQUEST {
        return Err(Fault::TooLong);
    }
    let (form, mut fault) = match Form::new(query, &["resource"]) {
        Ok(form) => (form, None),
        Err(FormError::Repeated) => (Form::with_repetition(query), Some(Fault::Malformed)),
        Err(error) => return Err(form_fault(error)),
    };
    let once = |name| form.pairs().filter(|(n, _)| n.is(name)).count() <= 1;
    if !once("client_id") || !once("redirect_uri") {
        return Err(Fault::Malformed);
    }
    let [client_id, redirect_uri] = params::take(form, ["client_id", "redirect_uri"], scratch)?;
    if !grammar::is_vschar(scratch.text(client_id)) {
        return Err(Fault::NoClientId);
    }
    let mut request = Request { redirect_uri, redirect_uri_named: !redirect_uri.is_empty(), pending, ..Request::NONE };
    request.query = scratch.keep(query).map_err(|_| Fault::Scratch)?;
    // `state` first: it goes along with whatever else is wrong, unless it is itself.
    if once("state") {
        match params::take(form, ["state"], scratch) {
            Ok([state]) if state.is_empty() || grammar::is_vschar(scratch.text(state)) => request.state = state,
            Ok(_) => fault = fault.or(Some(Fault::BadState)),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    if fault.is_none() {
        fault = read_rest(form, &mut request, scratch).err();
    }
    Ok((Caller::of(client_id, scratch), Request { fault, ..request }))
}

fn read_rest(form: Form<'_>, request: &mut Request, scratch: &mut Scratch<'_>) -> Result<(), Fault> {
    let names = ["response_type", "response_mode", "code_challenge_method", "code_challenge", "request", "request_uri"];
    let [response_type, response_mode, method, challenge, object, object_uri] = params::take(form, names, scratch)?;
    let names = ["scope", "resource", "acr_values", "max_age"];
    let [scope, resource, acr_values, max_age] = params::take(form, names, scratch)?;
    (request.scope, request.resource, request.acr_values) = (scope, resource, acr_values);
    request.max_age = seconds(scratch.text(max_age))?;
    match scratch.text(response_type) {
        "code" => {}
        "" => return Err(Fault::NoResponseType),
        _ => return Err(Fault::ResponseType),
    }
    if !matches!(scratch.text(response_mode), "" | "query") {
        return Err(Fault::ResponseMode);
    }
    if !object.is_empty() || !object_uri.is_empty() {
        return Err(Fault::RequestObject);
    }
    // PKCE is required of every client, and never plain, which is what an absent method would mean.
    if challenge.is_empty() {
        return Err(Fault::NoChallenge);
    }
    if scratch.text(method) != "S256" {
        return Err(Fault::ChallengeMethod);
    }
    request.challenge = Digest(base64::decode_array(scratch.text(challenge)).map_err(|_| Fault::NoChallenge)?);
    check_list(scratch.text(request.scope), scope::is_scope, Fault::BadScope)?;
    check_resources(scratch.text(request.resource))
}

/// More seconds than fit are as good as no limit.
fn seconds(text: &str) -> Result<Option<u32>, Fault> {
    match text {
        "" => Ok(None),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => Ok(text.parse().ok()),
        _ => Err(Fault::BadMaxAge),
    }
}

/// The client is known. First of all: where may answers go?
pub(super) fn recognised<'r>(mut m: Machine<'r>, client: &Client<'_>) -> Step<'r> {
    let Flow::Authorize(mut request) = m.flow else { return m.refuse(Fault::BadRecord) };
    let checked = check_redirect_uri(&mut m, &mut request, client);
    request.may_redirect = checked.is_ok();
    let checked = checked.and_then(|()| check(&mut m, &mut request, client));
    m.flow = Flow::Authorize(request);
    match checked {
        Err(fault) => m.refuse(fault),
        Ok(()) if request.owner.is_some() => look_up(m, &request),
        Ok(()) => Step::Owner(NeedOwner { m, request }),
    }
}

fn check_redirect_uri(m: &mut Machine<'_>, request: &mut Request, client: &Client<'_>) -> Result<(), Fault> {
    let requested = m.text(request.redirect_uri);
    if !request.redirect_uri_named {
        // RFC 6749 section 3.1.2.3: only where exactly one is registered may it be left out.
        let mut registered = scope::words(client.redirect_uris);
        let (Some(only), None) = (registered.next(), registered.next()) else { return Err(Fault::NoRedirectUri) };
        request.redirect_uri = m.scratch.keep(only).map_err(|_| Fault::Scratch)?;
    } else if !scope::words(client.redirect_uris).any(|r| uri::redirect_uri_matches(r, requested)) {
        return Err(Fault::UnknownRedirectUri);
    }
    // Also of what is registered: a store may have been filled by hand.
    if uri::is_redirect_uri(m.text(request.redirect_uri)) { Ok(()) } else { Err(Fault::UnknownRedirectUri) }
}

fn check(m: &mut Machine<'_>, request: &mut Request, client: &Client<'_>) -> Result<(), Fault> {
    if let Some(fault) = request.fault {
        return Err(fault);
    }
    request.client_name = m.scratch.keep(client.name).map_err(|_| Fault::Scratch)?;
    if request.scope.is_empty() {
        request.scope = m.caller.scope; // the documented default: what the client is registered for
    }
    decide(m, request, request.scope).map(|_| ())
}

/// Asks the matrix: once for what is requested, once more for what was agreed to.
fn decide(m: &Machine<'_>, request: &Request, agreed: Span) -> Result<super::policy::Terms, Fault> {
    let ask = Issuance {
        asking: Asking::Consent,
        confidential: m.caller.confidential,
        grant_types: m.caller.grant_types,
        client_scope: m.text(m.caller.scope),
        client_resource: m.text(m.caller.resource),
        consented_scope: m.text(request.scope),
        consented_resource: m.text(request.resource),
        scope: m.text(agreed),
        resource: m.text(request.resource),
        account_live: true, // judged in `loaded`, where the answer may be a redirect
        grant_ends: m.now.plus(m.server.policy.grant_lifetime),
    };
    m.server.policy.decide(&ask, m.now)
}

fn look_up<'r>(m: Machine<'r>, request: &Request) -> Step<'r> {
    let account = match request.owner {
        Some(Answered::Approved(owner)) => Some(Key::account(m.text(owner.subject))),
        Some(Answered::Denied) | None => None,
    };
    m.load([request.pending.map(|(key, _)| key), account, None])
}

pub(super) fn loaded<'r>(mut m: Machine<'r>, found: &Found<'_>) -> Step<'r> {
    let Flow::Authorize(mut request) = m.flow else { return m.refuse(Fault::BadRecord) };
    if found[0].is_some() {
        // The first answer went to the client already; a second must not disturb it.
        request.may_redirect = false;
        m.flow = Flow::Authorize(request);
        return m.refuse(Fault::AlreadyAnswered);
    }
    match issue(&mut m, &request, found) {
        Ok((grant, code)) => {
            let transition = Transition::IssueCode { code, pending: request.pending };
            Step::Commit(NeedCommit { m, grant, transition, then: Outcome::Code })
        }
        Err(fault) => m.refuse(fault),
    }
}

fn issue(m: &mut Machine<'_>, request: &Request, found: &Found<'_>) -> Result<(Kept, KeptCode), Fault> {
    let owner = match request.owner {
        Some(Answered::Approved(owner)) => owner,
        Some(Answered::Denied) => return Err(Fault::Denied),
        None => return Err(Fault::BadConsent),
    };
    let account = match &found[1] {
        Some((Record::Account(account), version)) if account.live => Some(*version),
        Some(_) => return Err(Fault::AccountLocked),
        None => None, // accounts are kept elsewhere
    };
    decide(m, request, owner.scope)?;
    let locator = Locator(m.seed.part(seed::LOCATOR));
    let secret: [u8; 32] = m.seed.part(seed::SECRET);
    let expires_at = m.now.plus(m.server.policy.code_lifetime);
    let grant = Kept {
        subject: owner.subject,
        scope: owner.scope,
        resource: request.resource,
        state: GrantState::Pending,
        auth_time: owner.auth_time,
        acr: owner.acr,
        amr: owner.amr,
        account,
        salt: request.ids.salt,
        ..Kept::new(locator.grant(), m.caller.client_id, m.now, expires_at)
    };
    let code = KeptCode {
        key: Key { kind: Kind::Code, id: sha256(&[&secret]) },
        redirect_uri: request.redirect_uri,
        redirect_uri_named: request.redirect_uri_named,
        challenge: request.challenge,
        expires_at,
        keep_until: expires_at,
    };
    Ok((grant, code))
}
