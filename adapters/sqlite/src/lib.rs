//! A durable store for Valetkey: one SQLite file, for a server on one machine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("valetkey.db");
//! use valetkey::server::change::Key;
//! use valetkey_sqlite::SqliteStore;
//! use valetkey_std::store::Store; // the same as valetkey_tokio::store::Store
//!
//! let store = SqliteStore::open(&path)?; // created if it is not there; blocks for a moment
//! let found = store.load(&[Some(Key::client("demo-web")), None, None, None]).await?;
//! assert_eq!(found, [None, None, None, None]);
//! # Ok(())
//! # }
//! ```
//!
//! It serves programs with threads as well, by [`blocking::Store`].
//!
//! # What is promised
//!
//! `Applied` means that the change is in the log and the log is synced: it survives a crash of the process and of the
//! machine, as far as the disk keeps what it says it has synced. A change is there whole or not at all. After a failure
//! (disk full, file locked, medium failing) callers get an error, nothing is half-done, and the store goes on by itself
//! once the cause is gone. Several processes may have the file open at once: commands work beside a server.
//!
//! # What lies on the disk
//!
//! | file | what |
//! |---|---|
//! | `valetkey.db` | the database, readable by its owner alone (mode 0600, given when it is created) |
//! | `valetkey.db-wal` | the log: changes that are durable but not in the database yet; **part of the data** |
//! | `valetkey.db-shm` | an index of the log, made anew when it is missing |
//!
//! The disk must be one of this machine: a log shared by processes does not work over a network. When the last handle is
//! dropped, what was accepted is finished and the log is emptied into the database. Copy a database that is in use by
//! [`SqliteStore::backup`] alone.
//!
//! Table `records` has a row for each record: `k` (key, 33 bytes, its kind first), `v` (version), `keep` (seconds since
//! 1970, kept at least until then), `owner` and `client` (keys that `scan` finds it by), `body` (the record as JSON).
//! Table `events` is the audit trail: `at`, `what`, `client_id`, `subject`, `grant_id`, `kid`. Nothing in either is a secret in
//! clear. `PRAGMA user_version` is the version of the schema; an older one is brought to the present when it is opened, a
//! newer one is refused.
//!
//! # Settings, and what each is for
//!
//! - `journal_mode = WAL`: who reads never waits for who writes, and one sync makes a transaction durable.
//! - `synchronous = FULL` (and `fullfsync` where there is such a thing): the log is synced before a commit returns.
//! - `wal_autocheckpoint` at four times what it comes with: the thread that writes empties the log long before, in small
//!   parts after it has answered; who comes meanwhile waits for that part, and no longer for a whole log.
//! - `journal_size_limit`: a log that grew during a backup becomes small again.
//! - `cache_size`: some memory for the one that writes.
//! - a busy handler: a lock of another process is waited for, a second at most; then the error says so.
//! - `application_id`: tells our files from those of other programs.
//!
//! # How it works
//!
//! One thread writes. It takes all changes that wait into one transaction, judges each by reading versions, and answers
//! when the transaction is durable; meanwhile the next ones gather. A conflict or failure of one does not harm the others.
//! Loads that wait share a snapshot, on threads beside it; pages of records and events have one more thread.

mod backup;
mod events;
mod fault;
mod open;
#[cfg(test)]
mod plans;
mod read;
mod row;
mod schema;
mod write;

pub use backup::Report;
pub use events::{EventFilter, EventId};
pub use fault::OpenError;

use read::{Read, Reader, Slots};
use row::{ChangeRow, Stored, seconds};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, available_parallelism};
use tokio::sync::{mpsc, oneshot};
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_std::store::{By, OwnedEvent, Store, StoreError, blocking};
use write::{Answer, From, Job, Pace, Writer};

/// Jobs and reads that may wait in a queue; whoever comes then waits for a place in it.
const QUEUE: usize = 1_024;

