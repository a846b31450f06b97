//! The program `valetkey`: an authorization server that `cargo run` starts.

use clap::Parser;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tokio::net::TcpListener;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use valetkey_memory::MemoryStore;
use valetkey_server::cli::{Cli, Command, Options};
use valetkey_server::config::Config;
use valetkey_server::demo::Guide;
use valetkey_server::keys::Keys;
use valetkey_server::{chart, program, serve, tour};

/// Wrong settings, as for a wrong flag.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve);
    // The tour provokes refusals, and tells of them itself.
    let level = if command == Command::Tour { "error" } else { "info" };
    if let Err(error) = log(level) {
        return fail(USAGE, &error);
    }
    match command {
        Command::Serve => serve(&cli.options).await,
        Command::Tour => tour().await,
    }
}

/// By the default settings, whatever options and environment say: it is to show the same everywhere.
async fn tour() -> ExitCode {
    let config = match Config::load(&Options::default()) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    match tour::run(&config, &mut io::stdout(), chart::colour_wanted()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => fail(1, &failed),
    }
}

async fn serve(options: &Options) -> ExitCode {
    let config = match Config::load(options) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let cannot_listen = |error| format!("cannot listen on {}: {error}", config.listen);
    let stop = serve::asked_to_stop().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let issuer = config.issuer(address);
    if issuer.starts_with("https://") && config.tls.is_none() && config.proxies.is_empty() {
        tracing::warn!(
            "the issuer is https but this program serves plain HTTP: name the proxy that terminates TLS with \
             --trusted-proxies, or give --tls-cert and --tls-key"
        );
    }
    let store = MemoryStore::new();
    let keys = Keys::draw(0)?;
    let program = program::assemble(config, &issuer, store.clone(), &keys).await?;
    say(&format_args!("Valetkey serves {issuer} on {address}. Ctrl-C stops it."));
    say(&"Everything is kept in memory and is gone when it stops.\n");
    if program.demo {
        say(&Guide { issuer: &issuer, code_seconds: config.lifetimes.code_seconds.get() });
    }
    let sweeping = tokio::spawn(program::sweep(store));
    let served = serve::run(listener, program.app, stop, serve::GRACE).await;
    sweeping.abort();
    Ok(served?)
}

/// Logs to standard error, from `level` up. `VALETKEY_LOG` says otherwise, such as `debug` or `info,hyper=debug`.
fn log(level: &str) -> Result<(), String> {
    let wanted = std::env::var("VALETKEY_LOG").unwrap_or_else(|_| level.to_owned());
    let targets: Targets = wanted
        .parse()
        .map_err(|error| format!("VALETKEY_LOG is `{wanted}`, which is no level such as `info` or `debug`: {error}"))?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colour);
    tracing_subscriber::registry().with(lines).with(targets).init();
    Ok(())
}

/// To standard output, which may well be closed.
fn say(text: &dyn Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn fail(code: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "valetkey: {error}");
    ExitCode::from(code)
}
