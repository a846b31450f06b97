//! A client gets a token for itself: one put, a grant that holds its one access token's digest.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>

use super::{AccessToken, Request, Tokens, access_token, asked};
use crate::server::change::sha256;
use crate::server::commit::Transition;
use crate::server::credential::Locator;
use crate::server::fault::Fault;
use crate::server::jwt::{Facts, TokenId};
use crate::server::kept::Kept;
use crate::server::policy::{Asking, Issuance};
use crate::server::record::Digest;
use crate::server::seed;
use crate::server::sign::issue;
use crate::server::step::{Machine, Step};
use crate::time::UnixTime;

pub(super) fn begin<'r>(mut m: Machine<'r>, request: &Request) -> Step<'r> {
    match decide(&mut m, request) {
        Ok((grant, tokens)) => issue(m, Some((grant, Transition::ClientCredentials)), tokens),
        Err(fault) => m.refuse(fault),
    }
}

fn decide(m: &mut Machine<'_>, request: &Request) -> Result<(Kept, Tokens), Fault> {
    let caller = m.caller;
    let (scope, resource) = (asked(request.scope, caller.scope), request.resource);
    // A client acts for itself: what it is registered for is what it agreed to.
    let (own_scope, own_resource) = (m.text(caller.scope), m.text(caller.resource));
    let terms = m.server.policy.decide(
        &Issuance {
            asking: Asking::ClientCredentials,
            confidential: caller.confidential,
            grant_types: caller.grant_types,
            client_scope: own_scope,
            client_resource: own_resource,
            consented_scope: own_scope,
            consented_resource: own_resource,
            scope: m.text(scope),
            resource: m.text(resource),
            account_live: true,
            grant_ends: UnixTime(u64::MAX),
        },
        m.now,
    )?;
    let locator = Locator(m.seed.part(seed::LOCATOR));
    let secret: [u8; 32] = m.seed.part(seed::SECRET);
    let mut grant = Kept { scope, resource, ..Kept::new(locator.grant(), caller.client_id, m.now, terms.access_ends) };
    // Its one token is of one kind, so the same bytes serve.
    let id = TokenId(locator, m.seed.part(seed::SECRET));
    let facts = Facts { id, scope, resource, issued_at: m.now, expires_at: terms.access_ends };
    let access = access_token(m, &grant, &facts, AccessToken::Drawn)?;
    grant.access = Some(match access {
        AccessToken::Signed { .. } => id.digest(),
        AccessToken::Drawn | AccessToken::Derived => sha256(&[&secret]),
    });
    let tokens = Tokens {
        locator,
        access,
        refresh: terms.refresh,
        server_key: 0,
        generation: 0,
        rotated_at: m.now,
        salt: Digest([0; 32]),
        expires_in: terms.access_ends.since(m.now),
        scope,
    };
    Ok((grant, tokens))
}
