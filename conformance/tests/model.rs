//! The core's machines against the reference model; and that the model bites when a store breaks its contract.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use valetkey::server::change::{Change, Committed, Expect, Keys, OwnedFound};
use valetkey::time::UnixTime;
use valetkey_conformance::model::{self, Command, Memory, Request, Scope, Store, Wrong};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_machines_do_what_the_model_allows_in_any_order(commands in model::commands()) {
        model::run::<Memory>(&commands).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn reads_are_hints_and_stale_ones_issue_nothing_more(commands in model::commands()) {
        model::run::<Stale>(&commands).map_err(TestCaseError::fail)?;
    }
}

/// Answers each load with what was there some commits ago.
#[derive(Default)]
struct Stale {
    now: Memory,
    earlier: Vec<Memory>,
    loads: usize,
}

impl Store for Stale {
    const STALE: bool = true;

    fn load(&mut self, keys: &Keys) -> OwnedFound {
        self.loads += 1;
        let back = self.loads % 3; // 0 is no delay, so that conflicts end
        let at = self.earlier.len().checked_sub(back);
        match at.and_then(|at| self.earlier.get_mut(at)) {
            Some(earlier) => earlier.load(keys),
            None => self.now.load(keys),
        }
    }

    fn commit(&mut self, change: &Change<'_>) -> Committed {
        // Whoever logs in has an account that was there before: that it is absent is one thing that no commit can hold.
        let creates = change.event.is_none() && change.puts[0].is_some_and(|put| put.expect == Expect::Absent);
        if !creates {
            self.earlier.push(self.now.clone());
        }
        self.now.commit(change)
    }

    fn sweep(&mut self, now: UnixTime) {
        self.now.sweep(now);
    }
}

