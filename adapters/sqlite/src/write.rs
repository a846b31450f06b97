//! The one thread that writes: it takes every job that waits, into one transaction, and answers once that is durable.
//!
//! While one transaction is synced the next jobs queue up, and those that come while they are worked off join them. Where a
//! sync takes long, callers fall into two halves that wait for each other's sync; so those who were just told are given a
//! part of that time to come again, and share the next one. Who is alone never waits.
//!
//! The same thread empties the log into the database: after those who waited were told, and in small parts, as whoever
//! comes meanwhile waits for it, but not so often that it does little else. Left to SQLite it is a part of a commit now and
//! then, which takes some ten times as long for it, and the more the more is purged, as rows that are forgotten lie in pages
//! of their own. A thread of its own for it lets the log grow: it begins anew only when, at the moment of a write, all of it
//! is in the database.

use crate::fault::Fault;
use crate::open;
use crate::row::{ChangeRow, PutRow};
use crate::{Counts, events};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Statement, params};
use std::iter::from_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use valetkey::server::change::Committed;
use valetkey_std::store::StoreError;

/// Jobs that one transaction takes at most, so that the first of them does not wait for ever.
const LARGEST_BATCH: usize = 256;

/// A pause while callers come again. A sync that takes no more than some of these is not worth a wait.
const NAP: Duration = Duration::from_micros(50);

/// At most, however long a sync takes.
const LONGEST_GATHERING: Duration = Duration::from_millis(4);

/// Frames of the log, of a page each: as few are worth emptying it where there is time, as many where there is not.
const WORTH_EMPTYING: (i64, i64) = (64, 1_000);

/// For so many times as long as it took to empty the log, it is not emptied again; at most for so long, so that a disk that
/// stalled once leaves no long log behind.
const REST: u32 = 10;
const LONGEST_REST: Duration = Duration::from_millis(50);

/// Where an answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something to write. `done` is what will be answered once it is durable.
pub(crate) enum Job {
    Commit {
        change: ChangeRow,
        done: Committed,
        answer: Answer<Committed>,
    },
    /// Deletes at most `limit` rows that are due before a time.
    Forget {
        from: From,
        before: i64,
        limit: i64,
        done: usize,
        answer: Answer<usize>,
    },
}

/// From which table.
#[derive(Clone, Copy)]
pub(crate) enum From {
    Records,
    Events,
}

impl Job {
    pub(crate) fn commit(change: ChangeRow, answer: Answer<Committed>) -> Self {
        Self::Commit { change, done: Committed::Conflict, answer }
    }

    pub(crate) fn forget(from: From, before: i64, limit: i64, answer: Answer<usize>) -> Self {
        Self::Forget { from, before, limit, done: 0, answer }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Self::Commit { answer, .. } => answer.is_closed(),
            Self::Forget { answer, .. } => answer.is_closed(),
        }
    }

    /// Tells the caller, who may have gone away.
    fn answer(self, durable: Result<(), &Fault>) {
        match self {
            Self::Commit { done, answer, .. } => drop(answer.send(durable.map(|()| done).map_err(Into::into))),
            Self::Forget { done, answer, .. } => drop(answer.send(durable.map(|()| done).map_err(Into::into))),
        }
    }
}

/// The thread's own: its queue, and what it needs to open the database anew.
pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) queue: mpsc::Receiver<Job>,
    pub(crate) counts: Arc<Counts>,
    /// They end with their queues, and before the last connection is closed, so that this one empties the log.
    pub(crate) readers: Vec<JoinHandle<()>>,
    pub(crate) pace: Pace,
}

/// How the last transaction went.
#[derive(Default)]
pub(crate) struct Pace {
    /// What it took to make it durable.
    sync: Duration,
    /// Callers that were then told or waiting.
    callers: usize,
}

impl Writer {
    /// Works until the last handle is gone and the queue is empty. After a failure that may lie with the connection it
    /// goes on with a new one.
    pub(crate) fn run(mut self, mut conn: Connection) {
        let mut waiting = None;
        'work: while self.serve(&conn, waiting.take()).is_err() {
            conn = loop {
                let Some(job) = self.queue.blocking_recv() else { break 'work };
                match open::writer(&self.path) {
                    Ok(conn) => {
                        waiting = Some(job);
                        break conn;
                    }
                    Err(error) => self.fail_all(vec![job], &error.into()),
                }
            };
        }
        for reader in self.readers {
            drop(reader.join());
        }
    }

