//! Damage of every kind: nothing panics, and nothing wrong is taken for right.

use crate::{CODE, ISSUER, STATE, basic, flow, genuine, json, values};
use proptest::prelude::*;
use serde_json::Value;
use valetkey::client::{ClientCredentials, Forms, Leniency, Outcome, Rejected, Response};

/// Every byte outside the code, and every character: the callback is refused, and the flow lives on. Within the code
/// nothing can be known, but what is sent is what came.
#[test]
fn rfc6749_10_12_01_no_changed_callback_spends_the_flow() {
    let cfg = basic().expecting_iss();
    let genuine = genuine();
    let code = 5..5 + CODE.len();
    for at in 0..genuine.len() {
        for byte in 0..=0x7f {
            let mut changed = genuine.clone().into_bytes();
            if std::mem::replace(&mut changed[at], byte) == byte {
                continue;
            }
            let changed = String::from_utf8(changed).unwrap();
            match flow(&cfg).callback(&changed) {
                Err(Rejected::NotOurs { flow, .. }) => assert!(flow.callback(&genuine).is_ok()),
                Err(Rejected::Denied(_)) => panic!("{changed}"),
                Ok(exchange) => {
                    assert!(code.contains(&at), "{changed}");
                    let mut buf = [0; 2048];
                    let body = exchange.request(&mut buf).unwrap().body;
                    assert_eq!(values(body, "code"), values(&changed, "code"));
                }
            }
        }
    }
}

#[test]
fn no_callback_with_a_part_cut_out_spends_the_flow() {
    let cfg = basic().expecting_iss();
    let genuine = genuine();
    let outside = |at: usize| !(5..=5 + CODE.len()).contains(&at);
    for start in 0..genuine.len() {
        for end in start + 1..=genuine.len() {
            let cut = format!("{}{}", &genuine[..start], &genuine[end..]);
            match flow(&cfg).callback(&cut) {
                Err(Rejected::NotOurs { flow, .. }) => assert!(flow.callback(&genuine).is_ok()),
                Err(Rejected::Denied(_)) => panic!("{cut}"),
                Ok(_) => assert!(!(outside(start) && outside(end)), "{cut}"),
            }
        }
    }
}

const BODY: &str = r#"{"access_token":"2Yotn\/FZFE","token_type":"Bearer","expires_in":3600,"refresh_token":"tG\u007av","scope":"read","x":[{"y":null}]}"#;

pub(crate) fn every_leniency() -> Leniency {
    Leniency {
        expires_in_string: true,
        error_as_200: true,
        form_encoded: Some(Forms::READ),
        no_token_type: true,
        empty_as_absent: true,
        any_content_type: true,
        any_token_characters: true,
    }
}

/// Reads it as every kind of response; whatever comes out obeys its grammar.
fn read(body: &[u8]) {
    for leniency in [Leniency::NONE, every_leniency()] {
        let cfg = basic().lenient(leniency);
        let flow = ClientCredentials::new(&cfg).unwrap();
        for (status, content_type) in
            [(200, "application/json"), (400, "application/json"), (200, "application/x-www-form-urlencoded")]
        {
            for room in [0, body.len()] {
                let mut scratch = vec![0; room];
                let response =
                    Response { status, content_type: Some(content_type), retry_after: None, date: None, body };
                match flow.response(response, &mut scratch) {
                    Ok(Outcome::Tokens(tokens)) => {
                        let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| matches!(b, 0x20..=0x7e));
                        assert!(visible(tokens.access_token.expose()) && visible(tokens.scope));
                        assert!(tokens.refresh_token.is_none_or(|t| visible(t.expose())));
                    }
                    Ok(Outcome::Denied { error, .. }) => assert!(!error.error.contains(['"', '\\', '\n'])),
                    Ok(Outcome::After(_)) => panic!("for 429 and 503 only"),
                    Err(_) => {}
                }
            }
        }
    }
}

