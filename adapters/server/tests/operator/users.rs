//! `valetkey user`.

use crate::{Folder, PASSWORD};

#[test]
fn a_person_is_added_locked_and_unlocked() {
    let folder = Folder::new();
    let told = folder.given(PASSWORD, &["user", "add", "bob", "--name", "Bob B."]);
    assert_eq!(told, "User `bob` is added to a new database, valetkey.db.\n");
    assert_eq!(folder.given(&format!("{PASSWORD}\r\n"), &["user", "add", "ann"]), "User `ann` is added.\n");
    let table = folder.ok(&["user", "list"]);
    assert_eq!(table, "USER  NAME    STATE\nann   ann     live\nbob   Bob B.  live\n");
    assert_eq!(folder.ok(&["user", "lock", "bob"]), "User `bob` is locked, and 0 grants ended.\n");
    assert_eq!(folder.ok(&["user", "lock", "bob"]), "User `bob` was locked before, and 0 grants ended.\n");
    let bob = &folder.json(&["user", "list"])[1];
    assert_eq!(*bob, serde_json::json!({"subject": "bob", "name": "Bob B.", "state": "locked"}));
    assert_eq!(folder.ok(&["user", "unlock", "bob"]), "User `bob` can log in again.\n");
    assert_eq!(folder.ok(&["user", "unlock", "bob"]), "User `bob` is not locked.\n");
    folder.given("another password, longer", &["user", "passwd", "bob"]);
    let events = ["account_added", "account_locked", "account_unlocked", "password_changed"];
    assert_eq!(folder.events(&["--user", "bob"]), events);
}

#[test]
fn passwords_are_long_enough_and_never_shown() {
    let folder = Folder::new();
    folder.given(PASSWORD, &["user", "add", "bob"]);
    for command in [&["user", "add", "eve"][..], &["user", "passwd", "bob"]] {
        for bad in ["", "\n", "fourteen chars", "a password\nof two lines"] {
            let ran = folder.run(command, bad);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{bad}");
            assert!(bad.trim().is_empty() || !ran.err.contains(bad), "{}", ran.err);
        }
    }
    assert_eq!(folder.events(&[]), ["account_added"], "nothing else was written");
    let shown = [folder.ok(&["user", "list"]), folder.ok(&["user", "list", "--json"]), folder.ok(&["audit"])].concat();
    assert!(!shown.contains(PASSWORD) && !shown.contains("argon2"), "{shown}");
}

#[test]
fn who_is_not_there_is_told() {
    let folder = Folder::new();
    folder.given(PASSWORD, &["user", "add", "bob"]);
    for command in ["passwd", "lock", "unlock"] {
        assert!(folder.fails_given(PASSWORD, &["user", command, "eve"]).contains("no user `eve`"), "{command}");
    }
    let told = folder.fails_given(PASSWORD, &["user", "add", "bob"]);
    assert!(told.contains("exists already") && told.contains("valetkey user passwd bob"), "{told}");
}
