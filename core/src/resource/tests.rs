use super::*;

const NOW: UnixTime = UnixTime(1_000);

fn policy(scope: &'static str) -> Policy<'static> {
    Policy::new("https://as.example", Audience::IfNamed("https://api.example"), scope)
}

fn good() -> Introspection<'static> {
    Introspection {
        active: true,
        issuer: "https://as.example",
        client_id: "web",
        subject: "alice",
        scope: "read write",
        expires_at: NOW.plus(60),
        ..Introspection::INACTIVE
    }
}

fn decide(policy: Policy<'static>, answer: Introspection<'static>) -> Result<Access<'static>, Challenge<'static>> {
    match check(Header::One("Bearer abc"), &policy, NOW) {
        Check::Introspect(need) => need.resume(&answer),
        Check::Done(challenge) => Err(challenge),
    }
}

fn refused(header: Header<'static>) -> Challenge<'static> {
    match check(header, &policy("read"), NOW) {
        Check::Done(challenge) => challenge,
        Check::Introspect(_) => panic!("accepted"),
    }
}

#[test]
fn rfc6750_3_1_01_a_malformed_request_is_400_invalid_request() {
    for header in [Header::Many, Header::One("Bearer"), Header::One("Bearer "), Header::One("Bearer a b")] {
        let challenge = refused(header);
        assert_eq!((challenge.status(), challenge.error), (400, Some(ErrorCode::InvalidRequest)));
    }
}

#[test]
fn rfc6750_3_1_02_no_error_is_named_where_there_were_no_credentials() {
    for header in [Header::Absent, Header::One("Basic YTpi"), Header::One("")] {
        let challenge = refused(header);
        assert_eq!((challenge.status(), challenge.error), (401, None));
    }
}

#[test]
fn the_scheme_is_read_in_any_case() {
    assert!(matches!(check(Header::One("bEaReR  abc"), &policy(""), NOW), Check::Introspect(_)));
}

#[test]
fn rfc6750_3_1_01_a_token_that_is_not_good_is_401_invalid_token() {
    let answers = [
        Introspection::INACTIVE,
        Introspection { expires_at: NOW, ..good() },
        Introspection { not_before: NOW.plus(1), ..good() },
        Introspection { issuer: "https://other.example", ..good() },
        Introspection { audience: "https://other.example", ..good() },
    ];
    for answer in answers {
        let challenge = decide(policy("read"), answer).unwrap_err();
        assert_eq!((challenge.status(), challenge.error), (401, Some(ErrorCode::InvalidToken)));
    }
    let strict = Policy::new("https://as.example", Audience::Required("https://api.example"), "");
    assert!(decide(strict, good()).is_err(), "a token without audience, where one is required");
    assert!(decide(strict, Introspection { audience: "https://x.example https://api.example", ..good() }).is_ok());
}

#[test]
fn rfc6750_3_1_03_a_missing_scope_is_403_and_named() {
    let challenge = decide(policy("read admin"), good()).unwrap_err();
    assert_eq!((challenge.status(), challenge.scope), (403, "read admin"));
    assert!(challenge.write(&mut [0; 200]).unwrap().ends_with("scope=\"read admin\""));
    assert_eq!(decide(policy("write read"), good()).unwrap().client_id, "web");
}

#[test]
fn an_authorization_server_that_is_away_is_503_and_never_a_yes() {
    let Check::Introspect(need) = check(Header::One("Bearer abc"), &policy("read"), NOW) else { panic!() };
    assert_eq!(need.fail().status(), 503);
}
