//! The published examples: RFC 7515 Appendix A, RFC 7520 section 4, RFC 8037 Appendix A.

use crate::{Both, with_public};
use serde_json::Value;
use valetkey::jose::{Algorithm, Algorithms, Key, Limits, Unverified};
use valetkey_aws_lc::{PublicKey, SigningKey};

fn file(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// Whether the vector's token is good to both parts; `None` if no public key of ours is for its algorithm.
fn verdict(vector: &Value) -> Option<bool> {
    let algorithm = Algorithm::from_name(vector["alg"].as_str()?).filter(|algorithm| !algorithm.is_symmetric())?;
    let token = vector["jws_compact"].as_str()?;
    let (message, signature) = token.rsplit_once('.')?;
    let mut bytes = vec![0; signature.len()];
    let signature = valetkey::text::base64::decode(signature, &mut bytes).unwrap();
    with_public(&vector["jwk"].to_string(), |jwk| {
        let verdict = Both::new(jwk, algorithm).unwrap().verify(message.as_bytes(), signature);
        let public = PublicKey::new(jwk, algorithm).unwrap();
        let mut scratch = vec![0; 2 * token.len()];
        let unverified = Unverified::read(token, Limits::DEFAULT, &mut scratch).unwrap();
        assert_eq!(unverified.verify(&Key::new(jwk.kid, &public), Algorithms::of(&[algorithm])).is_ok(), verdict);
        Some(verdict)
    })
}

#[test]
fn rfc7515_a_01_rfc8037_3_1_01_the_published_examples_verify() {
    let (mut good, mut bad) = (0, 0);
    for json in [
        include_str!("../../../../conformance/vectors/jws_rfc7515.json"),
        include_str!("../../../../conformance/vectors/jws_rfc7520.json"),
        include_str!("../../../../conformance/vectors/eddsa_rfc8037.json"),
    ] {
        for vector in file(json)["vectors"].as_array().unwrap() {
            match verdict(vector) {
                Some(verdict) => {
                    assert_eq!(verdict, vector["expect"] == "valid", "{}", vector["name"]);
                    if verdict { good += 1 } else { bad += 1 }
                }
                None => assert!(
                    ["HS256", "ES512", "none"].iter().any(|alg| vector["alg"] == *alg) || vector["alg"].is_null()
                ),
            }
        }
    }
    assert_eq!((good, bad), (5, 2));
}

#[test]
fn rfc8037_3_1_01_rfc8037_2_01_the_published_ed25519_signature_is_made_again() {
    let file = file(include_str!("../../../../conformance/vectors/eddsa_rfc8037.json"));
    let vector = &file["vectors"][0];
    let mut seed = [0; 64];
    let seed = valetkey::text::base64::decode(vector["jwk_private"]["d"].as_str().unwrap(), &mut seed).unwrap();
    // PKCS#8 of an Ed25519 key is its seed behind these bytes: RFC 8410 section 7.
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let signing = SigningKey::from_pkcs8(Algorithm::EdDsa, &[&head[..], seed].concat()).unwrap();
    assert_eq!(signing.kid(), file["vectors"][1]["thumbprint_sha256"]);
    let (message, expected) = vector["jws_compact"].as_str().unwrap().rsplit_once('.').unwrap();
    let signature = signing.sign(message.as_bytes()).unwrap();
    assert_eq!(valetkey::text::base64::encode(&signature, &mut [0; 96]).unwrap(), expected);
}
