//! The authorization endpoint: a checked request, a person's login and consent, a code.
//!
//! Nothing redirects before the client and its redirect URI are checked, whatever else is wrong.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1>, <https://www.rfc-editor.org/rfc/rfc9700#section-2.1>

use super::caller::Caller;
use super::change::{Found, Key, Kind, sha256};
use super::credential::Locator;
use super::fault::Fault;
use super::jwt::is_clients;
use super::kept::Kept;
use super::params::{self, MAX_REQUEST, form_fault};
use super::policy::{Asking, Issuance};
use super::record::{Client, Digest, GrantState, Record};
use super::reply::Outcome;
use super::step::{Flow, KeptCode, Machine, NeedCommit, Step, Transition};
use super::token::{check_list, check_resources};
use super::{AUTHORIZE_ENTROPY, Server, seed};
use crate::error::TooSmall;
use crate::secret::Entropy;
use crate::text::buf::{Scratch, Span};
use crate::text::form::{Form, FormError};
use crate::text::{base64, grammar, scope, uri};
use crate::time::UnixTime;

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

#[derive(Clone, Copy, Debug)]
enum Answered {
    Approved(KeptOwner),
    Denied,
}

#[derive(Clone, Copy, Debug)]
struct KeptOwner {
    subject: Span,
    scope: Span,
    auth_time: UnixTime,
    acr: Span,
    amr: Span,
}

/// What a person's login and consent came to. Exhaustive on purpose; not to answer yet is [`NeedOwner::export`].
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// Logged in and agreed.
    Approved {
        /// Who: the `sub` of the tokens. Not empty, and not beginning with `client:`.
        subject: &'a str,
        /// When they proved who they are: not before [`NeedOwner::login_since`].
        auth_time: UnixTime,
        /// How: the authentication context class, one word without a space, and one of [`NeedOwner::acr_values`]; empty
        /// if it is not known.
        /// <https://www.rfc-editor.org/rfc/rfc9470#section-6>
        acr: &'a str,
        /// By what means: words of [RFC 8176](https://www.rfc-editor.org/rfc/rfc8176#section-2) such as `pwd` and `otp`, with
        /// single spaces between; empty if they are not to be told. Signed access tokens carry them, as RFC 9068 says;
        /// introspection does not, which RFC 9470 gives `acr` and `auth_time` alone.
        amr: &'a str,
        /// To what: all or some of [`NeedOwner::scope`].
        scope: &'a str,
    },
    /// Said no.
    Denied,
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

/// The machine needs a person's login and consent: one question, to be asked now or after a pause.
#[must_use]
#[derive(Debug)]
pub struct NeedOwner<'r> {
    m: Machine<'r>,
    request: Request,
}

impl<'r> NeedOwner<'r> {
    /// Which client asks.
    pub fn client_id(&self) -> &str {
        self.m.text(self.m.caller.client_id)
    }

    /// What people are shown as its name.
    pub fn client_name(&self) -> &str {
        self.m.text(self.request.client_name)
    }

    /// Where the answer goes.
    pub fn redirect_uri(&self) -> &str {
        self.m.text(self.request.redirect_uri)
    }

    /// What it asks for, space-separated.
    pub fn scope(&self) -> &str {
        self.m.text(self.request.scope)
    }

    /// For which resources, space-separated; empty for the default.
    pub fn resource(&self) -> &str {
        self.m.text(self.request.resource)
    }

    /// One of which classes the login must be of, space-separated; empty if it does not matter. Where none can be had the
    /// answer is refused. <https://www.rfc-editor.org/rfc/rfc9470#section-5>
    pub fn acr_values(&self) -> &str {
        self.m.text(self.request.acr_values)
    }

    /// Since when the person must have logged in, by the request's `max_age`: one whose login is older is to log in anew.
    /// `None` if it does not matter.
    pub fn login_since(&self) -> Option<UnixTime> {
        login_since(&self.m, &self.request)
    }

