//! The whole server over one store: up to four requests open at once, three bytes a command (`model.rs`). Asserts: a code
//! issues at most once, and only to its client with its verifier; a second valid use, the reuse of a refresh token and a
//! revocation leave nothing active; who may not use a code or token cannot end its grant; scope is never widened; a refresh
//! token has one successor, also in the grace window; one consent gives one code; what is ended is never written again;
//! all of it with conflicts, lost acknowledgements, broken parts, passing time and locked accounts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valetkey_fuzz::model::{Model, REQUESTS, ROOM};

/// Commands of one sequence.
const COMMANDS: usize = 160;

fuzz_target!(|input: &[u8]| {
    let mut room = vec![[0; ROOM]; REQUESTS];
    let mut model = Model::new(&mut room);
    for command in input.as_chunks::<3>().0.iter().take(COMMANDS) {
        model.command(*command);
    }
    model.finish();
});
