//! What purging costs those who ask meanwhile, and whether the file stops growing:
//! `cargo bench -p valetkey-server --bench purge`, with `-- short` for a tenth of it, and `-- steady` for the
//! second half alone.
//!
//! Two programs serve the same number of tokens, of which in one half have expired, so that it purges all the while. They
//! take turns on one core, and whoever's turn it is not is stopped (SIGSTOP). Then one program serves tokens that last for
//! seconds, at a steady rate. Ends with an error where a goal is missed.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod common;
#[path = "purge/fill.rs"]
mod fill;
#[path = "purge/steady.rs"]
mod steady;

use common::http::{Connection, post};
use common::numbers::{Goals, median, p99};
use common::process::{Server, directory, pinned, serving, step_aside, valetkey};
use common::{Result, grants};
use rusqlite::OpenFlags;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The sizes of a run.
#[derive(Clone, Copy)]
struct Size {
    /// As many tokens have expired as are live.
    tokens: usize,
    /// Turns of each program, and how long one is.
    turns: usize,
    turn: Duration,
    /// How long the steady state is watched.
    steady: Duration,
    /// How many times as long as at rest requests may take while it purges, at p99.
    slower: f64,
    /// How many times as large as in the second third the file may be in the last.
    larger: f64,
}

const FULL: Size = Size {
    tokens: 1_000_000,
    turns: 12,
    turn: Duration::from_secs(5),
    steady: Duration::from_secs(600),
    slower: 1.5,
    larger: 1.05,
};
/// With so few requests, on a machine that may have other work, it finds stalls and growth without end, and not halves.
const SHORT: Size = Size {
    tokens: 100_000,
    turns: 5,
    turn: Duration::from_secs(3),
    steady: Duration::from_secs(60),
    slower: 4.0,
    larger: 1.5,
};

/// Token requests while it is measured: so many connections, each of which sends one so often.
const CONNECTIONS: u32 = 16;
const EVERY: Duration = Duration::from_millis(40);

/// Of memory, in MiB.
const GOAL_RESIDENT: f64 = 128.0;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, db] = &*arguments
        && first == steady::SERVE
    {
        return steady::serve(db);
    }
    let asked = |word| arguments.iter().any(|argument| argument == word);
    let size = if asked("short") { SHORT } else { FULL };
    step_aside()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut goals = Goals::default();
        if !asked("steady") {
            latency(size, &mut goals).await?;
        }
        steady::run(size.steady, size.larger, &mut goals).await?;
        goals.end()
    })
}

/// A program and its database.
struct Side {
    server: Server,
    db: PathBuf,
}

async fn latency(size: Size, goals: &mut Goals) -> Result<()> {
    println!("client credentials, {} a second, beside {} tokens", rate(), 2 * size.tokens);
    let idle = side("purge-idle", 2 * size.tokens, 0).await?;
    let busy = side("purge-busy", size.tokens, size.tokens).await?;
    idle.server.signal("STOP")?;
    let due = fill::due(&busy.db)?;
    println!("  turn   p99, in ms: at rest   purging   ratio      due");
    let (mut ratios, mut left) = (Vec::new(), due);
    // The first turn only warms up.
    for n in 0..=size.turns {
        busy.server.signal("STOP")?;
        let at_rest = turn(&idle, size.turn).await?;
        let purging = turn(&busy, size.turn).await?;
        let ratio = purging.as_secs_f64() / at_rest.as_secs_f64();
        left = fill::due(&busy.db)?;
        let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
        println!("  {n:4} {:20.2} {:9.2} {ratio:7.2} {left:8}", ms(at_rest), ms(purging));
        if left == 0 {
            break; // it was not purging all the while
        }
        if n > 0 {
            ratios.push(ratio);
        }
    }
    println!("  {} of {due} were purged", due - left);
    goals.judge(left < due && ratios.len() >= 3, format!("turns with purging from begin to end: {}", ratios.len()));
    goals.at_most("p99 while purging against p99 at rest, median of the turns", median(ratios), size.slower);
    goals.at_most("memory of the purging program, in MiB", busy.server.resident()? as f64 / 1024.0, GOAL_RESIDENT);
    Ok(())
}

fn rate() -> f64 {
    f64::from(CONNECTIONS) / EVERY.as_secs_f64()
}

/// Fills a database and starts the program on it.
async fn side(name: &str, live: usize, expired: usize) -> Result<Side> {
    let folder = directory(name)?;
    let db = folder.join("valetkey.db");
    let began = Instant::now();
    fill::tokens(&db, live, expired).await?;
    grants::keys_beside(&db)?;
    println!("  {live} live and {expired} expired tokens were committed in {:.0} s", began.elapsed().as_secs_f64());
    let server = Server::start(serving(pinned(valetkey()), &db), &folder.join("log"))?;
    Ok(Side { server, db })
}

/// Lets a program go on for a while, and gives the p99 of requests at a steady rate.
async fn turn(side: &Side, time: Duration) -> Result<Duration> {
    side.server.signal("CONT")?;
    let latencies = steadily(side.server.address, time).await?;
    side.server.signal("STOP")?;
    Ok(p99(latencies))
}

/// Asks for tokens at a steady rate. A request that could not be sent in time has waited since then.
async fn steadily(address: SocketAddr, time: Duration) -> Result<Vec<Duration>> {
    let request = post("/token", grants::CLIENT, "grant_type=client_credentials");
    let (mut tasks, start) = (Vec::new(), Instant::now());
    for n in 0..CONNECTIONS {
        let (mut connection, request) = (Connection::open(address).await?, request.clone());
        let mut due = start + EVERY * n / CONNECTIONS;
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while due < start + time {
                sleep_until(due).await;
                let answer = connection.send(&request).await?;
                if answer.status != 200 {
                    return Err(format!("answered with {answer:?}").into());
                }
                latencies.push(due.elapsed());
                due += EVERY;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.append(&mut task.await??);
    }
    Ok(latencies)
}

/// A connection of our own, which reads only.
fn reading(db: &Path) -> Result<rusqlite::Connection> {
    Ok(rusqlite::Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}
