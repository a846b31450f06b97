//! The operator's commands. They work on the database itself, beside a running server, which sees at its next request
//! what they changed.
//!
//! No secret is taken from the command line, where others on the machine could read it, and none is shown but the one that
//! a command has just drawn.

pub mod cli;

mod audit;
mod client;
mod client_change;
mod client_keys;
pub(crate) mod clock;
mod db;
mod grant;
mod keys;
mod records;
pub(crate) mod table;
mod typed;
mod user;

use crate::config::{Config, Db};
use cli::{Command, DbCommand};
use records::Records;
use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

/// Why a command did not do all that it was asked for.
#[derive(Debug)]
pub enum Failed {
    /// What was typed cannot be meant.
    Usage(String),
    /// It could not be done.
    Not(String),
    /// Nobody reads the output any more.
    Output(io::Error),
}

impl Failed {
    /// The status to exit with: 2 for wrong usage, else 1.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Not(_) | Self::Output(_) => 1,
        }
    }

    /// An error with its causes, on one line.
    pub(crate) fn from_error(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Not(text)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Not(text) => f.write_str(text),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl Error for Failed {}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Does what the command says, and tells of it on `out`.
///
/// # Errors
/// What was typed cannot be meant, or could not be done.
pub async fn run(command: &Command, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let Db::File(path) = &config.db else {
        return Err(Failed::Usage(
            "`:memory:` is the memory of a server that runs, which no command reaches: name a database with --db FILE, \
             here and for the server"
                .to_owned(),
        ));
    };
    let mut out = BufWriter::new(out);
    let done = execute(command, config, path, &mut out).await;
    let written = out.flush().map_err(Failed::Output);
    match done.and(written) {
        // As at the end of `valetkey audit | head`.
        Err(Failed::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

async fn execute(command: &Command, config: &Config, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    match command {
        Command::Client(command) => client::run(command, db, out).await,
        Command::User(command) => user::run(command, db, out).await,
        Command::Grant(command) => grant::run(command, &Records::existing(db)?, out).await,
        Command::Audit(asked) => audit::show(asked, &Records::existing(db)?, out).await,
        Command::Db(DbCommand::Backup { file }) => db::back_up(file, config, db, out).await,
        Command::Check => db::check(config, db, out).await,
        Command::SigningKey(command) => keys::run(command, db, config, out).await,
    }
}

/// Shows a secret that was just drawn, for the only time.
fn show_secret(out: &mut dyn Write, text: &str) -> Result<(), Failed> {
    let shown = writeln!(out, "{text}").and_then(|()| out.flush());
    shown.map_err(|error| {
        Failed::Not(format!("the secret could not be shown ({error}); draw another with `valetkey client secret`"))
    })
}

/// `1 grant`, `2 grants`.
fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}
