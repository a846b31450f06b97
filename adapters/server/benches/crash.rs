//! Kills the program again and again under a load of all grants, and looks whether what it acknowledged is there:
//! `cargo bench -p valetkey-server --bench crash`, with `-- 10` for ten rounds instead of a hundred, `-- 10 7` for seed 7.
//!
//! One database lives through all rounds. In each, requesters redeem codes, refresh, revoke, introspect and take tokens of
//! their own, and note what was acknowledged and what was under way when `kill -9` came. The program is started anew on the
//! same file, and everything that was noted is asked for.

#![allow(clippy::print_stdout, reason = "it tells how the rounds went")]

#[path = "crash/check.rs"]
mod check;
mod common;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/whole.rs"]
mod whole;

use common::{Result, grants, process};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use valetkey_sqlite::SqliteStore;

const ROUNDS: u64 = 100;
const REQUESTERS: usize = 32;
/// Codes that each requester has for a round.
const CODES: usize = 40;
/// How long the program may take from its start until it serves, on whatever a kill left behind.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long the program is under load before it is killed, at least and at most, in milliseconds.
const KILLED_AFTER: (u64, u64) = (20, 400);

/// A small generator of numbers (SplitMix64), so that a seed gives the same moments and the same choices.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (rounds, seed) = (numbers.next().unwrap_or(ROUNDS), numbers.next().unwrap_or(1));
    tokio::runtime::Runtime::new()?.block_on(run(rounds, seed))
}

async fn run(rounds: u64, seed: u64) -> Result<()> {
    let folder = process::directory("crash")?;
    let db = folder.join("valetkey.db");
    grants::register(&SqliteStore::open(&db)?).await?;
    let (mut dice, mut slowest) = (Dice(seed), Duration::ZERO);
    let (mut noted, mut late) = (load::Tally::default(), Vec::new());
    println!("seed {seed}, {rounds} rounds of {REQUESTERS} requesters");
    for round in 1..=rounds {
        let server = start(&folder, &db, &mut slowest)?;
        let wait = KILLED_AFTER.0 + dice.below(KILLED_AFTER.1 - KILLED_AFTER.0);
        let ledgers = until_killed(server, &db, Duration::from_millis(wait), &mut dice).await?;
        let server = start(&folder, &db, &mut slowest)?;
        let address = server.address;
        let before = noted;
        for ledger in &ledgers {
            noted.add(ledger);
        }
        let failed = |error| format!("round {round} of seed {seed}, killed after {wait} ms: {error}");
        late.extend(check::all(address, ledgers).await.map_err(failed)?);
        server.kill()?;
        println!("  round {round:3}: killed after {wait:3} ms; {}", noted.since(&before));
    }
    let server = start(&folder, &db, &mut slowest)?;
    let reused = check::reuse(server.address, &mut late).await?;
    server.kill()?;
    let counted = whole::check(&SqliteStore::open(&db)?).await?;
    println!("all: {noted}");
    println!("{reused} old refresh tokens were reuse after the grace window; {counted}");
    println!("the slowest start on what a kill left behind took {} ms", slowest.as_millis());
    Ok(())
}

/// Starts the program, which must serve at once.
fn start(folder: &Path, db: &Path, slowest: &mut Duration) -> Result<process::Server> {
    let mut command = Command::new(process::valetkey());
    command.env_clear();
    let began = Instant::now();
    let server = process::Server::start(process::serving(command, db), &folder.join("log"))?;
    *slowest = began.elapsed().max(*slowest);
    if began.elapsed() > AT_ONCE {
        return Err(format!("the program took {:?} to open its database", began.elapsed()).into());
    }
    Ok(server)
}

/// Puts the program under load, kills it, and gives what the requesters noted.
async fn until_killed(
    server: process::Server,
    db: &Path,
    wait: Duration,
    dice: &mut Dice,
) -> Result<Vec<load::Ledger>> {
    let store = Arc::new(SqliteStore::open(db)?);
    let mut codes = grants::codes(&store, REQUESTERS * CODES).await?;
    drop(store);
    let (killed, gone) = watch::channel(false);
    let mut requesters = Vec::new();
    for _ in 0..REQUESTERS {
        let own = codes.split_off(codes.len() - CODES);
        let (dice, gone) = (Dice(dice.below(u64::MAX)), gone.clone());
        requesters.push(tokio::spawn(load::requester(server.address, own, dice, gone)));
    }
    tokio::time::sleep(wait).await;
    // Whoever finds the connection broken from now on was cut off; before, it would be a fault.
    killed.send(true)?;
    server.kill()?;
    let mut ledgers = Vec::new();
    for requester in requesters {
        ledgers.push(requester.await??);
    }
    Ok(ledgers)
}
