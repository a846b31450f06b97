//! Tokens that last for seconds, issued at a steady rate: the file and the memory stop growing.

use crate::common::numbers::Goals;
use crate::common::process::{Server, directory, pinned};
use crate::common::{Result, grants};
use crate::{GOAL_RESIDENT, rate, steadily};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, interval};
use valetkey_server::cli::Options;
use valetkey_server::config::{Config, Db};
use valetkey_server::database::{Database, key_file};
use valetkey_server::keys::Keys;
use valetkey_server::{program, serve, upkeep};
use valetkey_sqlite::SqliteStore;

/// The word by which this program is started to serve.
pub(crate) const SERVE: &str = "serve-and-forget-events";

const SETTINGS: &str = "[lifetimes]\naccess_seconds = 5\n";
/// The program keeps events for days, which is longer than this run.
const EVENTS: Duration = Duration::from_secs(5);
/// How much larger the file may become in the last third than it was in the second.
/// Serves as the program does, but forgets events after seconds.
#[tokio::main]
pub(crate) async fn serve(db: &str) -> Result<()> {
    let db = PathBuf::from(db);
    let options = Options { config: Some(db.with_extension("toml")), ..Options::default() };
    let config = Config::load(&options)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (database, keys) = (Database::open(&Db::File(db.clone()))?, Keys::read(&key_file(&db))?);
    let assembled = program::assemble(&config, &config.issuer(address), database.clone(), &keys).await;
    let program = assembled.map_err(|error| error.to_string())?;
    tokio::spawn(upkeep::records(database.clone()));
    tokio::spawn(upkeep::events(database, EVENTS));
    println!("It serves on {address}. Kill it to stop it.");
    Ok(serve::run(listener, program.app, std::future::pending(), serve::GRACE).await?)
}

pub(crate) async fn run(time: Duration, larger: f64, goals: &mut Goals) -> Result<()> {
    let db = directory("purge-steady")?.join("valetkey.db");
    std::fs::write(db.with_extension("toml"), SETTINGS)?;
    grants::register(&SqliteStore::open(&db)?).await?;
    grants::keys_beside(&db)?;
    let mut command = pinned(std::env::current_exe()?);
    command.arg(SERVE).arg(&db);
    let server = Server::start(command, &db.with_extension("log"))?;
    println!("client credentials that last 5 s, {} a second, for {} s", rate(), time.as_secs());
    let load = tokio::spawn(steadily(server.address, time));
    let (mut watch, start) = (interval(Duration::from_secs(1)), Instant::now());
    let (mut sizes, mut resident) = (Vec::new(), Vec::new());
    while !load.is_finished() {
        watch.tick().await;
        sizes.push(size(&db)?);
        resident.push(server.resident()? as f64 / 1024.0);
        if sizes.len().is_multiple_of(15) {
            let seconds = start.elapsed().as_secs();
            println!("  after {seconds:3} s: {:6.1} MiB on the disk", sizes.last().copied().unwrap_or_default());
        }
    }
    println!("  {} tokens were issued", load.await??.len());
    let largest = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let third = sizes.len() / 3;
    let (second, last) = (largest(&sizes[third..2 * third]), largest(&sizes[2 * third..]));
    println!("  largest in the second third: {second:.1} MiB, in the last: {last:.1} MiB");
    goals.at_most("size in the last third against that in the second", last / second, larger);
    goals.at_most("memory in the steady state, in MiB", largest(&resident), GOAL_RESIDENT);
    Ok(())
}

/// Of the database and its log, in MiB.
fn size(db: &Path) -> Result<f64> {
    let log = db.with_extension("db-wal");
    let log = if log.exists() { std::fs::metadata(log)?.len() } else { 0 };
    Ok((std::fs::metadata(db)?.len() + log) as f64 / 1_048_576.0)
}
