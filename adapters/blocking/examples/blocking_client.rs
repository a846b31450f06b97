//! A device that calls an API; its token is got, renewed and replaced by the way.
//!
//! Start the `blocking_server` example, then `cargo run -p valetkey-blocking --example blocking_client`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what came of it")]

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use valetkey_blocking::client::ClientCredentials;

fn main() -> ExitCode {
    let Err(error) = call() else { return ExitCode::SUCCESS };
    // What went wrong, and why.
    let causes = successors(Some(&*error as &dyn Error), |&cause| cause.source());
    causes.for_each(|cause| eprintln!("{cause}"));
    ExitCode::FAILURE
}

fn call() -> Result<(), Box<dyn Error>> {
    let credentials = ClientCredentials::new("http://127.0.0.1:8080/token", "demo-device", "device-secret");
    let api = credentials.for_api("http://127.0.0.1:8080").into_client()?;
    let mut answer = api.get("http://127.0.0.1:8080/telemetry")?;
    println!("the API said {}: {}", answer.status(), answer.body_mut().read_to_string()?);
    Ok(())
}
