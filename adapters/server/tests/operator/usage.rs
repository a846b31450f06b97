//! What is typed wrong, and what cannot be.

use crate::{Folder, PASSWORD};

#[test]
fn secrets_are_no_arguments() {
    let folder = Folder::new();
    for args in [
        &["client", "add", "x", "--secret", PASSWORD][..],
        &["client", "add", "x", PASSWORD],
        &["client", "secret", "x", PASSWORD],
        &["client", "change", "x", "--secret", PASSWORD],
        &["user", "add", "x", "--password", PASSWORD],
        &["user", "add", "x", PASSWORD],
        &["user", "passwd", "x", PASSWORD],
    ] {
        assert_eq!(folder.run(args, "").code, Some(2), "{args:?}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_tells_the_way() {
    let folder = Folder::new();
    folder.add_client(&["device"]);
    let both = ["grant", "revoke", "--user", "a", "--client", "b"];
    for (args, why) in [
        (&["client"][..], "Usage"),
        (&["user", "frobnicate"], "frobnicate"),
        (&["grant", "revoke"], "--user"),
        (&both, "cannot be used with"),
        (&["grant", "revoke", "abc"], "64 hexadecimal digits"),
        (&["audit", "--since", "yesterday"], "7d"),
        (&["db", "backup"], "<FILE>"),
        (&["keys", "add"], "<ALG>"),
        (&["keys", "add", "HS256"], "it is ES256"),
        (&["keys", "add", "es256"], "it is ES256"),
        (&["keys", "remove"], "<KID>"),
        (&["--db", ":memory:", "keys", "add", "ES256"], "name a database with --db"),
        (&["--db", ":memory:", "client", "list"], "name a database with --db"),
        (&["--db", ":memory:", "client", "add", "x"], "name a database with --db"),
    ] {
        let ran = folder.run(args, "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains(why), "{args:?}: {}", ran.err);
    }
}

#[test]
fn only_what_adds_makes_a_database() {
    let folder = Folder::new();
    for args in [
        &["client", "list"][..],
        &["client", "change", "x", "--name", "y"],
        &["client", "remove", "x"],
        &["user", "list"],
        &["user", "lock", "x"],
        &["grant", "list"],
        &["grant", "revoke", "--user", "x"],
        &["audit"],
        &["keys", "list"],
        &["keys", "remove", "x"],
        &["db", "backup", "copy.db"],
    ] {
        let told = folder.fails(args);
        assert!(told.contains("there is no database valetkey.db"), "{told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(folder.fails(&["--db", "none/valetkey.db", "client", "add", "x"]).contains("none"));
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let folder = Folder::new();
    let file = folder.path().join("valetkey.db");
    std::fs::write(&file, "a letter to a friend, which is long enough to be mistaken for something").unwrap();
    for args in [&["client", "list"][..], &["client", "add", "x"], &["check"]] {
        let ran = folder.run(args, "");
        assert_eq!(ran.code, Some(1), "{args:?}");
        assert!(ran.err.contains("valetkey.db"), "{}", ran.err);
    }
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("a letter"));
}
