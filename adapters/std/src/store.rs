//! What the drivers ask of a store, and what whoever writes one has to keep to: [`Store`] is for async programs,
//! [`blocking::Store`] for those with threads. A store may be both.
//!
//! A store knows nothing of OAuth: it files records under keys and commits [`Change`]s. Read the duties at the trait, then
//! let `valetkey_conformance::laws::store_laws` or `blocking_store_laws` try to break what you wrote.

pub mod blocking;

use std::error::Error;
use std::fmt;
use std::future::Future;
use valetkey::server::change::{
    Change, Committed, Event, EventKind, Expect, Key, Keys, Kind, OwnedFound, Put, Version,
};
use valetkey::server::record::{Digest, OwnedRecord};
use valetkey::time::UnixTime;

/// Keeps the records of an authorization server.
///
/// The core decides from what `load` says and writes by `commit`, which tests again, in one transaction, everything that
/// the decision rested on. Reads are hints; only the commit decides. From that follow the duties of a store:
///
/// - **Atomic.** A [`Change`] is written whole or not at all, and its expectations and holds are tested in the transaction
///   that writes, so that of any number of rivals with the same expectation one wins. Transactions are serialisable:
///   snapshot isolation alone lets two changes pass of which each puts what the other holds.
/// - **Durable.** [`Committed::Applied`] means that the change survives whatever the store promises to survive, and that
///   every `load`, `scan` and `commit` begun afterwards, by whatever handle, sees it.
/// - **Repeatable.** A change that comes again is answered as before: see [`Store::commit`].
/// - **Blind.** The store reads no clock and no record. Logical expiry lies in the record and is judged by the core;
///   `keep_until` says only when a record may be forgotten.
/// - **Cancel-safe.** A future may be dropped at any time. What it had begun to commit is then written whole or not at all.
///
/// There is no delete: what is spent or removed stays, so that a second use is recognised, until `sweep` forgets it.
pub trait Store: Send + Sync + 'static {
    /// Looks up to four keys up in one snapshot, which sees every change that was `Applied` before.
    ///
    /// Slot for slot: the answer to `keys[i]` is at `[i]`; `None` for an unused slot and for a key without a record. The same
    /// key may be asked twice. A version is the [`Change::id`] that wrote the record. A record past its `keep_until` that was
    /// not swept yet is found like any other.
    ///
    /// # Errors
    /// The store cannot answer.
    fn load(&self, keys: &Keys) -> impl Future<Output = Result<OwnedFound, StoreError>> + Send;

    /// Commits one change: in one transaction
    /// 1. if the record of `puts[0]` is at version `change.id`, this very change was applied before: answers `Applied` and
    ///    writes nothing, whatever became of the other keys;
    /// 2. if an expectation of a put or a hold does not hold, answers `Conflict` and writes nothing;
    /// 3. else writes every put at version `change.id`, with its `keep_until` and `index` in place of any earlier ones,
    ///    appends the event where events are kept, and answers `Applied`.
    ///
    /// Nothing else tells a resent change: two changes may carry the same id when their first puts differ, and a change
    /// whose first record has moved on since is a `Conflict`. A change has one to six puts, from `puts[0]` on, each key once.
    ///
    /// # Errors
    /// The outcome is unknown: send the same change again. The driver does so until its deadline.
    fn commit(&self, change: &Change<'_>) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// One page of the records that `by` names whose key is greater than `after`: at most `limit`, in the order of
    /// [`Key::to_bytes`]. Fewer than `limit` means that there are no more.
    ///
    /// A page is one snapshot, the pages of a walk need not be: a record that is there all the while is found once.
    ///
    /// # Errors
    /// The store cannot answer.
    fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, OwnedRecord, Version)>, StoreError>> + Send;

    /// Forgets at most `limit` records whose `keep_until` is before `now`, and says how many. Fewer than `limit` means that
    /// no more were due. A record that is due exactly `now` stays. A forgotten key is absent, and may be put again.
    ///
    /// It is due by the last put's `keep_until`: a change that prolongs it and is `Applied` saves the record. Call it now and
    /// then with a limit of one or two hundred, so that it does not hold others up.
    ///
    /// # Errors
    /// Some may be forgotten already; those that are left come with the next call.
    fn sweep(&self, now: UnixTime, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// Which records [`Store::scan`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// All of a kind.
    Kind(Kind),
    /// Those that name this key in [`Put::index`], of whatever kind: what belongs to an account or a client.
    Index(Key),
}

/// A store cannot answer. Shown to the operator, never to a client; holds no secret and no record.
#[derive(Debug)]
pub struct StoreError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Says what was wrong, where, and what to do about it.
    ///
    /// ```
    /// # use valetkey_std::store::StoreError;
    /// let error = StoreError::new("the disk with /var/lib/valetkey is full; free some space");
    /// assert_eq!(error.to_string(), "the disk with /var/lib/valetkey is full; free some space");
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// The same, with the error that is at the bottom of it.
    pub fn because(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }

    /// The message and each error beneath it, with colons between: for a log.
    ///
    /// ```
    /// # use valetkey_std::store::StoreError;
    /// assert_eq!(StoreError::because("cannot commit", "disk full").causes().to_string(), "cannot commit: disk full");
    /// ```
    pub fn causes(&self) -> impl fmt::Display + '_ {
        Causes(self)
    }
}

struct Causes<'e>(&'e StoreError);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_deref()?)
    }
}

