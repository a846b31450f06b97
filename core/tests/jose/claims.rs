//! The claims of a token: RFC 7519 section 4. <https://www.rfc-editor.org/rfc/rfc7519#section-4>

use crate::keys::{AUDIENCE, CLAIMS, NOW, POLICY, claims_with, claims_without, judge, judge_by, token};
use proptest::prelude::*;
use serde_json::{Value, json};
use valetkey::jose::{Claims, ClaimsError};
use valetkey::resource::{Policy, Refusal};
use valetkey::text::json::Fault;
use valetkey::time::UnixTime;

/// Reads with as much scratch as is promised to suffice.
fn read<R>(json: &str, then: impl FnOnce(Result<Claims<'_>, ClaimsError>) -> R) -> R {
    let mut scratch = vec![0; json.len()];
    then(Claims::read(json.as_bytes(), AUDIENCE, &mut scratch))
}

fn refused(json: &str) -> ClaimsError {
    read(json, |claims| claims.err()).unwrap_or_else(|| panic!("taken: {json}"))
}

fn fault(payload: impl AsRef<[u8]>) -> Fault {
    match judge(&token(payload)) {
        Err(Refusal::Claims(ClaimsError::Json(e))) => e.fault,
        other => panic!("{other:?}"),
    }
}

fn exp(number: &str) -> Result<Option<UnixTime>, ClaimsError> {
    read(&format!(r#"{{"exp":{number}}}"#), |claims| claims.map(|claims| claims.expires_at))
}

/// [`CLAIMS`] with `exp` or another time as it is written.
fn with_time(name: &str, number: &str) -> String {
    let claims = claims_with(name, "HERE");
    claims.replace("\"HERE\"", number)
}

#[test]
fn rfc7519_2_01_a_time_is_a_number_of_seconds_possibly_with_a_fraction() {
    for (number, seconds) in [
        ("0", 0),
        ("1700000000", 1_700_000_000),
        ("1700000000.0", 1_700_000_000),
        ("1700000000.5", 1_700_000_001),
        ("1700000000.000001", 1_700_000_001),
        ("1.7e9", 1_700_000_000),
        ("17E8", 1_700_000_000),
        ("1700000000e-1", 170_000_000),
        ("9007199254740992", 1 << 53),
        ("18446744073709551615", u64::MAX),
        ("-1", 0),
        ("-0", 0),
        ("-1.5", 0),
        ("-1e400", 0),
        ("1e-400", 1),
        ("0e-400", 0),
        ("0e400", 0),
        ("0.0e99999999999999999999", 0),
        ("1e-99999999999999999999", 1),
        ("0.5", 1),
        ("0.000000000000000000000000000000000000000001e42", 1),
        ("17000000000000000000000000000000e-22", 1_700_000_000),
        ("1700000000.00000000000000000000000000001", 1_700_000_001),
        ("1.700000000000000000000000000001E+9", 1_700_000_001),
        ("9007199254740992.0", 1 << 53),
        ("9007199254740991.5", 1 << 53),
    ] {
        assert_eq!(exp(number), Ok(Some(UnixTime(seconds))), "{number}");
    }
    for number in [
        "18446744073709551616",
        "1e400",
        "1e300",
        "9007199254740992.5",
        "9007199254740994.5",
        "1e20",
        "1e99999999999999999999",
        "0.1e99999999999999999999",
        "\"1700000000\"",
        "true",
        "null",
        "[1]",
        "{}",
    ] {
        assert_eq!(exp(number), Err(ClaimsError::Malformed("exp")), "{number}");
    }
    for number in ["01", "+1", "1.", ".5", "0x10", "NaN", "Infinity", "1_000"] {
        assert!(matches!(exp(number), Err(ClaimsError::Json(_))), "{number}");
    }
}

#[test]
fn rfc7519_4_01_names_of_claims_are_unique() {
    for claims in [
        r#"{"exp":1,"exp":1}"#,
        r#"{"exp":1,"\u0065xp":9999999999}"#,
        r#"{"x":1,"x":1}"#,
        r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
    ] {
        assert_eq!(fault(claims), Fault::Duplicate, "{claims}");
    }
}

#[test]
fn rfc7519_4_02_unknown_claims_are_passed_over() {
    assert_eq!(judge(&token(CLAIMS)), Ok(()));
    for value in
        [json!(null), json!([1, { "exp": "x", "aud": 7 }]), json!({ "iss": "https://evil.example" }), json!(1e300)]
    {
        assert_eq!(judge(&token(claims_with("plan", value))), Ok(()));
    }
    let many: String = (0..56).map(|i| format!(r#""{i}":0,"#)).collect();
    assert_eq!(judge(&token(CLAIMS.replacen('{', &format!("{{{many}"), 1))), Ok(()), "64 claims");
    let more: String = (0..57).map(|i| format!(r#""{i}":0,"#)).collect();
    assert_eq!(fault(CLAIMS.replacen('{', &format!("{{{more}"), 1)), Fault::Members);
}

#[test]
fn rfc7519_4_1_1_01_rfc7519_4_1_3_02_a_claim_of_a_wrong_type_is_an_error_and_never_absent() {
    let wrong = [json!(null), json!(true), json!(0), json!(1.5), json!("x"), json!(""), json!([]), json!({})];
    for (name, good) in [
        ("iss", 4..5),
        ("sub", 4..5),
        ("client_id", 4..5),
        ("jti", 4..5),
        ("acr", 4..5),
        ("scope", 4..6),
        ("exp", 2..4),
        ("nbf", 2..4),
        ("iat", 2..4),
        ("auth_time", 2..4),
    ] {
        for (at, value) in wrong.iter().enumerate() {
            let claims = claims_with(name, value.clone());
            if good.contains(&at) {
                assert!(read(&claims, |claims| claims.is_ok()), "{name}: {value}");
            } else {
                assert_eq!(refused(&claims), ClaimsError::Malformed(name), "{name}: {value}");
                let verdict = judge(&token(claims));
                assert_eq!(verdict, Err(Refusal::Claims(ClaimsError::Malformed(name))), "{name}: {value}");
            }
        }
    }
}

#[test]
fn rfc7519_4_1_3_01_rfc7519_4_1_3_02_rfc9068_4_03_aud_names_this_recipient() {
    let of = |aud: Value| judge(&token(claims_with("aud", aud)));
    for good in
        [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example", AUDIENCE]), json!([AUDIENCE, AUDIENCE])]
    {
        assert_eq!(of(good.clone()), Ok(()), "{good}");
    }
    for other in
        [json!("https://other.example"), json!([]), json!(["https://other.example"]), json!(format!("{AUDIENCE} x"))]
    {
        assert_eq!(of(other.clone()), Err(Refusal::Audience), "{other}");
    }
    for wrong in [
        json!(1),
        json!(null),
        json!({ "0": AUDIENCE }),
        json!([AUDIENCE, 1]),
        json!([1, AUDIENCE]),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, null]),
        json!(["", AUDIENCE]),
        json!(""),
    ] {
        assert_eq!(of(wrong.clone()), Err(Refusal::Claims(ClaimsError::Malformed("aud"))), "{wrong}");
    }
    assert_eq!(judge(&token(claims_without("aud"))), Err(Refusal::Missing("aud")));
}

#[test]
fn rfc7519_7_2_01_the_payload_is_a_json_object_in_utf_8() {
    for payload in ["[]", "\"x\"", "1", "null", "true"] {
        assert_eq!(fault(payload), Fault::WrongType, "{payload}");
    }
    assert_eq!(fault(""), Fault::End);
    assert_eq!(fault(b"{\"x\":\"\xff\"}"), Fault::Utf8);
    assert_eq!(fault(format!("{CLAIMS}x")), Fault::Trailing);
    let utf16: Vec<u8> = CLAIMS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(fault(utf16), Fault::Syntax);
    assert_eq!(fault(claims_with("x", "HERE").replace("HERE", "\\ud800")), Fault::Escape);
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    assert_eq!(fault(deep), Fault::Depth);
}

#[test]
fn a_claim_with_escapes_is_the_text_that_it_means() {
    let claims =
        CLAIMS.replace("https://as.example", "https:\\/\\/as.ex\\u0061mple").replace("\"exp\"", "\"e\\u0078p\"");
    assert_eq!(judge(&token(claims)), Ok(()));
    assert_eq!(
        read(r#"{"sub":"\ud83d\ude00"}"#, |claims| claims.unwrap().subject.map(str::to_owned)),
        Some("😀".into())
    );
}

proptest! {
    #[test]
    fn rfc7519_2_01_any_number_is_a_time_or_an_error(number in prop_oneof![
        any::<f64>().prop_filter("JSON has none", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        any::<f64>().prop_filter("JSON has none", |n| n.is_finite()).prop_map(|n| serde_json::to_string(&n).unwrap()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
    ]) {
        let judged: f64 = number.parse().unwrap();
        match exp(&number) {
            Ok(time) => {
                let seconds = time.unwrap().0;
                if let Ok(integer) = number.parse::<u64>() {
                    prop_assert_eq!(seconds, integer);
                } else {
                    // An integer as `f64` reads it may have been a little more.
                    #[expect(clippy::cast_precision_loss, reason = "below 2^53 it is exact")]
                    let above = seconds as f64 - judged.max(0.0).ceil();
                    prop_assert!(above == 0.0 || above == 1.0 && judged.fract() == 0.0, "{} {}", number, seconds);
                }
            }
            Err(e) => {
                prop_assert_eq!(e, ClaimsError::Malformed("exp"));
                prop_assert!(judged >= 9_007_199_254_740_992.0, "{}", number);
            }
        }
    }

    #[test]
    fn rfc7519_2_01_a_time_is_the_next_second_wherever_its_point_stands(
        whole in prop_oneof![0..=1_u64 << 53, 1_699_999_990..1_700_000_010_u64, Just(1 << 53)],
        fraction in "0{0,25}[0-9]?0{0,9}", up in 0..60_usize, down in 0..60_usize,
    ) {
        let more = fraction.bytes().any(|digit| digit != b'0');
        let expected = if whole + u64::from(more) > 1 << 53 {
            Err(ClaimsError::Malformed("exp"))
        } else {
            Ok(Some(UnixTime(whole + u64::from(more))))
        };
        // The same number, its point moved up and down.
        let digits = format!("{whole}{fraction}{}", "0".repeat(down));
        let small = format!("0.{}{whole}{fraction}e{}", "0".repeat(up), whole.to_string().len() + up);
        prop_assert_eq!(exp(&small), expected, "{}", small);
        let shift = fraction.len() + down;
        prop_assume!(whole > 0 && shift > 0);
        prop_assert_eq!(exp(&format!("{digits}e-{shift}")), expected);
        prop_assert_eq!(exp(&format!("{digits}.0E-0{shift}")), expected);
    }

    #[test]
    fn rfc7519_4_02_any_claim_that_means_nothing_here_changes_nothing(name in "[a-z_]{1,9}", value in "[a-z0-9]{0,9}") {
        prop_assume!(!["iss", "sub", "aud", "client_id", "jti", "scope", "exp", "nbf", "iat", "auth_time", "acr", "cnf"].contains(&&*name));
        prop_assert_eq!(judge(&token(claims_with(&name, value.as_str()))), Ok(()));
        prop_assert_eq!(judge(&token(claims_with(&name, json!({ "exp": value })))), Ok(()));
    }

    #[test]
    fn rfc7519_4_01_any_claim_twice_is_refused(name in "[a-z]{1,9}", value in any::<i32>()) {
        let twice = format!(r#"{{"{name}":{value},"{name}":{value}}}"#);
        prop_assert!(judge(&token(&twice)).is_err());
        let deep = format!(r#"{{"x":[{twice}]}}"#);
        prop_assert_eq!(fault(deep), Fault::Duplicate);
    }

    #[test]
    fn rfc7519_4_1_3_01_rfc9068_4_03_no_aud_without_the_recipient_is_taken(others in prop::collection::vec("[a-z:/.]{1,24}", 0..5), index in any::<prop::sample::Index>()) {
        prop_assume!(!others.iter().any(|other| other == AUDIENCE));
        prop_assert_eq!(judge(&token(claims_with("aud", others.clone()))), Err(Refusal::Audience));
        if !others.is_empty() {
            prop_assert_eq!(judge(&token(claims_with("aud", index.get(&others).as_str()))), Err(Refusal::Audience));
        }
        let mut with = others.clone();
        with.insert(index.index(with.len() + 1), AUDIENCE.to_owned());
        prop_assert_eq!(judge(&token(claims_with("aud", with))), Ok(()));
    }

    #[test]
    fn rfc7519_4_1_4_01_rfc9068_4_05_time_decides_the_end(exp in any::<u64>(), now in prop_oneof![any::<u64>(), 0..700_u64], near in any::<bool>(), leeway in 0..400_u32) {
        let now = if near { exp.saturating_add(now % 700).saturating_sub(350) } else { now };
        let policy: Policy<'_> = POLICY.with_leeway(leeway);
        // "No more than a few minutes" is the most.
        let leeway = u64::from(leeway.min(300));
        let verdict = judge_by(&token(with_time("exp", &exp.to_string())), &policy, now);
        prop_assert_eq!(verdict, if now >= exp.saturating_add(leeway) { Err(Refusal::Expired) } else { Ok(()) });
    }

    #[test]
    fn rfc7519_4_1_5_01_time_decides_the_beginning(nbf in any::<u64>(), now in prop_oneof![any::<u64>(), 0..700_u64], near in any::<bool>(), leeway in 0..400_u32) {
        let now = if near { nbf.saturating_add(now % 700).saturating_sub(350) } else { now };
        prop_assume!(now < u64::MAX);
        let claims = with_time("nbf", &nbf.to_string()).replace("1700000300", &u64::MAX.to_string());
        let leeway_taken = u64::from(leeway.min(300));
        let verdict = judge_by(&token(claims), &POLICY.with_leeway(leeway), now);
        prop_assert_eq!(verdict, if now.saturating_add(leeway_taken) < nbf { Err(Refusal::NotYet) } else { Ok(()) });
    }

    #[test]
    fn rfc7519_7_2_01_any_payload_is_judged_without_panic(payload in any::<Vec<u8>>(), text in r#"[\[\]{}",:a-z0-9\\ .-]{0,60}"#) {
        prop_assert!(judge(&token(payload)).is_err());
        prop_assert!(judge(&token(&text)).is_err());
        let (outcome, inner) = (judge(&token(format!(r#"{{"exp":{text}}}"#))), judge(&token(format!(r#"{{{text}}}"#))));
        prop_assert!(outcome.is_err() && inner.is_err());
    }
}

#[test]
fn rfc7519_4_1_4_01_the_boundaries_of_a_life() {
    let at = |now| judge_by(&token(CLAIMS), &POLICY, now);
    assert_eq!((at(NOW + 299), at(NOW + 300)), (Ok(()), Err(Refusal::Expired)));
    assert_eq!(judge(&token(claims_without("exp"))), Err(Refusal::Missing("exp")));
    let begins = token(claims_with("nbf", NOW));
    let before = |leeway| judge_by(&begins, &POLICY.with_leeway(leeway), NOW - 1);
    assert_eq!((judge(&begins), before(0), before(1)), (Ok(()), Err(Refusal::NotYet), Ok(())));
}
