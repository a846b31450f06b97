//! An API behind a `Guard`: three lines take the tokens of an issuer that has metadata. Without its opaque tokens it is
//! one: `Guard::discover(issuer, audience)`.
//!
//! Start `cargo run` or the `custom_server` example first, then `cargo run -p valetkey-tokio --example guard_api`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells what to try")]

use axum::{Router, routing::get};
use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use valetkey::secret::SecretText;
use valetkey_tokio::client::Transport;
use valetkey_tokio::resource::{Access, Audience, Guard, Issuer};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = serve().await else { return ExitCode::SUCCESS };
    // What went wrong, and why.
    let causes = successors(Some(&*error as &dyn Error), |&cause| cause.source());
    causes.for_each(|cause| eprintln!("{cause}"));
    ExitCode::FAILURE
}

async fn serve() -> Result<(), Box<dyn Error>> {
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
