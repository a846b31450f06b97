//! The program `valetkey`: an authorization server that `cargo run` starts.

use clap::Parser;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use valetkey::server::change::Kind;
use valetkey_server::cli::{Cli, Command, KeysCommand, Options};
use valetkey_server::config::{Config, Db};
use valetkey_server::database::{self, Database};
use valetkey_server::demo::Guide;
use valetkey_server::keys::Keys;
use valetkey_server::measured::{self, Measured};
use valetkey_server::metrics::{self, Metrics};
use valetkey_server::program::{Program, unix_time};
use valetkey_server::sessions::LOGIN_SECONDS;
use valetkey_server::{chart, logs, program, serve, tour};
use valetkey_tokio::store::{By, Store};

const CLOCK: &str = "the system's clock stands before 1970; set it";

/// Wrong settings, as for a wrong flag.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&cli.options).await,
        Command::Tour => tour().await,
        Command::Keys(KeysCommand::RotateServer) => rotate(&cli.options),
    }
}

/// The settings, and the log as they say, from `level` up.
fn begin(options: &Options, level: &str) -> Result<Config, ExitCode> {
    let config = Config::load(options).map_err(|error| fail(USAGE, &error))?;
    logs::start(config.log_format, level).map_err(|error| fail(USAGE, &error))?;
    Ok(config)
}

fn rotate(options: &Options) -> ExitCode {
    let config = match begin(options, "warn") {
        Ok(config) => config,
        Err(code) => return code,
    };
    let Some(path) = key_file(&config) else {
        return fail(USAGE, &"what is kept in memory has no key file: name the database with --db");
    };
    let keep = u64::from(config.lifetimes.grant_seconds.get()).max(LOGIN_SECONDS);
    let Some(now) = unix_time() else { return fail(1, &CLOCK) };
    match Keys::rotate(&path, now, keep) {
        Ok((id, old)) => {
            say(&format_args!(
                "{}: key {id} is current now, beside {old} older. Send SIGHUP to a server that runs, so that it takes \
                 it; older keys stay for {} days after they were replaced.",
                path.display(),
                keep.div_ceil(86_400)
            ));
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error),
    }
}

/// By the default settings, whatever options and environment say: it is to show the same everywhere.
async fn tour() -> ExitCode {
    // It provokes refusals, and tells of them itself.
    let config = match begin(&Options::default(), "error") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match tour::run(&config, &mut io::stdout(), chart::colour_wanted()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => fail(1, &failed),
    }
}

async fn serve(options: &Options) -> ExitCode {
    let config = match begin(options, "info") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let cannot_listen = |error| format!("cannot listen on {}: {error}", config.listen);
    let no_signals = |error| format!("cannot listen for signals: {error}");
    let stop = serve::asked_to_stop().map_err(no_signals)?;
    let reload = serve::asked_to_reload().map_err(no_signals)?;
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let issuer = config.issuer(address);
    if issuer.starts_with("https://") && config.tls.is_none() && config.proxies.is_empty() {
        tracing::warn!(
            "the issuer is https but this program serves plain HTTP: name the proxy that terminates TLS with \
             --trusted-proxies, or give --tls-cert and --tls-key"
        );
    }
    let store = Database::open(&config.db)?;
    let keys = keys(config, &store).await?;
    let metrics = Arc::new(Metrics::new());
    let measured = Measured::new(store.clone(), Arc::clone(&metrics));
    let program = program::assemble(config, &issuer, measured.clone(), &keys).await?;
    measured::watch(&metrics, &store, &program.passwords);
    let app = metrics::observed(program.app.clone(), &metrics, &issuer);
    let watching = match config.metrics_listen {
        Some(address) => Some(tokio::spawn(metrics::serve(address, metrics).await?)),
        None => None,
    };
    say(&format_args!("Valetkey serves {issuer} on {address}. Ctrl-C stops it."));
    say(&match &config.db {
        Db::Memory => "Everything is kept in memory and is gone when it stops.\n".to_owned(),
        Db::File(path) => format!("Everything is kept in {}, the server keys beside it.\n", path.display()),
    });
    if program.demo {
        say(&Guide { issuer: &issuer, code_seconds: config.lifetimes.code_seconds.get() });
    }
    let sweeping = tokio::spawn(program::sweep(measured));
    let reloading = tokio::spawn(reload_keys(reload, key_file(config), program));
    let served = serve::run(listener, app, stop, serve::GRACE).await;
    sweeping.abort();
    reloading.abort();
    if let Some(watching) = watching {
        watching.abort();
    }
    Ok(served?)
}

/// Where the server keys are; nowhere for what is kept in memory, unless the settings name a file.
fn key_file(config: &Config) -> Option<PathBuf> {
    let beside = || match &config.db {
        Db::Memory => None,
        Db::File(db) => Some(database::key_file(db)),
    };
    config.server_key_file.clone().or_else(beside)
}

/// A key is drawn for what has none yet. A file that was named must be there, and so must that of a database with grants:
/// a new key would end them without a word.
async fn keys(config: &Config, store: &Database) -> Result<Keys, Box<dyn Error>> {
    let now = unix_time().ok_or(CLOCK)?;
    Ok(match key_file(config) {
        None => Keys::draw(now)?,
        Some(path) => {
            let in_use = !store.scan(By::Kind(Kind::Grant), None, 1).await?.is_empty();
            if config.server_key_file.is_some() || in_use {
                Keys::read(&path)?
            } else {
                Keys::read_or_draw(&path, now)?
            }
        }
    })
}

/// On each SIGHUP the server keys are read again. What cannot be read changes nothing.
async fn reload_keys(mut asked: serve::Reloads, path: Option<PathBuf>, program: Program<Measured<Database>>) {
    loop {
        asked.recv().await;
        let Some(path) = &path else { continue };
        let replaced = Keys::read(path).map_err(|error| error.to_string());
        match replaced.and_then(|keys| program.replace_keys(&keys).map_err(|error| error.to_string())) {
            Ok(()) => tracing::info!("the server keys were read again"),
            Err(error) => tracing::error!(error, "the server goes on with the keys that it has"),
        }
    }
}

/// To standard output, which may well be closed.
fn say(text: &dyn Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn fail(code: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "valetkey: {error}");
    ExitCode::from(code)
}
