//! An API behind a `Guard`: three lines take the tokens of an issuer that has metadata. Without its opaque tokens it is
//! one: `Guard::discover(issuer, audience)`.
//!
//! Start `cargo run` or the `custom_server` example first, then `cargo run -p valetkey-tokio --example guard_api`.
#![allow(clippy::print_stdout, reason = "it tells what to try")]

use axum::{Router, routing::get};
use valetkey::secret::SecretText;
use valetkey_tokio::client::Transport;
use valetkey_tokio::resource::{Access, Audience, Guard, Issuer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = Issuer::discover("http://127.0.0.1:8080", Transport::new()?).await?;
    let issuer = issuer.with_introspection("demo-api", SecretText::new("api-secret"))?;
    let guard = Guard::of([issuer], Audience::IfNamed("http://127.0.0.1:8081"));

    let app = Router::new()
        .route("/whoami", get(whoami).layer(guard.clone()))
        .route("/telemetry", get(async || "taken\n").layer(guard.needing("telemetry:write")));
    println!("curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8081/telemetry");
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8081").await?, app).await?;
    Ok(())
}

async fn whoami(access: Access) -> String {
    format!("client {}, subject {:?}, scopes {}\n", access.client_id, access.subject, access.scope)
}
