//! Runs a test once more, as a process of its own: one that may be killed, starved of disk or be another user.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const DATABASE: &str = "VALETKEY_TEST_DATABASE";

/// The database, if this process is such a child.
pub(crate) fn database() -> Option<PathBuf> {
    env::var_os(DATABASE).map(PathBuf::from)
}

/// Runs the named test of this program as a child that is given a database.
pub(crate) fn again(program: &Path, test: &str, database: &Path) -> Command {
    // The shell leaves the signal of a file that grows too long ignored, so that the write fails, as on a full disk.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]).arg(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(DATABASE, database);
    command
}

pub(crate) fn this_program() -> PathBuf {
    env::current_exe().unwrap()
}

/// Runs it to its end, which must be good.
pub(crate) fn succeeds(mut command: Command) {
    let output = command.output().unwrap();
    let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", shown(&output.stdout), shown(&output.stderr));
    assert!(shown(&output.stdout).contains("1 passed"), "the child ran no test: {}", shown(&output.stdout));
}
