//! The claims of an access token. Asserts: never a panic; as many bytes as there are is scratch enough; what is read
//! serde_json reads alike, each text, time and audience; what serde_json reads and each claim is of its type in, is read;
//! a claim that is called malformed is there, and is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use valetkey::jose::{Claims, ClaimsError};
use valetkey::text::scope;
use valetkey::time::UnixTime;
use valetkey_fuzz::strict::judge;

const API: &str = "https://api.example";
const TEXTS: [&str; 6] = ["iss", "sub", "client_id", "jti", "acr", "scope"];
const TIMES: [&str; 4] = ["exp", "nbf", "iat", "auth_time"];

fuzz_target!(|json: &[u8]| {
    let mut scratch = vec![0; json.len()];
    let read = Claims::read(json, API, &mut scratch);
    let judged = judge(json, usize::from(Claims::LIMITS.members));
    match (read, judged) {
        (Ok(claims), Some(Value::Object(said))) => agrees(&claims, &said),
        // A number beyond `f64`, which serde_json does not read, is passed over here.
        (Ok(_), other) => {
            let error = serde_json::from_slice::<Value>(json).expect_err("what is read is an object");
            assert!(other.is_none() && error.to_string().contains("number out of range"), "{error}");
        }
        (Err(ClaimsError::Malformed(name)), Some(said)) => {
            // As serde_json reads it, a time that is a little beyond the last one is the last one.
            let last = TIMES.contains(&name) && seconds(&said[name]) == Some(UnixTime(1 << 53));
            assert!(last || is_malformed(name, &said[name]), "{name}");
        }
        (Err(ClaimsError::Json(_)), Some(said)) => assert!(!said.is_object(), "serde_json reads it"),
        (Err(ClaimsError::Scratch), _) => panic!("as many bytes suffice"),
        (Err(_), None) => {}
        (Err(other), Some(_)) => panic!("{other}"),
    }
});

fn agrees(claims: &Claims<'_>, said: &Map<String, Value>) {
    let texts = [claims.issuer, claims.subject, claims.client_id, claims.id, claims.acr, claims.scope];
    for (name, text) in TEXTS.into_iter().zip(texts) {
        assert_eq!(text, said.get(name).map(|value| value.as_str().expect("a text")), "{name}");
    }
    let times = [claims.expires_at, claims.not_before, claims.issued_at, claims.auth_time];
    for (name, time) in TIMES.into_iter().zip(times) {
        let said = said.get(name);
        assert_eq!(time.is_some(), said.is_some(), "{name}");
        let Some((time, value)) = time.zip(said) else { continue };
        let seconds = seconds(value).expect("a time");
        // serde_json reads a number that is a little more than an integer as that integer.
        let more = !value.is_u64() && value.as_f64().is_some_and(|n| n.fract() == 0.0);
        assert!(time == seconds || more && time == seconds.plus(1), "{name}");
    }
    let named = said.get("aud").map(|aud| match aud {
        Value::Array(all) => all.iter().any(|one| one == API),
        one => one == API,
    });
    assert_eq!(claims.for_audience, named);
    assert_eq!(claims.bound, said.contains_key("cnf"));
    for (name, value) in said {
        assert!(!is_malformed(name, value), "{name} was taken");
    }
}

/// The next whole second, from 1970 on.
fn seconds(value: &Value) -> Option<UnixTime> {
    if let Some(whole) = value.as_u64() {
        return Some(UnixTime(whole));
    }
    let seconds = value.as_f64()?.max(0.0).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^53")]
    (seconds <= 9_007_199_254_740_992.0).then_some(UnixTime(seconds as u64))
}

fn is_malformed(name: &str, value: &Value) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    match name {
        "scope" => !value.as_str().is_some_and(|text| text.is_empty() || scope::is_scope(text)),
        "aud" => !value.as_array().map_or_else(|| is_text(value), |all| all.iter().all(is_text)),
        name if TEXTS.contains(&name) => !is_text(value),
        name if TIMES.contains(&name) => seconds(value).is_none(),
        _ => false,
    }
}
