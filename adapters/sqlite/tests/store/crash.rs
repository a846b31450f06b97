//! The process is killed while it commits. `VALETKEY_CRASH_ROUNDS` says how often; 10 unless told.

use crate::changes::{commit, open, records_of, scramble};
use crate::child;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use valetkey::server::change::Committed;

/// Tasks that commit at once.
const TASKS: u64 = 16;
/// Changes that a task may commit in a round.
const CHANGES: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Some(path) = child::database() {
        return commit_until_killed(&path).await;
    }
    let rounds = std::env::var("VALETKEY_CRASH_ROUNDS").map_or(10, |rounds| rounds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        let path = directory.path().join(format!("{round}.db"));
        // Twice each: the second child begins with the log that the first one left.
        let mut acknowledged = BTreeSet::new();
        for life in 0..2 {
            let after = 1 + scramble(round * 2 + life) % 500;
            acknowledged.extend(killed_after(&path, after));
        }
        judge(&path, &acknowledged).await;
    }
}

/// Lets a child commit, kills it once it has acknowledged some changes, and says which these are.
fn killed_after(path: &Path, count: u64) -> Vec<u64> {
    let mut command = child::again(&child::this_program(), "crash::what_was_acknowledged_survives_a_kill", path);
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).split(b'\n');
    let mut acknowledged = Vec::new();
    // A last line that is cut short is none: it has no mark at its end.
    let mut next = |acknowledged: &mut Vec<u64>| {
        let Some(line) = lines.next() else { return false };
        let line = String::from_utf8(line.unwrap()).unwrap();
        acknowledged.extend(line.strip_prefix("applied ").and_then(|n| n.strip_suffix(';')?.parse::<u64>().ok()));
        true
    };
    while (acknowledged.len() as u64) < count && next(&mut acknowledged) {}
    running.kill().unwrap();
    while next(&mut acknowledged) {}
    assert!(!running.wait().unwrap().success(), "it was killed");
    assert!(acknowledged.len() as u64 >= count, "it ended by itself after {} changes", acknowledged.len());
    acknowledged
}

async fn commit_until_killed(path: &Path) {
    let store = open(path);
    // Where an earlier life ended, so that each change is acknowledged in one life alone.
    let first = store.check().await.unwrap().events / TASKS;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in first..first + CHANGES {
                    let n = round * TASKS + task;
                    assert_eq!(commit(&store, n).await.unwrap(), Committed::Applied);
                    writeln!(std::io::stdout().lock(), "applied {n};").unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Every acknowledged change is there, none is there in part, and what is there can go on.
async fn judge(path: &Path, acknowledged: &BTreeSet<u64>) {
    let store = open(path);
    let report = store.check().await.unwrap();
    let mut whole = 0;
    for n in 0..acknowledged.last().unwrap() + 10 * TASKS {
        let records = records_of(&store, n).await;
        assert!(records == 3 || records == 0 && !acknowledged.contains(&n), "change {n} has {records} records");
        whole += u64::from(records == 3);
    }
    assert_eq!((report.events, report.records[4].1), (whole, 3 * whole));
    assert_eq!(commit(&store, u64::from(u32::MAX)).await.unwrap(), Committed::Applied);
}
