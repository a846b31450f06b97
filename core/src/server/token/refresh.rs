//! A refresh token is rotated inside its grant's own record.
//!
//! Any old token is recognised without a row of its own: a wrong MAC is just refused; an old generation under a right MAC
//! is reuse and ends the grant. Inside the grace window the *same request* gets the same successor again, computed anew,
//! and nothing is written. Where the window waits for a lost answer, it ends by a rotation, or by introspection; an answer that
//! was lost for long brings a new access token. <https://www.rfc-editor.org/rfc/rfc6749#section-6>,
//! <https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2>

use super::{Given, Request, Tokens, presented};
use crate::server::change::{EventKind, Found, Key, Version, sha256};
use crate::server::commit::{NeedCommit, Transition};
use crate::server::credential::{Locator, Presented, refresh_is_ours};
use crate::server::fault::Fault;
use crate::server::kept::Kept;
use crate::server::policy::{Asking, Terms};
use crate::server::record::{AccessTokenFormat, Digest, Grant, GrantState, Record};
use crate::server::reply::Outcome;
use crate::server::sign::issue;
use crate::server::step::{Flow, Machine, Step, usable};
use crate::time::UnixTime;

pub(super) fn begin<'r>(m: Machine<'r>, request: &Request) -> Step<'r> {
    if !m.caller.grant_types.refresh_token {
        return m.refuse(Fault::GrantNotAllowed);
    }
    match read(&m, request) {
        Ok(token) => m.load([Some(token.locator.grant()), request.given, None]),
        Err(fault) => m.refuse(fault),
    }
}

/// A refresh token, taken apart.
struct Token {
    locator: Locator,
    key_id: u8,
    generation: u32,
    mac: Digest,
}

fn read(m: &Machine<'_>, request: &Request) -> Result<Token, Fault> {
    match presented(m, request.refresh_token, Fault::NoRefreshToken, Fault::UnknownRefreshToken)? {
        Presented::Refresh { locator, key_id, generation, mac } => Ok(Token { locator, key_id, generation, mac }),
        Presented::Secret { .. } | Presented::Signed(_) => Err(Fault::UnknownRefreshToken),
    }
}

pub(super) fn loaded<'r>(mut m: Machine<'r>, request: &Request, found: &Found<'_>) -> Step<'r> {
    let mark = m.scratch.mark();
    match decide(&mut m, request, found) {
        Ok(Decision::Rotate(grant, transition, tokens)) => issue(m, Some((grant, transition)), tokens),
        Ok(Decision::Grace(tokens)) => issue(m, None, tokens),
        Ok(Decision::End(grant, transition)) => {
            Step::Commit(NeedCommit { m, grant, transition, then: Outcome::Refused(Fault::SpentRefreshToken) })
        }
        Ok(Decision::Look(account, given)) => {
            let request = Request { given, ..*request };
            (m.account, m.flow) = (account, Flow::Token(request));
            m.scratch.wind_back(mark);
            begin(m, &request)
        }
        Err(fault) => m.refuse(fault),
    }
}

enum Decision {
    Rotate(Kept, Transition, Tokens),
    /// Reuse.
    End(Kept, Transition),
    /// The successor once more; nothing is written.
    Grace(Tokens),
    /// As nothing is written, no commit would hold the account: look at it together with the grant, and at the record of the
    /// access token that is given once more, if it is to have one.
    Look(Option<Key>, Option<Key>),
}

fn decide(m: &mut Machine<'_>, request: &Request, found: &Found<'_>) -> Result<Decision, Fault> {
    let token = read(m, request)?;
    let Some((Record::Grant(grant), grant_at)) = found[0] else { return Err(Fault::UnknownRefreshToken) };
    let grant_key = token.locator.grant();
    check_token(m, &token, &grant, &grant_key)?;
    let mut kept = Kept::keep(grant_key, &grant, &mut m.scratch)?;
    let ends = kept.expires_at;
    let given = super::decide(m, request, Asking::Refresh, &mut kept, found, ends)?;
    // From here on the request is valid, and state decides.
    usable(kept.state, kept.expires_at, m.now)?;
    let same = same_request(m, request);
    if token.generation != kept.generation {
        return older(m, request, (token, same), (kept, grant_at), given, found);
    }
    if m.now >= kept.rotated_at.plus(m.server.policy.refresh_idle) {
        return Err(Fault::ExpiredGrant);
    }
    kept.generation = kept.generation.checked_add(1).ok_or(Fault::ExpiredGrant)?;
    kept.rotated_by = Some(same);
    // Where the window does not wait, it is as if the use were seen at once, whatever the policy is later.
    kept.seen_at = if waits_for_use(m) { None } else { Some(m.now) };
    let (access, tokens) = super::next_generation(m, token.locator, &mut kept, &given)?;
    Ok(Decision::Rotate(kept, Transition::Rotate { grant_at, access }, tokens))
}

