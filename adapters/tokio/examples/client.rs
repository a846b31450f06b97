//! A device that gets a token for itself and calls an API with it.
//!
//! Start `cargo run` or the `custom_server` example, then `guard_api`, then `cargo run -p valetkey-tokio --example client`.
#![allow(clippy::print_stdout, reason = "it shows what came of it")]

use valetkey::client::{ClientAuth, ClientCredentials, Config, Outcome};
use valetkey::secret::SecretText;
use valetkey_tokio::client::Transport;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let auth = ClientAuth::Basic(SecretText::new("device-secret"));
    let config = Config::new("http://127.0.0.1:8080", "http://127.0.0.1:8080/token", "demo-device", auth)?
        .with_scope("telemetry:write")?;
    let flow = ClientCredentials::new(&config)?;

    let received = Transport::new()?.send(&flow.request(&mut [0; 1024])?).await?;
    let mut scratch = received.scratch();
    let tokens = match flow.response(received.response(), &mut scratch)? {
        Outcome::Tokens(tokens) => tokens,
        Outcome::Denied { status, error } => return Err(format!("refused with {status}: {error:?}").into()),
        Outcome::After(said) => return Err(format!("busy; come again in {:?} seconds", said.seconds()).into()),
    };
    println!("a token for {:?} seconds, scope {}", tokens.expires_in, tokens.scope);

    let api = "http://127.0.0.1:8081/telemetry";
    let answer = reqwest::Client::new().get(api).bearer_auth(tokens.access_token.expose()).send().await?;
    println!("the API said {}: {}", answer.status(), answer.text().await?);
    Ok(())
}
