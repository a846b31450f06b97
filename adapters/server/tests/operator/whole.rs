//! `valetkey audit`, `valetkey db` and `valetkey check`.

use crate::{Folder, PASSWORD};

#[test]
fn the_audit_trail_is_a_table_or_json_and_can_be_narrowed() {
    let folder = Folder::new();
    folder.add_client(&["device"]);
    folder.given(PASSWORD, &["user", "add", "bob"]);
    folder.ok(&["client", "secret", "device"]);
    let table = folder.ok(&["audit"]);
    let mut lines = table.lines();
    let columns = ["TIME", "EVENT", "CLIENT_ID", "USER", "GRANT", "KID"];
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), columns);
    let what: Vec<_> = lines.map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(what, ["client_added", "account_added", "client_secret_changed"]);
    assert_eq!(folder.events(&["--client", "device"]), ["client_added", "client_secret_changed"]);
    assert_eq!(folder.events(&["--user", "bob", "--since", "1h"]), ["account_added"]);
    assert_eq!(folder.events(&["--since", "2020-01-01"]).len(), 3);
    assert!(folder.events(&["--since", "2999-12-31T00:00:00Z"]).is_empty());
    let event = &folder.json(&["audit", "--user", "bob"])[0];
    let at = event["at"].as_str().unwrap();
    assert!(at.len() == 20 && at.starts_with("20") && at.ends_with('Z'), "{at}");
    assert_eq!(event["user"], "bob");
    assert!(event.get("client_id").is_none() && event.get("grant").is_none(), "{event}");
}

#[test]
fn a_backup_says_that_the_keys_are_not_in_it_and_can_be_opened() {
    let folder = Folder::new();
    folder.add_client(&["device"]);
    let server = folder.serve();
    let told = folder.ok(&["db", "backup", "copy.db"]);
    assert!(told.contains("server keys are not in it") && told.contains("valetkey.key"), "{told}");
    assert!(folder.fails(&["db", "backup", "copy.db"]).contains("exists already"));
    drop(server);
    let key = std::fs::read_to_string(folder.path().join("valetkey.key")).unwrap();
    let secret = key.split_once("secret = \"").unwrap().1.split_once('"').unwrap().0;
    let copy = std::fs::read(folder.path().join("copy.db")).unwrap();
    assert!(!String::from_utf8_lossy(&copy).contains(secret));
    assert_eq!(folder.json(&["client", "list", "--db", "copy.db"]).len(), 1);
}

#[test]
fn check_looks_at_settings_database_and_keys() {
    let folder = Folder::new();
    let told = folder.ok(&["check"]);
    assert!(
        told.contains("settings      good: profile oauth21\n") && told.matches("not there yet").count() == 2,
        "{told}"
    );
    let ran = folder.run(&["check", "--db", "elsewhere/valetkey.db"], "");
    assert_eq!((ran.code, ran.err.contains("there is no directory elsewhere")), (Some(1), true), "{}", ran.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it makes nothing");
    folder.add_client(&["device"]);
    drop(folder.serve());
    let told = folder.ok(&["check"]);
    assert!(!told.contains("weak"), "{told}");
    assert!(told.contains("sound: valetkey.db") && told.contains("1 client, 0 users, 0 grants"), "{told}");
    assert!(told.contains("server keys   good: valetkey.key"), "{told}");
    assert!(told.contains("signing keys  good: 3 to sign, 0 retired"), "{told}");
    let key = std::fs::read(folder.path().join("valetkey.key")).unwrap();
    std::fs::write(folder.path().join("valetkey.key"), "no keys").unwrap();
    let ran = folder.run(&["check"], "");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("valetkey.key") && !ran.err.contains("no keys"), "{}", ran.err);
    let ran = folder.run(&["check", "--tls-cert", "none.pem", "--tls-key", "none.key"], "");
    assert_eq!((ran.code, ran.err.contains("none.pem")), (Some(1), true), "{}", ran.err);
    std::fs::write(folder.path().join("valetkey.toml"), "profile = 'embedded'").unwrap();
    std::fs::write(folder.path().join("valetkey.key"), key).unwrap();
    assert!(folder.ok(&["check", "--config", "valetkey.toml"]).contains("good: profile embedded\n"));
    std::fs::write(folder.path().join("valetkey.toml"), "[lifetimes]\naccess_seconds = 4").unwrap();
    let told = folder.ok(&["check", "--config", "valetkey.toml"]);
    assert!(told.contains("lifetimes     weak: access_seconds is 4"), "{told}");
    std::fs::write(folder.path().join("valetkey.toml"), "listne = 'x'").unwrap();
    let ran = folder.run(&["check", "--config", "valetkey.toml"], "");
    assert_eq!((ran.code, ran.err.contains("listne")), (Some(2), true), "{}", ran.err);
}

#[test]
fn check_tells_of_a_demo_that_others_could_reach() {
    let folder = Folder::new();
    drop(folder.serve());
    assert!(folder.ok(&["check"]).contains("this machine alone"));
    let ran = folder.run(&["check", "--issuer", "https://id.example"], "");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("valetkey client remove demo-web"), "{}", ran.err);
}
