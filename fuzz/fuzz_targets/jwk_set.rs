//! Sets of keys. Asserts: never a panic; three times the set is scratch enough; what is read serde_json reads too, key by
//! key; a key that is taken has exactly the members that make it, in their one spelling, and is for signatures; its
//! thumbprint is SHA-256 of those members, whatever else is said and in whatever order; written and read again it is the
//! same; public and shared keys do not come in one set.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{Jwk, JwkError, Material, PublicJwk, SymmetricJwk, Verify as _, each_key};
use valetkey::text::{base64, buf::Writer};

fuzz_target!(|json: &[u8]| {
    let mut scratch = vec![0; json.len() * 3];
    let said: Option<Value> = serde_json::from_slice(json).ok();
    let (mut at, mut kinds) = (0, [false; 2]);
    let outcome = each_key(json, &mut scratch, |key| {
        let said = said.as_ref().and_then(|said| said["keys"].get(at));
        at += 1;
        match (key, said) {
            (Ok(Jwk::Public(key)), Some(said)) => {
                public(&key, said);
                kinds[0] = true;
            }
            (Ok(Jwk::Symmetric(key)), Some(said)) => {
                symmetric(&key, said);
                kinds[1] = true;
            }
            // A number beyond `f64` is passed over here, and makes a document none for serde_json.
            (_, None) => assert!(said_out_of_range(json)),
            (Err(JwkError::Scratch), _) => panic!("three times the set suffices"),
            (Err(_), _) => {}
        }
    });
    match outcome {
        Ok(()) => {
            assert!(kinds != [true; 2], "public and shared keys in one set");
            assert!(said.is_none_or(|said| said["keys"].as_array().is_some_and(|keys| keys.len() == at)));
        }
        Err(e) => assert!(at == 0 && e != JwkError::Scratch, "a set is refused before a key is handed over"),
    }
});

fn said_out_of_range(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json).is_err_and(|e| e.to_string().contains("number out of range"))
}

fn text(bytes: &[u8]) -> String {
    let mut out = vec![0; base64::encoded_len(bytes.len())];
    base64::encode(bytes, &mut out).expect("there is room").to_owned()
}

/// What is said of every key that checks signatures.
fn is_for_signatures(said: &Value, kid: &str) {
    assert_eq!(said.get("kid").map_or("", |kid| kid.as_str().expect("a text")), kid);
    assert!(said.get("use").is_none_or(|purpose| purpose == "sig"));
    let operations = said.get("key_ops").map(|all| all.as_array().expect("an array"));
    assert!(operations.is_none_or(|all| all.contains(&"verify".into()) || all.contains(&"sign".into())));
}

fn public(key: &PublicJwk<'_>, said: &Value) {
    is_for_signatures(said, key.kid);
    if let Some(alg) = said.get("alg") {
        assert_eq!(alg, key.algorithm.expect("the one that it names").as_str());
    }
    let members = match key.material {
        Material::P256 { x, y } => {
            vec![("crv", "P-256".into()), ("kty", "EC".into()), ("x", text(&x)), ("y", text(&y))]
        }
        Material::P384 { x, y } => {
            vec![("crv", "P-384".into()), ("kty", "EC".into()), ("x", text(&x)), ("y", text(&y))]
        }
        Material::Ed25519 { x } => vec![("crv", "Ed25519".into()), ("kty", "OKP".into()), ("x", text(&x))],
        Material::Rsa { n, e } => vec![("e", text(e)), ("kty", "RSA".into()), ("n", text(n))],
    };
    let mut required = Vec::new();
    for (name, value) in &members {
        assert_eq!(said[*name], **value, "in its one spelling");
        required.push(format!("\"{name}\":\"{value}\""));
    }
    let required = format!("{{{}}}", required.join(","));
    assert_eq!(key.thumbprint(), <[u8; 32]>::from(Sha256::digest(required)));
    // The required members alone, and all members in another order: one thumbprint.
    for other in [required_only(&members), reversed(said)] {
        with(&other, |again| assert_eq!(again.thumbprint(), key.thumbprint()));
    }
    let mut room = vec![0; 4096 + 6 * key.kid.len()];
    let mut w = Writer::new(&mut room);
    key.write(&mut w);
    with(w.finish().expect("there is room"), |again| assert_eq!(again, key));
    if let Some(algorithm) = key.algorithm {
        // Whether it is a point of its curve is the part's to say.
        assert!(PublicKey::new(key, algorithm).is_ok_and(|part| part.algorithm() == algorithm) || members.len() > 2);
    }
}

fn required_only(members: &[(&str, String)]) -> String {
    let all: Vec<String> = members.iter().rev().map(|(name, value)| format!(" \"{name}\" : \"{value}\"")).collect();
    format!("{{{}}}", all.join(","))
}

fn reversed(said: &Value) -> String {
    let members = said.as_object().expect("an object");
    let all: Vec<String> =
        members.iter().rev().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", all.join(","))
}

fn with(json: &str, then: impl FnOnce(&PublicJwk<'_>)) {
    let mut scratch = vec![0; json.len() * 2];
    match Jwk::read(json.as_bytes(), &mut scratch) {
        Ok(Jwk::Public(key)) => then(&key),
        // A text in escapes may be longer when it is written otherwise.
        Err(JwkError::TooLong) => {}
        other => panic!("{other:?}"),
    }
}

fn symmetric(key: &SymmetricJwk<'_>, said: &Value) {
    is_for_signatures(said, key.kid);
    assert_eq!((&said["kty"], &said["alg"]), (&"oct".into(), &key.algorithm.as_str().into()));
    assert_eq!(said["k"], *text(key.key), "in its one spelling");
    let least = match key.algorithm.as_str() {
        "HS256" => 32,
        "HS384" => 48,
        "HS512" => 64,
        other => panic!("{other} by a shared key"),
    };
    assert!(key.key.len() >= least);
    assert!(MacKey::new(key).is_some_and(|part| part.algorithm() == key.algorithm));
}
