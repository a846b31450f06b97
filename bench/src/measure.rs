//! Instructions by callgrind, heap allocations, and time.

use crate::Case;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What the two calls of a [`Case`] take.
#[derive(Clone, Debug)]
pub struct Cost {
    /// As the case names it.
    pub library: String,
    /// As the case names it.
    pub algorithm: String,
    /// Characters of the token.
    pub token: usize,
    /// Allocations on the heap above those of the signature.
    pub allocations: u64,
    /// Nanoseconds to validate; the median of many runs.
    pub validate_ns: u64,
    /// Nanoseconds for the signature alone.
    pub signature_ns: u64,
    /// Instructions to validate.
    pub validate: u64,
    /// Instructions for the signature alone.
    pub signature: u64,
}

impl Cost {
    /// Instructions above the signature.
    pub const fn above(&self) -> u64 {
        self.validate.saturating_sub(self.signature)
    }
}

/// How often each call is counted, and the fewest taken: what RSA allocates lies elsewhere each time, and copies take up to a
/// thousand instructions more by that.
const TIMES: usize = 31;

/// In the process that callgrind runs: each call of each case, in order.
pub fn run_counted(cases: impl Iterator<Item = Case>) {
    for case in cases {
        for call in [&case.validate, &case.signature] {
            assert!(call(), "{} refuses a good {} token", case.library, case.algorithm);
            for _ in 0..TIMES {
                counted(call);
            }
        }
    }
}

/// The function by whose name callgrind counts.
#[inline(never)]
pub fn counted(call: &dyn Fn() -> bool) {
    black_box(call());
}

/// Prints what [`costs`] reads.
pub fn run_timed(cases: impl Iterator<Item = Case>) {
    for Case { library, algorithm, token, validate, signature } in cases {
        let allocations = allocations(&validate).saturating_sub(allocations(&signature));
        let (validate, signature) = (median_ns(&validate), median_ns(&signature));
        println!("{library}\t{algorithm}\t{token}\t{allocations}\t{validate}\t{signature}");
    }
}

/// Allocations on the heap of one call, which is not the first.
pub fn allocations(call: &dyn Fn() -> bool) -> u64 {
    call();
    allocation_counter::measure(|| assert!(call())).count_total
}

/// The median of 31 runs of a millisecond or more.
fn median_ns(call: &dyn Fn() -> bool) -> u64 {
    let run = |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        began.elapsed()
    };
    let mut calls = 1;
    while run(calls).as_micros() < 1000 {
        calls *= 2;
    }
    let mut runs: Vec<_> = (0..31).map(|_| run(calls)).collect();
    runs.sort();
    u64::try_from((runs[15] / calls).as_nanos()).unwrap_or(u64::MAX)
}

/// Runs this program twice on the cases that `which` names: once for time and allocations, once under callgrind.
pub fn costs(which: &str) -> Vec<Cost> {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(&program).args(["time", which]).output().expect("this program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = instructions(&program, which);
    let counts: Vec<_> = counts.chunks(TIMES).filter_map(|times| times.iter().min().copied()).collect();
    let lines = String::from_utf8(output.stdout).expect("text");
    assert_eq!(lines.lines().count() * 2, counts.len(), "callgrind counts two calls of each case");
    lines.lines().zip(counts.chunks(2)).map(|(line, counts)| cost(line, counts)).collect()
}

fn cost(line: &str, counts: &[u64]) -> Cost {
    let fields: Vec<_> = line.split('\t').collect();
    let number = |i: usize| fields[i].parse().expect("a number");
    Cost {
        library: fields[0].into(),
        algorithm: fields[1].into(),
        token: fields[2].parse().expect("a number"),
        allocations: number(3),
        validate_ns: number(4),
        signature_ns: number(5),
        validate: counts[0],
        signature: counts[1],
    }
}

/// What callgrind counts in each call of [`counted`]: it starts and stops there, and writes a part of its report after
/// each. Of two options for the same pattern it would follow only one.
///
/// The program is run with the arguments `count` and `which`.
pub fn instructions(program: &Path, which: &str) -> Vec<u64> {
    let report = std::env::temp_dir().join(format!("valetkey-bench-{}-{which}", std::process::id()));
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=*counted*",
            "--dump-after=valetkey_bench::measure::counted",
            "--combine-dumps=yes",
        ])
        .arg(format!("--callgrind-out-file={}", report.display()))
        .arg(program)
        .args(["count", which])
        .output()
        .expect("valgrind is installed");
    assert!(output.status.success(), "valgrind: {}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&report).expect("callgrind's report");
    std::fs::remove_file(&report).expect("the report can be removed");
    let sums = text.lines().filter_map(|line| line.strip_prefix("summary: "));
    sums.map(|sum| sum.trim().parse().expect("a number")).filter(|sum| *sum > 0).collect()
}