    /// The request as it came, for a page that sends the browser to it once more. It holds `state`: it goes into no log.
    pub fn query(&self) -> &str {
        self.m.text(self.request.query)
    }

    /// For how many seconds each access token will be good.
    pub const fn access_lifetime(&self) -> u32 {
        self.m.server.policy.access_lifetime
    }

    /// For how many seconds at most it can be renewed without asking; `None` if not at all.
    pub fn grant_lifetime(&self) -> Option<u32> {
        self.m.caller.grant_types.refresh_token.then_some(self.m.server.policy.grant_lifetime)
    }

    /// A pause: seals the request into text for the page to carry, bound to a browser by its cookie's value, for
    /// [`super::Policy::pending_lifetime`] seconds. [`super::reopen`] goes on from it. Nothing is stored.
    ///
    /// Call this or [`NeedOwner::resume`], not both.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size; [`MAX_REQUEST`] and 200 bytes more always suffice.
    pub fn export<'b>(&self, browser: &str, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        super::pending::seal(&self.m, &self.request, browser, buf)
    }

    /// Goes on with what the person said.
    pub fn resume(self, owner: Owner<'_>) -> Step<'r> {
        let Self { mut m, mut request } = self;
        match keep_owner(&mut m, &request, owner) {
            Ok(owner) => {
                request.owner = Some(owner);
                m.flow = Flow::Authorize(request);
                m.start = m.scratch.mark();
                look_up(m, &request)
            }
            Err(fault) => m.refuse(fault),
        }
    }

    /// Login or consent is broken: the client gets `temporarily_unavailable`.
    pub fn fail(self) -> Step<'r> {
        self.m.refuse(Fault::Unavailable)
    }
}

/// Counted from when the request came, as a person takes their time for the page.
fn login_since(m: &Machine<'_>, request: &Request) -> Option<UnixTime> {
    let lifetime = u64::from(m.server.policy.pending_lifetime);
    let began = request.pending.map_or(m.now.0, |(_, expires_at)| expires_at.0.saturating_sub(lifetime));
    request.max_age.map(|max_age| UnixTime(began.saturating_sub(max_age.into())))
}

fn keep_owner(m: &mut Machine<'_>, request: &Request, owner: Owner<'_>) -> Result<Answered, Fault> {
    let (subject, auth_time, [acr, amr], agreed) = match owner {
        Owner::Approved { subject, auth_time, acr, amr, scope } => (subject, auth_time, [acr, amr], scope),
        // A pending request may have been answered before, and then this answer must not reach the client.
        Owner::Denied if request.pending.is_some() => return Ok(Answered::Denied),
        Owner::Denied => return Err(Fault::Denied),
    };
    let acr_values = m.text(request.acr_values);
    let as_asked = acr_values.is_empty() || scope::contains(acr_values, acr);
    if !as_asked || login_since(m, request).is_some_and(|since| auth_time < since) {
        return Err(Fault::UnmetAuthentication);
    }
    let asked = m.text(request.scope);
    // An empty word is none of those asked for, so that neither nothing nor a stray space is agreed to. A word that came
    // a thousand times would be kept a thousand times.
    let all_of_it_asked = agreed.len() <= asked.len() && agreed.split(' ').all(|word| scope::contains(asked, word));
    let nothing_to_ask = agreed.is_empty() && asked.is_empty();
    let is_list = amr.is_empty() || amr.split(' ').all(|word| !word.is_empty());
    let known = !subject.is_empty() && !is_clients(subject) && !acr.contains(' ') && is_list;
    if !known || !(all_of_it_asked || nothing_to_ask) {
        return Err(Fault::BadConsent);
    }
    let mut keep = |text| m.scratch.keep(text).map_err(|_| Fault::Scratch);
    let [subject, scope, acr, amr] = [keep(subject)?, keep(agreed)?, keep(acr)?, keep(amr)?];
    Ok(Answered::Approved(KeptOwner { subject, scope, auth_time, acr, amr }))
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
