//! Laws of `load` and `commit`, one step at a time.

use super::sample;
use super::trial::{LATER, Trial, change, put};
use valetkey::server::change::Expect::{Absent, At};
use valetkey::server::change::{Key, Kind, Version};
use valetkey_std::store::{By, OwnedChange, OwnedPut, Store};

pub(super) async fn a_put_is_written_as_expected<S: Store>(trial: Trial<S>) {
    for kind in Kind::ALL {
        let (key, other) = (trial.key(kind), trial.key(kind));
        let (first, second) = (trial.id(), trial.id());
        trial.same("before the first put", &None, &trial.load(key).await);
        trial.conflict("a version expected of an absent key", &change(trial.id(), [put(key, At(first), "0")])).await;
        trial.same("after a conflict", &None, &trial.load(key).await);

        trial.applied("an absent key expected absent", &change(first, [put(key, Absent, "1")])).await;
        let one = Some((sample::record(kind, "1"), first));
        trial.same("after the first put", &one, &trial.load(key).await);
        trial.conflict("a present key expected absent", &change(trial.id(), [put(key, Absent, "2")])).await;
        trial.conflict("a wrong version expected", &change(trial.id(), [put(key, At(trial.id()), "2")])).await;
        trial.same("after conflicts", &one, &trial.load(key).await);

        trial.applied("the right version expected", &change(second, [put(key, At(first), "2")])).await;
        let two = Some((sample::record(kind, "2"), second));
        trial.same("after the second put", &two, &trial.load(key).await);
        trial.conflict("an old version expected", &change(trial.id(), [put(key, At(first), "3")])).await;
        trial.same("after a conflict", &two, &trial.load(key).await);
        trial.same("a key never written", &None, &trial.load(other).await);
    }
    // Keys may agree in all but their kind.
    let any = trial.key(Kind::Used);
    let same_id = Kind::ALL.map(|kind| Key { kind, ..any });
    for some in same_id.chunks(4) {
        let id = trial.id();
        trial.applied("kinds with the same id", &change(id, some.iter().map(|key| put(*key, Absent, "k")))).await;
        for key in some {
            trial.same("one of them", &Some((sample::record(key.kind, "k"), id)), &trial.load(*key).await);
        }
    }
}

pub(super) async fn a_conflict_writes_nothing<S: Store>(trial: Trial<S>) {
    let owner = trial.key(Kind::Account);
    for fails in 0..8 {
        for seeded in [false, true] {
            let keys = trial.keys(6);
            let held = [trial.key(Kind::Client), trial.key(Kind::Account)];
            let mut puts = Vec::new();
            for (i, key) in keys.iter().enumerate() {
                // Every other one is there already, so that both expectations stand beside the one that fails.
                let right = if i % 2 == usize::from(seeded) { At(trial.seed(*key, "old").await) } else { Absent };
                let expect = match right {
                    expect if i != fails => expect,
                    Absent => At(trial.id()),
                    At(_) if i < 3 => Absent,
                    At(_) => At(trial.id()),
                };
                puts.push(OwnedPut { index: [Some(owner), None], ..put(*key, expect, "new") });
            }
            let mut holds = Vec::new();
            for (i, key) in held.into_iter().enumerate() {
                let version = trial.seed(key, "held").await;
                holds.push((key, if fails == 6 + i { trial.id() } else { version }));
            }
            let before = trial.load_all(&[&keys[..], &held].concat()).await;
            let doomed = OwnedChange { id: trial.id(), puts, holds, event: None };
            let which = if fails < 6 { format!("put {fails}") } else { format!("hold {}", fails - 6) };
            trial.conflict(&format!("six puts and two holds, of which {which} fails"), &doomed).await;
            let after = trial.load_all(&[&keys[..], &held].concat()).await;
            trial.same(&format!("all keys after {which} failed"), &before, &after);
            trial.same("scan after a conflict", &vec![], &trial.scan(By::Index(owner), None, 10).await);
        }
    }
}

