//! An API behind a `Guard` that asks an authorization server elsewhere.
//!
//! Start `cargo run` or the `custom_server` example first, then `cargo run -p valetkey-tokio --example guard_api`.
#![allow(clippy::print_stdout, reason = "it tells what to try")]

use axum::{Router, routing::get};
use std::sync::Arc;
use valetkey::secret::SecretText;
use valetkey_tokio::client::Transport;
use valetkey_tokio::resource::{Access, Audience, Guard, RemoteIntrospection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = "http://127.0.0.1:8080";
    let secret = SecretText::new("api-secret");
    let introspect = RemoteIntrospection::new(format!("{issuer}/introspect"), "demo-api", secret, Transport::new()?)?;
    let guard = Guard::new(issuer, Audience::IfNamed("http://127.0.0.1:8081"), Arc::new(introspect));
    let app = Router::new()
        .route("/whoami", get(whoami).layer(guard.clone()))
        .route("/telemetry", get(async || "taken").layer(guard.needing("telemetry:write")));
    println!("curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8081/telemetry");
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8081").await?, app).await?;
    Ok(())
}

async fn whoami(access: Access) -> String {
    format!("client {}, subject {:?}, scopes {}\n", access.client_id, access.subject, access.scope)
}
