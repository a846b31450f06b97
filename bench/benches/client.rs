//! What the steps of a client cost: instructions and heap allocations.
//!
//! ```text
//! cargo bench --manifest-path bench/Cargo.toml --bench client      needs valgrind
//! ```
//!
//! Fails if Valetkey takes more than before.

use valetkey_bench::client::steps;
use valetkey_bench::measure::{allocations, counted, instructions};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("count") {
        for step in steps() {
            // The first warms up.
            assert!((step.call)(), "{}: {}", step.library, step.step);
            counted(&step.call);
        }
        return;
    }
    let program = std::env::current_exe().expect("the path of this program");
    let counts = instructions(&program, "client");
    let steps = steps();
    assert_eq!(counts.len(), steps.len(), "callgrind counts one call of each step");
    println!("{:50} {:9} {:>12} {:>11} {:>6}", "", "", "instructions", "allocations", "most");
    let mut over = false;
    for (step, count) in steps.into_iter().zip(counts) {
        let allocations = allocations(&step.call);
        let most = step.most.map_or(String::new(), |most| most.to_string());
        println!("{:50} {:9} {count:>12} {allocations:>11} {most:>6}", step.step, step.library);
        if step.most.is_some_and(|most| count > most || allocations > 0) {
            println!("FAILED: {}: over the number", step.step);
            over = true;
        }
    }
    std::process::exit(i32::from(over));
}
