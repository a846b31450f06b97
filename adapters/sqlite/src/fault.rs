//! What went wrong, in words for the operator: what, which file, what to do.

use rusqlite::ErrorCode;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use valetkey_std::store::StoreError;

/// Why a database could not be opened. Shown to the operator; holds no secret and no record.
#[derive(Debug)]
pub struct OpenError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OpenError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(crate) fn because(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }

    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        Self::because(explain(path, &source), source)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_deref()?)
    }
}

/// One failure that many callers are told of.
#[derive(Clone)]
pub(crate) struct Fault {
    message: Arc<str>,
    source: Arc<dyn Error + Send + Sync>,
}

impl Fault {
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        Self { message: explain(path, &source).into(), source: Arc::new(source) }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self { message: error.message.as_str().into(), source: Arc::new(error) }
    }
}

impl From<&Fault> for StoreError {
    fn from(fault: &Fault) -> Self {
        Self::because(&*fault.message, Arc::clone(&fault.source))
    }
}

/// A failure of one caller alone.
pub(crate) fn store_error(path: &Path, source: rusqlite::Error) -> StoreError {
    StoreError::because(explain(path, &source), source)
}

/// What an error of SQLite means here, and what to do about it.
fn explain(path: &Path, error: &rusqlite::Error) -> String {
    let path = path.display();
    let Some(code) = error.sqlite_error_code() else {
        return format!("the database {path} holds what Valetkey did not write; restore a backup");
    };
    match code {
        ErrorCode::DiskFull => format!("the disk with {path} is full; free some space"),
        ErrorCode::SystemIoFailure => {
            format!("{path} cannot be read or written; is its disk full, over quota or failing?")
        }
        ErrorCode::ReadOnly => format!("{path} cannot be written; make the file, its directory and its disk writable"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            format!("{path} is locked by another process; wait until that is done, or end it")
        }
        ErrorCode::DatabaseCorrupt => format!("the database {path} is damaged; stop the server and restore a backup"),
        ErrorCode::NotADatabase => {
            format!("{path} is not a database, or its beginning is damaged; name another file, or restore a backup")
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            format!("{path} cannot be opened; do the file and its directory belong to this user?")
        }
        ErrorCode::OutOfMemory => format!("there is no memory left to work on {path}"),
        _ => format!("SQLite cannot work on {path}; the cause says why"),
    }
}
