//! Laws of rivals: what happens when many commit, load, scan and sweep at once, on threads of their own.

use super::sample;
use super::trial::{LATER, Trial, change, put, race};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::yield_now;
use valetkey::server::change::Committed::Applied;
use valetkey::server::change::Expect::{Absent, At};
use valetkey::server::change::{Committed, Key, Kind};
use valetkey::server::record::OwnedRecord;
use valetkey::time::UnixTime;
use valetkey_std::store::{By, OwnedChange, OwnedPut, Store};

/// One of several different tasks of a race.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Commits them all at once.
async fn commit_all<S: Store>(trial: &Trial<S>, changes: &[OwnedChange]) -> Vec<Committed> {
    race(changes.iter().cloned().map(|change| {
        let trial = trial.clone();
        async move { trial.commit(&change).await }
    }))
    .await
}

fn applied(answers: &[Committed]) -> usize {
    answers.iter().filter(|answer| **answer == Applied).count()
}

pub(super) async fn one_winner_of_64<S: Store>(trial: Trial<S>) {
    for round in 0..40 {
        let shared = trial.key(Kind::Code);
        let expect = if round % 2 == 0 { Absent } else { At(trial.seed(shared, "seed").await) };
        let (mut rivals, mut own) = (Vec::new(), Vec::new());
        for rival in 0..64 {
            let key = trial.key(Kind::Access);
            own.push(key);
            let mut puts = [put(shared, expect, &format!("{rival}")), put(key, Absent, "own")];
            if rival % 2 == 0 {
                puts.reverse();
            }
            rivals.push(change(trial.id(), puts));
        }
        let answers = commit_all(&trial, &rivals).await;
        trial.same("how many of 64 won", &1, &applied(&answers));
        let winner = answers.iter().position(|answer| *answer == Applied).unwrap_or_default();
        let left = Some((sample::record(shared.kind, &format!("{winner}")), rivals[winner].id));
        trial.same("what the winner wrote", &left, &trial.load(shared).await);
        for (rival, key) in own.into_iter().enumerate() {
            let there = trial.load(key).await.is_some();
            trial.same("is the second put of a rival there?", &(rival == winner), &there);
        }
    }
}

pub(super) async fn one_of_a_write_skew<S: Store>(trial: Trial<S>) {
    for _ in 0..60 {
        let (x, y) = (trial.key(Kind::Account), trial.key(Kind::Grant));
        let (vx, vy) = (trial.seed(x, "x").await, trial.seed(y, "y").await);
        let mut rivals = Vec::new();
        for (held, hold, key, at) in [(x, vx, y, vy), (y, vy, x, vx)].repeat(3) {
            rivals.push(OwnedChange { holds: vec![(held, hold)], ..change(trial.id(), [put(key, At(at), "won")]) });
        }
        let answers = commit_all(&trial, &rivals).await;
        trial.same("how many of six won, of which three hold what the others put", &1, &applied(&answers));
        let moved = [(x, vx), (y, vy)].map(async |(key, at)| trial.load(key).await.is_some_and(|(_, v)| v != at));
        let [x_moved, y_moved] = moved;
        trial.same("is exactly one of the two written?", &true, &(x_moved.await != y_moved.await));
    }
}

pub(super) async fn resending_while_in_flight<S: Store>(trial: Trial<S>) {
    for round in 0..60 {
        let (first, second) = (trial.key(Kind::Grant), trial.key(Kind::Access));
        let expect = if round % 2 == 0 { Absent } else { At(trial.seed(first, "seed").await) };
        let sent = change(trial.id(), [put(first, expect, "copy"), put(second, Absent, "copy")]);
        let mut all = vec![sent.clone(); 6];
        if round % 3 == 0 {
            // Rivals may be first: then every copy is a conflict.
            all.extend((0..3).map(|_| change(trial.id(), [put(first, expect, "rival")])));
        }
        let answers = commit_all(&trial, &all).await;
        let (copies, rivals) = answers.split_at(6);
        trial.same("all copies of one change get the same answer", &vec![copies[0]; 6], &copies.to_vec());
        let won = usize::from(copies[0] == Applied) + applied(rivals);
        trial.same("how many changes won", &1, &won);
        let version = trial.load(first).await.map(|(_, version)| version);
        let winner = answers.iter().position(|answer| *answer == Applied).map(|winner| all[winner].id);
        trial.same("the winner's version is there", &winner, &version);
        let there = trial.load(second).await.map(|(_, version)| version);
        trial.same("the second put goes with the first", &(copies[0] == Applied).then_some(sent.id), &there);
    }
}

