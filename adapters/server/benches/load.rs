//! How much the program serves: `cargo bench -p valetkey-server --bench load`, with `-- short` for a smaller run.
//!
//! What is measured (the program, and what it is held against) runs on one core, whoever asks on the other, and the two
//! sides of a ratio take turns in one run. The program's log goes to a file. Ends with an error where a goal is missed.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod common;
#[path = "load/durable.rs"]
mod durable;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/recording.rs"]
mod recording;

use common::{Result, numbers::Goals, process};
use std::env;

/// The sizes of a run.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    /// Of each round on the memory store.
    seconds: f64,
    /// Redeemed in each round on the database.
    codes: usize,
}

const FULL: Size = Size { rounds: 9, seconds: 2.0, codes: 19_200 };
const SHORT: Size = Size { rounds: 3, seconds: 1.0, codes: 3_200 };

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == memory::BARE) {
        return memory::bare();
    }
    if let [first, folder, codes] = &*arguments
        && first == durable::FLOOR
    {
        return durable::floor(folder, codes);
    }
    let size = if arguments.iter().any(|argument| argument == "short") { SHORT } else { FULL };
    process::step_aside()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut goals = Goals::default();
        memory::run(size, &mut goals).await?;
        durable::run(size, &mut goals).await?;
        goals.end()
    })
}
