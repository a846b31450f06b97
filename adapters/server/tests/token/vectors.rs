//! The vectors of `conformance/vectors`, through the command.

use crate::lines::{accepts, answers};
use serde_json::{Value, json};

fn file(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[test]
fn rfc9068_4_01_rfc8725_3_9_01_the_cases_of_access_tokens_have_their_verdicts() {
    let file = file(include_str!("../../../../conformance/vectors/jwt_access_token_cases.json"));
    let (vectors, rules) = (file["vectors"].as_array().unwrap(), &file["validator"]);
    let lines: Vec<_> = vectors
        .iter()
        .map(|vector| {
            json!({
                "name": vector["name"], "token": vector["token"], "jwks": rules["jwks"], "issuer": rules["issuer"],
                "audience": rules["audience"], "alg": rules["allowed_algs"], "typ": rules["required_typ"],
                "leeway": rules["leeway"], "now": rules["now"],
            })
            .to_string()
        })
        .collect();
    let (mut good, mut bad) = (0, 0);
    for (vector, answer) in vectors.iter().zip(answers(&[], &lines)) {
        assert_eq!(vector["name"], answer["name"]);
        match (vector["expect"].as_str().unwrap(), accepts(&answer)) {
            ("either", _) => {}
            ("accept", true) => good += 1,
            ("reject", false) => bad += 1,
            (expected, _) => panic!("{expected}: {answer}"),
        }
    }
    assert!(good >= 5 && bad >= 20, "{good} {bad}");
}

#[test]
fn rfc7515_a_01_rfc8037_3_1_01_the_published_signatures_have_their_verdicts() {
    let mut verdicts = Vec::new();
    for json in [
        include_str!("../../../../conformance/vectors/jws_rfc7515.json"),
        include_str!("../../../../conformance/vectors/jws_rfc7520.json"),
        include_str!("../../../../conformance/vectors/eddsa_rfc8037.json"),
    ] {
        let file = file(json);
        let vectors = file["vectors"].as_array().unwrap().iter().filter(|vector| vector.get("jws_compact").is_some());
        let vectors: Vec<_> = vectors.collect();
        let lines: Vec<_> = vectors
            .iter()
            .map(|vector| {
                let jwk = vector.get("jwk").unwrap_or(&file["jwks"]);
                json!({"name": vector["name"], "token": vector["jws_compact"], "jwks": jwk, "alg": vector["alg"]})
                    .to_string()
            })
            .collect();
        for (vector, answer) in vectors.into_iter().zip(answers(&["--signature-only"], &lines)) {
            // P-521 is not offered, and nothing unsigned is ever good.
            let offered = vector["alg"] != "ES512" && vector["alg"] != "none";
            assert_eq!(accepts(&answer), offered && vector["expect"] == "valid", "{answer}");
            if !offered {
                assert!(answer["reason"].as_str().unwrap().starts_with("no algorithm `"), "{answer}");
            }
            verdicts.push(accepts(&answer));
        }
    }
    assert_eq!(verdicts.iter().filter(|good| **good).count(), 7);
}
