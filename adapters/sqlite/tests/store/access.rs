//! Files that this user may not write or read. Root may do everything, so a child becomes somebody else.

use crate::changes::open;
use crate::child;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use valetkey_sqlite::SqliteStore;

/// Owns no file.
const NOBODY: u32 = 65_534;

#[test]
fn files_that_may_not_be_written_or_read_are_told() {
    if let Some(directory) = child::database() {
        return told(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for name in ["read-only.db", "private.db"] {
        drop(open(&directory.join(name)));
    }
    let program = directory.join("program");
    fs::copy(child::this_program(), &program).unwrap();
    for (name, mode) in [("read-only.db", 0o444), ("private.db", 0o000), ("program", 0o755), ("", 0o555)] {
        fs::set_permissions(directory.join(name), Permissions::from_mode(mode)).unwrap();
    }
    let mut command = child::again(&program, "access::files_that_may_not_be_written_or_read_are_told", directory);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    child::succeeds(command);
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
}

fn told(directory: &Path) {
    let said = |name| SqliteStore::open(directory.join(name)).unwrap_err().to_string();
    let read_only = said("read-only.db");
    assert!(
        read_only.ends_with("read-only.db cannot be written; make the file, its directory and its disk writable"),
        "{read_only}"
    );
    let private = said("private.db");
    assert!(private.ends_with("cannot be opened; do the file and its directory belong to this user?"), "{private}");
    let new = said("new.db");
    assert!(new.ends_with("new.db cannot be created; does its directory belong to this user?"), "{new}");
}
