//! The audit trail: one row for each change that tells of an event, appended in the same transaction.

use rusqlite::{Row, Statement, params};
use std::path::Path;
use valetkey::server::change::EventKind;
use valetkey::server::record::Digest;
use valetkey::time::UnixTime;
use valetkey_std::store::{OwnedEvent, StoreError};

use crate::row::seconds;

/// Which events are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// None from before this time.
    pub since: Option<UnixTime>,
    /// Those of this client alone.
    pub client_id: Option<String>,
    /// Those of this account alone.
    pub subject: Option<String>,
}

/// Which event, for the page after it. In the order of their times, and of their writing within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    at: i64,
    row: i64,
}

pub(crate) const INSERT: &str =
    "INSERT INTO events (at, what, client_id, subject, grant_id, kid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// In the order of the index on `at`, from a time and a row in it on.
pub(crate) const SELECT: &str = "SELECT id, at, what, client_id, subject, grant_id, kid FROM events
    WHERE at >= ?1 AND (at > ?1 OR id > ?2) AND (?3 IS NULL OR client_id = ?3) AND (?4 IS NULL OR subject = ?4)
    ORDER BY at, id LIMIT ?5";

pub(crate) fn insert(statement: &mut Statement<'_>, event: &OwnedEvent) -> rusqlite::Result<()> {
    let OwnedEvent { at, what, client_id, subject, grant, kid } = event;
    let (grant, kid) = (grant.map(|grant| grant.to_string()), Some(kid).filter(|kid| !kid.is_empty()));
    statement.execute(params![seconds(*at), what.name(), client_id, subject, grant, kid]).map(drop)
}

pub(crate) fn select(
    statement: &mut Statement<'_>,
    filter: &EventFilter,
    after: Option<EventId>,
    limit: i64,
) -> rusqlite::Result<Vec<EventRow>> {
    let since = EventId { at: filter.since.map_or(0, seconds), row: i64::MIN };
    let after = after.map_or(since, |after| after.max(since));
    let found = params![after.at, after.row, filter.client_id, filter.subject, limit];
    statement.query_map(found, EventRow::read)?.collect()
}

/// An event as stored.
pub(crate) struct EventRow {
    id: EventId,
    what: String,
    client_id: String,
    subject: String,
    grant: Option<String>,
    kid: Option<String>,
}

impl EventRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: EventId { at: row.get(1)?, row: row.get(0)? },
            what: row.get(2)?,
            client_id: row.get(3)?,
            subject: row.get(4)?,
            grant: row.get(5)?,
            kid: row.get(6)?,
        })
    }

    pub(crate) fn decode(self, path: &Path) -> Result<(EventId, OwnedEvent), StoreError> {
        let row = self.id.row;
        self.known().ok_or_else(|| {
            let path = path.display();
            StoreError::new(format!("event {row} in {path} is not of this version of Valetkey; use a newer program"))
        })
    }

    /// `None` if a newer program wrote it, or none of ours.
    fn known(self) -> Option<(EventId, OwnedEvent)> {
        let grant = match self.grant {
            Some(hex) => Some(Digest::from_hex(&hex)?),
            None => None,
        };
        let Self { id, what, client_id, subject, kid, .. } = self;
        let (at, what) = (UnixTime(u64::try_from(id.at).ok()?), EventKind::from_name(&what)?);
        Some((id, OwnedEvent { at, what, client_id, subject, grant, kid: kid.unwrap_or_default() }))
    }
}