pub(super) async fn no_increment_is_lost<S: Store>(trial: Trial<S>) {
    const TASKS: usize = 8;
    const EACH: usize = 25;
    let key = trial.key(Kind::Account);
    trial.seed(key, "0").await;
    race((0..TASKS).map(|_| {
        let trial = trial.clone();
        async move {
            let mut done = 0;
            while done < EACH {
                let Some((OwnedRecord::Account(account), version)) = trial.load(key).await else {
                    trial.broken("load\n  expected the account\n  found something else");
                };
                let more = account.name.parse::<usize>().map_or(0, |n| n + 1);
                // A record that no rival writes comes first: it tells, if the answer is lost, that this change was applied.
                let mark = put(trial.key(Kind::Used), Absent, "");
                let one_more = change(trial.id(), [mark, put(key, At(version), &more.to_string())]);
                done += usize::from(trial.commit(&one_more).await == Applied);
                yield_now().await;
            }
        }
    }))
    .await;
    let total = sample::record(key.kind, &(TASKS * EACH).to_string());
    trial.same("the sum of all increments", &Some(total), &trial.load(key).await.map(|(record, _)| record));
}

pub(super) async fn load_is_one_snapshot<S: Store>(trial: Trial<S>) {
    let (x, y) = (trial.key(Kind::Grant), trial.key(Kind::Access));
    let mut at = trial.id();
    trial.applied("two records", &change(at, [put(x, Absent, "-"), put(y, Absent, "-")])).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks: Vec<Task> = Vec::new();
    for keys in [[x, y, x, y], [y, x, y, x], [x, x, x, y], [y, y, y, x]] {
        let (trial, done) = (trial.clone(), Arc::clone(&done));
        tasks.push(Box::pin(async move {
            let mut loads = 0;
            while loads < 200 || !done.load(Ordering::Relaxed) {
                let found = trial.load_slots(&keys.map(Some)).await;
                let versions = found.map(|slot| slot.map(|(_, version)| version));
                trial.same("versions of two records that are always written together", &[versions[0]; 4], &versions);
                loads += 1;
                yield_now().await;
            }
        }));
    }
    let writer = trial.clone();
    tasks.push(Box::pin(async move {
        for turn in 0..200 {
            let (id, text) = (writer.id(), turn.to_string());
            writer.applied("two records", &change(id, [put(x, At(at), &text), put(y, At(at), &text)])).await;
            at = id;
            // No two writes within one load: they are to be spread over the loads.
            let reads = writer.reads();
            while writer.reads() == reads {
                yield_now().await;
            }
        }
        done.store(true, Ordering::Relaxed);
    }));
    race(tasks).await;
}

pub(super) async fn load_and_scan_see_what_was_applied<S: Store>(trial: Trial<S>) {
    race((0..8).map(|_| {
        let trial = trial.clone();
        async move {
            let (key, owner) = (trial.key(Kind::Grant), trial.key(Kind::Account));
            let mut expect = Absent;
            for turn in 0..20 {
                let (id, text) = (trial.id(), turn.to_string());
                let put = OwnedPut { index: [Some(owner), None], ..put(key, expect, &text) };
                trial.applied("a record", &change(id, [put])).await;
                expect = At(id);
                let written = (sample::record(key.kind, &text), id);
                // Another task looks, on whatever thread.
                let other = trial.clone();
                race([async move {
                    other.same("load after Applied", &Some(written.clone()), &other.load(key).await);
                    let row = (key, written.0, written.1);
                    other.same("scan after Applied", &vec![row], &other.scan(By::Index(owner), None, 2).await);
                }])
                .await;
            }
        }
    }))
    .await;
}

