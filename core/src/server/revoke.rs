//! The revocation endpoint. <https://www.rfc-editor.org/rfc/rfc7009>
//!
//! A refresh token takes its whole grant along, as does the one token of a client-credentials grant. An access token of a
//! code grant goes alone. Unknown tokens and other clients' are answered alike, with 200: a guess learns nothing.
//!
//! What this reaches of a *signed* access token is introspection, at once. An API that checks signatures by itself asks
//! nobody, and takes a revoked token until it expires: who needs more gives such clients short lifetimes or opaque tokens.

use super::caller::Caller;
use super::change::{EventKind, Expect, Found, Key, Kind};
use super::commit::{KeptAccess, NeedCommit, Transition};
use super::credential::{Presented, refresh_is_ours};
use super::fault::Fault;
use super::introspect::named_access;
use super::jwt::{self, Signed};
use super::kept::Kept;
use super::params::FormRequest;
use super::record::{Grant, GrantState, Record};
use super::reply::Outcome;
use super::step::{Flow, Machine, Step};
use super::{ENTROPY, Server};
use crate::secret::Entropy;
use crate::text::buf::{Scratch, Span};
use crate::time::UnixTime;

/// When a revoked access token expires: it stays revoked however far the clock is set back.
const REVOKED: UnixTime = UnixTime(0);

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    token: Span,
    /// The token, taken apart, once its client is known.
    presented: Option<Presented>,
}

/// Serves one request to the revocation endpoint. The reply has status 200 for a good and for an unknown token alike.
///
/// From then on no refresh and no introspection takes what was revoked. An API that validates *signed* access tokens by
/// itself takes such a token until it expires, as it asks nobody.
pub fn revoke<'r>(
    server: &'r Server<'r>,
    request: &FormRequest<'_>,
    now: UnixTime,
    seed: Entropy<ENTROPY>,
    scratch: &'r mut [u8],
) -> Step<'r> {
    let mut scratch = Scratch::new(scratch);
    let (caller, token) = Caller::read_with_token(request, &mut scratch);
    Machine::new(server, now, seed, scratch, Flow::Revoke(Request { token, presented: None })).begin(caller)
}

pub(super) fn authenticated(mut m: Machine<'_>) -> Step<'_> {
    let Flow::Revoke(request) = m.flow else { return m.refuse(Fault::BadRecord) };
    if request.token.is_empty() {
        return m.refuse(Fault::NoToken);
    }
    match jwt::presented(&mut m, request.token) {
        Ok(None) => m.reply(Outcome::Revoked),
        Ok(Some(presented)) => {
            m.flow = Flow::Revoke(Request { presented: Some(presented), ..request });
            m.load([Some(presented.locator().grant()), presented.access(), None])
        }
        Err(fault) => m.refuse(fault),
    }
}

pub(super) fn loaded<'r>(mut m: Machine<'r>, found: &Found<'_>) -> Step<'r> {
    match decide(&mut m, found) {
        Ok(Some((grant, transition))) => Step::Commit(NeedCommit { m, grant, transition, then: Outcome::Revoked }),
        Ok(None) => m.reply(Outcome::Revoked),
        Err(fault) => m.refuse(fault),
    }
}

/// `None` if there is nothing of this client's to revoke.
fn decide(m: &mut Machine<'_>, found: &Found<'_>) -> Result<Option<(Kept, Transition)>, Fault> {
    let Flow::Revoke(request) = m.flow else { return Err(Fault::BadRecord) };
    let (Some(presented), Some((Record::Grant(grant), grant_at))) = (request.presented, &found[0]) else {
        return Ok(None);
    };
    if grant.client_id != m.text(m.caller.client_id) || grant.state == GrantState::Ended {
        return Ok(None);
    }
    if matches!(presented, Presented::Signed(token) if !token.is_of(m, grant)) {
        return Ok(None);
    }
    let key = presented.locator().grant();
    let mut kept = Kept::keep(key, grant, &mut m.scratch)?;
    if is_whole_grant(m.server, &presented, &key, grant) {
        kept.state = GrantState::Ended;
        return Ok(Some((kept, Transition::End { grant_at: *grant_at, what: EventKind::Revoked })));
    }
    let mut keep = |text| m.scratch.keep(text).map_err(|_| Fault::Scratch);
    let (key, expect, scope, resource, issued_at, keep_until) =
        match (presented, named_access(&presented, &key, &found[1])) {
            (_, Some((access, at, key))) if access.expires_at != REVOKED => {
                (key, Expect::At(at), keep(access.scope)?, keep(access.resource)?, access.issued_at, REVOKED)
            }
            // It gets a record now, which says that it was revoked for as long as its grant is known: of two servers one may
            // forget records while the other, whose clock is behind, still takes the token.
            (Presented::Signed(token), None) if m.now < token.expires_at => {
                let key = Key { kind: Kind::Access, id: token.digest };
                (key, Expect::Absent, token.scope, token.audience, token.issued_at, kept.expires_at)
            }
            _ => return Ok(None),
        };
    let access = KeptAccess { key, scope, resource, issued_at, expires_at: REVOKED };
    Ok(Some((kept, Transition::EndAccess { expect, access, keep_until })))
}

fn is_whole_grant(server: &Server<'_>, presented: &Presented, key: &Key, grant: &Grant<'_>) -> bool {
    match presented {
        Presented::Refresh { key_id, generation, mac, .. } => {
            let ours = server.key(*key_id).is_some_and(|k| refresh_is_ours(k, &key.id, grant, *generation, mac));
            ours && grant.access.is_none() && grant.state == GrantState::Live && *generation <= grant.generation
        }
        Presented::Secret { digest, .. } | Presented::Signed(Signed { digest, .. }) => grant.access == Some(*digest),
    }
}
