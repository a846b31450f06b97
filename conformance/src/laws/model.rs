//! The contract as a sequential program, and two laws that compare a store with it: step by step, and by the answers that
//! rivals got.

use super::trial::{LATER, Trial, change, put, race, scramble};
use std::collections::BTreeMap;
use valetkey::server::change::Expect::{Absent, At};
use valetkey::server::change::{Committed, Key, Keys, Kind, OwnedFound, Version};
use valetkey::server::record::{Digest, OwnedRecord};
use valetkey::time::UnixTime;
use valetkey_std::store::{By, OwnedChange, OwnedPut, Store};

/// One call to a store.
#[derive(Clone, Debug)]
enum Step {
    Commit(OwnedChange),
    Load(Keys),
    Scan(By, Option<Key>, usize),
    Sweep(UnixTime),
}

/// What a store answers to a [`Step`].
#[derive(Debug, PartialEq)]
enum Answer {
    Committed(Committed),
    Loaded(Box<OwnedFound>),
    Scanned(Vec<(Key, OwnedRecord, Version)>),
    Swept(usize),
}

/// More than any history files.
const ALL: usize = 10_000;

/// How many histories are compared, and how many steps each has.
const HISTORIES: u64 = 80;
const STEPS: usize = 30;

/// How many races are explained.
const RACES: u64 = 400;

/// What the contract says a store holds: what was put last under each key, and by which change.
#[derive(Clone, Default, PartialEq)]
struct Model {
    rows: BTreeMap<Key, (OwnedPut, Version)>,
}

impl Model {
    fn version(&self, key: Key) -> Option<Version> {
        self.rows.get(&key).map(|(_, version)| *version)
    }

    fn commit(&mut self, change: &OwnedChange) -> Committed {
        if self.version(change.puts[0].key) == Some(change.id) {
            return Committed::Applied;
        }
        let put_fails = change.puts.iter().any(|put| match put.expect {
            Absent => self.version(put.key).is_some(),
            At(version) => self.version(put.key) != Some(version),
        });
        if put_fails || change.holds.iter().any(|(key, version)| self.version(*key) != Some(*version)) {
            return Committed::Conflict;
        }
        self.rows.extend(change.puts.iter().map(|put| (put.key, (put.clone(), change.id))));
        Committed::Applied
    }

    fn answer(&mut self, step: &Step) -> Answer {
        match step {
            Step::Commit(change) => Answer::Committed(self.commit(change)),
            Step::Load(keys) => Answer::Loaded(Box::new(keys.map(|key| {
                let (put, version) = self.rows.get(&key?)?;
                Some((put.record.clone().into(), *version))
            }))),
            Step::Scan(by, after, limit) => {
                let rows = self.rows.iter().filter(|(key, (put, _))| match by {
                    By::Kind(kind) => key.kind == *kind,
                    By::Index(owner) => put.index.contains(&Some(*owner)),
                });
                let rest = rows.filter(|(key, _)| after.is_none_or(|after| **key > after)).take(*limit);
                Answer::Scanned(rest.map(|(key, (put, version))| (*key, put.record.clone(), *version)).collect())
            }
            Step::Sweep(now) => {
                let before = self.rows.len();
                self.rows.retain(|_, (put, _)| put.keep_until >= *now);
                Answer::Swept(before - self.rows.len())
            }
        }
    }
}

async fn answer<S: Store>(trial: &Trial<S>, step: &Step) -> Answer {
    match step {
        Step::Commit(change) => Answer::Committed(trial.commit(change).await),
        Step::Load(keys) => Answer::Loaded(Box::new(trial.load_slots(keys).await)),
        Step::Scan(by, after, limit) => Answer::Scanned(trial.scan(*by, *after, *limit).await),
        Step::Sweep(now) => Answer::Swept(trial.sweep(*now, ALL).await),
    }
}

/// Draws the steps of one history. The same number always gives the same steps.
struct Author {
    history: u64,
    drawn: u64,
}

