//! A device that calls an API; its token is got, renewed and replaced by the way.
//!
//! Start the `custom_server` example, then `cargo run -p valetkey-blocking --example client`.
#![allow(clippy::print_stdout, reason = "it shows what came of it")]

use valetkey_blocking::client::ClientCredentials;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credentials = ClientCredentials::new("http://127.0.0.1:8080/token", "demo-device", "device-secret");
    let api = credentials.for_api("http://127.0.0.1:8080").into_client()?;
    let mut answer = api.get("http://127.0.0.1:8080/telemetry")?;
    println!("the API said {}: {}", answer.status(), answer.body_mut().read_to_string()?);
    Ok(())
}
