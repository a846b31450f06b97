//! A law of narrow windows: two threads meet at a store again and again, for a while.
//!
//! A window of nanoseconds between a check and a write is not hit by some dozen races. What shows it is many meetings.

use super::trial::{Trial, change, put};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::yield_now;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use valetkey::server::change::Committed::{self, Applied};
use valetkey::server::change::Expect::At;
use valetkey::server::change::{Key, Kind};
use valetkey_std::store::{OwnedChange, Store};

/// How long the two go on meeting.
const WHILE: Duration = Duration::from_secs(2);

/// For so many keys the two meet before their answers are compared.
const KEYS: usize = 64;

pub(super) async fn two_never_win<S: Store>(trial: Trial<S>) {
    let keys: Vec<Key> = (0..KEYS).map(|_| trial.key(Kind::Code)).collect();
    let mut versions = Vec::new();
    for key in &keys {
        versions.push(trial.seed(*key, "seed").await);
    }
    let begun = Instant::now();
    while begun.elapsed() < WHILE {
        let rivals = [(); 2].map(|()| -> Vec<OwnedChange> {
            let expected = keys.iter().zip(&versions);
            expected.map(|(key, version)| change(trial.id(), [put(*key, At(*version), "won")])).collect()
        });
        let answers = meet(&trial, rivals.clone()).await;
        for (round, version) in versions.iter_mut().enumerate() {
            let won = [0, 1].map(|rival| answers[rival][round] == Applied);
            trial.same("how many of two won", &1, &won.iter().filter(|won| **won).count());
            *version = rivals[usize::from(won[1])][round].id;
        }
    }
}

/// Two threads commit the changes of their lists, the first of each at once, then the second of each at once, and so on.
async fn meet<S: Store>(trial: &Trial<S>, lists: [Vec<OwnedChange>; 2]) -> [Vec<Committed>; 2] {
    let gate = Arc::new(AtomicUsize::new(0));
    let threads = lists.map(|list| {
        let (trial, gate, runtime) = (trial.clone(), Arc::clone(&gate), Handle::current());
        spawn_blocking(move || {
            let commit = |(round, change)| {
                gate.fetch_add(1, Ordering::SeqCst);
                // One owner less means that the other thread ended by a panic: then nobody comes.
                while gate.load(Ordering::SeqCst) < 2 * (round + 1) && Arc::strong_count(&gate) == 3 {
                    yield_now();
                }
                runtime.block_on(trial.commit(change))
            };
            list.iter().enumerate().map(commit).collect()
        })
    });
    let [a, b] = threads;
    [a.await, b.await].map(|answers| answers.unwrap_or_else(|error| resume_unwind(error.into_panic())))
}
