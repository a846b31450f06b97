//! Laws of `scan` and `sweep`, one step at a time.

use super::sample;
use super::trial::{LATER, Trial, change, put};
use valetkey::server::change::Expect::{Absent, At};
use valetkey::server::change::{Key, Kind};
use valetkey::server::record::Digest;
use valetkey::time::UnixTime;
use valetkey_std::store::{By, OwnedPut, Store};

/// More than any law files.
const ALL: usize = 10_000;

pub(super) async fn scan_pages_in_key_order<S: Store>(trial: Trial<S>) {
    for kind in Kind::ALL {
        trial.same("scan of an empty kind", &vec![], &trial.scan(By::Kind(kind), None, ALL).await);
    }
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        // The bytes of a key count from 0 to 255, and the first decides.
        let edges = [[0; 32], [0xff; 32], [0x7f; 32], [0x80; 32]].map(|id| Key { kind, id: Digest(id) });
        for key in edges.into_iter().chain((0..13).map(|_| trial.key(kind))) {
            rows.push((key, sample::record(kind, "row"), trial.seed(key, "row").await));
        }
    }
    rows.sort_by_key(|(key, ..)| key.to_bytes());
    for kind in Kind::ALL {
        let by = By::Kind(kind);
        let all: Vec<_> = rows.iter().filter(|(key, ..)| key.kind == kind).cloned().collect();
        for limit in [1, 2, all.len() - 1, all.len(), all.len() + 1, ALL] {
            let page = trial.scan(by, None, limit).await;
            trial.same(&format!("the first {limit} of a kind"), &all[..limit.min(all.len())].to_vec(), &page);
            let keys: Vec<Key> = all.iter().map(|(key, ..)| *key).collect();
            trial.same(&format!("all pages of {limit} of a kind"), &keys, &trial.walk(by, limit).await);
        }
        trial.same("a page of nothing", &vec![], &trial.scan(by, None, 0).await);
        for (i, (after, ..)) in all.iter().enumerate() {
            let rest = trial.scan(by, Some(*after), ALL).await;
            trial.same(&format!("what is after {after:?}"), &all[i + 1..].to_vec(), &rest);
        }
        let between = trial.key(kind);
        let rest: Vec<_> = all.iter().filter(|(key, ..)| *key > between).cloned().collect();
        trial.same("what is after an absent key", &rest, &trial.scan(by, Some(between), ALL).await);
    }
}

pub(super) async fn scan_finds_by_index<S: Store>(trial: Trial<S>) {
    let (owner, client) = (trial.key(Kind::Account), trial.key(Kind::Client));
    trial.same("an index that nothing names", &vec![], &trial.scan(By::Index(owner), None, ALL).await);
    let mut rows = Vec::new();
    for (i, key) in trial.keys(48).into_iter().enumerate() {
        let index = [
            [Some(owner), Some(client)],
            [Some(owner), None],
            [None, Some(client)],
            [None, None],
            [Some(trial.key(Kind::Account)), Some(trial.key(Kind::Client))],
            [Some(owner), Some(owner)],
            [Some(client), Some(owner)],
        ][i % 7];
        let id = trial.id();
        trial.applied("a record", &change(id, [OwnedPut { index, ..put(key, Absent, "row") }])).await;
        rows.push((key, sample::record(key.kind, "row"), id, index));
    }
    // A record is not found by its own key, nor by one that agrees in all but its kind.
    trial.seed(owner, "the owner").await;
    let twin = Key { kind: Kind::Grant, ..owner };
    trial.same("an index of another kind", &vec![], &trial.scan(By::Index(twin), None, ALL).await);
    check_index(&trial, &rows, [owner, client]).await;

    // Later puts change the index: some go, some come, some stay.
    for (i, (key, _, version, index)) in rows.iter_mut().enumerate() {
        if i % 3 != 0 {
            let (id, new) = (trial.id(), [[Some(owner), None], [None, None], [None, Some(client)]][i / 3 % 3]);
            trial
                .applied("a later put", &change(id, [OwnedPut { index: new, ..put(*key, At(*version), "row") }]))
                .await;
            (*version, *index) = (id, new);
        }
    }
    check_index(&trial, &rows, [owner, client]).await;
}

