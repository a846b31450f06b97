//! The tables, and the steps from one version of them to the next.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours, in its header: "VKey".
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"VKey");

/// The version that this program reads and writes.
pub(crate) const VERSION: i64 = 2;

/// Step `n` leads from version `n` to `n + 1`. A step that was released is never altered: add another.
///
/// `records` is a table with a rowid, as random keys are inserted twice as fast as into one without. `owner` and `client`
/// are indexed together with the key, so that a page of a scan is read in order.
pub(crate) const STEPS: [&str; 2] = [
    "
    CREATE TABLE records (
        k BLOB NOT NULL PRIMARY KEY CHECK (length(k) = 33),
        v INTEGER NOT NULL,
        keep INTEGER NOT NULL,
        owner BLOB,
        client BLOB,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX records_keep ON records (keep);
    CREATE INDEX records_owner ON records (owner, k) WHERE owner IS NOT NULL;
    CREATE INDEX records_client ON records (client, k) WHERE client IS NOT NULL;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        what TEXT NOT NULL,
        client_id TEXT NOT NULL,
        subject TEXT NOT NULL,
        grant_id TEXT
    ) STRICT;
    CREATE INDEX events_at ON events (at);
",
    "ALTER TABLE events ADD COLUMN kid TEXT;",
];

/// What a file is, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing in it yet.
    Empty,
    /// A database of another program.
    Foreign,
    /// Ours, of this version.
    Version(i64),
}

/// Looks, and writes nothing. In one statement, so that it sees one moment: another process may just be creating it all.
pub(crate) fn look(conn: &Connection) -> rusqlite::Result<Found> {
    let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version";
    let (id, version, tables): (i64, i64, i64) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match id {
        id if id == i64::from(APPLICATION_ID) => Found::Version(version),
        0 if version == 0 && tables == 0 => Found::Empty,
        _ => Found::Foreign,
    })
}

/// Takes the steps that are missing, each in a transaction of its own, so that of two processes at once one takes each.
pub(crate) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    loop {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = match look(&transaction)? {
            Found::Empty => 0,
            Found::Version(version) => version,
            Found::Foreign => return Ok(()),
        };
        let Some(step) = usize::try_from(version).ok().and_then(|version| STEPS.get(version)) else {
            return Ok(());
        };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}
