//! A step of an endpoint: the reply, or one thing that the machine needs before it can go on.
//!
//! Each need owns its state, and `resume(self, answer)` takes only its own kind of answer: a wrong, doubled, missing or
//! forged answer does not compile. A driver is a loop over [`Step`] that answers needs until there is a [`Reply`].
//! The picture is at [`super`].

use super::authorize::NeedOwner;
use super::caller::{Caller, Checked};
use super::change::{Change, Committed, Event, EventKind, Expect, Found, Key, Keys, Kind, Put, Version, sha256};
use super::fault::Fault;
use super::kept::Kept;
use super::record::{Access, Client, Code, Digest, GrantState, Record};
use super::reply::{Outcome, Reply};
use super::sign::NeedSign;
use super::{ENTROPY, Server, authorize, introspect, pending, revoke, token};
use crate::secret::{Entropy, SecretText};
use crate::text::buf::{Scratch, Span};
use crate::time::UnixTime;

/// Seconds for which a driver may send a change again of which it does not know whether it was applied; drivers of ours give
/// up after two.
const ASKED_AGAIN: u32 = 60;

/// Most commits that one request tries.
const MAX_COMMITS: u8 = 3;

/// What comes next. Exhaustive on purpose: a driver that passes over a need would be unsafe.
#[must_use]
#[derive(Debug)]
pub enum Step<'r> {
    /// The client's record.
    Client(NeedClient<'r>),
    /// A slow check of a secret that a person chose.
    Verify(NeedVerify<'r>),
    /// A person's login and consent.
    Owner(NeedOwner<'r>),
    /// Records, all of one snapshot.
    Load(NeedLoad<'r>),
    /// A signature.
    Sign(NeedSign<'r>),
    /// One transaction.
    Commit(NeedCommit<'r>),
    /// The end.
    Reply(Reply<'r>),
}

/// What every endpoint's machine carries from need to need.
#[derive(Debug)]
pub(super) struct Machine<'r> {
    pub(super) server: &'r Server<'r>,
    pub(super) now: UnixTime,
    pub(super) seed: Entropy<ENTROPY>,
    pub(super) scratch: Scratch<'r>,
    /// Where scratch is wound back to when the machine begins again.
    pub(super) start: u16,
    pub(super) commits: u8,
    pub(super) caller: Caller,
    /// The account to look at too, once a first look told which.
    pub(super) account: Option<Key>,
    pub(super) flow: Flow,
}

/// Which endpoint, and what its request said.
#[derive(Debug)]
pub(super) enum Flow {
    Token(token::Request),
    Authorize(authorize::Request),
    Revoke(revoke::Request),
    Introspect(introspect::Request),
}

impl<'r> Machine<'r> {
    pub(super) fn new(
        server: &'r Server<'r>,
        now: UnixTime,
        seed: Entropy<ENTROPY>,
        scratch: Scratch<'r>,
        flow: Flow,
    ) -> Self {
        Self { server, now, seed, scratch, start: 0, commits: 0, caller: Caller::default(), account: None, flow }
    }

    /// The first need of every endpoint. What the request said stays in scratch for good.
    pub(super) fn begin(mut self, read: Result<Caller, Fault>) -> Step<'r> {
        match read {
            Ok(caller) => {
                self.caller = caller;
                self.start = self.scratch.mark();
                Step::Client(NeedClient(self))
            }
            Err(fault) => self.refuse(fault),
        }
    }

    pub(super) fn text(&self, span: Span) -> &str {
        self.scratch.text(span)
    }

    pub(super) fn refuse(self, fault: Fault) -> Step<'r> {
        self.reply(Outcome::Refused(fault))
    }

    /// No reply leaves before it is written that the client's assertion was used, but for those that are the server's
    /// fault: after them a client may send the same request again.
    pub(super) fn reply(self, then: Outcome) -> Step<'r> {
        let failed = matches!(then, Outcome::Refused(fault) if fault.status() >= 500);
        match self.caller.proven {
            Some(assertion) if !failed => {
                let grant = Kept::new(assertion.key(&self), self.caller.client_id, self.now, self.now);
                Step::Commit(NeedCommit { m: self, grant, transition: Transition::Authenticate, then })
            }
            _ => Step::Reply(Reply::new(self, then)),
        }
    }

    /// The client proved who it is. After a conflict it may be that its assertion was used meanwhile: that is looked at
    /// first. Before, nobody looks, as the commit will tell.
    fn authenticated(self) -> Step<'r> {
        match self.caller.proven {
            Some(assertion) if self.commits > 0 => {
                Step::Load(NeedLoad { keys: [Some(assertion.key(&self)), None, None, None], m: self, assertion: true })
            }
            _ => self.proceed(),
        }
    }

    /// Goes on with the endpoint once the client is known.
    fn proceed(self) -> Step<'r> {
        match self.flow {
            Flow::Token(_) => token::authenticated(self),
            Flow::Revoke(_) => revoke::authenticated(self),
            Flow::Introspect(_) => introspect::authenticated(self),
            // The authorization endpoint authenticates no client; `NeedClient::resume` took that way before.
            Flow::Authorize(_) => self.refuse(Fault::BadRecord),
        }
    }

    pub(super) fn load(self, keys: [Option<Key>; 3]) -> Step<'r> {
        let [a, b, c] = keys;
        Step::Load(NeedLoad { keys: [a, b, c, self.account], m: self, assertion: false })
    }
}

