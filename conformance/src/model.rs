//! A reference model of the authorization server: what may be issued and what may be active, stated apart from how the
//! core decides it, and tried with many requests open at once.
//!
//! A run is a list of [`Command`]s. Any request may be held open at any need while others go on; it may crash after its
//! commit and before its reply; the outcome of a commit may get lost, so that the same change is sent again; the clock
//! runs, accounts are locked, clients removed, grants ended, expired records swept. The model holds that
//!
//! - a code issues at most once, and a paused consent at most one code;
//! - a refresh token has at most one successor, whoever asks how often;
//! - a second valid use of a code, or of a refresh token outside its grace window, ends the grant, and nothing else but
//!   its own client's revocation or an operator does: whoever holds old tokens, with or without the client's credentials;
//! - a grace window that waits for a lost answer is the confidential client's, and over once its successor was refreshed or
//!   an access token that came with it, at whichever time, was seen by introspection;
//! - no scope is wider than the consent;
//! - nothing is issued for a locked account, a removed client or an ended grant once that was committed;
//! - what was revoked or ended is never active again, and introspection says active of exactly what is live;
//! - a signed access token names its client, person, scope and end as the grant has them;
//! - an assertion of the client with a key pair is used once, and nothing is answered by one that was not;
//! - a request whose change was applied never says that it failed.
//!
//! ```
//! use valetkey_conformance::model::{self, Memory};
//! model::check::<Memory>(8).unwrap();
//! ```

mod ledger;
mod run;
mod signed;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::collections::HashMap;
use valetkey::server::Policy;
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::{AccessTokenFormat, OwnedRecord};
use valetkey::time::UnixTime;

/// A store, as far as the model needs one. Each run begins with an empty one.
pub trait Store: Default {
    /// Loads may be behind. Reads are hints, so what may be issued must hold even then; what only a read answers, such as
    /// introspection, is not judged.
    const STALE: bool = false;

    /// As in the store's contract.
    fn load(&mut self, keys: &Keys) -> OwnedFound;
    /// As in the store's contract.
    fn commit(&mut self, change: &Change<'_>) -> Committed;
    /// Forgets what may be forgotten.
    fn sweep(&mut self, now: UnixTime);
}

/// A store in memory, its contract to the letter.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    rows: HashMap<Key, (OwnedRecord, Version, UnixTime)>,
}

impl Memory {
    /// Whether every put finds what it expects.
    pub fn is_expected(&self, change: &Change<'_>) -> bool {
        change.puts.iter().flatten().all(|put| match put.expect {
            Expect::Absent => !self.rows.contains_key(&put.key),
            Expect::At(version) => self.version(put.key) == Some(version),
        })
    }

    /// Whether everything held is as it must be.
    pub fn is_held(&self, change: &Change<'_>) -> bool {
        change.holds.iter().flatten().all(|(key, version)| self.version(*key) == Some(*version))
    }

    /// Whether this very change was applied before.
    pub fn was_applied(&self, change: &Change<'_>) -> bool {
        let first = change.puts.iter().flatten().next();
        first.is_some_and(|put| self.version(put.key) == Some(change.id))
    }

    /// Writes all puts.
    pub fn apply(&mut self, change: &Change<'_>) {
        for put in change.puts.iter().flatten() {
            self.rows.insert(put.key, ((&put.record).into(), change.id, put.keep_until));
        }
    }

    fn version(&self, key: Key) -> Option<Version> {
        self.rows.get(&key).map(|(_, version, _)| *version)
    }
}

impl Store for Memory {
    fn load(&mut self, keys: &Keys) -> OwnedFound {
        keys.map(|key| self.rows.get(&key?).map(|(record, version, _)| (record.clone().into(), *version)))
    }

    fn commit(&mut self, change: &Change<'_>) -> Committed {
        if self.was_applied(change) {
            return Committed::Applied;
        }
        if !self.is_expected(change) || !self.is_held(change) {
            return Committed::Conflict;
        }
        self.apply(change);
        Committed::Applied
    }

    fn sweep(&mut self, now: UnixTime) {
        self.rows.retain(|_, (_, _, keep_until)| *keep_until >= now);
    }
}

/// What a token request gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing.
    Nothing,
    /// Another `code_verifier`.
    Verifier,
    /// Another client.
    Client,
    /// Another `redirect_uri`.
    RedirectUri,
}

/// What a refresh asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It names none.
    Unnamed,
    /// A part of what can be consented to.
    Part,
    /// All of it, which may be more than was consented to.
    All,
}

/// A request to an endpoint. What it is about is told by a number, taken modulo how many there are by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A client's own token.
    ClientCredentials,
    /// A person consents, to all or only to a part of the scope.
    Authorize {
        /// Which client.
        client: u8,
        /// Which person.
        subject: u8,
        /// To a part only.
        part: bool,
    },
    /// A paused request is answered.
    Answer {
        /// Which.
        pending: u8,
        /// By whom.
        subject: u8,
    },
    /// A code is redeemed.
    Redeem {
        /// Which.
        code: u8,
        /// With what wrong.
        wrong: Wrong,
    },
    /// A refresh token, of whatever age, is used.
    Refresh {
        /// Which.
        token: u8,
        /// By another client.
        foreign: bool,
        /// For which scope.
        scope: Scope,
    },
    /// An access token is revoked.
    RevokeAccess {
        /// Which.
        token: u8,
        /// By another client.
        foreign: bool,
    },
    /// A refresh token, of whatever age, is revoked.
    RevokeRefresh {
        /// Which.
        token: u8,
        /// By another client.
        foreign: bool,
    },
    /// An access token is introspected.
    Introspect {
        /// Which.
        token: u8,
    },
}

