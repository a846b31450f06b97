//! What a browser may bring back.

use crate::{CALLBACK, CODE, ISSUER, STATE, TOKEN, basic, flow, genuine, seeded, values};
use valetkey::client::{Authorize, CallbackError, ClientAuth, Config, Rejected};
use valetkey::error::ErrorCode;

/// Why the flow handed itself back; it must then still take the genuine callback.
#[track_caller]
fn refused(flow: Authorize<'_>, query: &str) -> CallbackError {
    match flow.callback(query) {
        Err(Rejected::NotOurs { flow, why }) => {
            assert!(flow.callback(&genuine()).is_ok(), "the flow was spent by {query}");
            why
        }
        other => panic!("{query}: {other:?}"),
    }
}

fn sent_code(query: &str) -> String {
    let cfg = basic();
    let exchange = flow(&cfg).callback(query).unwrap();
    let mut buf = vec![0; 20_000];
    values(exchange.request(&mut buf).unwrap().body, "code").concat()
}

#[test]
fn rfc6749_10_12_01_rfc8252_8_9_01_rfc9700_2_1_03_rfc9700_4_7_1_01_a_callback_without_our_state_is_forged() {
    let cfg = basic();
    let longer = format!("{STATE}A");
    for state in ["", "x", &STATE[1..], &STATE[..42], &longer, &STATE.to_lowercase(), "%zz"] {
        assert_eq!(refused(flow(&cfg), &format!("code={CODE}&state={state}")), CallbackError::State);
        assert_eq!(refused(flow(&cfg), &format!("error=access_denied&state={state}")), CallbackError::State);
    }
    assert_eq!(refused(flow(&cfg), "code=x"), CallbackError::State);
    assert_eq!(refused(flow(&cfg), ""), CallbackError::State);
}

#[test]
fn rfc6749_10_12_02_rfc9700_4_7_1_02_states_of_two_sessions_are_not_interchangeable() {
    let cfg = basic();
    let (mut buf, other) = ([0; 1024], seeded(&cfg, 8));
    let state = values(crate::query(other.url(&mut buf).unwrap()), "state").concat();
    assert_eq!(refused(flow(&cfg), &format!("code={CODE}&state={state}")), CallbackError::State);
    assert!(other.callback(&format!("code={CODE}&state={state}")).is_ok());
}

#[test]
fn rfc6749_3_1_07_a_doubled_parameter_is_refused() {
    let cfg = basic();
    for name in ["code", "state", "iss", "error", "x"] {
        let twice = format!("{}&{name}=1&{name}=2", genuine());
        assert!(matches!(refused(flow(&cfg), &twice), CallbackError::Form(_)), "{twice}");
    }
    let hidden = format!("{}&st%61te={STATE}", genuine());
    assert!(matches!(refused(flow(&cfg), &hidden), CallbackError::Form(_)));
}

#[test]
fn rfc6749_4_1_2_09_unknown_parameters_are_passed_over() {
    assert_eq!(sent_code(&format!("foo=bar&{}&session_state=x%20y", genuine())), CODE);
}

#[test]
fn rfc6749_4_1_2_10_a_code_of_4_kib_is_kept_intact() {
    let long: String = (0..4096u32).map(|i| char::from(b' ' + u8::try_from(i % 95).unwrap())).collect();
    let encoded: String = long.bytes().map(|b| format!("%{b:02X}")).collect();
    assert_eq!(sent_code(&format!("code={encoded}&state={STATE}")), long);
    let cfg = basic();
    assert_eq!(refused(flow(&cfg), &format!("code={encoded}A&state={STATE}")), CallbackError::Grammar);
    assert_eq!(refused(flow(&cfg), &format!("{}&x={}", genuine(), "y".repeat(16 * 1024))), CallbackError::TooLong);
}

#[test]
fn a_code_has_printable_characters_only() {
    let cfg = basic();
    for bad in ["a%0Ab", "a%7F", "%C3%A9", "%00", "a%", "a%4"] {
        assert_eq!(refused(flow(&cfg), &format!("code={bad}&state={STATE}")), CallbackError::Grammar, "{bad}");
    }
    assert_eq!(refused(flow(&cfg), &format!("code=&state={STATE}")), CallbackError::NoCode);
    assert_eq!(refused(flow(&cfg), &format!("state={STATE}")), CallbackError::NoCode);
}

