//! What a token endpoint may answer.

use crate::{basic, exchange, json};
use proptest::prelude::*;
use serde_json::Value;
use valetkey::client::{
    ClientCredentials, Config, Duties, Error, ErrorResponse, Fault, Forms, Leniency, Member, Outcome, Refresh,
    Response, Tokens,
};
use valetkey::error::{ErrorCode, TooSmall};
use valetkey::secret::SecretText;
use valetkey::wire::token_response;

const GOOD: &str = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;

fn ask<'b>(cfg: &'b Config<'b>, response: Response<'b>) -> Result<Outcome<'b>, Error> {
    let scratch = Box::leak(vec![0; response.body.len()].into_boxed_slice());
    ClientCredentials::new(cfg).unwrap().response(response, scratch)
}

#[track_caller]
fn tokens<'b>(cfg: &'b Config<'b>, body: &'b str) -> Tokens<'b> {
    match ask(cfg, json(200, body)) {
        Ok(Outcome::Tokens(tokens)) => tokens,
        other => panic!("{body}: {other:?}"),
    }
}

#[track_caller]
fn fault(cfg: &Config<'_>, body: &str) -> Fault {
    match ask(cfg, json(200, body)) {
        Err(Error::Body { status: 200, fault }) => fault,
        other => panic!("{body}: {other:?}"),
    }
}

#[track_caller]
fn denied<'b>(cfg: &'b Config<'b>, status: u16, body: &'b str) -> ErrorResponse<'b> {
    match ask(cfg, json(status, body)) {
        Ok(Outcome::Denied { status: told, error }) if told == status => error,
        other => panic!("{body}: {other:?}"),
    }
}

