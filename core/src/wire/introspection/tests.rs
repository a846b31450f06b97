//! Answers of introspection: what is written is read, and what others write is believed only so far.

use super::*;
use std::format;
use std::string::String;

fn read(body: &str) -> Result<Introspection<'static>, Fault> {
    let scratch = std::vec![0; 2 * body.len()].leak();
    Introspection::read(String::from(body).leak().as_bytes(), scratch)
}

/// An active token with more members.
fn active(members: &str) -> Result<Introspection<'static>, Fault> {
    read(&format!(r#"{{"active":true,{members}}}"#))
}

#[test]
fn what_is_written_is_read() {
    let token = Introspection {
        active: true,
        issuer: "https://as.example",
        client_id: "web \"1\"",
        subject: "alice",
        scope: "read write",
        audience: "https://a.example https://b.example",
        issued_at: UnixTime(1),
        not_before: UnixTime(2),
        expires_at: UnixTime(3),
        auth_time: Some(UnixTime(4)),
        acr: "urn:example:gold",
    };
    for token in [token, Introspection { audience: "https://a.example", ..token }, Introspection::INACTIVE] {
        let mut buf = [0; 512];
        let mut w = Writer::new(&mut buf);
        token.write(&mut w);
        assert_eq!(read(w.finish().unwrap()), Ok(token));
    }
}

#[test]
fn rfc7662_2_2_04_a_missing_non_boolean_or_false_active_is_inactive() {
    for active in ["", r#""active":false,"#, r#""active":"true","#, r#""active":1,"#, r#""active":null,"#] {
        let body = format!(r#"{{{active}"sub":"alice","exp":9999999999}}"#);
        assert_eq!(read(&body), Ok(Introspection::INACTIVE), "{body}");
    }
}

#[test]
fn inactive_wins_over_members_of_a_wrong_type() {
    assert_eq!(read(r#"{"exp":"never","aud":7,"active":false,"scope":[]}"#), Ok(Introspection::INACTIVE));
}

#[test]
fn rfc7662_2_2_05_unknown_members_are_skipped() {
    assert!(active(r#""username":"al","ext":{"a":[1,{"b":null}]},"jti":7"#).unwrap().active);
}

#[test]
fn rfc7662_2_2_06_a_member_of_a_wrong_type_is_an_error() {
    for (members, name) in [
        (r#""scope":["read"]"#, "scope"),
        (r#""scope":"read  write""#, "scope"),
        (r#""exp":"9""#, "exp"),
        (r#""exp":9.5"#, "exp"),
        (r#""exp":-9"#, "exp"),
        (r#""nbf":null"#, "nbf"),
        (r#""iat":true"#, "iat"),
        (r#""sub":7"#, "sub"),
        (r#""client_id":"""#, "client_id"),
        (r#""iss":"""#, "iss"),
        (r#""aud":"""#, "aud"),
        (r#""aud":[]"#, "aud"),
        (r#""aud":["a",7]"#, "aud"),
        (r#""aud":["a b"]"#, "aud"),
        (r#""aud":"a b""#, "aud"),
        (r#""aud":{}"#, "aud"),
    ] {
        assert_eq!(active(members), Err(Fault::Malformed(name)), "{members}");
    }
    for broken in ["", "[]", r#"{"active":true"#, r#"{"active":true,"active":true}"#, r#"{"active":true} x"#] {
        assert!(matches!(read(broken), Err(Fault::Json(_))), "{broken}");
    }
}

#[test]
fn an_audience_is_one_text_or_several() {
    assert_eq!(active(r#""aud":"a""#).unwrap().audience, "a");
    assert_eq!(active(r#""aud":["a","\u0062"]"#).unwrap().audience, "a b");
    assert_eq!(active(r#""iat":1"#).unwrap().audience, "");
}

#[test]
fn a_token_that_is_bound_to_a_key_is_not_active_for_a_mere_bearer() {
    assert!(active(r#""token_type":"bearer""#).unwrap().active);
    for members in [r#""token_type":"DPoP""#, r#""token_type":7"#, r#""cnf":{"jkt":"0ZcOCORZNYy"}"#, r#""cnf":null"#] {
        assert_eq!(active(members), Ok(Introspection::INACTIVE), "{members}");
    }
}

#[test]
fn a_token_without_end_does_not_end() {
    assert_eq!(active(r#""sub":"alice""#).unwrap().expires_at, UnixTime(u64::MAX));
}

#[test]
fn scratch_that_is_too_short_is_told() {
    let body = br#"{"active":true,"aud":["a\u0062c","abc"]}"#;
    let fits = |len| Introspection::read(body, std::vec![0; len].leak());
    assert_eq!(fits(4), Err(Fault::Scratch));
    assert_eq!(fits(2 * body.len()).unwrap().audience, "abc abc");
}
