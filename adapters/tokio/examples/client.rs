//! A device that calls an API; its token is got, renewed and replaced by the way.
//!
//! Start `cargo run` or the `custom_server` example, then `guard_api`, then `cargo run -p valetkey-tokio --example client`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what came of it")]

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use valetkey_tokio::client::ClientCredentials;

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = call().await else { return ExitCode::SUCCESS };
    // What went wrong, and why.
    let causes = successors(Some(&*error as &dyn Error), |&cause| cause.source());
    causes.for_each(|cause| eprintln!("{cause}"));
    ExitCode::FAILURE
}

async fn call() -> Result<(), Box<dyn Error>> {
    let credentials = ClientCredentials::new("http://127.0.0.1:8080/token", "demo-device", "device-secret");
    let api = credentials.for_api("http://127.0.0.1:8081").into_client()?;
    let answer = api.get("http://127.0.0.1:8081/telemetry").await?;
    println!("the API said {}: {}", answer.status(), answer.text().await?);
    Ok(())
}