/// A [`Change`], owned: for a store that hands it to another thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedChange {
    /// As in [`Change::id`].
    pub id: Version,
    /// One to six. The first tells whether the change was applied before.
    pub puts: Vec<OwnedPut>,
    /// Up to two.
    pub holds: Vec<(Key, Version)>,
    /// As in [`Change::event`].
    pub event: Option<OwnedEvent>,
}

/// A [`Put`], owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPut {
    /// Where.
    pub key: Key,
    /// Tested in the same transaction that writes.
    pub expect: Expect,
    /// The record may be forgotten after this time, and never before.
    pub keep_until: UnixTime,
    /// Keys that `scan` finds it by.
    pub index: [Option<Key>; 2],
    /// What.
    pub record: OwnedRecord,
}

/// An [`Event`], owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedEvent {
    /// When.
    pub at: UnixTime,
    /// What.
    pub what: EventKind,
    /// Which client; empty if none was recognised.
    pub client_id: String,
    /// Whose grant; empty if nobody's.
    pub subject: String,
    /// Which grant, if one is concerned.
    pub grant: Option<Digest>,
    /// Which signing key; empty if none is concerned.
    pub kid: String,
}

impl OwnedChange {
    /// The borrowed view, which [`Store::commit`] takes. `None` if there is no put, more than six puts or more than two holds:
    /// such a change cannot be.
    pub fn view(&self) -> Option<Change<'_>> {
        let Self { id, puts, holds, event } = self;
        if !(1..=6).contains(&puts.len()) || holds.len() > 2 {
            return None;
        }
        Some(Change {
            id: *id,
            puts: std::array::from_fn(|i| puts.get(i).map(OwnedPut::view)),
            holds: std::array::from_fn(|i| holds.get(i).copied()),
            event: event.as_ref().map(OwnedEvent::view),
        })
    }
}

impl OwnedPut {
    /// The borrowed view.
    pub fn view(&self) -> Put<'_> {
        let Self { key, expect, keep_until, index, record } = self;
        Put { key: *key, expect: *expect, keep_until: *keep_until, index: *index, record: record.as_view() }
    }
}

impl OwnedEvent {
    /// The borrowed view.
    pub fn view(&self) -> Event<'_> {
        let Self { at, what, client_id, subject, grant, kid } = self;
        Event { at: *at, what: *what, client_id, subject, grant: *grant, kid }
    }
}

impl From<&Change<'_>> for OwnedChange {
    fn from(change: &Change<'_>) -> Self {
        Self {
            id: change.id,
            puts: change.puts.iter().flatten().map(OwnedPut::from).collect(),
            holds: change.holds.iter().flatten().copied().collect(),
            event: change.event.as_ref().map(OwnedEvent::from),
        }
    }
}

impl From<&Put<'_>> for OwnedPut {
    fn from(put: &Put<'_>) -> Self {
        let Put { key, expect, keep_until, index, record } = put;
        Self { key: *key, expect: *expect, keep_until: *keep_until, index: *index, record: record.into() }
    }
}

impl From<&Event<'_>> for OwnedEvent {
    fn from(event: &Event<'_>) -> Self {
        let Event { at, what, client_id, subject, grant, kid } = *event;
        Self { at, what, client_id: client_id.into(), subject: subject.into(), grant, kid: kid.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valetkey::server::record::Record;

    #[test]
    fn an_owned_change_keeps_every_part() {
        let version = |n| Version::new(n).unwrap();
        let (used, client) = (Key { kind: Kind::Used, id: Digest([7; 32]) }, Key::client("c"));
        let put = Put {
            key: used,
            expect: Expect::At(version(3)),
            keep_until: UnixTime(9),
            index: [None, Some(client)],
            record: Record::Used,
        };
        let event = Event {
            at: UnixTime(1),
            what: EventKind::Revoked,
            client_id: "c",
            subject: "s",
            grant: Some(Digest([1; 32])),
            kid: "k",
        };
        let change = Change {
            id: version(5),
            puts: [Some(put), Some(Put { key: client, ..put }), None, None, None, None],
            holds: [None, Some((client, version(2)))],
            event: Some(event),
        };
        let owned = OwnedChange::from(&change);
        let holds = [Some((client, version(2))), None];
        assert_eq!(owned.view(), Some(Change { holds, ..change }), "the second hold moves up");
        assert_eq!(OwnedChange { event: None, ..owned }.view(), Some(Change { holds, event: None, ..change }));
    }

    #[test]
    fn a_change_out_of_bounds_has_no_view() {
        let key = Key { kind: Kind::Used, id: Digest([7; 32]) };
        let (id, keep_until) = (Version::new(1).unwrap(), UnixTime(9));
        let put = OwnedPut { key, expect: Expect::Absent, keep_until, index: [None; 2], record: OwnedRecord::Used };
        for (puts, holds, good) in [(0, 0, false), (1, 0, true), (6, 2, true), (7, 2, false), (6, 3, false)] {
            let change = OwnedChange { id, puts: vec![put.clone(); puts], holds: vec![(key, id); holds], event: None };
            assert_eq!(change.view().is_some(), good, "{puts} puts, {holds} holds");
        }
    }

    #[test]
    fn an_error_tells_its_message_and_its_cause() {
        let error = StoreError::because("cannot commit", "disk full");
        assert_eq!(error.to_string(), "cannot commit");
        assert_eq!(error.source().unwrap().to_string(), "disk full");
        assert!(StoreError::new("cannot commit").source().is_none());
    }
}