/// Threads that load, at most. Another one reads pages, so that these hold up no load.
const LOADERS: usize = 4;

/// A handle to a database; a clone is a handle to the same threads and connections.
///
/// When the last handle is dropped, what was accepted is finished and the database is closed; the drop waits for that.
#[derive(Clone)]
pub struct SqliteStore {
    // The order of the fields: the queues end before the last handle waits for the threads.
    writes: mpsc::Sender<Job>,
    loads: mpsc::Sender<Read>,
    pages: mpsc::Sender<Read>,
    shared: Arc<Shared>,
}

/// What all handles share.
struct Shared {
    path: PathBuf,
    counts: Arc<Counts>,
    _threads: Threads,
}

/// What was written so far.
#[derive(Default)]
struct Counts {
    transactions: AtomicU64,
    changes: AtomicU64,
    conflicts: AtomicU64,
}

/// What a store did since it was opened, and what waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable transactions in which a change was applied.
    pub transactions: u64,
    /// Changes that were answered `Applied`. Over `transactions`, these are how many shared one sync of the disk.
    pub changes: u64,
    /// Changes that were answered `Conflict`.
    pub conflicts: u64,
    /// Changes and sweeps that wait for the writer now.
    pub waiting: usize,
}

/// Waits for the writer, which waits for the readers.
struct Threads(Option<JoinHandle<()>>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            drop(writer.join());
        }
    }
}

impl SqliteStore {
    /// Opens the database, creates it if there is none, and brings it to the present schema. Blocks for some milliseconds.
    ///
    /// # Errors
    /// The file cannot be read and written, is no database or one of another program, or has a newer schema.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (path, conn) = open::create(path.as_ref())?;
        let (writes, jobs) = mpsc::channel(QUEUE);
        let (loads, load_queue) = mpsc::channel(QUEUE);
        let (pages, page_queue) = mpsc::channel(QUEUE);
        let (load_queue, page_queue) = (Arc::new(Mutex::new(load_queue)), Arc::new(Mutex::new(page_queue)));
        let counts = Arc::new(Counts::default());
        let mut readers = Vec::new();
        let loaders = available_parallelism().map_or(1, NonZeroUsize::get).min(LOADERS);
        for queue in std::iter::repeat_n(load_queue, loaders).chain([page_queue]) {
            let reader = Reader { path: path.clone(), queue };
            readers.push(spawn("valetkey-read", &path, move || reader.run())?);
        }
        let writer =
            Writer { path: path.clone(), queue: jobs, counts: Arc::clone(&counts), readers, pace: Pace::default() };
        let writer = spawn("valetkey-write", &path, move || writer.run(conn))?;
        let shared = Arc::new(Shared { path, counts, _threads: Threads(Some(writer)) });
        Ok(Self { writes, loads, pages, shared })
    }

    /// Events that the filter lets pass, oldest first: at most `limit`, from the one after `after` on.
    ///
    /// # Errors
    /// The store cannot answer.
    pub async fn events(
        &self,
        filter: &EventFilter,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<(EventId, OwnedEvent)>, StoreError> {
        let (filter, limit) = (filter.clone(), rows(limit));
        let found = self.ask(&self.pages, |answer| Read::Events { filter, after, limit, answer }).await?;
        found.into_iter().map(|row| row.decode(&self.shared.path)).collect()
    }

    /// Forgets at most `limit` events from before a time, and says how many. Fewer than `limit` means that no more were due.
    /// Call it with a limit of one or two hundred, as [`Store::sweep`].
    ///
    /// # Errors
    /// Some may be forgotten already; those that are left come with the next call.
    pub async fn forget_events(&self, before: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let (before, limit) = (seconds(before), rows(limit));
        self.ask(&self.writes, |answer| Job::forget(From::Events, before, limit, answer)).await
    }

    /// Copies the database into a new file, readable by its owner alone, while it is in use. The copy is one snapshot, which
    /// has every change that was `Applied` before. It appears under its name once it is whole and durable, and can be opened
    /// like any database.
    ///
    /// # Errors
    /// The file exists already, or cannot be written. Nothing is left of it then.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.aside(move |path| backup::back_up(path, &to)).await
    }

    /// Looks whether the database is sound, and counts what it holds. Reads the whole file, beside everything else.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub async fn check(&self) -> Result<Report, StoreError> {
        self.aside(backup::check).await
    }

    /// What was done since this database was opened here, and what waits.
    pub fn stats(&self) -> Stats {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let Counts { transactions, changes, conflicts } = &*self.shared.counts;
        Stats {
            transactions: count(transactions),
            changes: count(changes),
            conflicts: count(conflicts),
            waiting: self.writes.max_capacity() - self.writes.capacity(),
        }
    }

    /// Does what takes long on a thread of its own.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = self.shared.path.clone();
        let (answer, answered) = oneshot::channel();
        spawn("valetkey-aside", &self.shared.path, move || drop(answer.send(work(&path))))
            .map_err(|error| StoreError::because(error.to_string(), error))?;
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Sends a job to a thread and waits for the answer.
    async fn ask<J, T>(&self, queue: &mpsc::Sender<J>, job: impl FnOnce(Answer<T>) -> J) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        queue.send(job(answer)).await.map_err(|_| self.stopped())?;
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// The same for a thread that blocks.
    fn ask_blocking<J, T>(&self, queue: &mpsc::Sender<J>, job: impl FnOnce(Answer<T>) -> J) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        queue.blocking_send(job(answer)).map_err(|_| self.stopped())?;
        answered.blocking_recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> StoreError {
        let path = self.shared.path.display();
        StoreError::new(format!("a thread that works on {path} has stopped; start the program again"))
    }
}

