//! Records and changes as columns: encoded by the caller, so that the one thread that writes has little to do.

use rusqlite::Row;
use valetkey::server::change::{Change, Expect, Key, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_std::store::{OwnedEvent, StoreError};

/// Bytes that an encoded record may have.
const LONGEST_BODY: usize = 16 * 1024;

/// [`Key::to_bytes`].
pub(crate) type KeyBytes = [u8; 33];

/// A change, encoded.
pub(crate) struct ChangeRow {
    pub(crate) id: i64,
    pub(crate) puts: Vec<PutRow>,
    pub(crate) holds: Vec<(KeyBytes, i64)>,
    pub(crate) event: Option<OwnedEvent>,
}

/// A put, encoded.
pub(crate) struct PutRow {
    pub(crate) key: KeyBytes,
    /// The version at which the record must be; `None` if there must be none.
    pub(crate) expect: Option<i64>,
    pub(crate) keep: i64,
    pub(crate) owner: Option<KeyBytes>,
    pub(crate) client: Option<KeyBytes>,
    pub(crate) body: String,
}

impl ChangeRow {
    pub(crate) fn encode(change: &Change<'_>) -> Result<Self, StoreError> {
        let puts = change.puts.iter().flatten().map(|put| {
            let [owner, client] = put.index.map(|key| Some(key?.to_bytes()));
            let expect = match put.expect {
                Expect::Absent => None,
                Expect::At(version) => Some(number(version)),
            };
            let body = body(put.key, &OwnedRecord::from(&put.record))?;
            Ok(PutRow { key: put.key.to_bytes(), expect, keep: seconds(put.keep_until), owner, client, body })
        });
        Ok(Self {
            id: number(change.id),
            puts: puts.collect::<Result<_, StoreError>>()?,
            holds: change.holds.iter().flatten().map(|(key, version)| (key.to_bytes(), number(*version))).collect(),
            event: change.event.as_ref().map(OwnedEvent::from),
        })
    }
}

fn body(key: Key, record: &OwnedRecord) -> Result<String, StoreError> {
    let kind = key.kind;
    let body = serde_json::to_string(record)
        .map_err(|error| StoreError::because(format!("a record of kind {kind:?} cannot be encoded"), error))?;
    if body.len() > LONGEST_BODY {
        let found = body.len();
        return Err(StoreError::new(format!(
            "a record of kind {kind:?} has {found} bytes, more than {LONGEST_BODY}; shorten its lists"
        )));
    }
    Ok(body)
}

fn number(version: Version) -> i64 {
    i64::try_from(version.get()).unwrap_or(i64::MAX)
}

/// As a column holds it: what is later than that is the end of time.
pub(crate) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// What was stored at a key.
pub(crate) struct Stored {
    key: KeyBytes,
    version: i64,
    body: Vec<u8>,
}

impl Stored {
    /// Reads the columns `k, v, body`.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let body = row.get_ref(2)?.as_bytes()?.to_vec();
        Ok(Self { key: row.get(0)?, version: row.get(1)?, body })
    }

    /// Says nothing of the record itself in an error: it may hold the hash of a password.
    pub(crate) fn decode(&self) -> Result<(Key, OwnedRecord, Version), StoreError> {
        let key = Key::from_bytes(&self.key);
        let version = u64::try_from(self.version).ok().and_then(Version::new);
        let record = serde_json::from_slice::<OwnedRecord>(&self.body).ok();
        match (key, record, version) {
            (Some(key), Some(record), Some(version)) if record.as_view().kind() == key.kind => {
                Ok((key, record, version))
            }
            _ => {
                let key: String = self.key.iter().map(|byte| format!("{byte:02x}")).collect();
                Err(StoreError::new(format!(
                    "the record at {key} is not what this version of Valetkey writes; restore a backup, or use a newer program"
                )))
            }
        }
    }
}
