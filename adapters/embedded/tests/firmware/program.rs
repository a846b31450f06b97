//! The program `valetkey`, for firmware to ask.

use crate::boards::target;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The project's server, until the end of a test.
pub(crate) struct Server(Child);

impl Server {
    /// One with its demo, which forgets everything at its end.
    pub(crate) fn start() -> (Self, u16) {
        Self::with(&["--db", ":memory:"])
    }

    pub(crate) fn with(arguments: &[&str]) -> (Self, u16) {
        let mut child = valetkey(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once(" on ").unwrap().1.split_once(". ").unwrap().0;
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        (Self(child), port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with these arguments, and no others.
pub(crate) fn valetkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(target().join("debug/valetkey"));
    command.env_clear().args(arguments);
    command
}

/// A directory that is empty.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