/// The machine needs the record of a client.
#[must_use]
#[derive(Debug)]
pub struct NeedClient<'r>(pub(super) Machine<'r>);

impl<'r> NeedClient<'r> {
    /// Its `client_id`, as the request gave it.
    pub fn id(&self) -> &str {
        self.0.text(self.0.caller.client_id)
    }

    /// The key of its record, for a store that keeps clients: what [`Key::client`] makes of [`Self::id`].
    pub const fn key(&self) -> Key {
        self.0.caller.key()
    }

    /// Goes on with the record, and its version if it is kept in the store that takes the commit: that commit will hold it.
    /// `None` if there is no such client.
    pub fn resume(self, client: Option<(&Client<'_>, Option<Version>)>) -> Step<'r> {
        let mut m = self.0;
        let Some((client, version)) = client else { return m.refuse(Fault::UnknownClient) };
        if let Err(fault) = m.caller.recognise(client, version, &mut m.scratch) {
            return m.refuse(fault);
        }
        if let Flow::Authorize(_) = m.flow {
            return authorize::recognised(m, client);
        }
        match m.caller.authenticate(m.server, m.now, client, &mut m.scratch) {
            Ok(Checked::Done) => m.authenticated(),
            Ok(Checked::Slow { hash }) => Step::Verify(NeedVerify { m, hash }),
            Err(fault) => m.refuse(fault),
        }
    }

    /// The store is broken: the reply is `temporarily_unavailable`.
    pub fn fail(self) -> Step<'r> {
        self.0.refuse(Fault::Unavailable)
    }
}

/// The machine needs a slow hash checked, off the threads that serve.
#[must_use]
#[derive(Debug)]
pub struct NeedVerify<'r> {
    m: Machine<'r>,
    hash: Span,
}

impl<'r> NeedVerify<'r> {
    /// The secret as presented.
    pub fn secret(&self) -> SecretText<'_> {
        SecretText::new(self.m.text(self.m.caller.secret))
    }

    /// The Argon2id hash that it must fit, in PHC form.
    pub fn hash(&self) -> &str {
        self.m.text(self.hash)
    }

    /// Goes on: whether the secret fits the hash.
    pub fn resume(self, fits: bool) -> Step<'r> {
        if fits { self.m.authenticated() } else { self.m.refuse(Fault::WrongSecret) }
    }

    /// The verifier is broken or busy: the reply is `temporarily_unavailable`.
    pub fn fail(self) -> Step<'r> {
        self.m.refuse(Fault::Unavailable)
    }
}

/// The machine needs records, all of one snapshot that sees every applied change before it.
#[must_use]
#[derive(Debug)]
pub struct NeedLoad<'r> {
    m: Machine<'r>,
    keys: Keys,
    /// It is looked whether the client's assertion was used before.
    assertion: bool,
}

impl<'r> NeedLoad<'r> {
    /// Which; unused slots are `None`.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Goes on with what was found, slot for slot.
    pub fn resume(self, found: Found<'_>) -> Step<'r> {
        let slots = self.keys.iter().zip(&found);
        let mismatched = |(key, found): (&Option<Key>, &Option<(Record<'_>, Version)>)| match (key, found) {
            (_, None) => false,
            (Some(key), Some((record, _))) => key.kind != record.kind(),
            (None, Some(_)) => true,
        };
        if slots.into_iter().any(mismatched) {
            return self.m.refuse(Fault::BadRecord);
        }
        if self.assertion {
            let mut m = self.m;
            return match found[0] {
                None => m.proceed(),
                Some(_) => {
                    m.caller.proven = None;
                    m.refuse(Fault::ReplayedAssertion)
                }
            };
        }
        match self.m.flow {
            Flow::Token(_) => token::loaded(self.m, &found),
            Flow::Authorize(_) => authorize::loaded(self.m, &found),
            Flow::Revoke(_) => revoke::loaded(self.m, &found),
            Flow::Introspect(_) => introspect::loaded(self.m, &found),
        }
    }

    /// The store is broken: the reply is `temporarily_unavailable`.
    pub fn fail(self) -> Step<'r> {
        self.m.refuse(Fault::Unavailable)
    }
}

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

/// Whether a grant gives anything now.
pub(super) fn usable(state: GrantState, expires_at: UnixTime, now: UnixTime) -> Result<(), Fault> {
    match state {
        GrantState::Ended => Err(Fault::EndedGrant),
        _ if now >= expires_at => Err(Fault::ExpiredGrant),
        GrantState::Pending | GrantState::Live => Ok(()),
    }
}
