//! Opening the file: created for its owner alone, looked at before anything is written, brought to the present schema.

use crate::fault::OpenError;
use crate::schema::{self, Found};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For how long a lock that another process holds is waited for. Less than the two seconds that the driver gives a
/// commit, so that it learns what is the matter.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Between two tries. Short, as a busy server gives the lock free for moments only.
const LOCK_NAP: Duration = Duration::from_millis(1);

/// Bytes that an emptied log may keep on the disk.
const LONGEST_LOG: i64 = 16 * 1_024 * 1_024;

/// Frames of the log at which SQLite empties it as a part of a commit: more than the writer lets it have.
const LONGEST_BY_ITSELF: i64 = 4_000;

/// Pages that the writer keeps in memory, in KiB. A reader has to drop its own whenever something was written.
const CACHE_KIB: i64 = 16 * 1_024;

/// Creates the file if need be, and brings it to the present schema. Gives its absolute path and the connection that writes.
pub(crate) fn create(path: &Path) -> Result<(PathBuf, Connection), OpenError> {
    let path = std::path::absolute(path)
        .map_err(|error| OpenError::because(format!("{} is no path; name a file", path.display()), error))?;
    create_file(&path)?;
    let mut conn = writer(&path)?;
    schema::migrate(&mut conn).map_err(|error| OpenError::sqlite(&path, error))?;
    Ok((path, conn))
}

/// Makes an empty file that only its owner may read, if there is none. SQLite gives its log the same mode.
///
/// A file that exists is not touched: to close a second descriptor of it would drop the locks of every connection that
/// this process has.
fn create_file(path: &Path) -> Result<(), OpenError> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let directory = path.parent().unwrap_or(path);
    match options.open(path) {
        Ok(_) => sync_directory(directory)
            .map_err(|error| OpenError::because(format!("the directory of {shown} cannot be synced"), error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
            Err(OpenError::new(format!("{shown} is a directory; name a file in it")))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(OpenError::because(format!("there is no directory {}; create it", directory.display()), error))
        }
        Err(error) => Err(OpenError::because(
            format!("{shown} cannot be created; does its directory belong to this user?"),
            error,
        )),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// A connection that writes, to a file that is ours or empty. Writes nothing but the mode of the journal.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let explained = |error| OpenError::sqlite(path, error);
    let shown = path.display();
    let mode = keep_log(&conn).map_err(explained)?;
    if mode != "wal" {
        return Err(OpenError::new(format!(
            "{shown} cannot have a write-ahead log; move it to a disk of this machine"
        )));
    }
    conn.pragma_update(None, "cache_size", -CACHE_KIB).map_err(explained)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", LONGEST_BY_ITSELF, |_| Ok(())).map_err(explained)?;
    conn.pragma_update_and_check(None, "journal_size_limit", LONGEST_LOG, |_| Ok(())).map_err(explained)?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON")
        .map_err(explained)?;
    Ok(conn)
}

/// Turns the log on. Of two that do so at once, SQLite refuses one without asking the busy handler, so that they do not
/// wait for each other: that one tries again.
fn keep_log(conn: &Connection) -> rusqlite::Result<String> {
    let begun = Instant::now();
    loop {
        let answer = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        let busy = matches!(&answer, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if !busy || begun.elapsed() >= LONGEST_WAIT {
            return answer;
        }
        sleep(LOCK_NAP);
    }
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let explained = |error| OpenError::sqlite(path, error);
    let mut conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(explained)?;
    conn.busy_handler(Some(|tries: i32| {
        sleep(LOCK_NAP);
        LOCK_NAP * tries.unsigned_abs() < LONGEST_WAIT
    }))
    .map_err(explained)?;
    let shown = path.display();
    // SQLite falls back to reading what it may not write.
    if access.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) && conn.is_readonly("main").map_err(explained)? {
        return Err(OpenError::new(format!(
            "{shown} cannot be written; make the file, its directory and its disk writable"
        )));
    }
    match schema::look(&conn).map_err(explained)? {
        Found::Version(found) if found > schema::VERSION => Err(OpenError::new(format!(
            "{shown} has schema {found}, and this program knows schemas up to {}; use a newer program",
            schema::VERSION
        ))),
        Found::Foreign => Err(OpenError::new(format!("{shown} is a database of another program; name another file"))),
        Found::Empty | Found::Version(_) => Ok(conn),
    }
}
