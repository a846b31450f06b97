//! An API that three lines guard with the signed tokens of any issuer that has metadata.
//!
//! `cargo run -p valetkey-tokio --example three_lines -- ISSUER AUDIENCE [LISTEN]`, for instance with
//! `https://login.example https://api.example`. It says where it listens: 127.0.0.1, at a free port if none is named.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it says where it listens")]

use axum::{Router, routing::get};
use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use valetkey_tokio::resource::{Access, Guard};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = serve().await else { return ExitCode::SUCCESS };
    // What went wrong, and why.
    let causes = successors(Some(&*error as &dyn Error), |&cause| cause.source());
    causes.for_each(|cause| eprintln!("{cause}"));
    ExitCode::FAILURE
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(audience)) = (arguments.next(), arguments.next()) else {
        return Err("name an issuer and an audience".into());
    };

    let guard = Guard::discover(&issuer, &audience).await?;
    let me = get(async |access: Access| format!("{} by {}", access.subject, access.client_id));
    let app = Router::new().route("/me", me.layer(guard.needing("read")));

    let listen = arguments.next().unwrap_or("127.0.0.1:0".into());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("http://{}/me", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
