//! A code is redeemed for tokens, once.
//!
//! Everything about the request is checked before any state decides: a thief without the verifier can neither burn a code
//! nor end a grant. A second *valid* use ends the grant.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3>, <https://www.rfc-editor.org/rfc/rfc7636#section-4.6>

use super::{Request, presented};
use crate::secret::ct_eq;
use crate::server::change::{EventKind, Found, Key, Kind, Version, sha256};
use crate::server::commit::{KeptCode, NeedCommit, Transition};
use crate::server::credential::{Locator, Presented};
use crate::server::fault::Fault;
use crate::server::kept::Kept;
use crate::server::policy::Asking;
use crate::server::record::{Code, Grant, GrantState, Record};
use crate::server::reply::Outcome;
use crate::server::sign::issue;
use crate::server::step::{Machine, Step, usable};
use crate::text::grammar;

pub(super) fn begin<'r>(m: Machine<'r>, request: &Request) -> Step<'r> {
    if !m.caller.grant_types.authorization_code {
        return m.refuse(Fault::GrantNotAllowed);
    }
    match keys(&m, request) {
        Ok((_, code, grant)) => m.load([Some(code), Some(grant), None]),
        Err(fault) => m.refuse(fault),
    }
}

fn keys(m: &Machine<'_>, request: &Request) -> Result<(Locator, Key, Key), Fault> {
    let code = presented(m, request.code, Fault::NoCode, Fault::UnknownCode)?;
    if !grammar::is_code_verifier(m.text(request.code_verifier)) {
        return Err(Fault::NoVerifier);
    }
    let Presented::Secret { locator, digest } = code else { return Err(Fault::UnknownCode) };
    Ok((locator, Key { kind: Kind::Code, id: digest }, locator.grant()))
}

pub(super) fn loaded<'r>(mut m: Machine<'r>, request: &Request, found: &Found<'_>) -> Step<'r> {
    match decide(&mut m, request, found) {
        Ok((grant, transition, Outcome::Tokens(tokens))) => issue(m, Some((grant, transition)), tokens),
        Ok((grant, transition, then)) => Step::Commit(NeedCommit { m, grant, transition, then }),
        Err(fault) => m.refuse(fault),
    }
}

type Decision = (Kept, Transition, Outcome);

fn decide(m: &mut Machine<'_>, request: &Request, found: &Found<'_>) -> Result<Decision, Fault> {
    let (locator, code_key, grant_key) = keys(m, request)?;
    let (code, code_at, grant, grant_at) = records(found)?;
    check_request(m, request, &code, &grant, &grant_key)?;
    // From here on the request is valid, and state decides.
    usable(grant.state, grant.expires_at, m.now)?;
    let mut kept = Kept::keep(grant_key, &grant, &mut m.scratch)?;
    if code.spent {
        kept.state = GrantState::Ended;
        let transition = Transition::End { grant_at, what: EventKind::CodeReplayed };
        return Ok((kept, transition, Outcome::Refused(Fault::SpentCode)));
    }
    if m.now >= code.expires_at {
        return Err(Fault::ExpiredCode);
    }
    redeem(m, request, found, Redeemed { locator, code_key, code, code_at, grant_at, kept })
}

fn records<'s>(found: &Found<'s>) -> Result<(Code<'s>, Version, Grant<'s>, Version), Fault> {
    match found {
        [Some((Record::Code(code), code_at)), Some((Record::Grant(grant), grant_at)), ..] => {
            Ok((*code, *code_at, *grant, *grant_at))
        }
        _ => Err(Fault::UnknownCode),
    }
}

/// All that makes a redemption valid, state aside.
fn check_request(
    m: &Machine<'_>,
    request: &Request,
    code: &Code<'_>,
    grant: &Grant<'_>,
    key: &Key,
) -> Result<(), Fault> {
    if code.grant != key.id {
        return Err(Fault::UnknownCode);
    }
    if grant.client_id != m.text(m.caller.client_id) {
        return Err(Fault::ForeignCode);
    }
    // RFC 6749 section 4.1.3: present and identical if the authorization request named it; else, if present, identical.
    let redirect_uri = m.text(request.redirect_uri);
    let may_omit = redirect_uri.is_empty() && !code.redirect_uri_named;
    if !may_omit && redirect_uri != code.redirect_uri {
        return Err(Fault::CodeRedirectUri);
    }
    let challenge = sha256(&[m.text(request.code_verifier).as_bytes()]);
    if !ct_eq(&challenge.0, &code.challenge.0) {
        return Err(Fault::WrongVerifier);
    }
    Ok(())
}

struct Redeemed<'s> {
    locator: Locator,
    code_key: Key,
    code: Code<'s>,
    code_at: Version,
    grant_at: Version,
    kept: Kept,
}

fn redeem(
    m: &mut Machine<'_>,
    request: &Request,
    found: &Found<'_>,
    redeemed: Redeemed<'_>,
) -> Result<Decision, Fault> {
    let Redeemed { locator, code_key, code, code_at, grant_at, mut kept } = redeemed;
    let ends = kept.issued_at.plus(m.server.policy.grant_lifetime);
    let given = super::decide(m, request, Asking::Code, &mut kept, found, ends)?;
    let terms = given.terms;
    kept.state = GrantState::Live;
    kept.expires_at = if terms.refresh { ends } else { terms.access_ends };
    let (access, tokens) = super::next_generation(m, locator, &mut kept, &given)?;
    let code = KeptCode {
        key: code_key,
        redirect_uri: m.scratch.keep(code.redirect_uri).map_err(|_| Fault::Scratch)?,
        redirect_uri_named: code.redirect_uri_named,
        challenge: code.challenge,
        expires_at: code.expires_at,
        // A replay is recognised as long as the access token that the code gave is good; later it is just expired.
        keep_until: terms.access_ends.max(code.expires_at),
    };
    Ok((kept, Transition::Redeem { code, code_at, grant_at, access }, Outcome::Tokens(tokens)))
}