    /// `Ok` once there are no more jobs, `Err` if the connection should be replaced.
    fn serve(&mut self, conn: &Connection, mut first: Option<Job>) -> Result<(), ()> {
        let mut session = match Session::new(conn) {
            Ok(session) => session,
            Err(error) => {
                fail(first.into_iter().collect(), &Fault::sqlite(&self.path, error));
                return Err(());
            }
        };
        while let Some(job) = first.take().or_else(|| self.queue.blocking_recv()) {
            self.transact(&mut session, job)?;
            session.empty_log();
        }
        Ok(())
    }

    /// Waits for the callers of a moment ago, for half a sync at most. Holds no lock meanwhile, so that other
    /// processes have their turn.
    fn gather(&self) {
        let patience = (self.pace.sync / 2).min(LONGEST_GATHERING);
        let begun = Instant::now();
        while self.queue.len() + 1 < self.pace.callers && begun.elapsed() + NAP < patience {
            sleep(NAP);
        }
    }

    fn transact(&mut self, session: &mut Session<'_>, first: Job) -> Result<(), ()> {
        self.gather();
        if let Err(error) = session.begin.execute([]) {
            return self.give_up(session, vec![first], error);
        }
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            if !job.is_abandoned() {
                let run = session.run(&mut job);
                batch.push(job);
                if run.is_err() {
                    return self.one_by_one(session, batch);
                }
            }
            if batch.len() < LARGEST_BATCH {
                next = self.queue.try_recv().ok();
            }
        }
        let begun = Instant::now();
        if let Err(error) = session.commit.execute([]) {
            return self.give_up(session, batch, error);
        }
        self.pace = Pace { sync: begun.elapsed(), callers: batch.len() + self.queue.len() };
        self.succeed(batch);
        Ok(())
    }

    /// One of these jobs failed. What the transaction did is undone, and each gets one of its own, so that the others succeed.
    fn one_by_one(&mut self, session: &mut Session<'_>, batch: Vec<Job>) -> Result<(), ()> {
        let mut jobs = batch.into_iter();
        let mut broken = session.undo().is_err();
        while let Some(mut job) = jobs.next() {
            if let Err(error) = session.begin.execute([]) {
                return self.give_up(session, [job].into_iter().chain(jobs).collect(), error);
            }
            match session.run(&mut job).and_then(|()| session.commit.execute([])) {
                Ok(_) => self.succeed(vec![job]),
                Err(error) => broken |= self.give_up(session, vec![job], error).is_err(),
            }
        }
        if broken { Err(()) } else { Ok(()) }
    }

    fn succeed(&self, batch: Vec<Job>) {
        let count = |wanted| {
            let is = |job: &&Job| matches!(job, Job::Commit { done, .. } if *done == wanted);
            u64::try_from(batch.iter().filter(is).count()).unwrap_or(u64::MAX)
        };
        let (applied, conflicts) = (count(Committed::Applied), count(Committed::Conflict));
        self.counts.transactions.fetch_add(u64::from(applied > 0), Ordering::Relaxed);
        self.counts.changes.fetch_add(applied, Ordering::Relaxed);
        self.counts.conflicts.fetch_add(conflicts, Ordering::Relaxed);
        for job in batch {
            job.answer(Ok(()));
        }
    }

    /// Undoes what was begun and tells these. `Err` if the connection should be replaced.
    fn give_up(&mut self, session: &mut Session<'_>, batch: Vec<Job>, error: rusqlite::Error) -> Result<(), ()> {
        let locked = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
        let undone = session.undo();
        let fault = Fault::sqlite(&self.path, error);
        if locked {
            self.fail_all(batch, &fault);
        } else {
            fail(batch, &fault);
        }
        // A lock is not the connection's fault.
        if locked && undone.is_ok() { Ok(()) } else { Err(()) }
    }

    /// Tells these and all that wait: they have waited long enough, and would fare no better. Takes them from the queue
    /// first, as whoever is told may send again at once.
    fn fail_all(&mut self, mut batch: Vec<Job>, fault: &Fault) {
        batch.extend(from_fn(|| self.queue.try_recv().ok()));
        fail(batch, fault);
    }
}

fn fail(batch: Vec<Job>, fault: &Fault) {
    batch.into_iter().for_each(|job| job.answer(Err(fault)));
}

