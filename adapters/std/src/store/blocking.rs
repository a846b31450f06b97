//! What the blocking driver asks of a store.

use super::{By, StoreError};
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;

/// Keeps the records of an authorization server, and blocks the calling thread while it works.
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
/// - **Bounded.** It answers, if only by an error, within about the driver's deadline of two seconds: nobody can break off a
///   call that blocks. Give its connections and locks timeouts.
///
/// There is no delete: what is spent or removed stays, so that a second use is recognised, until `sweep` forgets it.
pub trait Store: Send + Sync {
    /// Looks up to four keys up in one snapshot, which sees every change that was `Applied` before.
    ///
    /// Slot for slot: the answer to `keys[i]` is at `[i]`; `None` for an unused slot and for a key without a record. The same
    /// key may be asked twice. A version is the [`Change::id`] that wrote the record. A record past its `keep_until` that was
    /// not swept yet is found like any other.
    ///
    /// # Errors
    /// The store cannot answer.
    fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError>;

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
    fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError>;

    /// One page of the records that `by` names whose key is greater than `after`: at most `limit`, in the order of
    /// [`Key::to_bytes`]. Fewer than `limit` means that there are no more.
    ///
    /// A page is one snapshot, the pages of a walk need not be: a record that is there all the while is found once.
    ///
    /// # Errors
    /// The store cannot answer.
    fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError>;

    /// Forgets at most `limit` records whose `keep_until` is before `now`, and says how many. Fewer than `limit` means that
    /// no more were due. A record that is due exactly `now` stays. A forgotten key is absent, and may be put again.
    ///
    /// It is due by the last put's `keep_until`: a change that prolongs it and is `Applied` saves the record. Call it now and
    /// then with a limit of one or two hundred, so that it does not hold others up.
    ///
    /// # Errors
    /// Some may be forgotten already; those that are left come with the next call.
    fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError>;
}