type Row = (Key, valetkey::server::record::OwnedRecord, valetkey::server::change::Version, [Option<Key>; 2]);

async fn check_index<S: Store>(trial: &Trial<S>, rows: &[Row], owners: [Key; 2]) {
    for owner in owners {
        let named = rows.iter().filter(|(.., index)| index.contains(&Some(owner)));
        let mut expected: Vec<_> = named.map(|(key, record, version, _)| (*key, record.clone(), *version)).collect();
        expected.sort_by_key(|(key, ..)| key.to_bytes());
        trial.same("scan by index", &expected, &trial.scan(By::Index(owner), None, ALL).await);
        let keys: Vec<Key> = expected.iter().map(|(key, ..)| *key).collect();
        for limit in [1, 5] {
            trial.same("all pages by index", &keys, &trial.walk(By::Index(owner), limit).await);
        }
    }
}

pub(super) async fn scan_goes_on_after_writes<S: Store>(trial: Trial<S>) {
    for limit in 1..5 {
        let owner = trial.key(Kind::Account);
        let row = |key, expect, text| OwnedPut { index: [Some(owner), None], ..put(key, expect, text) };
        let mut fixed = Vec::new();
        for _ in 0..20 {
            let (key, id) = (trial.key(Kind::Grant), trial.id());
            trial.applied("a record", &change(id, [row(key, Absent, "old")])).await;
            fixed.push((key, id));
        }
        fixed.sort_by_key(|(key, _)| *key);
        for by in [By::Kind(Kind::Grant), By::Index(owner)] {
            let (mut found, mut last) = (Vec::new(), None);
            for turn in 0.. {
                let page = trial.scan(by, last, limit).await;
                found.extend(page.iter().map(|(key, ..)| *key));
                last = page.last().map(|(key, ..)| *key).or(last);
                if page.len() < limit {
                    break;
                }
                // A new record somewhere, which may come or not, and a later put of one that must come. From the twentieth
                // turn on nothing is written, so that the walk ends.
                if let Some((key, version)) = fixed.get_mut(turn * 7 % 20).filter(|_| turn < 20) {
                    let (new, id) = (trial.key(Kind::Grant), trial.id());
                    let puts = [row(new, Absent, "new"), row(*key, At(*version), "later")];
                    trial.applied("two records between two pages", &change(id, puts)).await;
                    *version = id;
                }
            }
            let keys: Vec<Key> = fixed.iter().map(|(key, _)| *key).collect();
            found.retain(|key| keys.contains(key));
            trial.same(&format!("a walk by {by:?} in pages of {limit} among writes"), &keys, &found);
        }
    }
}

pub(super) async fn sweep_forgets_what_is_past<S: Store>(trial: Trial<S>) {
    let UnixTime(now) = LATER;
    let owner = trial.key(Kind::Account);
    let index = [Some(owner), None];
    let until =
        [now - 1000, now - 1, now, now + 1, now + 1000, 1 << 33, 1 << 40, i64::MAX.unsigned_abs(), 1 << 63, u64::MAX];
    for kind in Kind::ALL {
        let keys = until.map(|_| trial.key(kind));
        for (key, until) in keys.into_iter().zip(until) {
            let put = OwnedPut { keep_until: UnixTime(until), index, ..put(key, Absent, "row") };
            trial.applied("a record", &change(trial.id(), [put])).await;
        }
        for (now, due) in [(now - 1000, 0), (now - 999, 1), (now, 1), (now, 0), (now + 1, 1), (now + 1, 0)] {
            trial.same(&format!("how many sweep forgets at {now}"), &due, &trial.sweep(UnixTime(now), ALL).await);
            for (key, until) in keys.into_iter().zip(until) {
                let there = trial.load(key).await.is_some();
                trial.same(&format!("at {now}, is the record of keep_until {until} there?"), &(until >= now), &there);
            }
            let found: Vec<Key> =
                trial.scan(By::Index(owner), None, ALL).await.into_iter().map(|(key, ..)| key).collect();
            let mut left: Vec<Key> =
                keys.into_iter().zip(until).filter(|(_, until)| *until >= now).map(|(key, _)| key).collect();
            left.sort();
            trial.same("what scan finds after a sweep", &left, &found);
        }
        // What is left must not stand in the way of the next kind.
        for key in keys {
            if let Some((_, version)) = trial.load(key).await {
                let gone = OwnedPut { keep_until: UnixTime(now - 1001), ..put(key, At(version), "row") };
                trial.applied("a later put", &change(trial.id(), [gone])).await;
            }
        }
        trial.same("how many are left to forget", &7, &trial.sweep(UnixTime(now - 1000), ALL).await);
    }
}

