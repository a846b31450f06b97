//! Tokens checked one by one.

use crate::{KEYS, NOW, Ran, TOKEN, run};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use std::path::PathBuf;

const ISSUER: [&str; 2] = ["--issuer", "https://as.example"];
const AUDIENCE: [&str; 2] = ["--audience", "https://rs.example/api"];

/// A file with a key set.
struct Set(tempfile::TempDir);

impl Set {
    fn new(json: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), json).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys.json")
    }
}

fn verify(jwks: &str, args: &[&str], token: &str) -> Ran {
    run(&[&["verify", "--jwks", jwks], args, &["-"]].concat(), token)
}

fn at_now(keys: &str, more: &[&str]) -> Ran {
    let set = Set::new(keys);
    verify(set.path().to_str().unwrap(), &[&ISSUER[..], &AUDIENCE, &["--now", NOW], more].concat(), TOKEN)
}

fn refused(ran: &Ran, why: &str) {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{why}: {}", ran.err);
    assert!(ran.err.starts_with("valetkey: ") && ran.err.lines().count() == 1 && ran.err.contains(why), "{}", ran.err);
}

#[test]
fn a_good_token_exits_with_0_and_tells_what_it_is_good_for() {
    let set = Set::new(KEYS);
    for now in [NOW, "2023-11-14T22:13:20Z"] {
        let ran = verify(set.path().to_str().unwrap(), &[&ISSUER[..], &AUDIENCE, &["--now", now]].concat(), TOKEN);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert!(ran.out.contains("user-1") && ran.out.contains("read") && ran.out.lines().count() == 2, "{}", ran.out);
    }
    let one = KEYS.strip_prefix(r#"{"keys":["#).unwrap().strip_suffix("]}").unwrap();
    assert_eq!(at_now(one, &[]).code, Some(0), "a single JWK");
}

#[test]
fn a_bad_one_exits_with_1_and_the_one_reason() {
    let set = Set::new(KEYS);
    let keys = set.path();
    let with = |args: &[&str]| verify(keys.to_str().unwrap(), args, TOKEN);
    refused(&with(&[&ISSUER[..], &AUDIENCE].concat()), "the token is expired");
    refused(&with(&[&ISSUER[..], &["--audience", "https://rs.example/", "--now", NOW]].concat()), "another audience");
    refused(
        &with(&[&["--issuer", "https://as.example/"][..], &AUDIENCE, &["--now", NOW]].concat()),
        "issuer is not trusted",
    );
    refused(&at_now(KEYS, &["--alg", "RS256,EdDSA"]), "alg is not allowed");
    refused(&at_now(KEYS, &["--typ", "jwt"]), "typ is not the one");
    refused(&at_now(&KEYS.replace("\"ec\"", "\"other\""), &[]), "has no key");
    refused(&at_now(&KEYS.replace("\"sig\"", "\"enc\""), &[]), "no key can be used");
    refused(&at_now("{\"keys\":[]", &[]), "the key set: JSON, byte 10");
    refused(&verify("/nowhere/keys.json", &[&ISSUER[..], &AUDIENCE].concat(), TOKEN), "the keys at /nowhere/keys.json");
}

#[test]
fn leeway_is_what_was_asked_and_no_more_than_a_few_minutes() {
    let late = |leeway: &str| {
        let set = Set::new(KEYS);
        let args = [&ISSUER[..], &AUDIENCE, &["--now", "1700000309", "--leeway", leeway]].concat();
        verify(set.path().to_str().unwrap(), &args, TOKEN).code
    };
    assert_eq!((late("0"), late("9"), late("10")), (Some(1), Some(1), Some(0)));
    assert_eq!(late("301"), Some(2), "more is not taken in silence");
}

#[test]
fn what_is_missing_or_senseless_is_wrong_usage() {
    let set = Set::new(KEYS);
    let keys = ["--jwks", set.path().to_str().unwrap()].map(str::to_owned);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (args, why) in [
        (vec![], "--jwks"),
        (keys.clone(), "--issuer"),
        ([&keys[..], &ISSUER].concat(), "--audience"),
        ([&keys[..], &["--alg", "none"]].concat(), "no algorithm `none` is known"),
        ([&keys[..], &["--alg", "ES512"]].concat(), "no algorithm `ES512` is known"),
        ([&keys[..], &["--now", "soon"]].concat(), "seconds since 1970"),
        ([&keys[..], &["--json-lines", "abc"]].concat(), ""),
    ] {
        let ran = run(&[&["verify"], &args[..], &["-"]].concat(), TOKEN);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
}

#[test]
fn the_signature_alone_is_checked_only_when_that_is_said_and_tells_so() {
    let set = Set::new(KEYS);
    let ran = verify(set.path().to_str().unwrap(), &["--signature-only"], TOKEN);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("nothing else was checked"), "{}", ran.out);
    let changed = TOKEN.replace(".eyJpc3M", ".eyJpc3N");
    refused(&verify(set.path().to_str().unwrap(), &["--signature-only"], &changed), "the signature is not good");
}

#[test]
fn rfc8725_3_1_01_shared_keys_count_only_where_an_hmac_is_named() {
    let keys = r#"{"keys":[{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}"#;
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let set = Set::new(keys);
    let with = |args: &[&str]| verify(set.path().to_str().unwrap(), &[&["--signature-only"], args].concat(), token);
    refused(&with(&[]), "--alg HS256");
    refused(&with(&["--alg", "ES256,HS384"]), "--alg HS256");
    assert_eq!(with(&["--alg", "ES256,HS256"]).code, Some(0));
}

#[test]
fn rfc7515_4_1_2_01_keys_come_from_https_or_loopback_bounded_and_without_redirects() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/keys", get(|| async { KEYS }))
        .route("/moved", get(|| async { Redirect::to("/keys") }))
        .route("/long", get(|| async { format!("{KEYS}{}", " ".repeat(300 * 1024)) }))
        .route("/gone", get(|| async { StatusCode::GONE }));
    runtime.spawn(async move { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap() });
    let from = |path: &str| {
        let args = [&ISSUER[..], &AUDIENCE, &["--now", NOW]].concat();
        verify(&format!("{url}{path}"), &args, TOKEN)
    };
    assert_eq!(from("/keys").code, Some(0));
    refused(&from("/moved"), "status 303");
    refused(&from("/long"), "more than is read");
    refused(&from("/gone"), "status 410");
    refused(&verify("http://keys.example/", &[&ISSUER[..], &AUDIENCE].concat(), TOKEN), "must be https");
}
