//! Sets of keys, and which of them a token means. <https://www.rfc-editor.org/rfc/rfc7517#section-5>

use crate::keys::{EC, ED, RSA, SECRET, key_with, oct, own};
use proptest::prelude::*;
use serde_json::{Value, json};
use valetkey::jose::{Algorithm, Jwk, JwkError, Key, MAX_KEYS, each_key, find};
use valetkey::text::json::Fault;

/// What each key came out as, with as much scratch as is promised to suffice.
fn keys(set: &str) -> Result<Vec<Result<String, JwkError>>, JwkError> {
    let (mut scratch, mut keys) = (vec![0; set.len() * 3], Vec::new());
    each_key(set.as_bytes(), &mut scratch, |key| {
        keys.push(key.map(|key| match key {
            Jwk::Public(key) => format!("{} {:?}", key.kid, key.algorithm),
            Jwk::Symmetric(key) => format!("{} shared", key.kid),
        }));
    })?;
    Ok(keys)
}

fn set(members: &[&str]) -> String {
    format!(r#"{{"keys":[{}]}}"#, members.join(","))
}

#[test]
fn rfc7517_5_01_keys_is_an_array_and_the_rest_of_the_set_is_passed_over() {
    for (bad, error) in [
        ("{}", JwkError::Set),
        (r#"{"keys":{}}"#, JwkError::Set),
        (r#"{"keys":null}"#, JwkError::Set),
        (r#"{"keys":"x"}"#, JwkError::Set),
        (r#"{"Keys":[]}"#, JwkError::Set),
    ] {
        assert_eq!(keys(bad), Err(error), "{bad}");
    }
    for (bad, fault) in [
        ("[]", Fault::WrongType),
        (r#"{"keys":[],"keys":[]}"#, Fault::Duplicate),
        (r#"{"keys":[],"\u006beys":[]}"#, Fault::Duplicate),
        (r#"{"keys":[{}{}]}"#, Fault::Syntax),
        (r#"{"keys":[]}x"#, Fault::Trailing),
        (r#"{"keys":[{"kty":"EC","kty":"EC"}]}"#, Fault::Duplicate),
    ] {
        assert!(matches!(keys(bad), Err(JwkError::Json(e)) if e.fault == fault), "{bad}: {:?}", keys(bad));
    }
    assert_eq!(keys(r#"{"keys":[]}"#), Ok(vec![]));
    let more = format!(r#"{{"issuer":"x","keys":[{EC}],"keys2":[1],"\n":{{"keys":{{}}}}}}"#);
    assert_eq!(keys(&more), Ok(vec![Ok("ec Some(Es256)".into())]));
}

#[test]
fn rfc7517_5_02_keys_that_cannot_be_used_are_told_and_passed_over() {
    let unfit = [
        json!({ "kty": "AKP", "kid": "new" }),
        json!({ "kid": "none" }),
        json!({ "kty": "EC", "crv": "P-256" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "EC", "use": "enc" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": 1 }),
        json!("a text"),
        json!([]),
        json!(null),
    ]
    .map(|key| key.to_string());
    let mut all = vec![EC];
    all.extend(unfit.iter().map(String::as_str));
    all.push(RSA);
    let read = keys(&set(&all)).unwrap();
    assert_eq!(read.len(), 11);
    let usable: Vec<_> = read.iter().flatten().collect();
    assert_eq!(usable, ["ec Some(Es256)", "rsa None"]);
    assert_eq!(read[1], Err(JwkError::Unsupported));
    assert_eq!(read[2], Err(JwkError::Missing("kty")));
}

#[test]
fn rfc7517_9_01_a_set_of_public_and_shared_keys_is_refused_before_any_is_handed_over() {
    let mixed = set(&[EC, &oct("HS256", &SECRET)]);
    let mut handed = 0;
    let refused = each_key(mixed.as_bytes(), &mut vec![0; mixed.len() * 3], |_| handed += 1);
    assert_eq!((refused, handed), (Err(JwkError::Mixed), 0));
    assert_eq!(keys(&set(&[&oct("HS256", &SECRET)])), Ok(vec![Ok("oct shared".into())]));
}

#[test]
fn a_set_has_at_most_so_many_keys() {
    let of = |count: usize| keys(&set(&vec![ED; count])).map(|keys| keys.len());
    assert_eq!((of(MAX_KEYS), of(MAX_KEYS + 1)), (Ok(MAX_KEYS), Err(JwkError::Set)));
    let mut handed = 0;
    let long = set(&vec!["{}"; MAX_KEYS + 1]);
    assert!(each_key(long.as_bytes(), &mut vec![0; long.len() * 3], |_| handed += 1).is_err());
    assert_eq!(handed, 0, "none is handed over of a set that is refused");
}

#[test]
fn rfc7517_4_5_01_keys_that_share_an_id_are_told_as_such() {
    let (spoilt, named) = (key_with(EC, "x", "AA"), key_with(EC, "alg", "ES256"));
    let twice = || Err(JwkError::Duplicate);
    assert_eq!(keys(&set(&[EC, ED, EC])), Ok(vec![twice(), Ok("ed Some(EdDsa)".into()), twice()]));
    assert_eq!(keys(&set(&[EC, &spoilt])), Ok(vec![twice(), twice()]), "also where one of them is of no use");
    let usable = |members: &[&str]| keys(&set(members)).unwrap().into_iter().flatten().count();
    // What tells them apart: type, algorithm, purpose. The last two leave it to `find`.
    assert_eq!(usable(&[EC, &key_with(ED, "kid", "ec")]), 2);
    assert_eq!(usable(&[&key_with(RSA, "alg", "RS256"), &key_with(RSA, "alg", "PS256")]), 2);
    assert_eq!(usable(&[RSA, &key_with(RSA, "use", "enc")]), 1);
    assert_eq!(usable(&[EC, &named]), 2);
}

#[test]
fn rfc7517_4_5_01_of_two_keys_with_one_kid_neither_is_meant_unless_the_algorithm_tells() {
    let (es, ed, hs) = (own(Algorithm::Es256), own(Algorithm::EdDsa), own(Algorithm::Hs256));
    let by = |keys: &[(&str, Algorithm)], algorithm, kid| {
        let keys: Vec<Key<'_>> = keys.iter().map(|(kid, algorithm)| Key::new(kid, &**own(*algorithm))).collect();
        find(keys, algorithm, kid).is_some()
    };
    let (es, ed, hs) = (es.algorithm(), ed.algorithm(), hs.algorithm());
    assert!(!by(&[("1", es), ("1", es)], es, Some("1")), "nobody knows which");
    assert!(by(&[("1", es), ("1", ed)], es, Some("1")), "the algorithm tells");
    assert!(by(&[("1", es), ("2", es)], es, Some("2")));
    // Without a kid the one key that fits is meant, and no one of two.
    assert!(by(&[("1", es), ("2", ed)], ed, None));
    assert!(!by(&[("1", es), ("2", es)], es, None));
    assert!(!by(&[("1", es)], hs, None) && !by(&[], es, None));
    // A key without id has none, and no token names it.
    assert!(!by(&[("", es)], es, Some("")) && by(&[("", es)], es, None));
}

proptest! {
    #[test]
    fn rfc7517_5_02_unusable_keys_do_not_change_what_is_found(unfit in prop::collection::vec((0..5_usize, "[a-z]{0,6}"), 0..8), at in any::<prop::sample::Index>()) {
        let mut members: Vec<String> = unfit
            .iter()
            .map(|(kind, text)| match kind {
                0 => json!({ "kty": text, "kid": "ec" }),
                1 => json!({ "kty": "EC", "crv": "P-256", "x": text, "kid": format!("{text}2") }),
                2 => json!({ "kty": "RSA", "n": text, "e": "AQAB", "kid": "ec" }),
                3 => json!([text]),
                _ => serde_json::from_str::<Value>(&key_with(EC, "alg", format!("ES{text}"))).unwrap(),
            }.to_string())
            .collect();
        members.insert(at.index(members.len() + 1), EC.to_owned());
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let usable: Vec<String> = keys(&set(&members)).unwrap().into_iter().flatten().collect();
        prop_assert_eq!(usable, ["ec Some(Es256)"]);
    }

    #[test]
    fn rfc7517_5_01_any_bytes_are_judged_without_panic(bytes in any::<Vec<u8>>(), text in r#"[\[\]{}",:a-z0-9\\ ]{0,40}"#) {
        for json in [&bytes[..], text.as_bytes(), format!(r#"{{"keys":[{text}]}}"#).as_bytes()] {
            let mut scratch = vec![0; json.len() * 3];
            let refused = each_key(json, &mut scratch, |_| {});
            prop_assert!(refused != Err(JwkError::Scratch));
        }
    }
}
