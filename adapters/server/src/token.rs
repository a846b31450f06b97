//! `valetkey token`: tokens explained, and tokens checked, whoever issued them. Neither touches the database or the
//! server's settings.

pub mod cli;

mod explained;
mod inspect;
mod keys;
mod lines;
mod verify;

use crate::operator::Failed;
use cli::TokenCommand;
use std::io::{BufRead, ErrorKind, Read, Write};

/// Most bytes of a token on standard input; more than any server takes.
const LONGEST: u64 = 64 * 1024;

/// Does what the command says: reads what is named `-` from `input`, and tells on `out`.
///
/// # Errors
/// What was typed cannot be meant; or the token is not good, and why.
pub async fn run(command: &TokenCommand, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), Failed> {
    let done = match command {
        TokenCommand::Inspect { token, now } => inspect::tell(&read(token, input)?, now.as_deref(), out),
        TokenCommand::Verify(asked) if asked.json_lines => lines::answer(asked, input, out).await,
        TokenCommand::Verify(asked) => verify::tell(asked, &read(&asked.token, input)?, out).await,
    };
    match done {
        // As at the end of `valetkey token inspect - | head`.
        Err(Failed::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// The token that was typed, or the one on standard input, which others on the machine do not see.
fn read(token: &str, input: &mut dyn BufRead) -> Result<String, Failed> {
    if token != "-" {
        return Ok(token.to_owned());
    }
    let mut text = String::new();
    let unread = |error| Failed::Not(format!("standard input cannot be read: {error}"));
    input.take(LONGEST).read_to_string(&mut text).map_err(unread)?;
    Ok(text.trim().to_owned())
}
