//! `valetkey client`.

use crate::{Folder, PASSWORD};

#[test]
fn a_secret_is_shown_once_and_kept_nowhere() {
    let folder = Folder::new();
    let told = folder.ok(&["client", "add", "web", "--redirect-uri", "https://web.example/cb"]);
    let secret = told.lines().find_map(|line| line.strip_prefix("  ")).expect(&told);
    assert_eq!(secret.len(), 43, "256 bits in base64url");
    let second = folder.add_client(&["device"]);
    assert_ne!(secret, second);
    let mut shown = String::new();
    for args in [&["client", "list"][..], &["client", "show", "web"], &["client", "show", "device"], &["audit"]] {
        shown += &folder.ok(args);
        shown += &folder.ok(&[args, &["--json"]].concat());
    }
    shown += &folder.ok(&["check"]);
    let hash = valetkey::server::secret_digest(secret).to_string();
    for hidden in [secret, &second, &hash] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "only its SHA-256 is kept");
    }
}

#[test]
fn a_public_client_has_no_secret_and_gets_none() {
    let folder = Folder::new();
    let told = folder.ok(&["client", "add", "spa", "--public", "--redirect-uri", "https://spa.example/cb"]);
    assert_eq!(told, "Client `spa` is added.\n");
    assert_eq!(folder.json(&["client", "show", "spa"])[0]["kind"], "public");
    assert!(folder.fails(&["client", "secret", "spa"]).contains("is public"));
    let added = folder.json(&["client", "add", "app", "--public", "--redirect-uri", "com.example.app:/cb"]);
    assert_eq!(added, [serde_json::json!({"client_id": "app"})]);
}

#[test]
fn what_a_client_may_do_is_what_was_said() {
    let folder = Folder::new();
    folder.add_client(&["web", "--redirect-uri", "https://a.example/cb", "--redirect-uri", "https://b.example/cb"]);
    folder.add_client(&["device", "--scope", "a b", "--scope", "c", "--resource", "https://api.example/"]);
    folder.add_client(&["api", "--may-introspect", "--token-kind", "opaque"]);
    let once = ["once", "--name", "Once only", "--grant", "code", "--redirect-uri", "https://o.example/cb"];
    folder.add_client(&once);
    let full =
        ["full", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", "https://f.example/cb"];
    folder.add_client(&full);
    let clients = folder.json(&["client", "list"]);
    let of = |id: &str| clients.iter().find(|client| client["client_id"] == id).unwrap();
    let list = |value: &serde_json::Value| serde_json::to_string(value).unwrap();
    assert_eq!(list(&of("web")["grants"]), r#"["authorization_code","refresh_token"]"#);
    assert_eq!(of("full")["grants"], of("web")["grants"]);
    assert_eq!(list(&of("web")["redirect_uris"]), r#"["https://a.example/cb","https://b.example/cb"]"#);
    assert_eq!(list(&of("device")["grants"]), r#"["client_credentials"]"#);
    assert_eq!(
        (&of("device")["scope"], list(&of("device")["resource"])),
        (&"a b c".into(), r#"["https://api.example/"]"#.into())
    );
    assert_eq!((list(&of("api")["grants"]), &of("api")["may_introspect"]), ("[]".into(), &true.into()));
    assert_eq!(
        (list(&of("once")["grants"]), &of("once")["name"]),
        (r#"["authorization_code"]"#.into(), &"Once only".into())
    );
    let ids: Vec<_> = clients.iter().map(|client| client["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["api", "device", "full", "once", "web"], "in the order of their ids");
}

#[test]
fn what_cannot_be_registered_is_refused_as_wrong_usage() {
    let folder = Folder::new();
    for (args, why) in [
        (&["x", "--redirect-uri", "http://web.example/cb"][..], "redirect URI"),
        (&["x", "--public", "--grant", "client_credentials"], "public client"),
        (&["x", "--grant", "code"], "redirect URI"),
        (&["x", "--scope", "a  b"], "scope"),
        (&["x", "--resource", "api"], "resource"),
        (&["é"], "client_id"),
        (&["x", "--grant", "password"], "authorization_code, client_credentials, refresh_token"),
        (&["x", "--token-kind", "paper"], "opaque, jwt"),
        (&["x", "--token-alg", "ES256"], "--token-kind jwt"),
        (&["x", "--token-kind", "jwt", "--token-alg", "HS256"], "RS256"),
        (&["x", "--public", "--secret-stdin"], "--secret-stdin"),
    ] {
        let ran = folder.run(&[&["client", "add"], args].concat(), PASSWORD);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.out.is_empty() && ran.err.contains(why), "{}", ran.err);
    }
    assert!(!folder.path().join("valetkey.db").exists(), "nothing was made");
}

#[test]
fn a_secret_of_ones_own_comes_from_standard_input() {
    let folder = Folder::new();
    let add = ["client", "add", "partner", "--secret-stdin"];
    for bad in ["", "too short", "with an umlaut: \u{e4}\u{f6}\u{fc} and more", "of two lines,\nwhich nobody types"] {
        let ran = folder.run(&add, bad);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{bad}");
        assert!(bad.is_empty() || !ran.err.contains(bad), "{}", ran.err);
    }
    assert_eq!(folder.given(&format!("{PASSWORD}\n"), &add), "Client `partner` is added.\n");
    let told = folder.fails_given(PASSWORD, &add);
    assert!(told.contains("exists already"), "{told}");
}

#[test]
fn a_removed_client_can_still_be_seen_and_its_id_is_not_used_again() {
    let folder = Folder::new();
    folder.add_client(&["device"]);
    assert_eq!(folder.ok(&["client", "remove", "device"]), "Client `device` is removed, and 0 grants ended.\n");
    assert_eq!(folder.ok(&["client", "remove", "device"]), "Client `device` was removed before, and 0 grants ended.\n");
    assert_eq!(folder.json(&["client", "show", "device"])[0]["state"], "removed");
    assert!(folder.fails(&["client", "add", "device"]).contains("its id is not used again"));
    assert!(folder.fails(&["client", "secret", "device"]).contains("was removed"));
    assert_eq!(folder.events(&["--client", "device"]), ["client_added", "client_removed"]);
    for command in ["show", "remove", "secret"] {
        assert!(folder.fails(&["client", command, "nobody"]).contains("no client `nobody`"));
    }
}
