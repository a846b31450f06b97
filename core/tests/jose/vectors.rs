//! The published vectors: RFC 7515 Appendix A, RFC 7520 section 4, RFC 8037 Appendix A, RFC 7638; and signatures by RSA in
//! the forms that it could be taken to have.

use crate::keys::{ANY, base64url, decoded, key_with, read, verifier, verify};
use serde_json::Value;
use valetkey::jose::{Algorithm, Jwk, JwkError, JwsError, Limits, Unverified};

pub(crate) fn file(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn each(file: &Value) -> &Vec<Value> {
    let vectors = file["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    vectors
}

/// Verifies a vector by its key, which may leave out what the reader asks of a shared one: its algorithm.
fn verdict(vector: &Value) -> Result<Vec<u8>, JwsError> {
    let (token, algorithm) = (vector["jws_compact"].as_str().unwrap(), vector["alg"].as_str().unwrap());
    let algorithm = Algorithm::from_name(algorithm).unwrap();
    let jwk = key_with(&vector["jwk"].to_string(), "alg", algorithm.as_str());
    verify(token, &verifier(&jwk, algorithm), ANY)
}

/// P-521 is not offered: the token is refused for its algorithm, and the key for its curve.
fn is_of_p521(vector: &Value) -> bool {
    if vector["alg"] != "ES512" {
        return false;
    }
    let token = vector["jws_compact"].as_str().unwrap();
    let mut scratch = vec![0; token.len() * 2];
    let refused = Unverified::read(token, Limits::DEFAULT, &mut scratch).unwrap_err();
    assert_eq!(refused, JwsError::Algorithm);
    assert_eq!(read(&vector["jwk"].to_string(), |jwk| jwk.err()), Some(JwkError::Unsupported));
    true
}

#[test]
fn rfc7515_a_01_rfc7515_5_1_01_the_published_examples_verify_and_their_changed_copies_do_not() {
    let mut kinds = [0; 3];
    for file in [
        file(include_str!("../../../conformance/vectors/jws_rfc7515.json")),
        file(include_str!("../../../conformance/vectors/jws_rfc7520.json")),
    ] {
        for vector in each(&file) {
            let name = vector["name"].as_str().unwrap();
            if is_of_p521(vector) {
                continue;
            }
            match vector["expect"].as_str().unwrap() {
                "valid" => {
                    let payload = verdict(vector).unwrap_or_else(|e| panic!("{name}: {e}"));
                    if let Some(expected) = vector["payload_b64u"].as_str() {
                        assert_eq!(base64url(payload), expected, "{name}");
                    }
                    kinds[0] += 1;
                }
                "invalid" => {
                    assert_eq!(verdict(vector), Err(JwsError::Signature), "{name}");
                    kinds[1] += 1;
                }
                "reject-by-default" => {
                    let token = vector["jws_compact"].as_str().unwrap();
                    let refused = Unverified::read(token, Limits::DEFAULT, &mut [0; 512]).unwrap_err();
                    assert_eq!(refused, JwsError::Algorithm, "{name}");
                    kinds[2] += 1;
                }
                other => panic!("{name}: what is {other}?"),
            }
        }
    }
    assert_eq!(kinds, [6, 3, 1]);
}

#[test]
fn rfc8037_2_01_rfc8037_3_1_01_the_published_ed25519_example_verifies() {
    let file = file(include_str!("../../../conformance/vectors/eddsa_rfc8037.json"));
    let signed = each(&file).iter().find(|vector| vector["expect"] == "valid").unwrap();
    assert_eq!(verdict(signed).unwrap(), signed["payload"].as_str().unwrap().as_bytes());
    // The private key says the same, and nothing of its private member is taken.
    let private = read(&signed["jwk_private"].to_string(), |jwk| format!("{:?}", jwk.unwrap()));
    assert_eq!(private, read(&signed["jwk"].to_string(), |jwk| format!("{:?}", jwk.unwrap())));
}

#[test]
fn rfc7638_3_1_01_rfc7638_3_2_01_rfc8037_2_01_the_published_thumbprints_come_out() {
    let mut checked = 0;
    for file in [
        file(include_str!("../../../conformance/vectors/jwk_thumbprint_rfc7638.json")),
        file(include_str!("../../../conformance/vectors/eddsa_rfc8037.json")),
    ] {
        for vector in each(&file) {
            let Some(expected) = vector["thumbprint_sha256"].as_str() else { continue };
            let mut jwk = vector["jwk"].clone();
            if jwk["use"] == "enc" {
                // It checks no signatures, and is refused; the thumbprint does not look at that.
                assert_eq!(read(&jwk.to_string(), |jwk| jwk.err()), Some(JwkError::Purpose));
                jwk.as_object_mut().unwrap().remove("use");
            }
            let thumbprint = read(&jwk.to_string(), |jwk| match jwk {
                Ok(Jwk::Public(jwk)) => jwk.thumbprint(),
                other => panic!("{other:?}"),
            });
            assert_eq!(base64url(thumbprint), expected, "{}", vector["name"]);
            checked += 1;
        }
    }
    assert_eq!(checked, 5);
}

#[test]
fn rfc7518_3_5_01_rfc7515_5_2_01_rsa_signatures_have_one_form() {
    let file = file(include_str!("../../../conformance/vectors/rsa_signature_forms.json"));
    let mut kinds = [0; 2];
    for vector in each(&file) {
        let (name, token) = (vector["name"].as_str().unwrap(), vector["token"].as_str().unwrap());
        let algorithm = Algorithm::from_name(vector["alg"].as_str().unwrap()).unwrap();
        let verdict = verify(token, &verifier(&file["jwk"].to_string(), algorithm), ANY);
        match vector["expect"].as_str().unwrap() {
            "valid" => {
                assert!(verdict.is_ok(), "{name}: {verdict:?}");
                kinds[0] += 1;
                // One byte more in front is another signature, though the same number.
                let (message, signature) = token.rsplit_once('.').unwrap();
                let longer = [&[0][..], &decoded(signature)].concat();
                let longer = format!("{message}.{}", base64url(longer));
                let verdict = verify(&longer, &verifier(&file["jwk"].to_string(), algorithm), ANY);
                assert_eq!(verdict, Err(JwsError::Signature), "{name}, with a zero in front");
            }
            "invalid" => {
                assert_eq!(verdict, Err(JwsError::Signature), "{name}: {}", vector["why"]);
                kinds[1] += 1;
            }
            other => panic!("{name}: what is {other}?"),
        }
    }
    assert_eq!(kinds, [8, 7]);
}
