//! The introspection endpoint. <https://www.rfc-editor.org/rfc/rfc7662>
//!
//! Only access tokens are ever active: a refresh token that a resource server is shown must not pass for one.
//!
//! Where the grace window of rotation waits for a lost answer ([`super::Policy::grace_until_used`]), an access token of that
//! rotation that is seen here proves that an answer arrived: the window ends, by one commit in each rotation.

use super::caller::Caller;
use super::change::{Found, Key, Version, sha256};
use super::commit::{NeedCommit, Transition};
use super::credential::Presented;
use super::fault::Fault;
use super::kept::Kept;
use super::params::FormRequest;
use super::record::{Access, Record};
use super::reply::Outcome;
use super::step::{Flow, Machine, Step, usable};
use super::{ENTROPY, Server, jwt};
use crate::secret::{Entropy, SecretText};
use crate::text::buf::{Scratch, Span};
use crate::text::scope;
use crate::time::UnixTime;

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    token: Span,
    /// The token, taken apart, once its client is known.
    presented: Option<Presented>,
    /// The asker is the resource server in this very program, which checks the audience itself.
    local: bool,
}

/// What there is to say of an active token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) client_id: Span,
    pub(super) subject: Span,
    pub(super) auth_time: UnixTime,
    pub(super) acr: Span,
    pub(super) scope: Span,
    pub(super) resource: Span,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Serves one request to the introspection endpoint. The reply is `{"active":false}` for every token that is not good now.
///
/// `seed` is drawn for this request alone. Nothing is written, unless the client authenticates by an assertion: that it
/// was used is; or unless a grace window waits until the token is seen ([`Policy::grace_until_used`](super::Policy)).
pub fn introspect<'r>(
    server: &'r Server<'r>,
    request: &FormRequest<'_>,
    now: UnixTime,
    seed: Entropy<ENTROPY>,
    scratch: &'r mut [u8],
) -> Step<'r> {
    let mut scratch = Scratch::new(scratch);
    let (caller, token) = Caller::read_with_token(request, &mut scratch);
    let flow = Flow::Introspect(Request { token, presented: None, local: false });
    Machine::new(server, now, seed, scratch, flow).begin(caller)
}

/// Looks a token up for a resource server in the same program, straight from the store: no client, no form.
///
/// The audience is the caller's to check. Read the answer with [`super::Reply::introspection`]. Nothing is ever written: no
/// grace window ends by it.
pub fn introspect_local<'r>(
    server: &'r Server<'r>,
    token: SecretText<'_>,
    now: UnixTime,
    scratch: &'r mut [u8],
) -> Step<'r> {
    let mut scratch = Scratch::new(scratch);
    let token = scratch.keep(token.expose());
    let request = Request { token: token.unwrap_or(Span::EMPTY), presented: None, local: true };
    // Without a client nothing is written, so nothing is drawn.
    let m = Machine::new(server, now, Entropy::new([0; ENTROPY]), scratch, Flow::Introspect(request));
    if token.is_ok() { look_up(m, request) } else { m.refuse(Fault::Scratch) }
}

