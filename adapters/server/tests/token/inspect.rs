//! Tokens explained.

use crate::{NOW, TOKEN, base64url, run};

/// What is told of a token, which always goes well.
fn told(token: &str) -> String {
    let ran = run(&["inspect", "--now", NOW, "-"], token);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{token}");
    assert!(ran.out.to_lowercase().contains("verified"), "{}", ran.out);
    assert!(ran.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.out);
    ran.out
}

/// A token with these claims; signed by nobody.
fn with(claims: &str) -> String {
    format!("{}.{}.AAAA", base64url(r#"{"alg":"ES256"}"#), base64url(claims))
}

/// The line of a member.
fn line<'t>(told: &'t str, name: &str) -> &'t str {
    told.lines()
        .find(|line| line.trim_start().split(' ').next() == Some(name))
        .unwrap_or_else(|| panic!("no {name}: {told}"))
}

#[test]
fn a_signed_token_is_told_member_by_member_and_not_believed() {
    let told = told(TOKEN);
    assert!(told.contains("NOTHING of it was verified"), "{told}");
    assert!(line(&told, "typ").contains("access token (RFC 9068)"), "{told}");
    assert!(line(&told, "alg").contains("ES256") && line(&told, "kid").contains("ec"), "{told}");
    assert!(line(&told, "aud").contains("https://rs.example/api"), "{told}");
    assert!(line(&told, "exp").ends_with("2023-11-14T22:18:20Z: expires in 5 minutes"), "{told}");
    assert!(line(&told, "iat").ends_with("issued 10 seconds ago"), "{told}");
    assert!(line(&told, "scope").contains("read"), "{told}");
    assert!(told.contains("64 bytes, not checked"), "{told}");
}

#[test]
fn an_argument_and_standard_input_tell_the_same() {
    let typed = run(&["inspect", "--now", NOW, TOKEN], "");
    assert_eq!(typed.out, told(&format!("  {TOKEN}\n")));
}

#[test]
fn times_are_told_from_now() {
    let told = told(&with(r#"{"exp":1699999820,"nbf":1700007200,"auth_time":1699913600,"iat":"1"}"#));
    assert!(line(&told, "exp").ends_with("2023-11-14T22:10:20Z: EXPIRED 3 minutes ago"), "{told}");
    assert!(line(&told, "nbf").ends_with("NOT good yet, for 2 hours"), "{told}");
    assert!(line(&told, "auth_time").ends_with("logged in 1 day ago"), "{told}");
    assert!(line(&told, "iat").contains("of a wrong type"), "{told}");
}

#[test]
fn what_it_is_bound_to_is_told() {
    for (cnf, to) in
        [(r#"{"jkt":"abc"}"#, "DPoP"), (r#"{"x5t#S256":"abc"}"#, "RFC 8705"), ("{}", "not known"), ("1", "wrong type")]
    {
        let told = told(&with(&format!("{{\"cnf\":{cnf}}}")));
        assert!(line(&told, "cnf").contains(to), "{told}");
    }
}

#[test]
fn unknown_members_are_shown_as_they_are() {
    let told = told(&with(r#"{"https://x.example/plan":{"tier":[1,2]},"tenant":"acme","n":1.50,"t":true}"#));
    assert!(told.contains(r#"https://x.example/plan  {"tier":[1,2]}"#), "{told}");
    assert!(line(&told, "tenant").contains("acme") && line(&told, "n").contains("1.50"), "{told}");
}

#[test]
fn unsigned_and_unknown_algorithms_are_told() {
    let token = |alg: &str| format!("{}.e30.", base64url(&format!(r#"{{"alg":"{alg}"}}"#)));
    assert!(line(&told(&token("none")), "alg").contains("NOT signed"));
    assert!(line(&told(&token("ES512")), "alg").contains("not known here"));
    assert!(told(&token("none")).contains("none: nobody should take this token"));
}

#[test]
fn opaque_encrypted_and_malformed_ones_are_named_as_such() {
    for (token, why) in [
        ("mF_9.B5f-4.1JqM".to_owned(), "opaque"),
        ("2YotnFZFEjr1zCsicMWpAA".to_owned(), "opaque"),
        (format!("{}.a.b.c.d", base64url(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)), "encrypted"),
        (format!("{}.a", base64url(r#"{"alg":"ES256"}"#)), "2 parts instead of 3"),
        (TOKEN.replace(".eyJ", ".ey!"), "second part is no canonical base64url; its character 3"),
        (format!("{}.{}.AA", base64url(r#"{"alg":"#), base64url("{}")), "malformed: JSON, byte 7"),
        (with(r#"{"iss":"a","iss":"b"}"#), "a name occurs twice"),
        (with("no claims"), "no JSON object: no claims"),
        (r#"{"payload":"","signatures":[]}"#.to_owned(), "JSON, and no token in compact form"),
        ("abc def".to_owned(), "copied whole"),
    ] {
        let told = told(&token);
        assert!(told.contains(why), "{token}: {told}");
    }
}

#[test]
fn nothing_in_a_token_steers_a_terminal_or_floods_it() {
    let long = "x".repeat(20_000);
    for token in [
        with("{\"sub\":\"\\u001b[2J\\u0007\",\"\\u009b31m\":\"\\u0000\"}"),
        with(&format!("{{\"sub\":\"{long}\",\"{long}\":1}}")),
        "\u{1b}[2J\u{7}".to_owned(),
        with("\u{1b}]0;x\u{7}"),
        format!("{}..", base64url(&format!("{{{}", "\"a\":[".repeat(2000)))),
    ] {
        assert!(told(&token).len() < 2_000);
    }
}

#[test]
fn no_token_at_all_is_wrong_usage() {
    for ran in [run(&["inspect", "-"], " \n"), run(&["inspect"], ""), run(&["inspect", "--now", "soon", "a.b.c"], "")] {
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    }
}
