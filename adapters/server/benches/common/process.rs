//! The program, and other servers, as processes of their own: started, pinned to a core, watched, ended.

use super::Result;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that runs. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Where what is measured runs; everything else runs on [`OTHER`].
const SERVING: &str = "0";
const OTHER: &str = "1";

/// A command that runs on the core of what is measured, with no environment of ours.
pub(crate) fn pinned(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVING]).arg(program.as_ref()).env_clear();
    command
}

/// Moves this process, and all threads that it starts from now on, to the other core.
pub(crate) fn step_aside() -> Result<()> {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset").args(["-a", "-c", "-p", OTHER, &pid]).stdout(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err("taskset could not move this process to its core".into()) }
}

/// The program as it is built for this run.
pub(crate) fn valetkey() -> &'static str {
    env!("CARGO_BIN_EXE_valetkey")
}

/// Adds what the program is told in all runs: where to listen, what to keep where.
pub(crate) fn serving(mut command: Command, db: impl AsRef<Path>) -> Command {
    command.args(["serve", "--listen", "127.0.0.1:0", "--db"]).arg(db.as_ref());
    command
}

/// The program under `strace`, which writes down the calls named and delays each sync by so many microseconds. It runs on
/// all cores, as nothing is held against it.
pub(crate) fn traced(trace: &Path, calls: &str, delay: u32) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0,1", "strace"]).env_clear().args([
        "-f",
        "--seccomp-bpf",
        "-yy",
        "-s",
        "16",
        "-e",
        "signal=none",
        "-e",
        &format!("trace={calls}"),
    ]);
    if delay > 0 {
        command.args(["-e", &format!("inject=fsync,fdatasync:delay_enter={delay}")]);
    }
    command.arg("-o").arg(trace).arg(valetkey());
    command
}

/// Where the program shows its metrics, if its log says so: it does before it says where it listens.
pub(crate) fn metrics(log: &Path) -> Result<SocketAddr> {
    let text = std::fs::read_to_string(log)?;
    let line = text.lines().find(|line| line.contains("metrics are shown")).ok_or("the log names no metrics")?;
    let (_, after) = line.split_once(r#""address":""#).ok_or("the log is not JSON")?;
    Ok(after.split('"').next().unwrap_or_default().parse()?)
}

impl Server {
    /// Starts it, its log going to a file, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut said = String::new();
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut said)?;
        let address = said.split_once(" on ").and_then(|(_, rest)| rest.split_once(". ")).map(|(address, _)| address);
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            let _ = child.kill();
            let status = child.wait()?;
            return Err(format!("the server did not say where it listens but {said:?}, and ended with {status}").into());
        };
        // What else it says is short, and its pipe stays open so that it may say it.
        child.stdout = Some(stdout.into_inner());
        Ok(Self { child, address })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to stop, and waits until it has, and with it what traces it.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = self.program()?.to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status()?;
        let ended = self.child.wait()?;
        if asked.success() && ended.success() { Ok(()) } else { Err(format!("the server ended with {ended}").into()) }
    }

    /// The process of the program, which may be the child of what traces it.
    fn program(&self) -> Result<u32> {
        let id = self.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        Ok(children.split_whitespace().next().map_or(Ok(id), str::parse)?)
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("the server could not be sent {signal}").into()) }
    }

    /// As no signal handler can prevent: `kill -9`.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Seconds of processor time that it took so far.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let fields = stat.rsplit_once(") ").ok_or("/proc/PID/stat reads otherwise")?.1;
        let ticks: f64 = fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
        Ok(ticks / 100.0) // USER_HZ, which is 100 on every Linux that matters
    }

    /// Kilobytes of memory that it holds.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is traced outlives what traces it.
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), self.program()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An empty directory on the disk that holds what cargo builds.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
