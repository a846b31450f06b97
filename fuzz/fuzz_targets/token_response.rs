//! The client's reading of a token response. The first byte says what is forgiven, the second which status and
//! `Content-Type` came, the rest is the body. Asserts: never a panic; as much scratch as body always suffices, and less gives
//! the same answer or says so; what is accepted obeys its grammar; accepted strictly, it is what serde_json reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valetkey::client::{ClientAuth, ClientCredentials, Config, Error, Forms, Leniency, Outcome, Response};
use valetkey::secret::SecretText;
use valetkey::text::{grammar, scope};

const STATUS: [u16; 8] = [200, 400, 401, 500, 503, 302, 201, 429];
const TYPES: [Option<&str>; 4] = [
    Some("application/json"),
    Some("Application/JSON; charset=utf-8"),
    Some("application/x-www-form-urlencoded"),
    None,
];

fuzz_target!(|input: &[u8]| {
    let [flags, came, body @ ..] = input else { return };
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let leniency = Leniency {
        expires_in_string: flag(0),
        error_as_200: flag(1),
        form_encoded: flag(2).then_some(Forms::READ),
        no_token_type: flag(3),
        empty_as_absent: flag(4),
        any_content_type: flag(5),
        any_token_characters: flag(6),
    };
    let response = Response {
        status: STATUS[usize::from(came & 7)],
        content_type: TYPES[usize::from(came >> 3 & 3)],
        retry_after: Some("120"),
        date: None,
        body,
    };
    let secret = ClientAuth::Basic(SecretText::new("device-secret"));
    let cfg = Config::new("https://as.example", "https://as.example/token", "device", secret)
        .and_then(|cfg| cfg.with_scope("read"))
        .expect("the configuration is good")
        .lenient(leniency);
    let flow = ClientCredentials::new(&cfg).expect("the client is confidential");
    let mut scratch = vec![0; body.len()];
    let (mut half, mut none) = (vec![0; body.len() / 2], [0; 0]);
    let whole = flow.response(response, &mut scratch);
    for short in [flow.response(response, &mut half), flow.response(response, &mut none)] {
        match short {
            Err(Error::Scratch(needed)) => assert_eq!(needed.needed, body.len()),
            short => assert_eq!(shown(&short), shown(&whole), "less scratch, the same answer"),
        }
    }
    match &whole {
        Err(Error::Scratch(_)) => panic!("as much scratch as body suffices"),
        Err(_) | Ok(Outcome::After(_)) => {}
        Ok(Outcome::Denied { error, .. }) => {
            assert!(grammar::is_nqschar(error.error));
            assert!(error.description.is_none_or(grammar::is_nqschar));
            assert!(error.uri.is_none_or(|uri| grammar::is_nqschar(uri) && !uri.contains(' ')));
        }
        Ok(Outcome::Tokens(tokens)) => {
            assert_eq!(response.status, 200, "tokens come with 200 alone");
            let access = tokens.access_token.expose();
            assert!(grammar::is_b64token(access) || flag(6) && access.bytes().all(|b| b.is_ascii_graphic()));
            assert!(tokens.refresh_token.is_none_or(|token| grammar::is_vschar(token.expose())));
            assert!(scope::is_scope(tokens.scope));
            assert_eq!(tokens.is_wider_than("read"), scope::words(tokens.scope).any(|word| word != "read"));
        }
    }
    if leniency == Leniency::NONE
        && let Ok(Outcome::Tokens(tokens)) = &whole
    {
        let said: Said = serde_json::from_slice(body).expect("what is accepted is JSON");
        assert_eq!(said.access_token, tokens.access_token.expose());
        assert!(said.token_type.eq_ignore_ascii_case("bearer"));
        assert_eq!(said.refresh_token.as_deref(), tokens.refresh_token.map(SecretText::expose));
        assert_eq!(said.scope.as_deref().unwrap_or("read"), tokens.scope);
        let bounded = |seconds: u64| if seconds < 1_000_000_000 { seconds } else { u32::MAX.into() };
        assert_eq!(said.expires_in.map(bounded), tokens.expires_in.map(u64::from));
    }
});

/// As serde_json reads it. Numbers that nobody asked for may exceed `f64`: they are passed over by both.
#[derive(serde::Deserialize)]
struct Said {
    access_token: String,
    token_type: String,
    refresh_token: Option<String>,
    scope: Option<String>,
    expires_in: Option<u64>,
}

/// All of an outcome, secrets included.
fn shown(outcome: &Result<Outcome<'_>, Error>) -> String {
    match outcome {
        Ok(Outcome::Tokens(t)) => {
            let refresh = t.refresh_token.map(SecretText::expose);
            format!("{:?} {refresh:?} {:?}", t.access_token.expose(), (t.expires_in, t.scope))
        }
        other => format!("{other:?}"),
    }
}