pub(super) async fn holds_are_tested<S: Store>(trial: Trial<S>) {
    for kind in Kind::ALL {
        let (one, two, absent) = (trial.key(kind), trial.key(Kind::Client), trial.key(kind));
        let (v1, v2) = (trial.seed(one, "one").await, trial.seed(two, "two").await);
        let wrong = trial.id();
        for (what, holds) in [
            ("a hold at a wrong version", vec![(one, wrong)]),
            ("a hold of an absent key", vec![(absent, wrong)]),
            ("a second hold at a wrong version", vec![(one, v1), (two, v1)]),
            ("a first hold at a wrong version", vec![(one, v2), (two, v2)]),
            ("a second hold of an absent key", vec![(one, v1), (absent, v1)]),
        ] {
            let key = trial.key(Kind::Grant);
            let doomed = OwnedChange { holds, ..change(trial.id(), [put(key, Absent, "new")]) };
            trial.conflict(what, &doomed).await;
            trial.same(what, &None, &trial.load(key).await);
        }
        for holds in [vec![(one, v1)], vec![(one, v1), (two, v2)]] {
            let (key, id) = (trial.key(Kind::Grant), trial.id());
            let good = OwnedChange { holds, ..change(id, [put(key, Absent, "new")]) };
            trial.applied("right holds", &good).await;
            trial.same("what was put", &Some((sample::record(key.kind, "new"), id)), &trial.load(key).await);
        }
        trial.same("what was held", &Some((sample::record(kind, "one"), v1)), &trial.load(one).await);
        trial.same("what was held", &Some((sample::record(two.kind, "two"), v2)), &trial.load(two).await);
    }
}

pub(super) async fn resending_is_applied<S: Store>(trial: Trial<S>) {
    for seeded in [false, true] {
        let (first, second, held) = (trial.key(Kind::Grant), trial.key(Kind::Access), trial.key(Kind::Account));
        let expect = if seeded { At(trial.seed(first, "old").await) } else { Absent };
        let (id, hold) = (trial.id(), trial.seed(held, "held").await);
        let puts = [put(first, expect, "a"), put(second, Absent, "b")];
        let sent = OwnedChange { holds: vec![(held, hold)], ..change(id, puts) };
        trial.applied("sent", &sent).await;
        let before = trial.load_all(&[first, second, held]).await;
        trial.applied("sent again", &sent).await;
        trial.applied("sent a third time", &sent).await;
        trial.same("after it was sent again", &before, &trial.load_all(&[first, second, held]).await);

        // What else the change rested on moves on; its first record tells still that it was applied.
        let later = trial.id();
        trial.applied("a hold moves on", &change(later, [put(held, At(hold), "later")])).await;
        trial.applied("a second put moves on", &change(trial.id(), [put(second, At(id), "later")])).await;
        let before = trial.load_all(&[first, second, held]).await;
        trial.applied("sent again after its hold and its second put moved on", &sent).await;
        trial.same("a later change is not undone", &before, &trial.load_all(&[first, second, held]).await);
    }
}

pub(super) async fn a_resent_change_undoes_nothing<S: Store>(trial: Trial<S>) {
    for seeded in [false, true] {
        let (first, second) = (trial.key(Kind::Grant), trial.key(Kind::Access));
        let expect = if seeded { At(trial.seed(first, "old").await) } else { Absent };
        let sent = change(trial.id(), [put(first, expect, "a"), put(second, Absent, "b")]);
        trial.applied("sent", &sent).await;
        trial.applied("its first record moves on", &change(trial.id(), [put(first, At(sent.id), "later")])).await;
        let before = trial.load_all(&[first, second]).await;
        trial.conflict("sent again after its first record moved on", &sent).await;
        trial.same("after it was sent again", &before, &trial.load_all(&[first, second]).await);
    }
}

