//! A change as a need: what a commit does to the records, and how the machine goes on once the store has answered.
//!
//! It is built of what the machine kept, as often as it is asked for, and is the same each time: a driver that does not know
//! whether it was applied sends it again.

use super::change::{Change, Committed, Event, EventKind, Expect, Key, Kind, Put, Version, sha256};
use super::fault::Fault;
use super::kept::Kept;
use super::pending;
use super::record::{Access, Code, Digest, Record};
use super::reply::Outcome;
use super::step::{Flow, Machine, NeedClient, Step};
use crate::text::buf::Span;
use crate::time::UnixTime;

/// Seconds for which a driver may send a change again of which it does not know whether it was applied; drivers of ours give
/// up after two.
const ASKED_AGAIN: u32 = 60;

/// Most commits that one request tries.
const MAX_COMMITS: u8 = 3;

/// A code whose text lies in scratch.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptCode {
    pub(super) key: Key,
    pub(super) redirect_uri: Span,
    pub(super) redirect_uri_named: bool,
    pub(super) challenge: Digest,
    pub(super) expires_at: UnixTime,
    pub(super) keep_until: UnixTime,
}

/// An access token of a grant, before it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptAccess {
    pub(super) key: Key,
    pub(super) scope: Span,
    pub(super) resource: Span,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// What a commit does to the records, apart from the grant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transition {
    /// The code and its grant come to be; the pending request, if there was one, is answered.
    IssueCode { code: KeptCode, pending: Option<(Key, UnixTime)> },
    /// The grant comes to be, with its one access token.
    ClientCredentials,
    /// The code is spent; the grant goes live. A signed access token has no record.
    Redeem { code: KeptCode, code_at: Version, grant_at: Version, access: Option<KeptAccess> },
    /// The grant's next generation.
    Rotate { grant_at: Version, access: Option<KeptAccess> },
    /// The grace window of the last rotation ends.
    EndGrace { grant_at: Version },
    /// The grant ends.
    End { grant_at: Version, what: EventKind },
    /// One access token ends.
    EndAccess { expect: Expect, access: KeptAccess, keep_until: UnixTime },
    /// Nothing, but that the client's assertion was used.
    Authenticate,
}

/// The machine needs one transaction.
#[must_use]
#[derive(Debug)]
pub struct NeedCommit<'r> {
    pub(super) m: Machine<'r>,
    /// The grant as it will be.
    pub(super) grant: Kept,
    pub(super) transition: Transition,
    /// What the reply is once the change is applied.
    pub(super) then: Outcome,
}

