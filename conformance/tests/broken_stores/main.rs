//! The laws bite: each catches a store with a flaw that it was made for, and tells its own name.

mod broken;

use broken::Broken;
use broken::Flaw::{self, *};
use std::panic::{UnwindSafe, catch_unwind};
use valetkey_conformance::laws::{LAWS, store_law, store_laws};
use valetkey_memory::MemoryStore;

/// Which law catches what. Others may as well.
const CAUGHT: &[(Flaw, &str)] = &[
    (WritesBlindly, "a_put_is_written_as_expected"),
    (AcceptsAnyVersion, "a_put_is_written_as_expected"),
    (IgnoresLastPut, "a_conflict_writes_nothing"),
    (WritesBeforeItChecks, "a_conflict_writes_nothing"),
    (IgnoresSecondHold, "a_conflict_writes_nothing"),
    (IgnoresHolds, "holds_are_tested"),
    (IgnoresSecondHold, "holds_are_tested"),
    (ResendIsConflict, "resending_is_applied"),
    (ResendWritesAgain, "resending_is_applied"),
    (RemembersApplied, "a_resent_change_undoes_nothing"),
    (ResendWritesAgain, "a_resent_change_undoes_nothing"),
    (AnyPutTellsResent, "only_the_first_put_tells_a_resent_change"),
    (RemembersApplied, "only_the_first_put_tells_a_resent_change"),
    (RemembersConflicts, "a_conflict_is_not_remembered"),
    (LoadClosesGaps, "load_answers_slot_by_slot"),
    (RoundsVersions, "versions_are_change_ids"),
    (TrimsText, "records_come_back_as_written"),
    (ScansBackwards, "scan_pages_in_key_order"),
    (ScansAfterToo, "scan_pages_in_key_order"),
    (KeepsFirstIndexOnly, "scan_finds_by_index"),
    (ForgetsEarly, "sweep_forgets_what_is_past"),
    (KeepsSignedTimes, "sweep_forgets_what_is_past"),
    (KeepsFirstTime, "sweep_heeds_the_last_put"),
    (SweepsAll, "sweep_heeds_its_limit"),
    (SweptStaysTaken, "a_swept_key_may_be_put_again"),
    (ChecksThenWrites, "one_winner_of_64"),
    (WritesBeforeItChecks, "one_winner_of_64"),
    (ChecksThenWrites, "two_never_win"),
    (ChecksHoldsBefore, "one_of_a_write_skew"),
    (IgnoresHolds, "one_of_a_write_skew"),
    (ResendIsConflict, "resending_while_in_flight"),
    (InFlightIsConflict, "resending_while_in_flight"),
    (ChecksThenWrites, "resending_while_in_flight"),
    (ChecksThenWrites, "no_increment_is_lost"),
    (LoadsInTwo, "load_is_one_snapshot"),
    (WritesBeforeItChecks, "load_is_one_snapshot"),
    (LoadsOldNews, "load_and_scan_see_what_was_applied"),
    (ScansByOffset, "scan_goes_on_after_writes"),
    (ScansByOffset, "scan_while_others_write"),
    (SweepsThenForgets, "sweep_among_writers"),
    (ChecksThenWrites, "some_order_explains_a_race"),
    (ChecksHoldsBefore, "some_order_explains_a_race"),
    (LoadsInTwo, "some_order_explains_a_race"),
    (WritesBlindly, "the_model_agrees"),
    (IgnoresLastPut, "the_model_agrees"),
    (IgnoresSecondHold, "the_model_agrees"),
    (ResendIsConflict, "the_model_agrees"),
    (RemembersApplied, "the_model_agrees"),
    (RemembersConflicts, "the_model_agrees"),
    (AnyPutTellsResent, "the_model_agrees"),
    (ScansAfterToo, "the_model_agrees"),
    (KeepsFirstIndexOnly, "the_model_agrees"),
    (ForgetsEarly, "the_model_agrees"),
    (KeepsFirstTime, "the_model_agrees"),
    (SweptStaysTaken, "the_model_agrees"),
];

#[test]
fn each_law_catches_the_flaws_it_was_made_for() {
    for (flaw, law) in CAUGHT {
        let said = caught(*flaw, || store_law(law, || Broken::new(*flaw)));
        assert!(said.starts_with(&format!("law `{law}` is broken")), "{law} said of {flaw:?}: {said}");
        assert!(said.contains("expected") && said.contains("found"), "{law} said of {flaw:?}: {said}");
    }
}

#[test]
fn every_law_catches_something() {
    for law in LAWS {
        assert!(CAUGHT.iter().any(|(_, by)| by == law), "no flaw shows that {law} bites");
    }
}

#[test]
fn all_laws_together_catch_each_flaw() {
    let mut flaws: Vec<Flaw> = Vec::new();
    for (flaw, _) in CAUGHT {
        if !flaws.contains(flaw) {
            flaws.push(*flaw);
            caught(*flaw, || store_laws(|| Broken::new(*flaw)));
        }
    }
}

#[test]
fn a_lost_acknowledgement_breaks_no_law() {
    store_laws(|| Broken::new(ErrsOnceApplied));
}

#[test]
#[should_panic(expected = "no law is called `one_winner_of_63`; these are: a_put_is_written_as_expected, ")]
fn a_law_that_is_not_there_is_told() {
    store_law("one_winner_of_63", MemoryStore::new);
}

/// What the laws say of a store with that flaw.
fn caught(flaw: Flaw, laws: impl FnOnce() + UnwindSafe) -> String {
    match catch_unwind(laws) {
        Ok(()) => panic!("{flaw:?} was not caught"),
        Err(said) => *said.downcast::<String>().unwrap(),
    }
}