/// `GOOD` with the members of `more` in place of its own.
fn with(more: &Value) -> String {
    let mut body: Value = serde_json::from_str(GOOD).unwrap();
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn lenient(leniency: Leniency) -> Config<'static> {
    basic().lenient(leniency)
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    let v: Value = serde_json::from_str(include_str!("../../../conformance/vectors/messages.json")).unwrap();
    let message = |name: &str| v["vectors"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap().clone();
    let body = |m: &Value| m["body"].to_string();
    let cfg = basic();

    let success = message("token-success");
    let content_type = success["headers"]["Content-Type"].as_str();
    // The example's type is one that nobody can use; with a usable one all else of it is taken.
    assert_eq!(fault(&cfg, &body(&success)), Fault::TokenType);
    let usable = body(&success).replace(r#""example""#, r#""Bearer""#);
    let response = Response { status: 200, content_type, retry_after: None, date: None, body: usable.as_bytes() };
    let Ok(Outcome::Tokens(tokens)) = ask(&cfg, response) else { panic!() };
    assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
    assert_eq!(tokens.refresh_token.unwrap().expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
    assert_eq!(tokens.expires_in, Some(3600));

    let error = body(&message("token-error"));
    assert_eq!(denied(&cfg, 400, &error).code(), Some(ErrorCode::InvalidRequest));
    let pending = body(&message("device-pending"));
    assert_eq!(denied(&cfg, 400, &pending).error, "authorization_pending");
    let nonce = body(&message("dpop-nonce-challenge-token"));
    let told = denied(&cfg, 400, &nonce);
    assert_eq!((told.error, told.code()), ("use_dpop_nonce", None));
    assert_eq!(told.description, Some("Authorization server requires nonce in DPoP proof"));
}

#[test]
fn rfc6749_5_1_04_unknown_members_of_any_type_are_passed_over() {
    let body = with(&serde_json::json!({
        "a": null, "b": true, "c": 1.5, "d": "x", "e": [{"access_token": "evil"}], "error": null, "id_token": {"x": []}
    }));
    let cfg = basic();
    let tokens = tokens(&cfg, &body);
    assert_eq!((tokens.access_token.expose(), tokens.expires_in), ("2YotnFZFEjr1zCsicMWpAA", Some(3600)));
}

#[test]
fn rfc6749_5_1_05_a_token_of_16_kib_survives() {
    let token: String = "aZ09-._~+/".chars().cycle().take(16 * 1024).chain("==".chars()).collect();
    let (cfg, body) = (basic(), with(&serde_json::json!({ "access_token": token })));
    assert_eq!(tokens(&cfg, &body).access_token.expose(), token);
}

#[test]
fn rfc6749_5_1_06_the_token_type_is_compared_without_case() {
    for word in ["bearer", "Bearer", "BEARER", "bEaReR"] {
        tokens(&basic(), &with(&serde_json::json!({ "token_type": word })));
    }
}

#[test]
fn rfc6749_7_1_01_a_token_of_another_type_is_not_used() {
    for word in ["mac", "DPoP", "N_A", "bearer ", "", "bearеr"] {
        assert_eq!(fault(&basic(), &with(&serde_json::json!({ "token_type": word }))), Fault::TokenType, "{word}");
    }
}

#[test]
fn rfc6749_5_1_07_an_absent_scope_is_the_one_asked_for() {
    let cfg = basic();
    let tokens = tokens(&cfg, GOOD);
    assert_eq!(tokens.scope, "read write");
    let refresh = Refresh::new(&cfg, SecretText::new("r"), "read").unwrap();
    let Ok(Outcome::Tokens(tokens)) = refresh.response(json(200, GOOD), &mut []) else { panic!() };
    assert_eq!(tokens.scope, "read");
}

#[test]
fn another_scope_is_told_and_is_no_error() {
    let cfg = basic();
    let granted = |scope: &str| with(&serde_json::json!({ "scope": scope }));
    for (scope, wider) in [("read", false), ("write read", false), ("read write admin", true), ("other", true)] {
        let body = granted(scope);
        let tokens = tokens(&cfg, &body);
        assert_eq!((tokens.scope, tokens.is_wider_than("read write")), (scope, wider));
        assert!(!tokens.is_wider_than(""), "where none was asked for, none can be wider");
    }
    for bad in ["", "a  b", "a\"b", " a", "é"] {
        assert_eq!(fault(&cfg, &granted(bad)), Fault::Malformed(Member::Scope), "{bad}");
    }
}

#[test]
fn rfc6749_6_06_oauth21_4_3_2_01_the_newest_refresh_token_is_the_one_to_keep() {
    let cfg = basic();
    let refresh = Refresh::new(&cfg, SecretText::new("old"), "").unwrap();
    let rotated = with(&serde_json::json!({ "refresh_token": "new" }));
    for (body, kept) in [(GOOD, "old"), (&rotated, "new")] {
        let Ok(Outcome::Tokens(tokens)) = refresh.response(json(200, body), &mut []) else { panic!() };
        assert_eq!(tokens.refresh_token.unwrap().expose(), kept);
    }
    assert!(tokens(&cfg, GOOD).refresh_token.is_none());
}

#[test]
fn what_is_missing_or_of_another_type_is_refused() {
    let cfg = basic();
    assert_eq!(fault(&cfg, r#"{"token_type":"Bearer"}"#), Fault::Missing(Member::AccessToken));
    assert_eq!(fault(&cfg, r#"{"access_token":"a"}"#), Fault::Missing(Member::TokenType));
    assert_eq!(fault(&cfg, r#"{"error":"invalid_client"}"#), Fault::Missing(Member::AccessToken));
    for (name, member) in [("access_token", Member::AccessToken), ("refresh_token", Member::RefreshToken)] {
        for bad in ["", "é", "a\u{7f}", "a\nb"] {
            assert_eq!(fault(&cfg, &with(&serde_json::json!({ name: bad }))), Fault::Malformed(member), "{name} {bad}");
        }
    }
    assert_eq!(
        fault(&cfg, &with(&serde_json::json!({ "access_token": "a b" }))),
        Fault::Malformed(Member::AccessToken)
    );
    for name in ["access_token", "token_type", "refresh_token", "scope", "expires_in"] {
        for bad in [serde_json::json!(null), serde_json::json!([]), serde_json::json!({}), serde_json::json!(true)] {
            assert!(matches!(fault(&cfg, &with(&serde_json::json!({ name: bad }))), Fault::Json(_)), "{name}");
        }
    }
}

#[test]
fn expires_in_is_an_integer_from_0_on() {
    let cfg = basic();
    let said = |value: &str| GOOD.replace("3600", value);
    for (good, seconds) in [("0", 0), ("999999999", 999_999_999), ("1000000000", u32::MAX), ("4294967296", u32::MAX)] {
        assert_eq!(tokens(&cfg, &said(good)).expires_in, Some(seconds));
    }
    for bad in ["-1", "-0", "1.0", "1e3", "18446744073709551616", "99999999999999999999999"] {
        assert_eq!(fault(&cfg, &said(bad)), Fault::Malformed(Member::ExpiresIn), "{bad}");
    }
    for bad in ["\"3600\"", "null", "01", "1.", "+1"] {
        assert!(matches!(fault(&cfg, &said(bad)), Fault::Json(_)), "{bad}");
    }
    assert_eq!(tokens(&cfg, r#"{"access_token":"a","token_type":"bearer"}"#).expires_in, None);
}

#[test]
fn a_body_that_breaks_the_rules_of_json_is_refused() {
    let twice = GOOD.replace('}', r#","\u0061ccess_token":"other"}"#);
    let behind = format!("{GOOD} x");
    for bad in ["", "[1]", "null", "<html>", &twice, &behind, &GOOD[..GOOD.len() - 1]] {
        assert!(matches!(fault(&basic(), bad), Fault::Json(_)), "{bad}");
    }
    assert_eq!(fault(&basic(), "[]"), Fault::Missing(Member::AccessToken));
    let not_utf8 = Response { body: b"{\"access_token\":\"\xff\"}", ..json(200, "") };
    assert!(matches!(ask(&basic(), not_utf8), Err(Error::Body { fault: Fault::Json(_), .. })));
}

#[test]
fn only_json_is_read_and_only_up_to_the_cap() {
    let cfg = basic();
    for good in ["application/json", "Application/JSON", "application/json;charset=UTF-8", "application/json ; a=b"] {
        assert!(ask(&cfg, Response { content_type: Some(good), ..json(200, GOOD) }).is_ok());
    }
    for bad in [None, Some(""), Some("text/html"), Some("application/jsonp"), Some("text/json; application/json")] {
        let response = Response { content_type: bad, ..json(200, GOOD) };
        assert!(matches!(ask(&cfg, response), Err(Error::Body { fault: Fault::ContentType, .. })), "{bad:?}");
    }
    let pad = |len: usize| format!("{GOOD}{}", " ".repeat(len - GOOD.len()));
    assert!(ask(&cfg, json(200, &pad(Duties::BODY_CAP))).is_ok());
    assert!(matches!(ask(&cfg, json(200, &pad(Duties::BODY_CAP + 1))), Err(Error::TooLong)));
}

#[test]
fn other_statuses_are_neither_success_nor_refusal() {
    for status in [0, 100, 201, 204, 301, 302, 307, 308, 399, 600, u16::MAX] {
        assert!(matches!(ask(&basic(), json(status, GOOD)), Err(Error::Status(told)) if told == status));
    }
}

#[test]
fn errors_are_told_whole() {
    let cfg = basic();
    let body = r#"{"error":"invalid_grant","error_description":"it is spent","error_uri":"https://as.example/e?1"}"#;
    for status in [400, 401, 403, 500] {
        let error = denied(&cfg, status, body);
        assert_eq!(error.code(), Some(ErrorCode::InvalidGrant));
        assert_eq!((error.description, error.uri), (Some("it is spent"), Some("https://as.example/e?1")));
    }
    // What breaks its grammar is not passed on; an error stays one.
    let odd = r#"{"error":"invalid_grant","error_description":"a\nb","error_uri":"a b","access_token":5}"#;
    assert_eq!(denied(&cfg, 400, odd), ErrorResponse { error: "invalid_grant", description: None, uri: None });
    for (bad, fault) in [
        (r#"{}"#, Fault::Missing(Member::Error)),
        (r#"{"error":""}"#, Fault::Malformed(Member::Error)),
        (r#"{"error":"a\"b"}"#, Fault::Malformed(Member::Error)),
        (GOOD, Fault::Missing(Member::Error)),
    ] {
        assert_eq!(ask(&cfg, json(400, bad)).unwrap_err(), Error::Body { status: 400, fault });
    }
    let page = Response { content_type: Some("text/html"), ..json(502, "<html>") };
    let error = ask(&cfg, page).unwrap_err();
    assert_eq!(error.to_string(), "the token endpoint answered 502, and the content type is not application/json");
}

#[test]
fn a_busy_server_says_when_to_come_again() {
    let cfg = basic();
    for status in [429, 503] {
        for (said, expected) in [
            (None, None),
            (Some("120"), Some(120)),
            (Some("0"), Some(0)),
            (Some("99999999999"), Some(u32::MAX)),
            (Some("-1"), None),
            (Some(""), None),
        ] {
            let response = Response { retry_after: said, ..json(status, "busy") };
            let Ok(Outcome::After(after)) = ask(&cfg, response) else { panic!("{said:?}") };
            assert_eq!((after.seconds(), after.seconds_as_number()), (expected, expected), "{said:?}");
        }
    }
}

/// RFC 9110, section 10.2.3: `Retry-After` is a number of seconds or a date, which the server's own clock shows. Dates in
/// the obsolete forms are to be read, too (section 5.6.7).
#[test]
fn a_busy_server_may_name_a_date_which_its_own_date_makes_a_span_of() {
    let cfg = basic();
    let now = Some("Fri, 31 Dec 1999 23:58:59 GMT");
    for (said, date, expected) in [
        (Some("Fri, 31 Dec 1999 23:59:59 GMT"), now, Some(60)),
        (Some("Sat, 01 Jan 2000 00:00:00 GMT"), now, Some(61)),
        (Some("Friday, 31-Dec-99 23:59:59 GMT"), now, Some(60)),
        (Some("Fri Dec 31 23:59:59 1999"), Some("Friday, 31-Dec-99 23:58:59 GMT"), Some(60)),
        // Whatever the centuries are: this server's clock is off by a hundred years.
        (Some("Wednesday, 31-Dec-99 23:59:59 GMT"), Some("Thu, 31 Dec 2099 23:58:59 GMT"), None),
        (Some("Thursday, 31-Dec-99 23:59:59 GMT"), Some("Thu, 31 Dec 2099 23:58:59 GMT"), Some(60)),
        // It has passed, or is centuries away.
        (Some("Fri, 31 Dec 1999 23:58:58 GMT"), now, Some(0)),
        (Some("Fri, 31 Dec 9999 23:59:59 GMT"), now, Some(u32::MAX)),
        // A number needs no date.
        (Some("7"), now, Some(7)),
        (Some("7"), Some("today"), Some(7)),
        // Nothing to count from, or nothing to count to.
        (Some("Fri, 31 Dec 1999 23:59:59 GMT"), None, None),
        (Some("Fri, 31 Dec 1999 23:59:59 GMT"), Some("today"), None),
        (Some("Thu, 31 Dec 1999 23:59:59 GMT"), now, None),
        (None, now, None),
    ] {
        let response = Response { retry_after: said, date, ..json(503, "busy") };
        let Ok(Outcome::After(after)) = ask(&cfg, response) else { panic!("{said:?}") };
        assert_eq!(after.seconds(), expected, "{said:?} at {date:?}");
        assert_eq!(after.seconds_as_number(), said.and_then(|said| said.parse().ok()));
    }
}

#[test]
fn escapes_need_scratch_and_say_how_much() {
    let cfg = basic();
    let body =
        r#"{"access_token":"a\/b","token_type":"Bearer","refresh_token":"\u0022","scope":"https:\/\/s.example\/x"}"#;
    let flow = ClientCredentials::new(&cfg).unwrap();
    let needed = body.len();
    assert_eq!(flow.response(json(200, body), &mut [0; 4]).unwrap_err(), Error::Scratch(TooSmall { needed }));
    let Response { content_type, body: bytes, .. } = json(200, body);
    let fault = token_response::read(true, content_type, bytes, &mut [0; 4], Leniency::NONE).unwrap_err();
    assert_eq!(fault, Fault::Scratch);
    let mut scratch = vec![0; needed];
    let Ok(Outcome::Tokens(tokens)) = flow.response(json(200, body), &mut scratch) else { panic!() };
    assert_eq!((tokens.access_token.expose(), tokens.scope), ("a/b", "https://s.example/x"));
    assert_eq!(tokens.refresh_token.unwrap().expose(), "\"");
}

#[test]
fn each_leniency_forgives_its_own_and_no_more() {
    let quirks: [(Leniency, &str, &str); 6] = [
        (
            Leniency { expires_in_string: true, ..Leniency::NONE },
            "application/json",
            r#"{"access_token":"a","token_type":"bearer","expires_in":"60"}"#,
        ),
        (
            Leniency { no_token_type: true, ..Leniency::NONE },
            "application/json",
            r#"{"access_token":"a","expires_in":60}"#,
        ),
        (
            Leniency { empty_as_absent: true, ..Leniency::NONE },
            "application/json",
            r#"{"access_token":"a","token_type":"bearer","expires_in":60,"refresh_token":null,"scope":""}"#,
        ),
        (
            Leniency { any_content_type: true, ..Leniency::NONE },
            "text/javascript",
            r#"{"access_token":"a","token_type":"bearer","expires_in":60}"#,
        ),
        (
            Leniency { any_token_characters: true, ..Leniency::NONE },
            "application/json",
            r#"{"access_token":"1|{a}","token_type":"bearer","expires_in":60}"#,
        ),
        (
            Leniency { form_encoded: Some(Forms::READ), ..Leniency::NONE },
            "application/x-www-form-urlencoded",
            "access_token=a&token_type=bearer&expires_in=60",
        ),
    ];
    for (leniency, _, _) in quirks.into_iter().chain([(Leniency::NONE, "", "")]) {
        for (needed, content_type, body) in quirks {
            let cfg = lenient(leniency);
            let answer = ask(&cfg, Response { content_type: Some(content_type), ..json(200, body) });
            match answer {
                Ok(Outcome::Tokens(tokens)) if leniency == needed => assert_eq!(tokens.expires_in, Some(60)),
                Err(Error::Body { .. }) if leniency != needed => {}
                other => panic!("{leniency:?} {body}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_token_that_a_header_cannot_hold_is_never_taken() {
    let cfg = lenient(crate::mutation::every_leniency());
    for bad in ["a b", "a\u{7f}", "é", "a\r\nb"] {
        let body = with(&serde_json::json!({ "access_token": bad }));
        assert_eq!(fault(&cfg, &body), Fault::Malformed(Member::AccessToken), "{bad}");
    }
}

#[test]
fn a_pending_flow_may_come_as_200_if_told() {
    let cfg = lenient(Leniency { error_as_200: true, ..Leniency::NONE });
    let pending = r#"{"error":"authorization_pending","access_token":"evil","token_type":"bearer"}"#;
    assert_eq!(denied(&cfg, 200, pending).error, "authorization_pending");
    tokens(&cfg, GOOD);
}

#[test]
fn a_lenient_form_is_still_checked() {
    let cfg = lenient(Leniency { form_encoded: Some(Forms::READ), ..Leniency::NONE });
    let form = |body: &str| {
        let content_type = Some("application/x-www-form-urlencoded; charset=utf-8");
        ask(&cfg, Response { content_type, ..json(200, Box::leak(body.to_owned().into_boxed_str())) })
    };
    let Ok(Outcome::Tokens(tokens)) = form("access_token=a%2Fb&token_type=bearer&scope=x+y&expires_in=5&foo=%41")
    else {
        panic!()
    };
    assert_eq!((tokens.access_token.expose(), tokens.scope, tokens.expires_in), ("a/b", "x y", Some(5)));
    for bad in
        ["access_token=a&access_token=b&token_type=bearer", "access_token=%zz&token_type=bearer", "access_token=%FF"]
    {
        assert!(matches!(form(bad), Err(Error::Body { fault: Fault::Form, .. })), "{bad}");
    }
    for bad in ["access_token=a&token_type=bearer&expires_in=-5", "access_token=a&token_type=bearer&expires_in=1e3"] {
        assert!(matches!(form(bad), Err(Error::Body { fault: Fault::Malformed(Member::ExpiresIn), .. })), "{bad}");
    }
    // It still reads JSON that says so.
    assert!(ask(&cfg, json(200, GOOD)).is_ok());
}

#[test]
fn a_code_gives_tokens_for_what_was_asked() {
    let cfg = basic();
    let exchange = exchange(&cfg, "code=c&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
    let Ok(Outcome::Tokens(tokens)) = exchange.response(json(200, GOOD), &mut []) else { panic!() };
    assert_eq!((tokens.scope, tokens.access_token.expose()), ("read write", "2YotnFZFEjr1zCsicMWpAA"));
}

/// An unsecured JWT whose claims contradict the response that it comes in.
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjEsInNjb3BlIjoiYWRtaW4iLCJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.";

#[test]
fn oauth21_1_4_01_what_a_token_may_say_is_not_looked_at() {
    let (cfg, body) = (basic(), with(&serde_json::json!({"access_token": JWT, "scope": "read"})));
    let tokens = tokens(&cfg, &body);
    assert_eq!((tokens.access_token.expose(), tokens.expires_in, tokens.scope), (JWT, Some(3600), "read"));
}

proptest! {
    #[test]
    fn oauth21_1_4_01_an_access_token_comes_out_as_it_came_in(token in "[A-Za-z0-9._~+/-]{1,200}={0,2}") {
        let (cfg, body) = (basic(), with(&serde_json::json!({"access_token": token})));
        let tokens = tokens(&cfg, &body);
        prop_assert_eq!(tokens.access_token.expose(), token.as_str());
        prop_assert_eq!(tokens.expires_in, Some(3600));
    }
}