pub(super) fn authenticated(m: Machine<'_>) -> Step<'_> {
    let Flow::Introspect(request) = m.flow else { return m.refuse(Fault::BadRecord) };
    if !m.caller.may_introspect {
        return m.refuse(Fault::MayNotIntrospect);
    }
    if request.token.is_empty() {
        return m.refuse(Fault::NoToken);
    }
    look_up(m, request)
}

fn look_up(mut m: Machine<'_>, request: Request) -> Step<'_> {
    match jwt::presented(&mut m, request.token) {
        Ok(Some(presented)) if presented.access().is_some() => {
            m.flow = Flow::Introspect(Request { presented: Some(presented), ..request });
            m.load([Some(presented.locator().grant()), presented.access(), None])
        }
        Ok(_) => m.reply(Outcome::Introspected(None)),
        Err(fault) => m.refuse(fault),
    }
}

pub(super) fn loaded<'r>(mut m: Machine<'r>, found: &Found<'_>) -> Step<'r> {
    let (grant, active) = match decide(&mut m, found) {
        Ok(Some(found)) => found,
        Ok(None) => return m.reply(Outcome::Introspected(None)),
        Err(fault) => return m.refuse(fault),
    };
    let then = Outcome::Introspected(Some(active));
    match ends_grace(&m, &grant, &active, found) {
        Some((grant, transition)) => Step::Commit(NeedCommit { m, grant, transition, then }),
        None => m.reply(then),
    }
}

/// What ends the grace window, if it waits for a use of what the last rotation gave: of any access token, as the answer to
/// a retry has another one than the answer before, and any of the answers may be the one that arrived.
fn ends_grace(m: &Machine<'_>, grant: &Kept, active: &Active, found: &Found<'_>) -> Option<(Kept, Transition)> {
    let Flow::Introspect(Request { presented: Some(presented), local: false, .. }) = m.flow else { return None };
    if !m.server.policy.grace_until_used || grant.rotated_by.is_none() || grant.seen_at.is_some() {
        return None;
    }
    let Kept { generation, salt, .. } = grant;
    // The server's key may have changed between two answers.
    let mut given = m.server.keys.iter().map(|key| match presented {
        Presented::Signed(token) => key.token_id(token.locator, *generation, active.issued_at, salt).digest(),
        _ => sha256(&[&key.access_secret(&grant.key.id, *generation, active.issued_at, salt).0]),
    });
    let shown = presented.access()?.id;
    let grant_at = found[0].as_ref().map(|(_, at)| *at)?;
    let seen = given.any(|given| given == shown);
    seen.then_some((Kept { seen_at: Some(m.now), ..*grant }, Transition::EndGrace { grant_at }))
}

/// `None` if the token is not good now, or not for this caller.
fn decide(m: &mut Machine<'_>, found: &Found<'_>) -> Result<Option<(Kept, Active)>, Fault> {
    let Flow::Introspect(request) = m.flow else { return Err(Fault::BadRecord) };
    let (Some(presented), Some((Record::Grant(grant), _))) = (request.presented, &found[0]) else {
        return Ok(None);
    };
    if usable(grant.state, grant.expires_at, m.now).is_err() {
        return Ok(None);
    }
    if matches!(presented, Presented::Signed(token) if !token.is_of(m, grant)) {
        return Ok(None);
    }
    let key = presented.locator().grant();
    let own = presented.access().is_some_and(|access| grant.access == Some(access.id));
    let mut keep = |text| m.scratch.keep(text).map_err(|_| Fault::Scratch);
    let (scope, resource, issued_at, expires_at) = match (presented, named_access(&presented, &key, &found[1])) {
        // It has a record only if it was revoked.
        (Presented::Signed(_), Some(_)) => return Ok(None),
        (Presented::Signed(token), None) => (token.scope, token.audience, token.issued_at, token.expires_at),
        (_, Some((access, ..))) => (keep(access.scope)?, keep(access.resource)?, access.issued_at, access.expires_at),
        (_, None) if own => (keep(grant.scope)?, keep(grant.resource)?, grant.issued_at, grant.expires_at),
        (_, None) => return Ok(None),
    };
    let for_all = matches!(presented, Presented::Signed(_)) && m.text(resource) == m.server.default_audience();
    let for_caller = request.local || for_all || is_for(m.text(resource), m.text(m.caller.resource));
    if m.now >= expires_at || !for_caller {
        return Ok(None);
    }
    let grant = Kept::keep(key, grant, &mut m.scratch)?;
    let Kept { client_id, subject, auth_time, acr, .. } = grant;
    let expires_at = expires_at.min(grant.expires_at);
    Ok(Some((grant, Active { client_id, subject, auth_time, acr, scope, resource, issued_at, expires_at })))
}

/// The access token's row, if it is the presented token's and of the same grant.
pub(super) fn named_access<'s>(
    presented: &Presented,
    grant: &Key,
    found: &Option<(Record<'s>, Version)>,
) -> Option<(Access<'s>, Version, Key)> {
    match (presented.access(), found) {
        (Some(key), Some((Record::Access(access), version))) if access.grant == grant.id => {
            Some((*access, *version, key))
        }
        _ => None,
    }
}

/// A token that names resources is for those resource servers alone; one that names none is for all of this server's.
fn is_for(resource: &str, caller: &str) -> bool {
    resource.is_empty() || scope::words(resource).any(|word| scope::contains(caller, word))
}