/// Whether the token is ours and this client's; its generation is not looked at yet.
fn check_token(m: &Machine<'_>, token: &Token, grant: &Grant<'_>, grant_key: &Key) -> Result<(), Fault> {
    let key = m.server.key(token.key_id).ok_or(Fault::UnknownRefreshToken)?;
    if !refresh_is_ours(key, &grant_key.id, grant, token.generation, &token.mac) {
        return Err(Fault::UnknownRefreshToken);
    }
    // A client-credentials grant never had one, and a pending one has none yet.
    if grant.access.is_some() || grant.state == GrantState::Pending || token.generation > grant.generation {
        return Err(Fault::UnknownRefreshToken);
    }
    if grant.client_id != m.text(m.caller.client_id) {
        return Err(Fault::ForeignRefreshToken);
    }
    Ok(())
}

/// An older generation: the same request in the grace window gets the same successor, and the same access token for the first
/// half of its life; anything else is reuse.
fn older(
    m: &mut Machine<'_>,
    request: &Request,
    (token, same): (Token, Digest),
    (mut kept, grant_at): (Kept, Version),
    given: Given,
    found: &Found<'_>,
) -> Result<Decision, Fault> {
    let policy = &m.server.policy;
    let direct = token.generation.checked_add(1) == Some(kept.generation);
    // Both directions, as the clocks of two servers differ by a little.
    let apart = |then: UnixTime| m.now.since(then).max(then.since(m.now));
    let young = |then| apart(then) < policy.refresh_grace;
    // Another copy of a late request may be under way still when the use of what it gave is seen.
    let waits = waits_for_use(m) && kept.seen_at.is_none_or(young);
    if direct && (young(kept.rotated_at) || waits) && kept.rotated_by == Some(same) {
        // What waited for longer than the successor may lie unused would be given in vain.
        if apart(kept.rotated_at) >= policy.refresh_idle {
            return Err(Fault::ExpiredGrant);
        }
        let access_ends = kept.rotated_at.plus(policy.access_lifetime).min(kept.expires_at);
        // A client that got the rest of a long lost access token's life would be back at once, with the successor, while copies
        // of this request may still come. So it gets another one beside the same successor; but the window counts from then
        // on, so that this is for those alone which count from the use.
        let unseen = waits && kept.seen_at.is_none();
        if unseen && access_ends.since(m.now) < given.terms.access_ends.since(m.now) / 2 {
            let (access, tokens) = super::next_generation(m, token.locator, &mut kept, &given)?;
            return Ok(Decision::Rotate(kept, Transition::Rotate { grant_at, access }, tokens));
        }
        let given = Given { terms: Terms { access_ends, ..given.terms }, ..given };
        return again(m, request, token.locator, (kept, grant_at), given, found);
    }
    kept.state = GrantState::Ended;
    let transition = Transition::End { grant_at, what: EventKind::RefreshReplayed };
    Ok(Decision::End(kept, transition))
}

/// The successor once more, with the access token that came with it.
fn again(
    m: &mut Machine<'_>,
    request: &Request,
    locator: Locator,
    (mut kept, grant_at): (Kept, Version),
    mut given: Given,
    found: &Found<'_>,
) -> Result<Decision, Fault> {
    let access = match m.caller.access_token {
        AccessTokenFormat::Opaque => Some(super::access_record(m, &kept, &given)?),
        AccessTokenFormat::Jwt(_) => None,
    };
    if access.is_some() && kept.signed {
        // Its client's tokens were signed ones then. They had no record, and this one would be good for nothing without. Of an
        // opaque one that has none any more, as it was revoked, this makes no new one. A revoked one of the other kind is not
        // looked for: who asks gets the successor with this token, and by that a good one at any time.
        kept.signed = false;
        let tokens = super::generation(m, locator, &kept, &given)?;
        return Ok(Decision::Rotate(kept, Transition::Rotate { grant_at, access }, tokens));
    }
    let (account, record) = (kept.account_key(&m.scratch), access.map(|access| access.key));
    if account != m.account || record != request.given {
        return Ok(Decision::Look(account, record));
    }
    // Its scope is what it was, though the client may have less by now.
    if let Some((Record::Access(access), _)) = &found[1] {
        given.scope = m.scratch.keep(access.scope).map_err(|_| Fault::Scratch)?;
    }
    Ok(Decision::Grace(super::generation(m, locator, &kept, &given)?))
}

/// Whether a grace window of this client waits until what it gave was used.
const fn waits_for_use(m: &Machine<'_>) -> bool {
    m.server.policy.grace_until_used && m.caller.confidential
}

/// What makes a request the same: the authenticated client, the presented token, scope and resource as they were written.
fn same_request(m: &Machine<'_>, request: &Request) -> Digest {
    let part = |span| sha256(&[m.text(span).as_bytes()]);
    let parts = [m.caller.client_id, request.refresh_token, request.scope, request.resource].map(part);
    let [client, token, scope, resource] = &parts;
    sha256(&[&client.0, &token.0, &scope.0, &resource.0])
}