/// A number of rows as SQL takes it.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn spawn(name: &str, path: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
        OpenError::because(format!("no thread can be started for {}; end other programs", path.display()), error)
    })
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.shared.path).field("stats", &self.stats()).finish()
    }
}

impl Store for SqliteStore {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let keys = *keys;
        found(self.ask(&self.loads, |answer| Read::Load { keys, answer }).await?)
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let change = ChangeRow::encode(change)?;
        self.ask(&self.writes, |answer| Job::commit(change, answer)).await
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let limit = rows(limit);
        let page = self.ask(&self.pages, |answer| Read::Scan { by, after, limit, answer }).await?;
        page.iter().map(Stored::decode).collect()
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let (before, limit) = (seconds(now), rows(limit));
        self.ask(&self.writes, |answer| Job::forget(From::Records, before, limit, answer)).await
    }
}

/// For programs with threads. Each call blocks its thread and panics on one that runs async tasks.
impl blocking::Store for SqliteStore {
    fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        let keys = *keys;
        found(self.ask_blocking(&self.loads, |answer| Read::Load { keys, answer })?)
    }

    fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        let change = ChangeRow::encode(change)?;
        self.ask_blocking(&self.writes, |answer| Job::commit(change, answer))
    }

    fn scan(&self, by: By, after: Option<Key>, limit: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        let limit = rows(limit);
        let page = self.ask_blocking(&self.pages, |answer| Read::Scan { by, after, limit, answer })?;
        page.iter().map(Stored::decode).collect()
    }

    fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        let (before, limit) = (seconds(now), rows(limit));
        self.ask_blocking(&self.writes, |answer| Job::forget(From::Records, before, limit, answer))
    }
}

/// What a load found, decoded.
fn found(slots: Slots) -> Result<OwnedFound, StoreError> {
    let mut found = [const { None }; 4];
    for (found, slot) in found.iter_mut().zip(slots) {
        *found = match slot {
            Some(stored) => Some(stored.decode().map(|(_, record, version)| (Arc::new(record), version))?),
            None => None,
        };
    }
    Ok(found)
}