impl Author {
    fn below(&mut self, n: usize) -> usize {
        self.drawn += 1;
        // The remainder is below `n`, so it fits.
        usize::try_from(scramble(self.history << 32 | self.drawn) % n as u64).unwrap_or_default()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn id(&mut self) -> Version {
        self.drawn += 1;
        Version::new(scramble(self.history << 32 | self.drawn) >> 1).unwrap_or_else(|| self.id())
    }

    /// One of a few keys of this history.
    fn key(&mut self, of: usize) -> Key {
        let n = self.below(of);
        self.numbered(n)
    }

    /// History first, so that those of later histories are greater.
    fn numbered(&self, n: usize) -> Key {
        let mut id = [n.to_le_bytes()[0]; 32];
        id[..8].copy_from_slice(&self.history.to_be_bytes());
        Key { kind: Kind::ALL[n % Kind::ALL.len()], id: Digest(id) }
    }

    fn owner(&mut self) -> Key {
        Key { kind: Kind::Account, ..self.key(2) }
    }

    /// A change that mostly expects what `model` holds, and sometimes one of `others`, or what nobody wrote.
    fn change(&mut self, model: &Model, keys: usize, others: &[Version]) -> OwnedChange {
        let id = self.id();
        let mut chosen: Vec<Key> = (0..=self.below(8)).map(|_| self.key(keys)).collect();
        let mut seen = Vec::new();
        chosen.retain(|key| {
            !seen.contains(key) && {
                seen.push(*key);
                true
            }
        });
        let most = if self.one_in(3) { 6 } else { 1 };
        let held = chosen.split_off(chosen.len().min(1 + self.below(most)));
        let mut puts = Vec::new();
        for key in chosen {
            let right = model.version(key);
            let expect = match (self.below(10), right) {
                (0, None) => At(self.id()),
                (0, Some(_)) => Absent,
                (1, _) if !others.is_empty() => At(others[self.below(others.len())]),
                (_, right) => right.map_or(Absent, At),
            };
            let keep_until = UnixTime(LATER.0 + self.below(4) as u64);
            let index = [self.one_in(2).then(|| self.owner()), self.one_in(3).then(|| self.owner())];
            puts.push(OwnedPut { keep_until, index, ..put(key, expect, &id.get().to_string()) });
        }
        let mut holds = Vec::new();
        for key in held.into_iter().take(2) {
            let wrong = if others.is_empty() { self.id() } else { others[self.below(others.len())] };
            let right = model.version(key).filter(|_| !self.one_in(8));
            // Absence cannot be held: most absent keys are left out, so that most changes can be applied.
            if right.is_some() || self.one_in(4) {
                holds.push((key, right.unwrap_or(wrong)));
            }
        }
        OwnedChange { holds, ..change(id, puts) }
    }

    fn step(&mut self, model: &Model, sent: &[OwnedChange]) -> Step {
        match self.below(16) {
            0..=7 => {
                let ids: Vec<Version> = sent.iter().map(|change| change.id).collect();
                Step::Commit(self.change(model, 8, &ids))
            }
            8..=10 if !sent.is_empty() => Step::Commit(sent[self.below(sent.len())].clone()),
            8..=12 => Step::Load([(); 4].map(|()| (!self.one_in(6)).then(|| self.key(9)))),
            13 => Step::Scan(By::Index(self.owner()), self.one_in(2).then(|| self.key(8)), self.below(6)),
            14 => {
                let n = self.below(8);
                let before = Key { kind: self.numbered(n).kind, ..self.numbered(0) };
                Step::Scan(By::Kind(before.kind), Some(before), 1 + self.below(3))
            }
            _ => Step::Sweep(UnixTime(LATER.0 + self.below(4) as u64)),
        }
    }
}

pub(super) async fn the_model_agrees<S: Store>(trial: Trial<S>) {
    let mut model = Model::default();
    for history in 0..HISTORIES {
        let mut author = Author { history, drawn: 0 };
        let (mut sent, mut told) = (Vec::new(), String::new());
        for number in 0..STEPS {
            let step = author.step(&model, &sent);
            told += &format!("\n  {number}: {step:?}");
            let expected = model.answer(&step);
            trial.same(&format!("the last of these steps:{told}"), &expected, &answer(&trial, &step).await);
            if let Step::Commit(change) = step {
                sent.push(change);
            }
        }
        let keys = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| author.numbered(n));
        let left: Vec<_> =
            keys.iter().map(|key| model.rows.get(key).map(|(put, v)| (put.record.clone(), *v))).collect();
        trial.same(&format!("what is there after these steps:{told}"), &left, &trial.load_all(&keys).await);
    }
}

