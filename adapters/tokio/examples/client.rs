//! A device that calls an API; its token is got, renewed and replaced by the way.
//!
//! Start `cargo run` or the `custom_server` example, then `guard_api`, then `cargo run -p valetkey-tokio --example client`.
#![allow(clippy::print_stdout, reason = "it shows what came of it")]

use valetkey_tokio::client::ClientCredentials;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credentials = ClientCredentials::new("http://127.0.0.1:8080/token", "demo-device", "device-secret");
    let api = credentials.for_api("http://127.0.0.1:8081").into_client()?;
    let answer = api.get("http://127.0.0.1:8081/telemetry").await?;
    println!("the API said {}: {}", answer.status(), answer.text().await?);
    Ok(())
}