pub(super) async fn sweep_heeds_the_last_put<S: Store>(trial: Trial<S>) {
    let UnixTime(now) = LATER;
    for (first, last) in [(now - 1, now + 1), (now + 1, now - 1), (now - 1, u64::MAX), (u64::MAX, now - 1)] {
        let (key, other) = (trial.key(Kind::Grant), trial.key(Kind::Code));
        let until = |until, put| OwnedPut { keep_until: UnixTime(until), ..put };
        let id = trial.id();
        trial.applied("a record", &change(id, [until(first, put(key, Absent, "1"))])).await;
        trial.applied("a later put", &change(trial.id(), [until(last, put(key, At(id), "2"))])).await;
        // A conflict prolongs nothing and shortens nothing.
        let doomed = change(trial.id(), [until(first, put(key, At(id), "3")), put(other, Absent, "3")]);
        trial.conflict("an old version expected", &doomed).await;
        let due = usize::from(last < now);
        trial.same(
            &format!("how many are due, of one put with {first}, then {last}"),
            &due,
            &trial.sweep(LATER, ALL).await,
        );
        trial.same("is the record there?", &(due == 0), &trial.load(key).await.is_some());
    }
}

pub(super) async fn sweep_heeds_its_limit<S: Store>(trial: Trial<S>) {
    let past = UnixTime(LATER.0 - 1);
    let (due, kept) = (trial.keys(23), trial.keys(7));
    for key in &due {
        trial
            .applied("a record", &change(trial.id(), [OwnedPut { keep_until: past, ..put(*key, Absent, "row") }]))
            .await;
    }
    for key in &kept {
        trial.seed(*key, "kept").await;
    }
    trial.same("a sweep of nothing", &0, &trial.sweep(LATER, 0).await);
    let mut left = due.len();
    for limit in [1, 10, 10, 10, 10] {
        let expected = limit.min(left);
        trial.same(&format!("sweep of {limit} with {left} due"), &expected, &trial.sweep(LATER, limit).await);
        left -= expected;
        let there = trial.load_all(&due).await.into_iter().flatten().count();
        trial.same("how many are still there", &left, &there);
    }
    let there = trial.load_all(&kept).await.into_iter().flatten().count();
    trial.same("how many of those not due are there", &kept.len(), &there);
}

pub(super) async fn a_swept_key_may_be_put_again<S: Store>(trial: Trial<S>) {
    let past = UnixTime(LATER.0 - 1);
    for kind in Kind::ALL {
        let (key, id) = (trial.key(kind), trial.id());
        trial.applied("a record", &change(id, [OwnedPut { keep_until: past, ..put(key, Absent, "1") }])).await;
        trial.same("how many are due", &1, &trial.sweep(LATER, ALL).await);
        trial.same("load of a swept key", &None, &trial.load(key).await);
        trial.conflict("the old version expected", &change(trial.id(), [put(key, At(id), "2")])).await;
        let again = trial.seed(key, "again").await;
        trial.same("what was put again", &Some((sample::record(kind, "again"), again)), &trial.load(key).await);
        trial.same("how many are due", &0, &trial.sweep(LATER, ALL).await);
        trial.same("after the sweep", &Some((sample::record(kind, "again"), again)), &trial.load(key).await);
    }
}