pub(crate) const VERSION: &str = "SELECT v FROM records WHERE k = ?1";
const INSERT: &str = "INSERT INTO records (k, v, keep, owner, client, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Where nothing that is indexed changes: SQLite would write the entries of an index anew, though they are the same.
pub(crate) const REPLACE: &str =
    "UPDATE records SET v = ?2, body = ?6 WHERE k = ?1 AND keep = ?3 AND owner IS ?4 AND client IS ?5";
pub(crate) const UPDATE: &str = "UPDATE records SET v = ?2, keep = ?3, owner = ?4, client = ?5, body = ?6 WHERE k = ?1";
pub(crate) const FORGET_RECORDS: &str =
    "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE keep < ?1 ORDER BY keep LIMIT ?2)";
pub(crate) const FORGET_EVENTS: &str =
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// A connection with its statements.
struct Session<'c> {
    conn: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    version: Statement<'c>,
    insert: Statement<'c>,
    replace: Statement<'c>,
    update: Statement<'c>,
    event: Statement<'c>,
    forget_records: Statement<'c>,
    forget_events: Statement<'c>,
    log: Statement<'c>,
    empty_log: Statement<'c>,
    /// Since when the log may be emptied again.
    rested: Instant,
}

impl<'c> Session<'c> {
    fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            conn,
            begin: conn.prepare("BEGIN IMMEDIATE")?,
            commit: conn.prepare("COMMIT")?,
            rollback: conn.prepare("ROLLBACK")?,
            version: conn.prepare(VERSION)?,
            insert: conn.prepare(INSERT)?,
            replace: conn.prepare(REPLACE)?,
            update: conn.prepare(UPDATE)?,
            event: conn.prepare(events::INSERT)?,
            forget_records: conn.prepare(FORGET_RECORDS)?,
            forget_events: conn.prepare(FORGET_EVENTS)?,
            log: conn.prepare("PRAGMA wal_checkpoint(NOOP)")?,
            empty_log: conn.prepare("PRAGMA wal_checkpoint(PASSIVE)")?,
            rested: Instant::now(),
        })
    }

    /// Brings into the database what no reader holds back, if that is worth it. Where that fails the log grows, until
    /// SQLite tries it as a part of a commit.
    fn empty_log(&mut self) {
        let (few, many) = WORTH_EMPTYING;
        let begun = Instant::now();
        let worth = if begun < self.rested { many } else { few };
        let frames = |row: &Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        if self.log.query_row([], frames).is_ok_and(|frames| frames >= worth) {
            drop(self.empty_log.query_row([], |_| Ok(())));
            self.rested = Instant::now() + (begun.elapsed() * REST).min(LONGEST_REST);
        }
    }

    /// Ends a transaction that failed, if SQLite did not do so itself.
    fn undo(&mut self) -> rusqlite::Result<()> {
        if self.conn.is_autocommit() { Ok(()) } else { self.rollback.execute([]).map(drop) }
    }

    fn run(&mut self, job: &mut Job) -> rusqlite::Result<()> {
        match job {
            Job::Commit { change, done, .. } => *done = self.judge_and_apply(change)?,
            Job::Forget { from, before, limit, done, .. } => {
                let forget = match from {
                    From::Records => &mut self.forget_records,
                    From::Events => &mut self.forget_events,
                };
                *done = forget.execute([*before, *limit])?;
            }
        }
        Ok(())
    }

    /// Sees what the jobs before it in the same transaction wrote.
    fn judge_and_apply(&mut self, change: &ChangeRow) -> rusqlite::Result<Committed> {
        for (place, put) in change.puts.iter().enumerate() {
            let found = self.version_of(&put.key)?;
            if place == 0 && found == Some(change.id) {
                return Ok(Committed::Applied);
            }
            if found != put.expect {
                return Ok(Committed::Conflict);
            }
        }
        for (key, version) in &change.holds {
            if self.version_of(key)? != Some(*version) {
                return Ok(Committed::Conflict);
            }
        }
        for PutRow { key, expect, keep, owner, client, body } in &change.puts {
            let row = params![key, change.id, keep, owner, client, body];
            if expect.is_none() {
                self.insert.execute(row)?;
            } else if self.replace.execute(row)? == 0 {
                self.update.execute(row)?;
            }
        }
        if let Some(event) = &change.event {
            events::insert(&mut self.event, event)?;
        }
        Ok(Committed::Applied)
    }

    fn version_of(&mut self, key: &[u8]) -> rusqlite::Result<Option<i64>> {
        self.version.query_row([key], |row| row.get(0)).optional()
    }
}