impl<'r> NeedCommit<'r> {
    /// The change, built on demand: asked twice, it is the same.
    pub fn change(&self) -> Change<'_> {
        use Expect::{Absent, At};
        let scratch = &self.m.scratch;
        let index = self.grant.index(&self.m.caller, scratch);
        let put = |key, expect, keep_until, record| Some(Put { key, expect, keep_until, index, record });
        let grant = |expect| put(self.grant.key, expect, self.keep_until(), Record::Grant(self.grant.view(scratch)));
        let code = |code: &KeptCode, expect, spent| {
            let record = Code {
                grant: self.grant.key.id,
                redirect_uri: scratch.text(code.redirect_uri),
                redirect_uri_named: code.redirect_uri_named,
                challenge: code.challenge,
                expires_at: code.expires_at,
                spent,
            };
            put(code.key, expect, code.keep_until, Record::Code(record))
        };
        let access = |access: &KeptAccess, expect, keep_until| {
            let record = Access {
                grant: self.grant.key.id,
                scope: scratch.text(access.scope),
                resource: scratch.text(access.resource),
                issued_at: access.issued_at,
                expires_at: access.expires_at,
            };
            put(access.key, expect, keep_until, Record::Access(record))
        };
        let issued = |new: &Option<KeptAccess>| new.as_ref().and_then(|new| access(new, Absent, new.expires_at));
        let mark = || put(self.mark(), Absent, self.m.now.plus(ASKED_AGAIN), Record::Used);
        // Filled in where it is handed out: it is too long to be moved about.
        let mut change = Change { id: self.id(), puts: [None; 6], holds: self.holds(index), event: self.event() };
        let puts = &mut change.puts;
        match &self.transition {
            Transition::IssueCode { code: issued, pending: answered } => {
                puts[0] = code(issued, Absent, false);
                puts[1] = grant(Absent);
                puts[2] = answered.and_then(|(key, until)| put(key, Absent, until.plus(pending::HELD), Record::Used));
            }
            Transition::ClientCredentials => puts[0] = grant(Absent),
            Transition::Redeem { code: redeemed, code_at, grant_at, access: new } => {
                puts[0] = code(redeemed, At(*code_at), true);
                puts[1] = grant(At(*grant_at));
                puts[2] = issued(new);
            }
            // The new row first: the grant may have moved on before a lost acknowledgement is asked for again. Where there
            // is none, as of a signed token, a mark stands for it, as long as anyone could ask.
            Transition::Rotate { grant_at, access: new } => {
                puts[0] = issued(new).or_else(mark);
                puts[1] = grant(At(*grant_at));
            }
            Transition::EndGrace { grant_at } => {
                puts[0] = mark();
                puts[1] = grant(At(*grant_at));
            }
            Transition::End { grant_at, .. } => puts[0] = grant(At(*grant_at)),
            Transition::EndAccess { expect, access: ended, keep_until } => {
                puts[0] = access(ended, *expect, *keep_until);
            }
            Transition::Authenticate => {}
        }
        let free = puts.iter_mut().find(|put| put.is_none());
        if let (Some(assertion), Some(free)) = (self.m.caller.proven, free) {
            *free = put(assertion.key(&self.m), Absent, assertion.keep_until(self.m.now), Record::Used);
        }
        change
    }

    /// A key that this change alone writes.
    fn mark(&self) -> Key {
        let id = sha256(&[&self.grant.key.id.0, &self.id().get().to_be_bytes()]);
        Key { kind: Kind::Used, id }
    }

    /// From the entropy; each attempt has its own, as each may be another transition of the same records.
    fn id(&self) -> Version {
        let mut bytes: [u8; 8] = self.m.seed.part(super::seed::CHANGE);
        bytes[7] ^= self.m.commits;
        Version::drawn(bytes)
    }

    /// An issuing change holds the records that decided: the client's and the account's, both of its grant.
    fn holds(&self, [account, client]: [Option<Key>; 2]) -> [Option<(Key, Version)>; 2] {
        match self.transition {
            Transition::EndGrace { .. }
            | Transition::End { .. }
            | Transition::EndAccess { .. }
            | Transition::Authenticate => [None, None],
            _ => [client.zip(self.m.caller.version), account.zip(self.grant.account)],
        }
    }

    /// A grant is kept while any of its codes and tokens could still be presented.
    fn keep_until(&self) -> UnixTime {
        self.grant.expires_at
    }

    /// None for an assertion that was used and no more: a request that changes nothing leaves none where its client has a
    /// secret either, and a refusal is told by its reply.
    fn event(&self) -> Option<Event<'_>> {
        let what = match self.transition {
            Transition::IssueCode { .. } => EventKind::CodeIssued,
            Transition::ClientCredentials => EventKind::ClientCredentialsIssued,
            Transition::Redeem { .. } => EventKind::CodeRedeemed,
            Transition::Rotate { .. } => EventKind::Refreshed,
            Transition::EndGrace { .. } => EventKind::GraceEnded,
            Transition::End { what, .. } => what,
            Transition::EndAccess { .. } => EventKind::Revoked,
            Transition::Authenticate => return None,
        };
        let client_id = self.m.text(self.grant.client_id);
        let subject = self.m.text(self.grant.subject);
        Some(Event { at: self.m.now, what, client_id, subject, grant: Some(self.grant.key.id), kid: "" })
    }

    /// Goes on. After a conflict the machine begins again at its first need, and the second look decides.
    pub fn resume(self, outcome: Committed) -> Step<'r> {
        let Self { mut m, then, grant, .. } = self;
        m.commits = m.commits.saturating_add(1);
        match outcome {
            Committed::Applied => {
                m.caller.proven = None;
                m.reply(then)
            }
            Committed::Conflict if m.commits >= MAX_COMMITS => m.refuse(Fault::Contention),
            Committed::Conflict => {
                match &mut m.flow {
                    // Nothing redirects before the client, which may be what changed, is checked anew.
                    Flow::Authorize(request) => request.may_redirect = false,
                    // The account may be what changed: look at it too, now that its key is known.
                    _ => m.account = grant.account_key(&m.scratch),
                }
                m.caller.proven = None;
                m.scratch.wind_back(m.start);
                Step::Client(NeedClient(m))
            }
        }
    }

    /// The store is broken, and whether the change was applied is unknown: the reply is `temporarily_unavailable`, unless
    /// nobody asked for that change.
    pub fn fail(self) -> Step<'r> {
        match self.transition {
            // The next use ends it as well.
            Transition::EndGrace { .. } => self.m.reply(self.then),
            _ => self.m.refuse(Fault::Unavailable),
        }
    }
}