pub(super) async fn some_order_explains_a_race<S: Store>(trial: Trial<S>) {
    const KEYS: usize = 5;
    for history in 0..RACES {
        let mut author = Author { history, drawn: 0 };
        let mut model = Model::default();
        for _ in 0..4 {
            let change = author.change(&model, KEYS, &[]);
            trial.same("a change before the race", &model.commit(&change), &trial.commit(&change).await);
        }
        let (mut steps, mut ids) = (Vec::new(), Vec::new());
        let mut keys = [0, 1, 2, 3, 4].map(|n| author.numbered(n)).to_vec();
        for rival in 0..6 {
            let mut change = author.change(&model, KEYS, &ids);
            // A record that no rival writes comes first: it tells, if the answer is lost, that this change was applied.
            let mark = author.numbered(KEYS + rival);
            change.puts.insert(0, put(mark, Absent, ""));
            change.puts.truncate(6);
            keys.push(mark);
            ids.push(change.id);
            steps.push(Step::Commit(change));
        }
        steps.extend((0..2).map(|_| Step::Load([(); 4].map(|()| Some(author.key(KEYS))))));
        let answers = race(steps.iter().cloned().map(|step| {
            let trial = trial.clone();
            async move { answer(&trial, &step).await }
        }))
        .await;
        let mut open: Vec<(Step, Answer)> = steps.into_iter().zip(answers).collect();
        let left = trial.load_all(&keys).await;
        if !explained(&model, &mut open, &|end| {
            keys.iter().map(|key| end.rows.get(key).map(|(put, v)| (put.record.clone(), *v))).eq(left.iter().cloned())
        }) {
            let told: String =
                open.iter().map(|(step, answer)| format!("\n  {step:?}\n    found {answer:?}")).collect();
            trial.broken(&format!("these ran at once:{told}\n  expected that some order gives all answers, and leaves\n  found    {left:?}"));
        }
    }
}

/// Whether some order of the steps that are open gives their answers, from what `model` holds to what `end` accepts.
fn explained(model: &Model, open: &mut Vec<(Step, Answer)>, end: &dyn Fn(&Model) -> bool) -> bool {
    if open.is_empty() {
        return end(model);
    }
    for next in 0..open.len() {
        let (step, found) = open.remove(next);
        let mut after = model.clone();
        let fits = after.answer(&step) == found && explained(&after, open, end);
        open.insert(next, (step, found));
        if fits {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Histories in which nearly all changes are applied, or none, would prove little.
    #[test]
    fn histories_hold_enough_of_every_answer() {
        let mut model = Model::default();
        let (mut applied, mut conflicts, mut resent, mut lost, mut rows, mut swept) = (0, 0, 0, 0, 0, 0);
        for history in 0..HISTORIES {
            let mut author = Author { history, drawn: 0 };
            let mut sent = Vec::new();
            for _ in 0..STEPS {
                let step = author.step(&model, &sent);
                let again = matches!(&step, Step::Commit(change) if sent.contains(change));
                match (model.answer(&step), again) {
                    (Answer::Committed(Committed::Applied), false) => applied += 1,
                    (Answer::Committed(Committed::Conflict), false) => conflicts += 1,
                    (Answer::Committed(Committed::Applied), true) => resent += 1,
                    (Answer::Committed(Committed::Conflict), true) => lost += 1,
                    (Answer::Scanned(page), _) => rows += page.len(),
                    (Answer::Swept(count), _) => swept += count,
                    (Answer::Loaded(_), _) => {}
                }
                if let Step::Commit(change) = step {
                    sent.push(change);
                }
            }
        }
        let least = [applied, conflicts, resent, lost, rows, swept].into_iter().min();
        assert!(least > Some(60), "{applied} {conflicts} {resent} {lost} {rows} {swept}");
    }
}
