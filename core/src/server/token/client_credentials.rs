//! A client gets a token for itself: one put, a grant that holds its one access token's digest.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>

use super::{AccessSecret, Request, Tokens, asked};
use crate::server::change::sha256;
use crate::server::credential::Locator;
use crate::server::fault::Fault;
use crate::server::kept::Kept;
use crate::server::policy::{Asking, Issuance};
use crate::server::record::Digest;
use crate::server::reply::Outcome;
use crate::server::seed;
use crate::server::step::{Machine, NeedCommit, Step, Transition};
use crate::time::UnixTime;

pub(super) fn begin<'r>(m: Machine<'r>, request: &Request) -> Step<'r> {
    match issue(&m, request) {
        Ok((grant, tokens)) => {
            let then = Outcome::Tokens(tokens);
            Step::Commit(NeedCommit { m, grant, transition: Transition::ClientCredentials, then })
        }
        Err(fault) => m.refuse(fault),
    }
}

fn issue(m: &Machine<'_>, request: &Request) -> Result<(Kept, Tokens), Fault> {
    let caller = &m.caller;
    let (scope, resource) = (asked(request.scope, caller.scope), request.resource);
    let terms = m.server.policy.decide(
        &Issuance {
            asking: Asking::ClientCredentials,
            confidential: caller.confidential,
            grant_types: caller.grant_types,
            client_scope: m.text(caller.scope),
            client_resource: m.text(caller.resource),
            // A client acts for itself: what it is registered for is what it agreed to.
            consented_scope: m.text(caller.scope),
            consented_resource: m.text(caller.resource),
            scope: m.text(scope),
            resource: m.text(resource),
            account_live: true,
            grant_ends: UnixTime(u64::MAX),
        },
        m.now,
    )?;
    let locator = Locator(m.seed.part(seed::LOCATOR));
    let secret: [u8; 32] = m.seed.part(seed::SECRET);
    let grant = Kept {
        scope,
        resource,
        access: Some(sha256(&[&secret])),
        ..Kept::new(locator.grant(), caller.client_id, m.now, terms.access_ends)
    };
    let tokens = Tokens {
        locator,
        access: AccessSecret::Drawn,
        refresh: terms.refresh,
        server_key: 0,
        generation: 0,
        salt: Digest([0; 32]),
        expires_in: terms.access_ends.since(m.now),
        scope,
    };
    Ok((grant, tokens))
}
