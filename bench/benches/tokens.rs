//! What validating an access token costs above its signature: instructions, heap allocations, time.
//!
//! ```text
//! cargo bench --manifest-path bench/Cargo.toml      needs valgrind
//! ```
//!
//! Fails if Valetkey exceeds its goals. Instructions are the same in each run, so that they can be held against a number;
//! times are only shown.

use valetkey_bench::measure::{Cost, costs, run_counted, run_timed};
use valetkey_bench::peers::{Backend, jsonwebtoken, jwt_compact};
use valetkey_bench::{Case, ours};

/// Which cases a process has: `jsonwebtoken` takes one backend in each.
const PROCESSES: [&str; 2] = ["rust_crypto", "aws_lc_rs"];

/// Instructions above the signature; for RS256, whose token is 256 characters longer.
const MOST: u64 = 8_000;
const MOST_RS256: u64 = 9_000;

fn main() {
    // Cargo passes `--bench`.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["count", which] => run_counted(cases(which)),
        ["time", which] => run_timed(cases(which)),
        _ => {
            let all: Vec<_> = PROCESSES.into_iter().flat_map(costs).collect();
            print(&all);
            let over: Vec<_> = all.iter().filter(|cost| cost.library == ours::NAME && is_over(cost)).collect();
            for cost in &over {
                println!("FAILED: {} {}: over the goal", cost.library, cost.algorithm);
            }
            std::process::exit(i32::from(!over.is_empty()));
        }
    }
}

fn cases(which: &str) -> Box<dyn Iterator<Item = Case>> {
    match which {
        "rust_crypto" => Box::new(ours::cases().chain(jsonwebtoken(Backend::RustCrypto)).chain(jwt_compact())),
        _ => Box::new(jsonwebtoken(Backend::AwsLc)),
    }
}

fn is_over(cost: &Cost) -> bool {
    let most = if cost.algorithm == "RS256" { MOST_RS256 } else { MOST };
    cost.above() > most || cost.allocations > 0
}

fn print(costs: &[Cost]) {
    println!("{:43} {:^29}   {:^19}   {:^11}", "", "instructions", "microseconds", "allocations");
    println!(
        "{:27} {:9} {:>5} {:>9} {:>9} {:>9}   {:>9} {:>9}   {:>11}",
        "", "", "token", "validate", "signature", "above", "validate", "signature", "above"
    );
    for cost in costs {
        let micros = |ns: u64| format!("{}.{}", ns / 1000, ns % 1000 / 100);
        println!(
            "{:27} {:9} {:>5} {:>9} {:>9} {:>9}   {:>9} {:>9}   {:>11}",
            cost.library,
            cost.algorithm,
            cost.token,
            cost.validate,
            cost.signature,
            cost.above(),
            micros(cost.validate_ns),
            micros(cost.signature_ns),
            cost.allocations
        );
    }
}
