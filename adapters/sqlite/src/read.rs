//! Threads that read beside the writer, each with a connection of its own.
//!
//! A thread takes the reads that wait and answers them from one snapshot, which begins after they were asked, so that each
//! sees every change that was applied before. To begin a snapshot costs more than to look a key up in it.

use crate::events::{self, EventFilter, EventId, EventRow};
use crate::fault::{Fault, store_error};
use crate::open;
use crate::row::Stored;
use crate::write::Answer;
use rusqlite::{Connection, OptionalExtension, Statement, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use valetkey::server::change::{Key, Keys};
use valetkey_std::store::By;

/// Reads that one snapshot answers at most, so that the log can be emptied.
const LARGEST_BATCH: usize = 64;

/// What was found for each slot of a load.
pub(crate) type Slots = [Option<Stored>; 4];

/// Something to read.
pub(crate) enum Read {
    Load { keys: Keys, answer: Answer<Slots> },
    Scan { by: By, after: Option<Key>, limit: i64, answer: Answer<Vec<Stored>> },
    Events { filter: EventFilter, after: Option<EventId>, limit: i64, answer: Answer<Vec<EventRow>> },
}

impl Read {
    /// Tells the caller, who may have gone away.
    fn fail(self, fault: &Fault) {
        match self {
            Self::Load { answer, .. } => drop(answer.send(Err(fault.into()))),
            Self::Scan { answer, .. } => drop(answer.send(Err(fault.into()))),
            Self::Events { answer, .. } => drop(answer.send(Err(fault.into()))),
        }
    }
}

/// One thread's own. Several may share a queue.
pub(crate) struct Reader {
    pub(crate) path: PathBuf,
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<Read>>>,
}

impl Reader {
    /// Works until the last handle is gone and the queue is empty. After a failure it goes on with a new connection.
    pub(crate) fn run(self) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            let failed = match open::reader(&self.path) {
                Ok(conn) => self.serve(&conn, &mut batch).map_err(|error| Fault::sqlite(&self.path, error)),
                Err(error) => Err(error.into()),
            };
            if let Err(fault) = failed {
                batch.drain(..).for_each(|read| read.fail(&fault));
            }
        }
    }

    /// Waits for one read and takes those that wait behind it; `false` when there will be no more.
    fn take(&self, batch: &mut Vec<Read>) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.blocking_recv_many(batch, LARGEST_BATCH) > 0
    }

    /// Answers this batch and all that come, until something fails: what is then left in `batch` was not answered.
    fn serve(&self, conn: &Connection, batch: &mut Vec<Read>) -> rusqlite::Result<()> {
        let mut session = Session::new(conn)?;
        loop {
            session.begin.execute([])?;
            let mut sound = true;
            for read in batch.drain(..) {
                sound &= session.answer(read, &self.path);
            }
            session.commit.execute([])?;
            if !sound || !self.take(batch) {
                return Ok(());
            }
        }
    }
}

pub(crate) const LOAD: &str = "SELECT k, v, body FROM records WHERE k = ?1";
pub(crate) const SCAN_KIND: &str = "SELECT k, v, body FROM records WHERE k > ?1 AND k < ?2 ORDER BY k LIMIT ?3";

/// Two runs in the order of an index each, merged. A record that names the key in both columns is in the first.
pub(crate) const SCAN_INDEX: &str = "
    SELECT k, v, body FROM records WHERE owner = ?1 AND k > ?2
    UNION ALL
    SELECT k, v, body FROM records WHERE client = ?1 AND k > ?2 AND owner IS NOT ?1
    ORDER BY k LIMIT ?3";

/// A connection with its statements.
struct Session<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    load: Statement<'c>,
    scan_kind: Statement<'c>,
    scan_index: Statement<'c>,
    events: Statement<'c>,
}

impl<'c> Session<'c> {
    fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: conn.prepare("BEGIN")?,
            commit: conn.prepare("COMMIT")?,
            load: conn.prepare(LOAD)?,
            scan_kind: conn.prepare(SCAN_KIND)?,
            scan_index: conn.prepare(SCAN_INDEX)?,
            events: conn.prepare(events::SELECT)?,
        })
    }

    /// Tells the caller, who may have gone away. `false` if the database could not answer.
    fn answer(&mut self, read: Read, path: &Path) -> bool {
        match read {
            Read::Load { keys, answer } => tell(answer, self.load(&keys), path),
            Read::Scan { by, after, limit, answer } => tell(answer, self.scan(by, after, limit), path),
            Read::Events { filter, after, limit, answer } => {
                tell(answer, events::select(&mut self.events, &filter, after, limit), path)
            }
        }
    }

    fn load(&mut self, keys: &Keys) -> rusqlite::Result<Slots> {
        let mut slots = [const { None }; 4];
        for (slot, key) in slots.iter_mut().zip(keys) {
            if let Some(key) = key {
                *slot = self.load.query_row([key.to_bytes()], Stored::read).optional()?;
            }
        }
        Ok(slots)
    }

    fn scan(&mut self, by: By, after: Option<Key>, limit: i64) -> rusqlite::Result<Vec<Stored>> {
        let after = after.map_or_else(Vec::new, |key| key.to_bytes().to_vec());
        match by {
            By::Kind(kind) => {
                let (from, to) = (vec![kind as u8], vec![kind as u8 + 1]);
                self.scan_kind.query_map(params![after.max(from), to, limit], Stored::read)?.collect()
            }
            By::Index(key) => self.scan_index.query_map(params![key.to_bytes(), after, limit], Stored::read)?.collect(),
        }
    }
}

fn tell<T>(answer: Answer<T>, found: rusqlite::Result<T>, path: &Path) -> bool {
    let sound = found.is_ok();
    drop(answer.send(found.map_err(|error| store_error(path, error))));
    sound
}