/// One thing that happens. Open requests are told by a number, taken modulo how many are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A request comes in and is held at its first need.
    Open(Request),
    /// A request is served from its beginning to its end.
    Do(Request),
    /// An authorization request is paused.
    Pause(u8),
    /// An open request is given the answer to its need.
    Step(u8),
    /// An open request is served to its end.
    Finish(u8),
    /// The change of an open request is sent, and the answer gets lost: it will be sent again.
    Lost(u8),
    /// An open request is forgotten, reply and all.
    Crash(u8),
    /// The clock advances by so many seconds.
    Clock(u32),
    /// An account is locked, or unlocked if it is.
    Lock(u8),
    /// A client is removed, or taken in again if it is.
    Remove(u8),
    /// An operator ends a grant.
    EndGrant(u8),
    /// What is expired is forgotten.
    Sweep,
}

/// Most requests that are open at once.
pub const MOST_OPEN: usize = 6;

fn request() -> impl Strategy<Value = Request> {
    let wrong = prop_oneof![
        8 => Just(Wrong::Nothing),
        1 => Just(Wrong::Verifier),
        1 => Just(Wrong::Client),
        1 => Just(Wrong::RedirectUri),
    ];
    // Small numbers, so that several requests are about the same thing.
    let (n, foreign) = (0u8..4, prop::bool::weighted(0.1));
    let token = prop_oneof![0u8..3, any::<u8>()];
    let scope = prop_oneof![8 => Just(Scope::Unnamed), 1 => Just(Scope::Part), 1 => Just(Scope::All)];
    prop_oneof![
        1 => Just(Request::ClientCredentials),
        3 => (n.clone(), 0u8..2, any::<bool>()).prop_map(|(client, subject, part)| Request::Authorize { client, subject, part }),
        2 => (n.clone(), 0u8..2).prop_map(|(pending, subject)| Request::Answer { pending, subject }),
        6 => (n.clone(), wrong).prop_map(|(code, wrong)| Request::Redeem { code, wrong }),
        8 => (token, foreign, scope)
            .prop_map(|(token, foreign, scope)| Request::Refresh { token, foreign, scope }),
        2 => (any::<u8>(), foreign).prop_map(|(token, foreign)| Request::RevokeAccess { token, foreign }),
        1 => (any::<u8>(), foreign).prop_map(|(token, foreign)| Request::RevokeRefresh { token, foreign }),
        4 => any::<u8>().prop_map(|token| Request::Introspect { token }),
    ]
}

/// Any run: how the model draws its commands.
pub fn commands() -> impl Strategy<Value = Vec<Command>> {
    let seconds = prop_oneof![4 => 0u32..12, 3 => 50u32..70, 2 => 590u32..620, 1 => Just(31 * 86_400)];
    let command = prop_oneof![
        16 => request().prop_map(Command::Open),
        10 => request().prop_map(Command::Do),
        1 => any::<u8>().prop_map(Command::Pause),
        30 => any::<u8>().prop_map(Command::Step),
        4 => any::<u8>().prop_map(Command::Finish),
        3 => any::<u8>().prop_map(Command::Lost),
        1 => any::<u8>().prop_map(Command::Crash),
        4 => seconds.prop_map(Command::Clock),
        2 => (0u8..2).prop_map(Command::Lock),
        1 => (0u8..3).prop_map(Command::Remove),
        1 => any::<u8>().prop_map(Command::EndGrant),
        1 => Just(Command::Sweep),
    ];
    prop::collection::vec(command, 1..90)
}

/// Runs the commands against the core's machines over a store and holds them to the model: where access tokens are opaque
/// and where they are signed, where the grace window is short and where it waits. At the end every open request is served,
/// and every token is introspected once more.
///
/// # Errors
/// What went wrong, in words, and at which command.
pub fn run<S: Store>(commands: &[Command]) -> Result<(), String> {
    let formats = [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt(signed::ALGORITHM)];
    // As in `Policy::EMBEDDED`, but for the lifetimes, which would outlast every run.
    let waiting = Policy { grace_until_used: true, ..Policy::OAUTH21 };
    let all = formats.into_iter().flat_map(|format| [(format, Policy::OAUTH21), (format, waiting)]);
    all.into_iter().try_for_each(|(format, policy)| {
        let told = |what| format!("{what} (access tokens: {format:?}, grace until used: {})", policy.grace_until_used);
        run::run::<S>(commands, format, policy).map_err(told)
    })
}

/// Draws and runs so many lists of commands, always the same ones, and shrinks a failure.
///
/// # Errors
/// The shortest list found that goes wrong, and how.
pub fn check<S: Store>(cases: u32) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let checked = TestRunner::new_with_rng(config, rng)
        .run(&commands(), |commands| run::<S>(&commands).map_err(TestCaseError::fail));
    checked.map_err(|error| error.to_string())
}