pub(super) async fn scan_while_others_write<S: Store>(trial: Trial<S>) {
    let (owner, other) = (trial.key(Kind::Account), trial.key(Kind::Account));
    let mut fixed = Vec::new();
    for i in 0..40 {
        let key = trial.key(if i % 2 == 0 { Kind::Grant } else { Kind::Access });
        let put = OwnedPut { index: [None, Some(owner)], ..put(key, Absent, "fixed") };
        trial.applied("a record", &change(trial.id(), [put])).await;
        fixed.push(key);
    }
    fixed.sort();
    // Walkers go on until enough was written, and the writer until they have ended, so that they do meet.
    let (walkers, written) = (Arc::new(AtomicUsize::new(3)), Arc::new(AtomicUsize::new(0)));
    let mut tasks: Vec<Task> = Vec::new();
    for limit in [1, 3, 7] {
        let (trial, walkers, written, fixed) =
            (trial.clone(), Arc::clone(&walkers), Arc::clone(&written), fixed.clone());
        let grants: Vec<Key> = fixed.iter().filter(|key| key.kind == Kind::Grant).copied().collect();
        tasks.push(Box::pin(async move {
            let mut walks = 0;
            while walks < 4 || written.load(Ordering::Relaxed) < 100 {
                let mut found = trial.walk(By::Kind(Kind::Grant), limit).await;
                found.retain(|key| grants.contains(key));
                trial.same("a walk by kind, as far as records were there all the while", &grants, &found);
                trial.same("a walk by index", &fixed, &trial.walk(By::Index(owner), limit).await);
                walks += 1;
                yield_now().await;
            }
            walkers.fetch_sub(1, Ordering::Relaxed);
        }));
    }
    let writer = trial.clone();
    tasks.push(Box::pin(async move {
        let brief = |key, expect| OwnedPut {
            keep_until: UnixTime(LATER.0 - 1),
            index: [Some(other), None],
            ..put(key, expect, "brief")
        };
        while walkers.load(Ordering::Relaxed) > 0 {
            for _ in 0..4 {
                let (key, id) = (writer.key(Kind::Grant), writer.id());
                writer.applied("a record elsewhere", &change(id, [brief(key, Absent)])).await;
                writer.applied("a put elsewhere", &change(writer.id(), [brief(key, At(id))])).await;
                written.fetch_add(1, Ordering::Relaxed);
                // No two writes within one page: they are to be spread over the walks.
                let reads = writer.reads();
                while writer.reads() == reads && walkers.load(Ordering::Relaxed) > 0 {
                    yield_now().await;
                }
            }
            // There are never many more to walk by, so that every walk ends.
            writer.sweep(LATER, 100).await;
        }
    }));
    race(tasks).await;
}

pub(super) async fn sweep_among_writers<S: Store>(trial: Trial<S>) {
    let past = UnixTime(LATER.0 - 1);
    let bystander = trial.key(Kind::Client);
    let stays = Some((sample::record(bystander.kind, "stays"), trial.seed(bystander, "stays").await));
    for _ in 0..16 {
        let (first, second) = (trial.id(), trial.id());
        let keys: Vec<Key> = (0..24).map(|_| trial.key(Kind::Grant)).collect();
        for six in keys.chunks(6) {
            let brief = |key: &Key| OwnedPut { keep_until: past, ..put(*key, Absent, "brief") };
            trial.applied("records that are due", &change(first, six.iter().map(brief))).await;
        }
        let mut tasks: Vec<Pin<Box<dyn Future<Output = Option<Committed>> + Send>>> = Vec::new();
        // The last eight nobody prolongs.
        for (i, key) in keys.iter().copied().enumerate().take(16) {
            let (writer, reader) = (trial.clone(), trial.clone());
            tasks.push(Box::pin(
                async move { Some(writer.commit(&change(second, [put(key, At(first), "long")])).await) },
            ));
            if i % 8 == 0 {
                let (sweeper, stays) = (trial.clone(), stays.clone());
                tasks.push(Box::pin(async move {
                    while sweeper.sweep(LATER, 3).await > 0 {
                        sweeper.same("a record that is not due", &stays, &sweeper.load(bystander).await);
                    }
                    None
                }));
                tasks.push(Box::pin(async move {
                    for _ in 0..8 {
                        let version = reader.load(key).await.map(|(_, version)| version);
                        let known = [None, Some(first), Some(second)].contains(&version);
                        reader.same("is a record there as it was, as it is, or not at all?", &true, &known);
                        yield_now().await;
                    }
                    None
                }));
            }
        }
        let answers: Vec<Committed> = race(tasks).await.into_iter().flatten().collect();
        for (i, key) in keys.into_iter().enumerate() {
            let prolonged = answers.get(i).filter(|answer| **answer == Applied).map(|_| second);
            let left = trial.load(key).await.map(|(_, version)| version);
            trial.same("what a sweep leaves, of records that were to be prolonged meanwhile", &prolonged, &left);
        }
    }
}
