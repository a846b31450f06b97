//! What an API asks of a token, and how each refusal is told.

use super::*;
use crate::error::ErrorCode;
use crate::wire::challenge::Challenge;
use proptest::prelude::*;
use std::format;
use std::string::String;

const NOW: UnixTime = UnixTime(1_000);

const ISSUERS: [Issuer<'static>; 1] = [Issuer::opaque("https://as.example")];

fn policy(scope: &str) -> Policy<'_> {
    Policy::new(&ISSUERS, Audience::IfNamed("https://api.example"), scope)
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
    match check(Header::One("Bearer abc"), &policy, NOW, &mut []) {
        Check::Introspect(need) => need.resume(&answer).map_err(|refused| refused.challenge),
        other => panic!("{other:?}"),
    }
}

fn refused(header: Header<'static>) -> Challenge<'static> {
    match check(header, &policy("read"), NOW, &mut []) {
        Check::Done(refused) => refused.challenge,
        other => panic!("{other:?}"),
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
    assert!(matches!(check(Header::One("bEaReR  abc"), &policy(""), NOW, &mut []), Check::Introspect(_)));
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
    let strict = Policy::new(&ISSUERS, Audience::Required("https://api.example"), "");
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
    let Check::Introspect(need) = check(Header::One("Bearer abc"), &policy("read"), NOW, &mut []) else { panic!() };
    assert_eq!(need.fail().challenge.status(), 503);
}

#[test]
fn rfc6750_2_02_a_second_token_in_query_or_form_is_400_invalid_request() {
    for second in
        ["access_token=b", "x=1&access_token=b&y=2", "access%5Ftoken=b", "%61ccess_token=%zz", "&&access_token==&"]
    {
        let challenge = policy("read").only_in_header(second).unwrap_err();
        assert_eq!((challenge.status(), challenge.error), (400, Some(ErrorCode::InvalidRequest)), "{second}");
    }
    for other in
        ["", "access_token", "access_token=", "Access_token=b", "x=access_token=b", "access_token%3Db=", "%zz=1"]
    {
        assert_eq!(policy("read").only_in_header(other), Ok(()), "{other}");
    }
}

/// Text that is close to what a token may be.
fn nearly_b64token() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9._~+/-]{0,12}={0,3}", "[A-Za-z0-9._~+/=,;:%\" -]{0,12}", ".{0,12}"]
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`, read letter by letter.
fn is_b64token(text: &str) -> bool {
    let (mut body, mut padding) = (0, 0);
    for c in text.chars() {
        match c {
            '=' if body > 0 => padding += 1,
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' | '+' | '/' if padding == 0 => body += 1,
            _ => return false,
        }
    }
    body > 0
}

proptest! {
    #[test]
    fn rfc6750_2_1_03_only_a_b64token_is_a_credential(token in nearly_b64token()) {
        let header = format!("Bearer {token}");
        // Several spaces may stand after the scheme.
        let expected = is_b64token(token.trim_start_matches(' '));
        match check(Header::One(&header), &policy(""), NOW, &mut []) {
            Check::Introspect(need) => prop_assert!(expected && header.ends_with(need.token().expose())),
            Check::Done(refused) => prop_assert!(!expected && refused.challenge.status() == 400),
            Check::Key(_) => prop_assert!(false, "no issuer has signed tokens"),
        }
    }

    #[test]
    fn rfc9700_2_3_02_rfc9700_4_10_2_01_a_token_for_others_is_refused(others in "(https://[a-z./]{1,12} ?){1,4}") {
        prop_assume!(!others.split(' ').any(|other| other == "https://api.example"));
        for audience in [Audience::IfNamed("https://api.example"), Audience::Required("https://api.example")] {
            let Check::Introspect(need) =
                check(Header::One("Bearer abc"), &Policy::new(&ISSUERS, audience, "read"), NOW, &mut [])
            else {
                panic!()
            };
            let refused = need.resume(&Introspection { audience: &others, ..good() }).unwrap_err();
            prop_assert_eq!(refused.challenge.error, Some(ErrorCode::InvalidToken));
        }
    }

    #[test]
    fn rfc9700_2_3_02_a_token_that_is_not_for_this_action_is_refused(had in "([a-z]{1,3} ?){0,4}", needed in "[a-z]{1,3}") {
        let Check::Introspect(need) =
            check(Header::One("Bearer abc"), &Policy::new(&ISSUERS, Audience::IfNamed("https://api.example"), &needed), NOW, &mut [])
        else {
            panic!()
        };
        let outcome = need.resume(&Introspection { scope: &had, ..good() });
        prop_assert_eq!(outcome.is_ok(), had.split(' ').any(|word| word == needed));
    }

    #[test]
    fn rfc7662_4_02_an_answer_that_was_kept_gives_nothing_after_its_end(ends in 0_u64..5_000, now in 0_u64..5_000) {
        let kept = Introspection { expires_at: UnixTime(ends), ..good() };
        let checked = check(Header::One("Bearer abc"), &policy("read"), UnixTime(now), &mut []);
        let Check::Introspect(need) = checked else { panic!() };
        prop_assert_eq!(need.resume(&kept).is_ok(), now < ends);
    }

    #[test]
    fn rfc9700_4_9_3_01_no_token_is_shown(token in "[A-Z0-9]{12,40}") {
        let header = format!("Bearer {token}");
        let header = Header::One(&header);
        let step = check(header, &policy("read"), NOW, &mut []);
        let mut shown = format!("{header:?} {step:?}");
        let Check::Introspect(need) = step else { panic!() };
        let access = need.resume(&good());
        shown += &format!("{access:?}");
        prop_assert!(!shown.contains(&token), "{shown}");
    }
}

#[test]
fn of_several_issuers_none_is_shown_what_may_be_anothers() {
    let issuers = [Issuer::opaque("https://partner.example"), Issuer::opaque("https://as.example")];
    let policy = Policy::new(&issuers, Audience::Required("https://api.example"), "");
    let Check::Done(refused) = check(Header::One("Bearer abc"), &policy, NOW, &mut []) else { panic!() };
    assert_eq!(refused.why, Some(Refusal::Issuer));

    let algorithms = crate::jose::Algorithms::ASYMMETRIC;
    let issuers = [Issuer::opaque("https://partner.example"), Issuer::jwt("https://as.example", algorithms)];
    let policy = Policy::new(&issuers, Audience::Required("https://api.example"), "");
    let asked = |token: &str| {
        let header = format!("Bearer {token}");
        match check(Header::One(&header), &policy, NOW, &mut [0; 512]) {
            Check::Introspect(need) => Ok(String::from(need.issuer())),
            Check::Done(refused) => Err(refused.why),
            Check::Key(need) => panic!("a key of {}", need.issuer()),
        }
    };
    // A JWT of {"alg":"ES256"}, with an issuer and an empty signature.
    let signed = |issuer: &str| {
        let mut buf = [0; 128];
        let claims = format!(r#"{{"iss":"{issuer}"}}"#);
        format!("eyJhbGciOiJFUzI1NiJ9.{}.", crate::text::base64::encode(claims.as_bytes(), &mut buf).unwrap())
    };
    assert_eq!(asked("abc"), Ok("https://partner.example".into()), "the only one that is asked");
    assert_eq!(asked(&signed("https://partner.example")), Ok("https://partner.example".into()), "it is named");
    assert_eq!(asked(&signed("https://other.example")), Err(Some(Refusal::Issuer)));
    assert_eq!(asked(&signed("https://as.example")), Err(Some(Refusal::Type)));
}
