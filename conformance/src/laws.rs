//! Laws that any store must pass.
//!
//! One call opens a store for each law, tries to break it by single steps, by rivals on real threads and against a model
//! of the contract, and panics with the name of the law that is broken, what was expected and what happened. What a crash
//! leaves is not tried here.

mod blocking;
mod meetings;
mod model;
mod pages;
mod rivals;
mod sample;
mod steps;
mod trial;

use blocking::Blocking;
use std::panic::resume_unwind;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use trial::Trial;
use valetkey_std::store::Store;

/// How long one law may take before the store counts as stuck.
const DEADLINE: Duration = Duration::from_secs(120);

/// Names each law once: the function that tries it, and what it says.
macro_rules! laws {
    ($($module:ident :: $law:ident = $says:literal,)*) => {
        /// The laws by name, in the order in which [`store_laws`] tries them.
        ///
        $(#[doc = concat!("- `", stringify!($law), "`: ", $says)])*
        pub const LAWS: &[&str] = &[$(stringify!($law)),*];

        fn try_one<S: Store>(name: &str, open: impl Fn() -> S) {
            match name {
                $(stringify!($law) => {
                    let runtime = runtime();
                    let trial = { let _inside = runtime.enter(); Trial::new(stringify!($law), $says, open()) };
                    finish(runtime, stringify!($law), DEADLINE, $module::$law(trial));
                })*
                other => panic!("no law is called `{other}`; these are: {}", LAWS.join(", ")),
            }
        }
    };
}

laws! {
    steps::a_put_is_written_as_expected = "a put is written if its key is absent or at the version that it expects, else it is a conflict",
    steps::a_conflict_writes_nothing = "a conflict writes nothing, even if only the last of six puts or the last hold fails",
    steps::holds_are_tested = "a hold is tested like a put and stays as it is",
    steps::resending_is_applied = "a change that was applied is applied when it comes again, and writes nothing",
    steps::a_resent_change_undoes_nothing = "a resent change whose first record has moved on is a conflict",
    steps::only_the_first_put_tells_a_resent_change = "a change whose other keys are at its id was not applied",
    steps::a_conflict_is_not_remembered = "a change that was a conflict is judged anew when it comes again",
    steps::load_answers_slot_by_slot = "load answers slots in order, absent ones None, the same key twice",
    steps::versions_are_change_ids = "the version of a loaded record is the id of the change that wrote it",
    steps::records_come_back_as_written = "every field of every kind of record comes back as it was written",
    pages::scan_pages_in_key_order = "scan gives records of a kind in key order, from after on, at most limit",
    pages::scan_finds_by_index = "scan finds what names a key in the index that was put last, each once",
    pages::scan_goes_on_after_writes = "what is written between two pages neither hides nor doubles what is there all the while",
    pages::sweep_forgets_what_is_past = "sweep forgets what has keep_until before now, and nothing else",
    pages::sweep_heeds_the_last_put = "keep_until is that of the last put that was applied",
    pages::sweep_heeds_its_limit = "sweep forgets at most limit records, and fewer only if no more are due",
    pages::a_swept_key_may_be_put_again = "a swept key is absent and may be put again",
    rivals::one_winner_of_64 = "of 64 rivals with the same expectation one wins, and the others write nothing",
    meetings::two_never_win = "two that meet again and again, for two seconds, never both win",
    rivals::one_of_a_write_skew = "of two changes of which each puts what the other holds one wins",
    rivals::resending_while_in_flight = "copies of a change in flight all get the answer of the one that was written",
    rivals::no_increment_is_lost = "rivals that load, add one and commit lose no increment",
    rivals::load_is_one_snapshot = "load never sees half of a change",
    rivals::load_and_scan_see_what_was_applied = "load and scan see every change that was applied before",
    rivals::scan_while_others_write = "a walk of pages finds each record that is there all the while, once",
    rivals::sweep_among_writers = "an applied change that prolongs a record saves it from a sweep that goes on",
    model::some_order_explains_a_race = "what rivals are answered and leave behind is what some order of them gives",
    model::the_model_agrees = "any sequence of steps gets the answers that the contract gives",
}

/// Tries every law on the store that `open` gives, for each law a fresh one.
///
/// A pass is strong evidence and no proof: a window that no race has hit is not seen. Run it often.
///
/// `open` must give an empty store each time, and is called inside a tokio runtime with a pool of threads. Call this from
/// plain, synchronous code: it makes its own runtime. It takes seconds, and no more than memory for some thousand records.
///
/// ```
/// use valetkey_conformance::laws::store_laws;
/// use valetkey_memory::MemoryStore;
///
/// store_laws(MemoryStore::new);
/// ```
///
/// # Panics
/// If a law is broken; the message names it, and says what was expected and what happened.
pub fn store_laws<S: Store>(open: impl Fn() -> S) {
    for law in LAWS {
        store_law(law, &open);
    }
}

/// The same for a store that blocks: tries every law on it, by threads.
///
/// ```
/// use valetkey_conformance::laws::blocking_store_laws;
/// use valetkey_memory::MemoryStore;
///
/// blocking_store_laws(MemoryStore::new);
/// ```
///
/// # Panics
/// As [`store_laws`].
pub fn blocking_store_laws<S: valetkey_std::store::blocking::Store + 'static>(open: impl Fn() -> S) {
    store_laws(|| Blocking(open()));
}

/// Tries one of [`LAWS`]: for a test per law, or while mending a store.
///
/// ```
/// # use valetkey_conformance::laws::store_law;
/// # use valetkey_memory::MemoryStore;
/// store_law("one_winner_of_64", MemoryStore::new);
/// ```
///
/// # Panics
/// If the law is broken, or there is none of that name.
pub fn store_law<S: Store>(name: &str, open: impl Fn() -> S) {
    try_one(name, open);
}

/// Threads enough that rivals meet even on a small machine.
fn runtime() -> Runtime {
    match Builder::new_multi_thread().worker_threads(8).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("the laws need a runtime of eight threads: {error}"),
    }
}

/// Runs a law to its end, or to the deadline.
fn finish(runtime: Runtime, name: &str, deadline: Duration, law: impl Future<Output = ()> + Send + 'static) {
    match runtime.block_on(async { timeout(deadline, tokio::spawn(law)).await }) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => resume_unwind(error.into_panic()),
        Err(_) => {
            runtime.shutdown_background();
            panic!("law `{name}` is broken: the store is stuck; expected an end within {deadline:?}, found none");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "law `waits` is broken: the store is stuck; expected an end within 10ms, found none")]
    fn a_store_that_never_answers_is_told() {
        finish(runtime(), "waits", Duration::from_millis(10), std::future::pending());
    }
}
