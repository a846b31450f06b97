//! `valetkey client`.

use crate::{Folder, PASSWORD};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use std::time::SystemTime;
use valetkey::jose::Algorithm;
use valetkey_aws_lc::SigningKey;

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
    assert_eq!(told, "Client `spa` is added to a new database, valetkey.db.\n");
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
        (
            &["x", "--redirect-uri", "https://web.example/cb", "--redirect-uri", "http://web.example/"][..],
            "'http://web.example/'",
        ),
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
    assert_eq!(
        folder.given(&format!("{PASSWORD}\n"), &add),
        "Client `partner` is added to a new database, valetkey.db.\n"
    );
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

/// An assertion of a client for this server, signed by its key.
pub(crate) fn assertion(key: &SigningKey, client_id: &str, audience: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let id = format!("{now} {}", key.kid());
    let claims = json!({"iss": client_id, "sub": client_id, "aud": audience, "exp": now + 60, "jti": id});
    let part = |json: serde_json::Value| Base64UrlUnpadded::encode_string(json.to_string().as_bytes());
    let message = format!("{}.{}", part(json!({"alg": key.public().algorithm.unwrap().as_str()})), part(claims));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature))
}

#[tokio::test]
async fn a_client_with_a_key_pair_gets_tokens_by_what_it_signs_and_goes_on_with_another_key() {
    let folder = Folder::new();
    let file = folder.path().join("jwks.json");
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
        let (first, second) = (SigningKey::generate(algorithm).unwrap(), SigningKey::generate(algorithm).unwrap());
        std::fs::write(&file, first.public_json()).unwrap();
        let id = algorithm.as_str();
        let add = ["client", "add", id, "--auth", "private_key_jwt", "--jwks", "jwks.json", "--scope", "read"];
        let told = folder.ok(&add);
        assert!(told.starts_with(&format!("Client `{id}` is added")), "{told}");
        assert_eq!(told.lines().count(), 1, "there is no secret to show: {told}");
        let shown = folder.ok(&["client", "show", id]);
        assert!(shown.contains("private_key_jwt") && shown.contains(&format!("{} ({id})", first.kid())), "{shown}");
        let shown = folder.json(&["client", "show", id]);
        assert_eq!(shown[0]["auth"], "private_key_jwt");
        assert_eq!(shown[0]["keys"], json!([{"kid": first.kid(), "alg": id}]));
        assert!(folder.fails(&["client", "secret", id]).contains("client jwks"));

        let server = folder.serve();
        let ask = async |key: &SigningKey| {
            let signed = assertion(key, id, &server.program.url);
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let form =
                [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", &signed)];
            server.program.post("/token", &form).await.status
        };
        assert_eq!((ask(&first).await, ask(&second).await), (200, 401), "{id}");
        std::fs::write(&file, format!("{{\"keys\":[{}]}}", second.public_json())).unwrap();
        assert_eq!(folder.ok(&["client", "jwks", id, "jwks.json"]), format!("Client `{id}` has other keys.\n"));
        assert_eq!((ask(&first).await, ask(&second).await), (401, 200), "{id}");
        drop(server);
        assert_eq!(folder.events(&["--client", id])[..1], ["client_added"]);
        assert!(folder.events(&["--client", id]).contains(&"client_secret_changed".to_owned()));
    }
}

#[test]
fn keys_that_cannot_be_a_clients_are_refused_as_wrong_usage_and_a_private_one_above_all() {
    let folder = Folder::new();
    let public = SigningKey::generate(Algorithm::Es256).unwrap().public_json();
    let private = public.replacen('{', r#"{"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","#, 1);
    let open = SigningKey::generate(Algorithm::Rs256).unwrap().public_json().replace(r#","alg":"RS256""#, "");
    for (text, why) in [
        (private.as_str(), "private"),
        (&format!(r#"{{"keys":[{public},{private}]}}"#), "private"),
        (r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75","alg":"HS256"}"#, "shared"),
        (&open, "alg"),
        ("{}", "kty"),
        (r#"{"keys":[]}"#, "public keys"),
        ("not json", "expected"),
        (&format!(r#"{{"keys":[{public},{public}]}}"#), "same kid"),
    ] {
        std::fs::write(folder.path().join("keys.json"), text).unwrap();
        let ran = folder.run(&["client", "add", "x", "--auth", "private_key_jwt", "--jwks", "keys.json"], "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{text}");
        assert!(ran.err.contains(why) && !ran.err.contains("870MB6gf") && !ran.err.contains("AyM1Sys"), "{}", ran.err);
    }
    std::fs::write(folder.path().join("keys.json"), &public).unwrap();
    for (args, why) in [
        (&["--auth", "private_key_jwt"][..], "--jwks"),
        (&["--jwks", "keys.json"], "--auth private_key_jwt"),
        (&["--auth", "private_key_jwt", "--jwks", "nowhere.json"], "nowhere.json"),
        (&["--auth", "private_key_jwt", "--jwks", "keys.json", "--public"], "--public"),
        (&["--auth", "private_key_jwt", "--jwks", "keys.json", "--secret-stdin"], "--secret-stdin"),
        (&["--auth", "client_secret_jwt"], "client_secret, private_key_jwt"),
    ] {
        let ran = folder.run(&[&["client", "add", "x"], args].concat(), PASSWORD);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    assert!(!folder.path().join("valetkey.db").exists(), "nothing was made");
    folder.add_client(&["web", "--redirect-uri", "https://web.example/cb"]);
    assert!(folder.fails(&["client", "jwks", "web", "keys.json"]).contains("does not authenticate by a key pair"));
}
