//! A copy of the database while it is in use, and a look whether it is sound. Both take long: they have a thread of their own.

use crate::fault::store_error;
use crate::open;
use crate::schema::{self, Found};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use std::io;
use std::path::Path;
use valetkey::server::change::Kind;
use valetkey_std::store::StoreError;

/// What a sound database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The version of its schema.
    pub schema: i64,
    /// How many records it has of each kind, those past their `keep_until` that were not swept yet included.
    pub records: Vec<(Kind, u64)>,
    /// How many events.
    pub events: u64,
}

/// Copies what one snapshot shows. The copy appears under its name once it is whole and durable.
pub(crate) fn back_up(from: &Path, to: &Path) -> Result<(), StoreError> {
    let shown = to.display().to_string();
    let exists = || StoreError::new(format!("{shown} exists already; name another file for the backup"));
    let unwritten = |error: io::Error| {
        StoreError::because(format!("the backup {shown} cannot be written; is there room and permission?"), error)
    };
    let to = std::path::absolute(to).map_err(unwritten)?;
    let directory = to.parent().ok_or_else(exists)?;
    if to.symlink_metadata().is_ok() {
        return Err(exists());
    }
    // SQLite would take the log of a database that was there once for that of the copy.
    let mut log = to.clone().into_os_string();
    log.push("-wal");
    if Path::new(&log).symlink_metadata().is_ok() {
        return Err(StoreError::new(format!(
            "{shown}-wal is there, the log of another database; remove it, or name another file for the backup"
        )));
    }
    // Readable by its owner alone, and gone if anything fails.
    let copy = tempfile::Builder::new().prefix(".valetkey-backup-").tempfile_in(directory).map_err(unwritten)?;
    let source = open::reader(from).map_err(|error| StoreError::because(error.to_string(), error))?;
    copy_pages(&source, copy.path()).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => store_error(&to, error),
        _ => store_error(from, error),
    })?;
    copy.as_file().sync_all().map_err(unwritten)?;
    copy.persist_noclobber(&to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => unwritten(error.error),
    })?;
    open::sync_directory(directory).map_err(unwritten)
}

/// In one step, so that no change comes between; the writer goes on meanwhile.
fn copy_pages(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags)?;
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let step = Backup::new(source, &mut copy)?.step(-1)?;
    if step == StepResult::Done { Ok(()) } else { Err(busy()) }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)
}

/// Reads the whole file.
pub(crate) fn check(path: &Path) -> Result<Report, StoreError> {
    let conn = open::reader(path).map_err(|error| StoreError::because(error.to_string(), error))?;
    let problem: String =
        conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| store_error(path, error))?;
    if problem != "ok" {
        let path = path.display();
        return Err(StoreError::new(format!(
            "the database {path} is damaged ({problem}); stop the server and restore a backup"
        )));
    }
    count(&conn).map_err(|error| store_error(path, error))
}

fn count(conn: &Connection) -> rusqlite::Result<Report> {
    let mut statement = conn.prepare("SELECT count(*) FROM records WHERE k >= ?1 AND k < ?2")?;
    let mut count = |kind: Kind| {
        let first = kind as u8;
        statement.query_row([[first], [first + 1]], |row| row.get(0)).map(|count| (kind, count))
    };
    Ok(Report {
        schema: match schema::look(conn)? {
            Found::Version(version) => version,
            Found::Empty | Found::Foreign => 0,
        },
        records: Kind::ALL.into_iter().map(&mut count).collect::<rusqlite::Result<_>>()?,
        events: conn.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?,
    })
}
