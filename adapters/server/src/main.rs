//! The program `valetkey`: an authorization server that `cargo run` starts.

use clap::Parser;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use valetkey_server::cli::{Cli, Command, KeysCommand, Options};
use valetkey_server::config::Config;
use valetkey_server::keys::Keys;
use valetkey_server::run::{key_file, run, say};
use valetkey_server::sessions::LOGIN_SECONDS;
use valetkey_server::system::{CLOCK, unix_time};
use valetkey_server::{chart, logs, operator, token, tour};

/// Wrong settings, as for a wrong flag.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&cli.options).await,
        Command::Tour => tour().await,
        Command::Keys(KeysCommand::RotateServer) => rotate(&cli.options),
        Command::Keys(KeysCommand::Signing(command)) => {
            operate(&operator::cli::Command::SigningKey(command), &cli.options).await
        }
        Command::Token(command) => match token::run(&command, &mut io::stdin().lock(), &mut io::stdout()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => fail(failed.code(), &failed),
        },
        Command::Operator(command) => operate(&command, &cli.options).await,
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
    match Keys::rotate(&path, now.0, keep) {
        Ok((id, old)) => {
            say(&format_args!(
                "{}: key {id} is current now. Send SIGHUP to a server that runs, so that it takes it and seals the signing \
                 keys anew.",
                path.display()
            ));
            if old > 0 {
                let days = keep.div_ceil(86_400);
                say(&format_args!("Older keys, {old} of them, stay for {days} days after they were replaced."));
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error),
    }
}

async fn operate(command: &operator::cli::Command, options: &Options) -> ExitCode {
    let config = match begin(options, "warn") {
        Ok(config) => config,
        Err(code) => return code,
    };
    match operator::run(command, &config, &mut io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => fail(failed.code(), &failed),
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

fn fail(code: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "valetkey: {error}");
    ExitCode::from(code)
}
