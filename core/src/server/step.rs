//! A step of an endpoint: the reply, or one thing that the machine needs before it can go on.
//!
//! Each need owns its state, and `resume(self, answer)` takes only its own kind of answer: a wrong, doubled, missing or
//! forged answer does not compile. A driver is a loop over [`Step`] that answers needs until there is a [`Reply`].
//! The picture is at [`super`].

use super::authorize::NeedOwner;
use super::caller::{Caller, Checked};
use super::change::{Found, Key, Keys, Version};
use super::commit::{NeedCommit, Transition};
use super::fault::Fault;
use super::kept::Kept;
use super::record::{Client, GrantState, Record};
use super::reply::{Outcome, Reply};
use super::sign::NeedSign;
use super::{ENTROPY, Server, authorize, introspect, revoke, token};
use crate::secret::{Entropy, SecretText};
use crate::text::buf::{Scratch, Span};
use crate::time::UnixTime;

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

/// Whether a grant gives anything now.
pub(super) fn usable(state: GrantState, expires_at: UnixTime, now: UnixTime) -> Result<(), Fault> {
    match state {
        GrantState::Ended => Err(Fault::EndedGrant),
        _ if now >= expires_at => Err(Fault::ExpiredGrant),
        GrantState::Pending | GrantState::Live => Ok(()),
    }
}
