//! Traces the program's system calls, and looks whether each reply came after a sync of the database's log:
//! `cargo bench -p valetkey-server --bench fsync`. Needs `strace`.
//!
//! A killed process loses nothing that it wrote, as the system still has it; only a sync makes it survive the power going.
//! So 100 token requests are sent one at a time, and then many at once, and the trace is read. To show that the reader would
//! notice, it is also given the same trace with its syncs taken out, with failed ones, and with late ones.

#![allow(clippy::print_stdout, reason = "it tells what it saw")]

mod common;
#[path = "fsync/trace.rs"]
mod trace;

use common::http::{Connection, post};
use common::process::{Server, directory, serving, traced};
use common::{Result, grants};
use std::path::Path;
use valetkey_sqlite::SqliteStore;

const CALLS: &str = "fsync,fdatasync,pwrite64,write,writev,pwritev,sendto,sendmsg,read,readv,recvfrom,recvmsg";
/// Sent one at a time.
const REQUESTS: usize = 100;
/// Sent at once, and by each one after the other.
const AT_ONCE: (usize, usize) = (32, 20);
/// Microseconds that are added to each sync of what is sent at once, so that who does not wait for it is seen.
const DELAY: u32 = 2_000;

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let folder = directory("fsync")?;
        let alone = run(&folder.join("alone"), 0, 1, REQUESTS).await?;
        let replies = trace::check(&alone)?;
        if replies != REQUESTS {
            return Err(format!("the trace has {replies} replies of {REQUESTS}").into());
        }
        println!("ok     {replies} replies, one at a time: before each a sync of the log that came after its write");
        controls(&alone)?;
        let (requesters, each) = AT_ONCE;
        let together = run(&folder.join("together"), DELAY, requesters, each).await?;
        let replies = trace::check(&together)?;
        if replies != requesters * each {
            return Err(format!("the trace has {replies} replies of {}", requesters * each).into());
        }
        println!(
            "ok     {replies} replies, {requesters} at once: before each a sync of the log that began after a write"
        );
        controls(&together)
    })
}

/// Serves token requests under trace, on a new database, and gives the trace.
async fn run(folder: &Path, delay: u32, requesters: usize, each: usize) -> Result<String> {
    std::fs::create_dir_all(folder)?;
    let (db, trace) = (folder.join("valetkey.db"), folder.join("trace"));
    grants::register(&SqliteStore::open(&db)?).await?;
    let server = Server::start(serving(traced(&trace, CALLS, delay), &db), &folder.join("log"))?;
    let request = post("/token", grants::CLIENT, "grant_type=client_credentials");
    let mut tasks = Vec::new();
    for _ in 0..requesters {
        let (mut connection, request) = (Connection::open(server.address).await?, request.clone());
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                let answer = connection.send(&request).await?;
                if answer.status != 200 {
                    return Err(format!("answered with {answer:?}").into());
                }
            }
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    server.stop()?;
    Ok(std::fs::read_to_string(trace)?)
}

/// What the reader must refuse: no sync at all, syncs that failed, and those of the database in place of its log's.
fn controls(trace: &str) -> Result<()> {
    let without: Vec<&str> = trace.lines().filter(|line| !line.contains("sync")).collect();
    let failed = |line: &str| {
        if line.contains("sync") { line.replace("= 0", "= -1 EIO (Input/output error)") } else { line.to_owned() }
    };
    let failed: Vec<String> = trace.lines().map(failed).collect();
    let elsewhere = |line: &str| if line.contains("sync") { line.replace("-wal>", ">") } else { line.to_owned() };
    let elsewhere: Vec<String> = trace.lines().map(elsewhere).collect();
    for (what, doctored) in
        [("no syncs", without.join("\n")), ("failed syncs", failed.join("\n")), ("other syncs", elsewhere.join("\n"))]
    {
        match trace::check(&doctored) {
            Ok(_) => return Err(format!("the reader takes a trace with {what} for a good one").into()),
            Err(refused) => println!("ok     with {what} it is refused: {refused}"),
        }
    }
    Ok(())
}
