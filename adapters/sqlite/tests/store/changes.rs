//! Changes to commit, and what is left of them.

use std::path::{Path, PathBuf};
use valetkey::server::change::{Change, Committed, Event, EventKind, Expect, Key, Kind, Put, Version};
use valetkey::server::record::{Access, Digest, Record};
use valetkey::time::UnixTime;
use valetkey_sqlite::SqliteStore;
use valetkey_std::store::{Store, StoreError};

/// Far ahead of any clock.
pub(crate) const LATER: UnixTime = UnixTime(8_000_000_000);

/// The `slot`th key of change `n`, of another place in the file each time.
pub(crate) fn key(n: u64, slot: u8) -> Key {
    let mut id = [slot; 32];
    for (place, bytes) in id.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&scramble(n * 4 + place as u64).to_be_bytes());
    }
    id[31] = slot;
    Key { kind: Kind::Access, id: Digest(id) }
}

/// Spreads a counter over all of 64 bits: the finaliser of SplitMix64.
pub(crate) const fn scramble(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

pub(crate) fn version(n: u64) -> Version {
    Version::new(n + 1).unwrap()
}

/// A record that tells a text.
pub(crate) fn put(key: Key, expect: Expect, text: &str) -> Put<'_> {
    let access = Access { grant: key.id, scope: text, resource: "", issued_at: UnixTime(0), expires_at: LATER };
    Put { key, expect, keep_until: LATER, index: [None; 2], record: Record::Access(access) }
}

/// An event of a client.
pub(crate) fn event(at: u64, client_id: &str) -> Event<'_> {
    let (what, grant) = (EventKind::Refreshed, Some(Digest([7; 32])));
    Event { at: UnixTime(at), what, client_id, subject: "alice", grant, kid: "" }
}

/// Change `n`: three new records and an event.
pub(crate) fn change(n: u64) -> Change<'static> {
    change_of(n, [0, 1, 2].map(|slot| put(key(n, slot), Expect::Absent, "read write")))
}

/// Change `n`, of these puts.
pub(crate) fn change_of<'a, const N: usize>(n: u64, puts: [Put<'a>; N]) -> Change<'a> {
    let mut change = Change { id: version(n), puts: [None; 6], holds: [None; 2], event: Some(event(n, "client")) };
    for (slot, put) in change.puts.iter_mut().zip(puts) {
        *slot = Some(put);
    }
    change
}

/// How many of the three records of change `n` are there.
pub(crate) async fn records_of(store: &SqliteStore, n: u64) -> usize {
    let [a, b, c] = [0, 1, 2].map(|slot| Some(key(n, slot)));
    let found = store.load(&[a, b, c, None]).await.unwrap();
    found.iter().flatten().filter(|(_, found)| *found == version(n)).count()
}

pub(crate) async fn commit(store: &SqliteStore, n: u64) -> Result<Committed, StoreError> {
    store.commit(&change(n)).await
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

/// The log beside a database.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
