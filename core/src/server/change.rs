//! The store's contract: what is loaded, what is changed in one transaction, and what the store answers.
//!
//! A store knows nothing of OAuth. Two verbs carry every flow: `load` of up to four keys from one snapshot, and `commit`
//! of one [`Change`], all or nothing. Reads are hints; only the commit decides. `valetkey-conformance` has the laws that
//! any store must pass.

mod event;

pub use event::{Event, EventKind};

use super::record::{Digest, Record};
use crate::time::UnixTime;
use core::hash::{Hash, Hasher};
use core::num::NonZeroU64;
use sha2::{Digest as _, Sha256};

/// What kind of record a key files; the first byte of a stored key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// By SHA-256 of `client_id`.
    Client = 1,
    /// By SHA-256 of `subject`.
    Account = 2,
    /// By SHA-256 of the locator that its code and tokens begin with.
    Grant = 3,
    /// By SHA-256 of its secret.
    Code = 4,
    /// By SHA-256 of its secret; of a signed one by SHA-256 of its `jti`.
    Access = 5,
    /// By random bytes, or SHA-256: identifiers of pending requests that were answered, and of assertions.
    Used = 6,
    /// By SHA-256 of `kid`.
    SigningKey = 7,
}

impl Kind {
    /// Every kind, in the order of their bytes.
    pub const ALL: [Self; 7] =
        [Self::Client, Self::Account, Self::Grant, Self::Code, Self::Access, Self::Used, Self::SigningKey];
}

/// What a record is filed under: SHA-256 of a name or secret, or random bytes. Stored as 33 bytes, kind first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What kind of record it files.
    pub kind: Kind,
    /// Which one.
    pub id: Digest,
}

/// By a part of the id, as every part of a digest differs as much as the whole.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_ne_bytes(self.id.0.first_chunk().copied().unwrap_or_default()));
    }
}

impl Key {
    /// The key of a client.
    pub fn client(client_id: &str) -> Self {
        Self { kind: Kind::Client, id: sha256(&[client_id.as_bytes()]) }
    }

    /// The key of an account.
    pub fn account(subject: &str) -> Self {
        Self { kind: Kind::Account, id: sha256(&[subject.as_bytes()]) }
    }

    /// The key of a signing key.
    pub fn signing_key(kid: &str) -> Self {
        Self { kind: Kind::SigningKey, id: sha256(&[kid.as_bytes()]) }
    }

    /// As stored.
    pub fn to_bytes(&self) -> [u8; 33] {
        let mut bytes = [self.kind as u8; 33];
        for (to, from) in bytes.iter_mut().skip(1).zip(self.id.0) {
            *to = from;
        }
        bytes
    }

    /// Reads what [`Key::to_bytes`] wrote; `None` for an unknown kind.
    pub fn from_bytes(bytes: &[u8; 33]) -> Option<Self> {
        let [first, rest @ ..] = bytes;
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == *first)?;
        Some(Self { kind, id: Digest(*rest) })
    }
}

/// Of which commit a record is. Opaque, compared for equality only; never 0; fits a signed 64-bit column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version(NonZeroU64);

impl Version {
    /// `None` for 0 and for what does not fit a signed 64-bit column.
    pub const fn new(n: u64) -> Option<Self> {
        match NonZeroU64::new(n) {
            Some(n) if n.get() <= i64::MAX as u64 => Some(Self(n)),
            _ => None,
        }
    }

    /// The number, 1 to 2^63 - 1.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Makes a version of eight random bytes: the top bit goes, and 0 becomes 1.
    pub(crate) const fn drawn(bytes: [u8; 8]) -> Self {
        match NonZeroU64::new(u64::from_be_bytes(bytes) & i64::MAX as u64) {
            Some(n) => Self(n),
            None => Self(NonZeroU64::MIN),
        }
    }
}

/// What must be so of a key at the moment of the commit. Exhaustive on purpose: a store tests each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record is there.
    Absent,
    /// The record is of this version.
    At(Version),
}

/// One record to write, with its own expectation, so that no blind write exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put<'a> {
    /// Where.
    pub key: Key,
    /// Tested in the same transaction that writes.
    pub expect: Expect,
    /// The record may be forgotten after this time, and never before.
    pub keep_until: UnixTime,
    /// Keys that `scan` finds it by: its account, its client.
    pub index: [Option<Key>; 2],
    /// What; at most 16 KiB encoded.
    pub record: Record<'a>,
}

/// One transaction: all of it, or nothing.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Becomes the version of every put. Sending the same change again is harmless: a store that finds the first put's
    /// key at this version already answers [`Committed::Applied`], so that a lost acknowledgement is not mistaken for a replay.
    pub id: Version,
    /// One to six records, each key once. The first is a key that no other transition writes at this version.
    pub puts: [Option<Put<'a>>; 6],
    /// Records that must still be of these versions but stay as they are.
    pub holds: [Option<(Key, Version)>; 2],
    /// What to append to the audit trail in the same transaction, where events are kept.
    pub event: Option<Event<'a>>,
}

/// What the store answers to a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Durable; or found so, if the same change was sent before.
    Applied,
    /// Nothing was written: look again, decide again.
    Conflict,
}

/// SHA-256 over the parts one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

/// What `load` is asked for; unused slots are `None`.
pub type Keys = [Option<Key>; 4];

/// What `load` found, slot for slot, all of one snapshot.
pub type Found<'s> = [Option<(Record<'s>, Version)>; 4];

/// What `load` found, owned: what a store's driver hands out. Shared, so that a store that has its records in memory copies
/// none of them, and small. Not on machines without compare-and-swap, whose `alloc` has no `Arc`.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub type OwnedFound = [Option<(alloc::sync::Arc<super::record::OwnedRecord>, Version)>; 4];

/// Borrows what a driver loaded, for `resume`.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub fn found(owned: &OwnedFound) -> Found<'_> {
    core::array::from_fn(|i| owned.get(i)?.as_ref().map(|(record, version)| (record.as_view(), *version)))
}
