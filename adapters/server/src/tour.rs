//! `valetkey tour`: a whole worked session, each message an arrow, each outcome checked.
//!
//! Server, API and app are in one process. What goes to the server or the API goes as HTTP over loopback, through the
//! same router that `valetkey serve` serves, and is drawn from what was really sent and received.

mod api;
mod browser;
mod http;
mod login;
mod page;
mod renewal;
mod revocation;
mod scene;
mod shown;
mod start;
mod token;

use crate::config::Config;
use crate::keys::Keys;
use crate::{program, serve};
use browser::Browser;
use http::Http;
use scene::Scene;
use std::error::Error;
use std::fmt;
use std::io::Write;
use tokio::net::TcpListener;
use valetkey_memory::MemoryStore;
use valetkey_tokio::client::Transport;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Which step had another outcome than it should, and what came instead. Holds no secret.
#[derive(Debug)]
pub struct Failed {
    /// Number and title of the step, as the tour writes them.
    pub step: String,
    /// What was expected, and what came.
    pub why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tour failed at step `{}`: {}", self.step, self.why)
    }
}

impl Error for Failed {}

/// Starts the program with `config` on a free port of loopback, walks through it, and writes what happens.
///
/// # Errors
/// [`Failed`], at the first step that came out otherwise.
pub async fn run(config: &Config, out: &mut dyn Write, colour: bool) -> std::result::Result<(), Failed> {
    let not_started = |error: Box<dyn Error>| Failed { step: "start the server".to_owned(), why: said(&*error) };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| not_started(error.into()))?;
    let address = listener.local_addr().map_err(|error| not_started(error.into()))?;
    let issuer = format!("http://{address}");
    let keys = Keys::draw(0).map_err(|error| not_started(error.into()))?;
    let program = program::assemble(config, &issuer, MemoryStore::new(), &keys).await.map_err(not_started)?;
    let serving = tokio::spawn(serve::run(listener, program.app, std::future::pending(), serve::GRACE));
    let walked = walk(&issuer, out, colour).await;
    serving.abort();
    walked
}

/// Walks through a server that runs already and holds the demo.
///
/// # Errors
/// [`Failed`], at the first step that came out otherwise.
pub async fn walk(issuer: &str, out: &mut dyn Write, colour: bool) -> std::result::Result<(), Failed> {
    let mut scene = Scene::new(out, colour);
    let walked = steps(issuer, &mut scene).await;
    walked.map_err(|error| Failed { step: scene.step().to_owned(), why: said(&*error) })
}

/// An error with its causes.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What every step works with.
struct Tour<'s, 'o> {
    scene: &'s mut Scene<'o>,
    http: Http,
    transport: Transport,
}

async fn steps(issuer: &str, scene: &mut Scene<'_>) -> Result<()> {
    scene.say(&format!(
        "A worked session against {issuer}. Of secrets only the first characters are shown; as all tokens of one login \
         begin alike, they are also numbered: code (C1), access tokens (A1), (A2), refresh tokens (R1), (R2)."
    ))?;
    let mut tour = Tour { scene, http: Http::new()?, transport: Transport::new()? };
    let server = tour.discovery(issuer).await?;
    tour.device(&server).await?;

    let config = server.app()?;
    let mut browser = Browser::default();
    let (tokens, code) = tour.login(&server, &config, &mut browser).await?;
    tour.api_call(&server, &tokens).await?;
    tour.introspection(&server, &tokens).await?;
    tour.stolen_code(&server, &tokens, &code).await?;
    let renewed = tour.renewal(&config, &tokens).await?;
    tour.replay(&server, &config, &tokens, &renewed).await?;
    tour.revocation(&server, &config, &mut browser).await?;

    let messages = tour.scene.messages();
    tour.scene.say(&format!(
        "{messages} messages, all as expected.\n\
         Next: `cargo run` starts this server on http://127.0.0.1:8080, and prints what to try with it."
    ))
}

/// Goes on if what came is what must come.
fn expect(holds: bool, wanted: &str, came: &dyn fmt::Display) -> Result<()> {
    if holds { Ok(()) } else { Err(format!("expected {wanted}, but got {came}").into()) }
}
