//! The introspection endpoint. <https://www.rfc-editor.org/rfc/rfc7662>
//!
//! Only access tokens are ever active: a refresh token that a resource server is shown must not pass for one.

use super::caller::Caller;
use super::change::{Found, Key, Version};
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
    pub(super) grant: Kept,
    pub(super) scope: Span,
    pub(super) resource: Span,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Serves one request to the introspection endpoint. The reply is `{"active":false}` for every token that is not good now.
///
/// `seed` is drawn for this request alone. Nothing is written, unless the client authenticates by an assertion: that it
/// was used is.
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
/// The audience is the caller's to check. Read the answer with [`super::Reply::introspection`].
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
    match decide(&mut m, found) {
        Ok(active) => m.reply(Outcome::Introspected(active)),
        Err(fault) => m.refuse(fault),
    }
}

/// `None` if the token is not good now, or not for this caller.
fn decide(m: &mut Machine<'_>, found: &Found<'_>) -> Result<Option<Active>, Fault> {
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
    Ok(Some(Active { grant, scope, resource, issued_at, expires_at: expires_at.min(grant.expires_at) }))
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
