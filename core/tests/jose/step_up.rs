//! Which login a token must come from. <https://www.rfc-editor.org/rfc/rfc9470#section-3>

use crate::keys::{CLAIMS, NOW, POLICY, claims_with, key_with, own, token};
use proptest::prelude::*;
use valetkey::error::ErrorCode;
use valetkey::jose::{Algorithm, Key};
use valetkey::resource::{Check, Policy, Refusal, StepUp, check};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// `None` if access is given, else why not, with the status and the text of the challenge.
fn refused(token: &str, policy: &Policy<'_>) -> Option<(Refusal, u16, String)> {
    let (header, mut scratch) = (format!("Bearer {token}"), vec![0; token.len() * 2]);
    let Check::Key(need) = check(Header::One(&header), policy, UnixTime(NOW), &mut scratch) else { panic!("no key") };
    let refused = need.resume(Some(&Key::new("oct", &**own(Algorithm::Hs256)))).err()?;
    assert_eq!(refused.challenge.error, refused.why.map(Refusal::code));
    let mut room = [0; 512];
    let text = refused.challenge.write(&mut room).unwrap().to_owned();
    Some((refused.why.unwrap(), refused.challenge.status(), text))
}

fn asked(acr_values: &'static str, max_age: Option<u32>) -> Policy<'static> {
    POLICY.with_step_up(StepUp { acr_values, max_age })
}

#[test]
fn rfc9470_3_01_rfc9470_3_02_what_is_asked_for_is_named() {
    let (why, status, text) = refused(&token(CLAIMS), &asked("phr mfa", Some(300))).unwrap();
    assert_eq!((why, why.code(), status), (Refusal::Login, ErrorCode::InsufficientUserAuthentication, 401));
    assert!(text.starts_with("Bearer ") && text.contains(r#"error="insufficient_user_authentication""#), "{text}");
    assert!(text.contains(r#"acr_values="phr mfa""#), "{text}");
    assert!(text.contains(r#"max_age="300""#) || text.contains("max_age=300"), "{text}");
    let (_, _, text) = refused(&token(CLAIMS), &asked("", Some(0))).unwrap();
    assert!(!text.contains("acr_values") && (text.contains(r#"max_age="0""#) || text.contains("max_age=0")), "{text}");
    let (_, _, text) = refused(&token(CLAIMS), &asked("mfa", None)).unwrap();
    assert!(!text.contains("max_age"), "{text}");
}

#[test]
fn rfc9470_6_01_acr_and_auth_time_are_compared() {
    let login = |acr: &str, auth_time: u64| token(key_with(&claims_with("acr", acr), "auth_time", auth_time));
    for (policy, acr, auth_time, good) in [
        (asked("mfa phr", None), "phr", 0, true),
        (asked("mfa phr", None), "ph", 0, false),
        (asked("mfa phr", None), "mfa phr", 0, false),
        (asked("mfa phr", None), "MFA", 0, false),
        (asked("", Some(60)), "x", NOW - 60, true),
        (asked("", Some(60)), "x", NOW - 61, false),
        (asked("mfa", Some(60)), "mfa", NOW, true),
        (asked("mfa", Some(60)), "pwd", NOW, false),
        (asked("mfa", Some(60)), "mfa", NOW - 61, false),
        (asked("", None), "x", 0, true),
    ] {
        let why = refused(&login(acr, auth_time), &policy).map(|(why, ..)| why);
        assert_eq!(why, if good { None } else { Some(Refusal::Login) }, "{policy:?} {acr} {auth_time}");
    }
    // Without the claims nobody knows, and that is no yes.
    for policy in [asked("mfa", None), asked("", Some(u32::MAX - 1))] {
        assert_eq!(refused(&token(CLAIMS), &policy).map(|(why, ..)| why), Some(Refusal::Login));
    }
}

proptest! {
    #[test]
    fn rfc9470_6_01_rfc9470_3_01_an_older_login_than_asked_for_is_refused(auth_time in prop_oneof![any::<u64>(), NOW - 500..NOW + 100], max_age in prop_oneof![any::<u32>(), 0..500_u32]) {
        let claims = claims_with("auth_time", auth_time);
        let outcome = refused(&token(claims), &asked("", Some(max_age)));
        prop_assert_eq!(outcome.is_some(), auth_time.saturating_add(u64::from(max_age)) < NOW);
        if let Some((why, status, text)) = outcome {
            prop_assert_eq!((why, status), (Refusal::Login, 401));
            prop_assert!(text.contains(&format!("max_age=\"{max_age}\"")) || text.contains(&format!("max_age={max_age}")), "{}", text);
        }
    }
}
