//! `valetkey token verify --json-lines`, asked many questions at once.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// The program, with nothing of this environment.
pub(crate) fn valetkey(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command.env_clear().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Asks each line and gives the answers, of which there is one for each.
pub(crate) fn answers(options: &[&str], lines: &[String]) -> Vec<Value> {
    let mut child = valetkey(&[&["token", "verify", "--json-lines", "-"], options].concat()).spawn().unwrap();
    let (mut stdin, text) = (child.stdin.take().unwrap(), lines.join("\n"));
    // Beside the reading, as both pipes are shorter than what goes through them.
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let ended = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    let answers: Vec<Value> = ended
        .stdout
        .split(|c| *c == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

/// The verdict of an answer, which has a reason exactly if it is no.
pub(crate) fn accepts(answer: &Value) -> bool {
    let reason = answer.get("reason").map(|reason| reason.as_str().unwrap());
    match (answer["result"].as_str(), reason) {
        (Some("accept"), None) => true,
        (Some("reject"), Some(reason)) if !reason.is_empty() => false,
        _ => panic!("{answer}"),
    }
}