#[test]
fn every_prefix_of_a_response_is_refused() {
    let (cfg, mut scratch) = (basic(), [0; 256]);
    let flow = ClientCredentials::new(&cfg).unwrap();
    for end in 0..BODY.len() {
        assert!(flow.response(json(200, &BODY[..end]), &mut scratch).is_err());
        read(&BODY.as_bytes()[..end]);
    }
    assert!(flow.response(json(200, BODY), &mut scratch).is_ok());
}

#[test]
fn every_changed_byte_of_a_response_is_read_without_panic() {
    for at in 0..BODY.len() {
        for byte in [0, b'"', b'\\', b'{', b'}', b',', b':', b'0', b'-', b'%', b'&', b'=', b' ', 0x7f, 0x80, 0xff] {
            let mut changed = BODY.as_bytes().to_vec();
            changed[at] = byte;
            read(&changed);
        }
    }
}

/// A string as JSON with some of its characters escaped.
fn escaped(text: &str, mask: u64) -> String {
    let mut out = String::from('"');
    for (i, c) in text.chars().enumerate() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if mask >> (i % 64) & 1 == 1 => out += &format!("\\u{:04x}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out + "\""
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&body);
    }

    #[test]
    fn any_callback_is_read_without_panic(query in "[ -~é]{0,80}") {
        let cfg = basic();
        prop_assert!(flow(&cfg).callback(&query).is_err());
        let with_state = format!("{query}&state={STATE}");
        if let Err(Rejected::NotOurs { flow, .. }) = flow(&cfg).callback(&with_state) {
            prop_assert!(flow.callback(&genuine()).is_ok());
        }
    }

    #[test]
    fn rfc9207_2_4_01_any_other_iss_is_refused(iss in "[!-$'-*,-~]{1,30}") {
        let cfg = basic();
        let query = format!("code={CODE}&state={STATE}&iss={iss}");
        let refused = matches!(flow(&cfg).callback(&query), Err(Rejected::NotOurs { .. }));
        prop_assert_eq!(refused, iss != ISSUER);
    }

    #[test]
    fn what_serde_json_reads_is_what_we_read(
        access in "[A-Za-z0-9._~+/-]{1,60}={0,2}",
        refresh in prop::option::of("[ -~]{1,60}"),
        scope in prop::option::of("[!#-\\[\\]-~]{1,8}( [!#-\\[\\]-~]{1,8}){0,3}"),
        seconds in prop::option::of(any::<u32>()),
        mask: u64,
    ) {
        let mut body = format!(r#"{{"token_type":{},"access_token":{}"#, escaped("Bearer", mask), escaped(&access, mask));
        if let Some(text) = &refresh {
            body += &format!(r#","refresh_token":{}"#, escaped(text, mask));
        }
        if let Some(text) = &scope {
            body += &format!(r#","scope":{}"#, escaped(text, mask));
        }
        if let Some(n) = seconds {
            body += &format!(r#","expires_in":{n}"#);
        }
        body.push('}');
        let oracle: Value = serde_json::from_str(&body).unwrap();
        let (cfg, mut scratch) = (basic(), vec![0; body.len()]);
        let flow = ClientCredentials::new(&cfg).unwrap();
        let Ok(Outcome::Tokens(tokens)) = flow.response(json(200, &body), &mut scratch) else { panic!("{body}") };
        prop_assert_eq!(Some(tokens.access_token.expose()), oracle["access_token"].as_str());
        prop_assert_eq!(tokens.refresh_token.map(|t| t.expose()), oracle["refresh_token"].as_str());
        let seconds = oracle["expires_in"].as_u64().map(|n| if n < 1_000_000_000 { n } else { u32::MAX.into() });
        prop_assert_eq!(tokens.expires_in.map(u64::from), seconds);
        prop_assert_eq!(tokens.scope, oracle["scope"].as_str().unwrap_or("read write"));
    }
}
