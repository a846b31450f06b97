//! The program `valetkey`, for firmware to ask.

use crate::boards::target;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The project's server, which forgets everything at its end.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start() -> (Self, u16) {
        let mut child = Command::new(target().join("debug/valetkey"))
            .env_clear()
            .args(["--db", ":memory:", "--listen", "127.0.0.1:0"])
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