/// A broken store, by its commit.
macro_rules! mutant {
    ($name:ident, $commit:expr) => {
        #[derive(Default)]
        struct $name(Memory);

        impl Store for $name {
            fn load(&mut self, keys: &Keys) -> OwnedFound {
                self.0.load(keys)
            }

            fn commit(&mut self, change: &Change<'_>) -> Committed {
                let commit: fn(&mut Memory, &Change<'_>) -> Committed = $commit;
                commit(&mut self.0, change)
            }

            fn sweep(&mut self, now: UnixTime) {
                self.0.sweep(now);
            }
        }
    };
}

mutant!(IgnoresExpectations, |store, change| {
    if !store.is_held(change) {
        return Committed::Conflict;
    }
    store.apply(change);
    Committed::Applied
});

mutant!(IgnoresHolds, |store, change| {
    if !store.was_applied(change) {
        if !store.is_expected(change) {
            return Committed::Conflict;
        }
        store.apply(change);
    }
    Committed::Applied
});

mutant!(ForgetsWhatItApplied, |store, change| {
    if !store.is_expected(change) || !store.is_held(change) {
        return Committed::Conflict;
    }
    store.apply(change);
    Committed::Applied
});

mutant!(WritesBeforeItTests, |store, change| {
    let outcome = store.commit(change);
    store.apply(change);
    outcome
});

mutant!(SaysAppliedAndWritesNothing, |store, change| {
    let operator = change.event.is_none();
    if operator { store.commit(change) } else { Committed::Applied }
});

fn caught<S: Store>() -> String {
    model::check::<S>(2000).expect_err("the model does not see that the store is broken")
}

#[test]
fn a_store_that_ignores_expectations_is_caught() {
    let why = caught::<IgnoresExpectations>();
    assert!(why.contains("twice") || why.contains("ended") || why.contains("two"), "{why}");
}

#[test]
fn a_store_that_ignores_holds_is_caught() {
    let why = caught::<IgnoresHolds>();
    assert!(why.contains("locked account") || why.contains("removed client"), "{why}");
}

#[test]
fn a_store_that_takes_a_resent_change_for_another_is_caught() {
    let why = caught::<ForgetsWhatItApplied>();
    assert!(why.contains("the reply is a refusal") || why.contains("changed something twice"), "{why}");
}

#[test]
fn a_store_that_writes_before_it_tests_is_caught() {
    caught::<WritesBeforeItTests>();
}

#[test]
fn a_store_that_writes_nothing_is_caught() {
    caught::<SaysAppliedAndWritesNothing>();
}

/// A code and its first tokens.
const TOKENS: [Command; 2] = [
    Command::Do(Request::Authorize { client: 1, subject: 0, part: false }),
    Command::Do(Request::Redeem { code: 0, wrong: Wrong::Nothing }),
];

fn holds(after: &[Command]) {
    model::run::<Memory>(&[&TOKENS[..], after].concat()).unwrap();
}

const REFRESH: Request = Request::Refresh { token: 0, foreign: false, scope: Scope::Unnamed };

#[test]
fn a_grace_answer_beside_a_lock_gives_nothing() {
    for steps in 0..5 {
        let mut commands = vec![Command::Do(REFRESH), Command::Open(REFRESH)];
        commands.extend(vec![Command::Step(0); steps]);
        commands.extend([Command::Lock(0), Command::Finish(0), Command::Do(REFRESH)]);
        holds(&commands);
    }
}

#[test]
fn a_refresh_whose_reply_got_lost_is_answered_again_and_its_successor_serves() {
    let next = Request::Refresh { token: 1, foreign: false, scope: Scope::Unnamed };
    holds(&[
        Command::Open(REFRESH),
        Command::Step(0),
        Command::Step(0),
        Command::Lost(0),
        Command::Crash(0),
        Command::Clock(3),
        Command::Do(REFRESH),
        Command::Do(next),
        Command::Do(REFRESH),
    ]);
}

#[test]
fn a_redemption_whose_outcome_was_unknown_is_sent_again_and_answered() {
    let again = Request::Redeem { code: 1, wrong: Wrong::Nothing };
    holds(&[
        TOKENS[0],
        Command::Open(again),
        Command::Step(0),
        Command::Step(0),
        Command::Lost(0),
        Command::Lost(0),
        Command::Finish(0),
        Command::Do(again),
    ]);
}

#[test]
fn a_rotation_whose_outcome_was_unknown_ends_nothing_though_its_successor_was_used_meanwhile() {
    let next = Request::Refresh { token: 1, foreign: false, scope: Scope::Unnamed };
    holds(&[
        Command::Open(REFRESH),
        Command::Step(0),
        Command::Step(0),
        Command::Lost(0),
        Command::Do(REFRESH),
        Command::Do(next),
        Command::Finish(0),
        Command::Do(Request::Introspect { token: 2 }),
    ]);
}

#[test]
fn a_consent_that_is_held_over_a_sweep_issues_one_code() {
    let answer = Request::Answer { pending: 0, subject: 0 };
    holds(&[
        Command::Pause(1),
        Command::Clock(595),
        Command::Open(answer),
        Command::Step(0),
        Command::Step(0),
        Command::Step(0),
        Command::Do(answer),
        Command::Clock(60),
        Command::Sweep,
        Command::Finish(0),
    ]);
}

#[test]
fn an_answer_that_is_held_for_a_month_is_given_up() {
    let answer = Request::Answer { pending: 0, subject: 0 };
    holds(&[
        Command::Pause(1),
        Command::Open(answer),
        Command::Step(0),
        Command::Step(0),
        Command::Step(0),
        Command::Do(answer),
        Command::Clock(31 * 86_400),
        Command::Sweep,
        Command::Finish(0),
    ]);
}

/// Of the client that authenticates: a code and its first tokens, and a refresh whose answer got lost.
const LOST: [Command; 9] = [
    Command::Do(Request::Authorize { client: 0, subject: 0, part: false }),
    Command::Do(Request::Redeem { code: 0, wrong: Wrong::Nothing }),
    Command::Open(REFRESH),
    Command::Step(0),
    Command::Step(0),
    Command::Step(0),
    Command::Crash(0),
    Command::Clock(400),
    Command::Clock(0), // each ninth request shows an assertion that was used
];
const NEXT: Request = Request::Refresh { token: 1, foreign: false, scope: Scope::Unnamed };

#[test]
fn an_answer_that_was_lost_is_given_as_long_as_the_window_waits() {
    let end = [Command::Do(REFRESH), Command::Clock(60), Command::Do(NEXT), Command::Clock(60), Command::Do(REFRESH)];
    for pauses in 0..4 {
        let again = [Command::Do(REFRESH), Command::Clock(595)].repeat(pauses);
        model::run::<Memory>(&[&LOST[..], &again[..], &end].concat()).unwrap();
    }
}

#[test]
fn a_thief_that_comes_when_the_token_was_seen_ends_the_grant() {
    let foreign = Request::Refresh { token: 0, foreign: true, scope: Scope::Unnamed };
    let seen = [Command::Do(REFRESH), Command::Clock(60), Command::Do(Request::Introspect { token: 1 })];
    for thief in [foreign, REFRESH, Request::Refresh { token: 0, foreign: false, scope: Scope::Part }] {
        let rest = [Command::Clock(60), Command::Do(thief), Command::Do(NEXT)];
        model::run::<Memory>(&[&LOST[..], &seen, &rest].concat()).unwrap();
    }
    // The look at the token is held at each of its needs while the thief comes.
    for steps in 0..4 {
        let mut commands = [&LOST[..], &seen[..2], &[Command::Open(Request::Introspect { token: 1 })]].concat();
        commands.extend(vec![Command::Step(0); steps]);
        commands.extend([Command::Do(REFRESH), Command::Finish(0), Command::Clock(60), Command::Do(REFRESH)]);
        model::run::<Memory>(&commands).unwrap();
    }
}
