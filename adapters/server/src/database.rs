//! The store that the settings ask for: a database file, or memory.

use crate::config::Db;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use tokio::time::timeout;
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_sqlite::{OpenError, SqliteStore};
use valetkey_tokio::server::DEADLINE;
use valetkey_tokio::store::{By, Store, StoreError};

/// Where the program keeps its records; a clone is a handle to the same ones.
#[derive(Clone, Debug)]
pub enum Database {
    /// Gone when the program ends.
    Memory(MemoryStore),
    /// Durable.
    File(SqliteStore),
}

impl Database {
    /// Opens it; a file that is not there is made.
    ///
    /// # Errors
    /// The file cannot be read and written, or is no database of this program's.
    pub fn open(db: &Db) -> Result<Self, OpenError> {
        Ok(match db {
            Db::Memory => Self::Memory(MemoryStore::new()),
            Db::File(path) => Self::File(SqliteStore::open(path)?),
        })
    }
}

impl Store for Database {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        match self {
            Self::Memory(store) => store.load(keys).await,
            Self::File(store) => store.load(keys).await,
        }
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        match self {
            Self::Memory(store) => store.commit(change).await,
            Self::File(store) => store.commit(change).await,
        }
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        match self {
            Self::Memory(store) => store.scan(by, after, limit).await,
            Self::File(store) => store.scan(by, after, limit).await,
        }
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        match self {
            Self::Memory(store) => store.sweep(now, limit).await,
            Self::File(store) => store.sweep(now, limit).await,
        }
    }
}

/// What a store answers, if it does within [`DEADLINE`]: whoever asked is not to wait for a disk that hangs.
///
/// # Errors
/// Those of the store, and that it did not answer.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(DEADLINE, answer).await.unwrap_or_else(|_| Err(StoreError::new("the store did not answer in time")))
}

/// A server's claim on its database, for as long as it runs: two would forget twice as fast, and one that only this machine
/// reaches could put the demo under the eyes of one that all the world does. Commands need none.
#[derive(Debug)]
pub struct Claim(#[allow(dead_code, reason = "it is held, and let go by being dropped")] Option<File>);

impl Claim {
    /// Claims a database file by a lock on a file beside it, as SQLite has locks of its own on the database.
    ///
    /// # Errors
    /// Another server has it, or the file cannot be made.
    pub fn on(db: &Db) -> Result<Self, String> {
        let Db::File(path) = db else { return Ok(Self(None)) };
        let mut lock = path.clone().into_os_string();
        lock.push("-server");
        let lock = PathBuf::from(lock);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&lock).map_err(|error| format!("cannot open {}: {error}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Some(file))),
            Err(TryLockError::WouldBlock) => Err(format!(
                "another server serves {} already: stop that one first, or take another database with --db",
                path.display()
            )),
            Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", lock.display())),
        }
    }
}

/// Where the server keys of a database are, unless the settings say otherwise.
pub fn key_file(db: &Path) -> PathBuf {
    db.with_extension("key")
}
