//! Says which requirement of which specification is covered by which test.
//!
//! Reads `conformance/requirements/*.toml`, finds the tests that are named after them in the sources of the workspace,
//! and writes `conformance/COVERAGE.md`. With `--check` it writes nothing, and fails when that file is not up to date,
//! when a test bears an id that does not exist, or when a gated document has an open MUST row.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod names;
mod report;
mod requirements;
mod scan;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("catalogue: unknown argument {other}; the only one is --check");
            return ExitCode::from(2);
        }
    };
    match run(check) {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in &problems {
                eprintln!("catalogue: {problem}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("catalogue: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes or checks the report; answers what is wrong with it or with the tests' names.
fn run(check: bool) -> Result<Vec<String>, String> {
    let conformance = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = conformance.parent().ok_or("the crate lies in no workspace")?;
    let catalogue = requirements::Catalogue::read(&conformance.join("requirements"))?;
    let mut problems = Vec::new();
    let tests = scan::tests(workspace, &catalogue.names(), &mut problems)?;
    let report = report::Report::new(&catalogue, &tests);
    problems.extend(report.open_gated());

    let path = conformance.join("COVERAGE.md");
    let text = report.markdown();
    if !check {
        std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        problems.push(
            "conformance/COVERAGE.md is not up to date; run `cargo run -p valetkey-conformance --features catalogue --bin catalogue`".into(),
        );
    }
    println!("{}", report.totals());
    Ok(problems)
}