#[test]
fn rfc6749_4_1_2_1_05_an_error_is_never_a_success() {
    let cfg = basic();
    let both = format!("{}&error=access_denied", genuine());
    assert_eq!(refused(flow(&cfg), &both), CallbackError::CodeAndError);
    let query = format!("error=access_denied&error_description=not%20today&state={STATE}");
    let Err(Rejected::Denied(denied)) = flow(&cfg).callback(&query) else { panic!() };
    assert_eq!(denied.code(), Some(ErrorCode::AccessDenied));
    assert_eq!(denied.error(&mut [0; 20]), Ok("access_denied"));
    assert_eq!(denied.description(&mut [0; 20]), Ok("not today"));
}

#[test]
fn an_unknown_error_is_told_and_a_malformed_one_refused() {
    let cfg = basic();
    let query = format!("error=interaction_required&error_description=%0A&state={STATE}");
    let Err(Rejected::Denied(denied)) = flow(&cfg).callback(&query) else { panic!() };
    assert_eq!((denied.code(), denied.error(&mut [0; 20])), (None, Ok("interaction_required")));
    assert_eq!(denied.description(&mut []), Ok(""), "one that breaks the grammar is not shown");
    for bad in ["a%22b", "%0D%0A", "%5C", "%C3%A9"] {
        assert_eq!(refused(flow(&cfg), &format!("error={bad}&state={STATE}")), CallbackError::Grammar);
    }
}

#[test]
fn rfc9207_2_4_01_rfc9700_2_1_04_rfc9700_2_1_05_rfc8252_8_10_01_oauth21_7_15_01_iss_is_the_issuer_to_the_letter() {
    for cfg in [basic(), basic().expecting_iss()] {
        for bad in ["https://as.example/", "https://AS.example", "https://b.example", "http://as.example", "%zz"] {
            assert_eq!(
                refused(flow(&cfg), &format!("code={CODE}&state={STATE}&iss={bad}")),
                CallbackError::Issuer,
                "{bad}"
            );
        }
        for good in [ISSUER, "https%3A%2F%2Fas.example"] {
            assert!(flow(&cfg).callback(&format!("code={CODE}&state={STATE}&iss={good}")).is_ok());
        }
    }
}

#[test]
fn rfc9207_2_4_03_iss_of_a_server_that_does_not_declare_it_must_be_the_configured_issuer() {
    let cfg = basic();
    assert!(flow(&cfg).callback(&genuine()).is_ok());
    assert_eq!(refused(flow(&cfg), &genuine().replace("as.example", "b.example")), CallbackError::Issuer);
}

#[test]
fn rfc9700_4_2_4_03_a_callback_that_was_used_is_worth_nothing_in_the_next_flow() {
    let cfg = basic();
    assert!(flow(&cfg).callback(&genuine()).is_ok());
    let query = genuine();
    assert!(matches!(seeded(&cfg, 8).callback(&query), Err(Rejected::NotOurs { why: CallbackError::State, .. })));
}

#[test]
fn rfc9207_2_4_02_iss_must_be_there_if_the_server_sends_it() {
    let cfg = basic().expecting_iss();
    for missing in ["", "&iss="] {
        assert_eq!(refused(flow(&cfg), &format!("code={CODE}&state={STATE}{missing}")), CallbackError::Issuer);
    }
    let cfg = basic();
    assert!(flow(&cfg).callback(&format!("code={CODE}&state={STATE}")).is_ok());
}

#[test]
fn rfc9207_2_4_04_the_error_of_another_server_is_not_acted_on() {
    let cfg = basic().expecting_iss();
    for iss in ["", "&iss=https://b.example"] {
        assert_eq!(refused(flow(&cfg), &format!("error=access_denied&state={STATE}{iss}")), CallbackError::Issuer);
    }
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    let v: serde_json::Value =
        serde_json::from_str(include_str!("../../../conformance/vectors/messages.json")).unwrap();
    let mut seen = 0;
    for message in v["vectors"].as_array().unwrap() {
        let Some(location) = message["headers"]["Location"].as_str() else { continue };
        // The examples have a state of their own; ours takes its place, as we cannot have drawn theirs.
        let query = crate::query(location);
        let theirs = values(query, "state").concat();
        let query = query.replace(&theirs, STATE);
        let cfg = Config::new("https://honest.as.example", TOKEN, "s6BhdRkqt3", ClientAuth::Public)
            .and_then(|cfg| cfg.with_redirect("https://honest.as.example/authorize", CALLBACK))
            .unwrap();
        match flow(&cfg).callback(&query) {
            Ok(exchange) => {
                let mut buf = [0; 1024];
                assert_eq!(values(exchange.request(&mut buf).unwrap().body, "code"), values(&query, "code"));
            }
            Err(Rejected::Denied(denied)) => assert_eq!(denied.code(), Some(ErrorCode::AccessDenied)),
            Err(Rejected::NotOurs { why, .. }) => panic!("{query}: {why:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
}
