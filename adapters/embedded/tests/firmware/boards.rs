//! The boards of QEMU, and how a firmware is booted on one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longest that a firmware may run; it gives up a silent line after three seconds.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Board {
    pub(crate) target: &'static str,
    qemu: &'static str,
    arguments: &'static [&'static str],
}

pub(crate) const CORTEX_M4: Board =
    Board { target: "thumbv7em-none-eabi", qemu: "qemu-system-arm", arguments: &["-M", "mps2-an386"] };
/// A Cortex-M3, which runs the code of a Cortex-M0.
const CORTEX_M0: Board =
    Board { target: "thumbv6m-none-eabi", qemu: "qemu-system-arm", arguments: &["-M", "mps2-an385"] };
const RISC_V: Board = Board {
    target: "riscv32imc-unknown-none-elf",
    qemu: "qemu-system-riscv32",
    arguments: &["-M", "virt", "-bios", "none"],
};
pub(crate) const BOARDS: [Board; 3] = [CORTEX_M4, CORTEX_M0, RISC_V];

/// Where Cargo puts what it builds. This test is in `debug/deps`.
pub(crate) fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

pub(crate) fn elf(board: &Board, firmware: &str) -> PathBuf {
    target().join(board.target).join("release").join(firmware)
}

/// Where the UART of a board leads.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    Nowhere,
    /// To this port, once.
    To(u16),
    /// To this port, again a second after each time that it was closed there.
    AgainTo(u16),
}

/// What boots a firmware.
pub(crate) fn machine(board: &Board, elf: &Path, line: Line) -> Command {
    let link = match line {
        Line::Nowhere => "null".to_owned(),
        Line::To(port) => format!("tcp:127.0.0.1:{port}"),
        Line::AgainTo(port) => format!("tcp:127.0.0.1:{port},reconnect=1"),
    };
    let mut machine = Command::new(board.qemu);
    machine
        .args(board.arguments)
        .args(["-display", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native"])
        .args(["-serial", &link, "-serial", "stdio"])
        .arg("-kernel")
        .arg(elf)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    machine
}

/// Waits for the end of a firmware: its exit status and its log.
pub(crate) fn end(mut child: Child, name: &str) -> (i32, String) {
    let (outputs, ended) = mpsc::channel();
    // The second UART is one, semihosting the other.
    let pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for mut pipe in pipes {
        let outputs = outputs.clone();
        thread::spawn(move || {
            let mut text = String::new();
            let read = pipe.read_to_string(&mut text);
            outputs.send(read.map(|_| text))
        });
    }
    let log: Result<String, _> = (0..2).map(|_| ended.recv_timeout(DEADLINE).map(Result::unwrap)).collect();
    if log.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let log = log.unwrap_or_else(|_| panic!("{name} did not end in {DEADLINE:?}"));
    (status.code().unwrap_or_else(|| panic!("{name} ended with {status}: {log}")), log)
}

/// Boots a firmware whose UART leads to a port of this machine. Answers its exit status and its log.
pub(crate) fn boot(board: &Board, firmware: &str, port: u16) -> (i32, String) {
    end(
        machine(board, &elf(board, firmware), Line::To(port)).spawn().unwrap(),
        &format!("{firmware} on {}", board.target),
    )
}