pub(super) async fn only_the_first_put_tells_a_resent_change<S: Store>(trial: Trial<S>) {
    // A request that begins again after a conflict draws no new entropy: the transition that it then makes has the same id.
    let (first, second, shared) = (trial.key(Kind::Grant), trial.key(Kind::Code), trial.key(Kind::Access));
    let id = trial.id();
    trial.applied("a change", &change(id, [put(first, Absent, "a"), put(shared, Absent, "b")])).await;
    let before = trial.load_all(&[first, second, shared]).await;
    let other = change(id, [put(second, Absent, "c"), put(shared, Absent, "d")]);
    trial.conflict("another change of the same id, whose second put is at it already", &other).await;
    let held = OwnedChange { holds: vec![(first, trial.id())], ..change(id, [put(second, Absent, "c")]) };
    trial.conflict("another change of the same id, whose hold is at it already", &held).await;
    trial.same("after the conflicts", &before, &trial.load_all(&[first, second, shared]).await);

    trial
        .applied("another change of the same id", &change(id, [put(second, Absent, "c"), put(shared, At(id), "d")]))
        .await;
    let written =
        [(first, "a"), (second, "c"), (shared, "d")].map(|(key, text)| Some((sample::record(key.kind, text), id)));
    trial.same("after both", &written.to_vec(), &trial.load_all(&[first, second, shared]).await);
}

pub(super) async fn a_conflict_is_not_remembered<S: Store>(trial: Trial<S>) {
    let key = trial.key(Kind::Grant);
    let (first, second) = (trial.seed(key, "1").await, trial.id());
    let early = change(trial.id(), [put(key, At(second), "3")]);
    trial.conflict("sent before its time", &early).await;
    trial.applied("what it waits for", &change(second, [put(key, At(first), "2")])).await;
    trial.applied("sent again in time", &early).await;
    trial.same("after it", &Some((sample::record(key.kind, "3"), early.id)), &trial.load(key).await);
}

pub(super) async fn load_answers_slot_by_slot<S: Store>(trial: Trial<S>) {
    let (a, b, absent) = (trial.key(Kind::Used), trial.key(Kind::Client), trial.key(Kind::Grant));
    let (va, vb) = (trial.seed(a, "").await, trial.seed(b, "b").await);
    let (in_a, in_b) = (sample::record(a.kind, "").into(), sample::record(b.kind, "b").into());
    let (in_a, in_b) = (Some((in_a, va)), Some((in_b, vb)));
    for slots in 0..256 {
        // Every way to fill four slots with two present keys, an absent one and none.
        let pick = |slot: usize| [Some(a), Some(b), Some(absent), None][slots >> (2 * slot) & 3];
        let keys = [pick(0), pick(1), pick(2), pick(3)];
        let expected = keys.map(|key| match key {
            Some(key) if key == a => in_a.clone(),
            Some(key) if key == b => in_b.clone(),
            _ => None,
        });
        trial.same(&format!("load of {keys:?}"), &expected, &trial.load_slots(&keys).await);
    }
}

pub(super) async fn versions_are_change_ids<S: Store>(trial: Trial<S>) {
    let versions = [2, 1, i64::MAX.unsigned_abs(), 1 << 53 | 1, u64::from(u32::MAX) + 1, 3];
    let keys = trial.keys(6);
    let mut at = [None; 6];
    for id in versions.into_iter().filter_map(Version::new) {
        let puts = keys.iter().zip(at).map(|(key, at)| put(*key, at.map_or(Absent, At), "v"));
        trial.applied("six puts", &change(id, puts)).await;
        for key in &keys {
            let version = trial.load(*key).await.map(|(_, version)| version);
            trial.same("the version of each of six puts", &Some(id), &version);
        }
        for (key, record, version) in trial.scan(By::Kind(keys[0].kind), None, 10).await {
            trial.same("the version in a scan", &(keys[0], sample::record(key.kind, "v"), id), &(key, record, version));
        }
        at = [Some(id); 6];
    }
}

pub(super) async fn records_come_back_as_written<S: Store>(trial: Trial<S>) {
    for record in sample::every_shape() {
        let kind = record.as_view().kind();
        let (key, owner, id) = (trial.key(kind), trial.key(Kind::Account), trial.id());
        let put = OwnedPut { key, expect: Absent, keep_until: LATER, index: [Some(owner), None], record };
        trial.applied("a record", &change(id, [put.clone()])).await;
        trial.same("load", &Some((put.record.clone(), id)), &trial.load(key).await);
        trial.same("scan", &vec![(key, put.record, id)], &trial.scan(By::Index(owner), None, 2).await);
    }
}
