//! Redemptions and refreshes on the database, against the store alone: the same loads and changes given straight to it.

use crate::Size;
use crate::common::grants::{self, CLIENT};
use crate::common::http::{Connection, get, post, stay_awake};
use crate::common::numbers::{Goals, median};
use crate::common::process::{Server, directory, metrics, pinned, serving, traced, valetkey};
use crate::common::{REQUESTERS, Result};
use crate::recording;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use valetkey_sqlite::SqliteStore;

/// The word by which this program is started to give recorded changes to the store.
pub(crate) const FLOOR: &str = "floor";

const GOAL: f64 = 0.60;
/// Changes that share a sync of 5 milliseconds, of as many as there are requesters.
const GOAL_SHARED: f64 = 32.0;

/// Seconds that redemptions and refreshes took, and changes for each transaction in both.
type Floor = [f64; 4];

/// Fills a database, then gives it what was recorded; prints the seconds.
#[tokio::main]
pub(crate) async fn floor(folder: &str, codes: &str) -> Result<()> {
    let recording = recording::record(codes.parse()?).await?;
    let store = SqliteStore::open(Path::new(folder).join("floor.db"))?;
    recording::replay(&store, recording::deal(recording.before)).await?;
    let mut seconds = Vec::new();
    let mut shared = Vec::new();
    for part in [recording.redemptions, recording.refreshes] {
        let (before, began) = (store.stats(), Instant::now());
        let applied = recording::replay(&store, part).await?;
        seconds.push(began.elapsed().as_secs_f64());
        shared.push(f64::from(applied) / (store.stats().transactions - before.transactions) as f64);
    }
    println!("{} {} {} {}", seconds[0], seconds[1], shared[0], shared[1]);
    Ok(())
}

pub(crate) async fn run(size: Size, goals: &mut Goals) -> Result<()> {
    let count = size.codes as f64;
    println!("code redemptions and refreshes on the database: {REQUESTERS} connections, {count} of each a round");
    println!("  round   redemptions/s: store  program  ratio   refreshes/s: store  program  ratio");
    let (mut redeem, mut refresh, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=size.rounds.min(5) {
        let floor = floor_round(size)?;
        let program = program_round(size, Command::Plain).await?;
        let ratios = [floor[0] / program.seconds[0], floor[1] / program.seconds[1]];
        println!(
            "  {n:5} {:22.0} {:8.0} {:6.2} {:20.0} {:8.0} {:6.2}",
            count / floor[0],
            count / program.seconds[0],
            ratios[0],
            count / floor[1],
            count / program.seconds[1],
            ratios[1]
        );
        redeem.push(ratios[0]);
        refresh.push(ratios[1]);
        shared.push(floor[2..].iter().sum::<f64>() / 2.0);
    }
    println!("  changes in a transaction, given straight to the store: {:.1}", median(shared));
    goals.at_least("redemptions against the store alone, median ratio", median(redeem), GOAL);
    goals.at_least("refreshes against the store alone, median ratio", median(refresh), GOAL);

    let plain = program_round(size, Command::Traced(0)).await?;
    println!("  changes in a transaction, the program under strace: {:.1}", plain.shared);
    let slow = program_round(size, Command::Traced(5_000)).await?;
    goals.at_least("changes in a transaction when each sync takes 5 ms more", slow.shared, GOAL_SHARED);
    Ok(())
}

fn floor_round(size: Size) -> Result<Floor> {
    let folder = directory("load-floor")?;
    let mut command = pinned(std::env::current_exe()?);
    let output = command.arg(FLOOR).arg(&folder).arg(size.codes.to_string()).output()?;
    let said = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = said.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let shown = || format!("the store alone said {said:?} {:?}", String::from_utf8_lossy(&output.stderr));
    numbers.try_into().map_err(|_| shown().into())
}

enum Command {
    Plain,
    /// Under `strace`, which delays each sync by so many microseconds.
    Traced(u32),
}

struct Program {
    seconds: [f64; 2],
    /// Changes in a transaction, where these were counted.
    shared: f64,
}

async fn program_round(size: Size, command: Command) -> Result<Program> {
    let folder = directory("load-program")?;
    let db = folder.join("valetkey.db");
    let codes = {
        let store = Arc::new(SqliteStore::open(&db)?);
        grants::register(&*store).await?;
        grants::codes(&store, size.codes).await?
    };
    grants::keys_beside(&db)?;
    let trace = folder.join("trace");
    let command = match command {
        Command::Plain => pinned(valetkey()),
        Command::Traced(delay) => traced(&trace, "fsync,fdatasync", delay),
    };
    let mut command = serving(command, &db);
    command.args(["--metrics-listen", "127.0.0.1:0", "--log-format", "json"]);
    let log = folder.join("log");
    let server = Server::start(command, &log)?;
    let shown_at = metrics(&log)?;
    let before = transactions(shown_at).await?;
    let (first, tokens) = ask(&server, codes.chunks(size.codes.div_ceil(REQUESTERS)), grants::redeem).await?;
    let (second, _) = ask(&server, tokens.iter().map(Vec::as_slice), grants::refresh).await?;
    let changes = (2 * size.codes) as f64;
    let shared = changes / (transactions(shown_at).await? - before);
    server.stop()?;
    Ok(Program { seconds: [first, second], shared })
}

/// How many transactions the program's database has had, as its metrics tell.
async fn transactions(metrics: SocketAddr) -> Result<f64> {
    let mut connection = Connection::open(metrics).await?;
    let answer = connection.send(&get("/metrics")).await?;
    let line = answer.body.lines().find_map(|line| line.strip_prefix("valetkey_store_transactions_total "));
    Ok(line.ok_or("the metrics name no transactions")?.parse()?)
}

/// Each requester sends its share one after the other. Gives the seconds, and the refresh tokens.
async fn ask<'s>(
    server: &Server,
    shares: impl Iterator<Item = &'s [String]>,
    form: fn(&str) -> String,
) -> Result<(f64, Vec<Vec<String>>)> {
    let mut ready = Vec::new();
    for share in shares {
        let requests: Vec<Vec<u8>> = share.iter().map(|text| post("/token", CLIENT, &form(text))).collect();
        ready.push((Connection::open(server.address).await?, requests));
    }
    let (_awake, began) = (stay_awake(), Instant::now());
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|(mut connection, requests)| {
            tokio::spawn(async move {
                let mut tokens = Vec::with_capacity(requests.len());
                for request in &requests {
                    let answer = connection.send(request).await?;
                    match answer.member("refresh_token") {
                        "" => return Err(format!("answered with {answer:?}").into()),
                        token => tokens.push(token.to_owned()),
                    }
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(tokens)
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await??);
    }
    Ok((began.elapsed().as_secs_f64(), tokens))
}
