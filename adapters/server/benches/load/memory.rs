//! Client credentials from the memory store, against an axum handler that answers fixed JSON of the same size.

use crate::Size;
use crate::common::http::{Connection, post, stay_awake};
use crate::common::numbers::{Goals, median};
use crate::common::process::{Server, directory, pinned, serving, valetkey};
use crate::common::{REQUESTERS, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post as on_post;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The word by which this program is started as the bare server.
pub(crate) const BARE: &str = "bare-server";

/// As long as an answer of the program, whose tokens differ each time.
const JSON: &str = r#"{"access_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","token_type":"Bearer","expires_in":600,"scope":"telemetry:write"}"#;

const GOAL: f64 = 0.60;

/// Serves one fixed answer, on the runtime that the program has.
#[tokio::main]
pub(crate) async fn bare() -> Result<()> {
    let app = Router::new().route("/token", on_post(|| async { ([(CONTENT_TYPE, "application/json")], JSON) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("The bare handler serves on {}. Kill it to stop it.", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// What one side did in one round.
struct Round {
    per_second: f64,
    /// Of the server's processor time, for each request.
    microseconds: f64,
}

pub(crate) async fn run(size: Size, goals: &mut Goals) -> Result<()> {
    let folder = directory("load-memory")?;
    let program = Server::start(serving(pinned(valetkey()), ":memory:"), &folder.join("log"))?;
    let mut bare = pinned(std::env::current_exe()?);
    bare.arg(BARE);
    let bare = Server::start(bare, &folder.join("log-bare"))?;
    let request: Arc<[u8]> =
        post("/token", ("demo-device", "device-secret"), "grant_type=client_credentials&scope=telemetry:write").into();

    let mut connection = Connection::open(program.address).await?;
    let answer = connection.send(&request).await?;
    if answer.status != 200 || answer.body.len() != JSON.len() {
        return Err(format!("the program answers {answer:?}").into());
    }
    println!("client credentials, opaque, memory store: {REQUESTERS} connections, requests per second");
    println!("  round      bare   program   ratio   microseconds of processor time a request: bare   program");
    let (mut ratios, mut bares, mut programs) = (Vec::new(), Vec::new(), Vec::new());
    // The first round only warms up.
    for n in 0..=size.rounds {
        let [a, b] = [round(&bare, &request, size.seconds).await?, round(&program, &request, size.seconds).await?];
        let ratio = b.per_second / a.per_second;
        println!(
            "  {n:5} {:9.0} {:9.0} {ratio:7.2} {:54.1} {:9.1}",
            a.per_second, b.per_second, a.microseconds, b.microseconds
        );
        if n > 0 {
            ratios.push(ratio);
            bares.push(a.per_second);
            programs.push(b.per_second);
        }
    }
    println!("  medians {:7.0} {:9.0}", median(bares), median(programs));
    goals.at_least("client credentials against a bare handler, median ratio", median(ratios), GOAL);
    Ok(())
}

async fn round(server: &Server, request: &Arc<[u8]>, seconds: f64) -> Result<Round> {
    let before = server.processor_seconds()?;
    let (_awake, began) = (stay_awake(), Instant::now());
    let answered = hammer(server.address, request, began + Duration::from_secs_f64(seconds)).await?;
    let took = began.elapsed().as_secs_f64();
    let microseconds = (server.processor_seconds()? - before) * 1e6 / f64::from(answered);
    Ok(Round { per_second: f64::from(answered) / took, microseconds })
}

/// Each connection sends its next request as soon as it has the answer to the last. Gives how many were answered.
async fn hammer(address: SocketAddr, request: &Arc<[u8]>, end: Instant) -> Result<u32> {
    let mut tasks = Vec::new();
    for _ in 0..REQUESTERS {
        let (mut connection, request) = (Connection::open(address).await?, Arc::clone(request));
        tasks.push(tokio::spawn(async move {
            let mut answered = 0;
            while Instant::now() < end {
                let answer = connection.send(&request).await?;
                if answer.status != 200 {
                    return Err(format!("answered with {answer:?}").into());
                }
                answered += 1;
            }
            Ok::<u32, Box<dyn std::error::Error + Send + Sync>>(answered)
        }));
    }
    let mut answered = 0;
    for task in tasks {
        answered += task.await??;
    }
    Ok(answered)
}
