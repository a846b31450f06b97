//! One key as JSON: RFC 7517, with what RFC 7518 section 6 asks of its numbers. <https://www.rfc-editor.org/rfc/rfc7517>

use crate::keys::{ANY, EC, EC_PRIVATE, ED, ED_PRIVATE, RSA, SECRET, base64url, decoded, key_with, oct, read, refused};
use crate::keys::{sign, verifier, verify};
use proptest::prelude::*;
use serde_json::{Value, json};
use valetkey::jose::parts::{PartError, PublicKey};
use valetkey::jose::{Algorithm, Jwk, JwkError, JwsError, MAX_JWK, Material, PublicJwk};
use valetkey::text::buf::Writer;
use valetkey::text::json::Fault;

/// What is read of a key, as text; without secrets.
fn shown(json: &str) -> String {
    read(json, |jwk| format!("{jwk:?}"))
}

/// The number in `n` or `e`, changed.
fn rsa_with(member: &str, bytes: &[u8]) -> String {
    key_with(RSA, member, base64url(bytes))
}

fn modulus() -> Vec<u8> {
    let key: Value = serde_json::from_str(RSA).unwrap();
    decoded(key["n"].as_str().unwrap())
}

/// The key, parsed for an algorithm.
fn part(json: &str, algorithm: Algorithm) -> Result<PublicKey, PartError> {
    read(json, |jwk| match jwk.unwrap() {
        Jwk::Public(jwk) => PublicKey::new(&jwk, algorithm),
        Jwk::Symmetric(_) => panic!("a shared key"),
    })
}

#[test]
fn rfc7517_4_01_kty_is_there_and_to_the_letter() {
    assert_eq!(refused("{}"), JwkError::Missing("kty"));
    for kty in ["ec", "EC ", "Ec", "AKP", "none"] {
        assert_eq!(refused(&key_with(EC, "kty", kty)), JwkError::Unsupported, "{kty}");
    }
    assert_eq!(refused(&key_with(RSA, "kty", "rsa")), JwkError::Unsupported);
    for wrong in [json!(null), json!(1), json!(["EC"]), json!("")] {
        assert_eq!(refused(&key_with(EC, "kty", wrong)), JwkError::Malformed("kty"));
    }
}

#[test]
fn rfc7517_4_02_rfc8725_2_11_01_a_key_is_one_strict_and_bounded_object() {
    for (json, fault) in [
        (r#"{"kty":"RSA","n":"a","n":"b"}"#, Fault::Duplicate),
        (r#"{"kty":"RSA","n":"a","\u006e":"b"}"#, Fault::Duplicate),
        (r#"{"kty":"RSA"} x"#, Fault::Trailing),
        (r#"["kty"]"#, Fault::WrongType),
        (r#"{"kty":"RSA""#, Fault::End),
    ] {
        assert!(matches!(refused(json), JwkError::Json(e) if e.fault == fault), "{json}");
    }
    let long = key_with(EC, "x5c", vec!["A".repeat(MAX_JWK)]);
    assert_eq!(Jwk::read(long.as_bytes(), &mut []).err(), Some(JwkError::TooLong), "before any work");
}

#[test]
fn a_member_of_a_wrong_type_is_an_error_and_never_absent() {
    for (key, member) in [
        (EC, "x"),
        (EC, "y"),
        (EC, "crv"),
        (EC, "kid"),
        (EC, "alg"),
        (EC, "use"),
        (EC, "key_ops"),
        (RSA, "n"),
        (RSA, "e"),
        (RSA, "y"),
    ] {
        for wrong in [json!(null), json!(true), json!(1), json!([1]), json!({}), json!("")] {
            let name = refused(&key_with(key, member, wrong.clone()));
            assert!(matches!(name, JwkError::Malformed(name) if name == member), "{member}: {wrong}");
        }
    }
    for (json, missing) in [
        (r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#, "y"),
        (r#"{"kty":"EC","crv":"P-384"}"#, "x"),
        (r#"{"kty":"OKP","crv":"Ed25519"}"#, "x"),
        (r#"{"kty":"RSA","n":"AQAB"}"#, "e"),
        (r#"{"kty":"RSA","e":"AQAB"}"#, "n"),
        (r#"{"kty":"oct","alg":"HS256"}"#, "k"),
        (r#"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#, "alg"),
    ] {
        assert_eq!(refused(json), JwkError::Missing(missing));
    }
}

#[test]
fn rfc7517_4_2_01_rfc7517_4_3_01_a_key_for_something_else_checks_no_signatures() {
    for purpose in ["enc", "SIG", "sig ", "wrap"] {
        assert_eq!(refused(&key_with(EC, "use", purpose)), JwkError::Purpose, "{purpose}");
    }
    for operations in [
        json!([]),
        json!(["encrypt"]),
        json!(["verify", "encrypt"]),
        json!(["Verify"]),
        json!(["verify", "verify"]),
        json!(["deriveKey"]),
    ] {
        assert_eq!(refused(&key_with(EC, "key_ops", operations.clone())), JwkError::Purpose, "{operations}");
    }
    // `use` and `key_ops` that contradict each other.
    let contradicting = key_with(&key_with(EC, "use", "enc"), "key_ops", vec!["verify"]);
    assert_eq!(refused(&contradicting), JwkError::Purpose);
    for good in [json!(["verify"]), json!(["sign"]), json!(["sign", "verify"]), json!(["verify", "x-audit"])] {
        assert_eq!(shown(&key_with(EC, "key_ops", good)), shown(EC));
    }
    assert_eq!(shown(&key_with(EC, "use", "sig")), shown(EC));
}

#[test]
fn rfc7517_4_4_01_rfc8725_3_1_02_a_key_serves_its_one_algorithm() {
    for (key, other) in
        [(EC, "ES384"), (EC, "RS256"), (EC, "HS256"), (EC, "ECDH-ES"), (ED, "ES256"), (RSA, "ES256"), (RSA, "RSA-OAEP")]
    {
        assert_eq!(refused(&key_with(key, "alg", other)), JwkError::Algorithm, "{other}");
    }
    assert_eq!(refused(&oct("ES256", &SECRET)), JwkError::Algorithm);
    let ps256 = key_with(RSA, "alg", "PS256");
    assert!(part(&ps256, Algorithm::Ps256).is_ok());
    for other in Algorithm::ALL.into_iter().filter(|other| *other != Algorithm::Ps256) {
        assert_eq!(part(&ps256, other).err(), Some(PartError::Algorithm), "{other}");
    }
    // A key that leaves it open was parsed for one, and serves no other.
    let rs256 = verifier(RSA, Algorithm::Rs256);
    let token = format!("{}.e30.{}", base64url(r#"{"alg":"PS256"}"#), "A".repeat(342));
    assert_eq!(verify(&token, &rs256, ANY), Err(JwsError::OtherKey));
}

#[test]
fn rfc7518_3_4_02_rfc8037_3_1_1_01_only_keys_of_the_right_curve_are_keys_of_an_algorithm() {
    assert_eq!(part(EC, Algorithm::Es384).err(), Some(PartError::Algorithm));
    assert_eq!(part(ED, Algorithm::Es256).err(), Some(PartError::Algorithm));
    for curve in ["X25519", "X448", "Ed448", "ed25519", "P-256"] {
        assert_eq!(refused(&key_with(ED, "crv", curve)), JwkError::Unsupported, "{curve}");
    }
    for curve in ["P-521", "secp256k1", "p-256", "Ed25519"] {
        assert_eq!(refused(&key_with(EC, "crv", curve)), JwkError::Unsupported, "{curve}");
    }
    // A point of P-256 is too short for P-384.
    assert_eq!(refused(&key_with(EC, "crv", "P-384")), JwkError::Malformed("x"));
}

#[test]
fn rfc7518_6_2_1_01_rfc8037_2_02_coordinates_have_their_full_size() {
    for (key, member) in [(EC, "x"), (EC, "y"), (ED, "x")] {
        for size in [0, 1, 31, 33, 48, 64] {
            let short = key_with(key, member, base64url(vec![1; size]));
            assert_eq!(refused(&short), JwkError::Malformed(member), "{size} octets");
        }
    }
}

#[test]
fn rfc7518_6_2_1_01_rfc8725_3_4_01_a_point_off_its_curve_is_no_key() {
    let off = |json: &str, algorithm| part(json, algorithm).err();
    for (x, y) in [([0; 32], [0; 32]), ([1; 32], [1; 32]), ([0xff; 32], [0xff; 32])] {
        let point = key_with(&key_with(EC, "x", base64url(x)), "y", base64url(y));
        assert_eq!(off(&point, Algorithm::Es256), Some(PartError::BadKey));
    }
    let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{0}","y":"{0}"}}"#, base64url([1; 48]));
    assert_eq!(off(&p384, Algorithm::Es384), Some(PartError::BadKey));
    // y = 2 is no point of edwards25519.
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(off(&key_with(ED, "x", base64url(two)), Algorithm::EdDsa), Some(PartError::BadKey));
}

#[test]
fn rfc7518_3_3_01_rfc8725_3_4_01_weak_rsa_keys_are_refused() {
    let n = modulus();
    let mut half = n.clone();
    half[0] >>= 1; // 2047 bits
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    for weak in [&n[..128], &n[..255], &half, &even, &[0x81; 1025]] {
        assert_eq!(refused(&rsa_with("n", weak)), JwkError::Weak, "{} octets", weak.len());
    }
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(refused(&rsa_with("e", exponent)), JwkError::Weak, "{exponent:?}");
    }
    for exponent in [&[3][..], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(part(&rsa_with("e", exponent), Algorithm::Rs256).is_ok(), "{exponent:?}");
    }
    // Whoever fills in the parts by hand is held to the same.
    for (n, e) in [(&n[..128], &[1, 0, 1][..]), (&even, &[1, 0, 1]), (&n, &[1]), (&n, &[2]), (&[][..], &[])] {
        let jwk = PublicJwk { kid: "", algorithm: None, material: Material::Rsa { n, e } };
        assert_eq!(PublicKey::new(&jwk, Algorithm::Rs256).err(), Some(PartError::BadKey), "{} {e:?}", n.len());
    }
}

#[test]
fn rfc7518_6_3_1_01_rfc7638_3_3_01_numbers_and_base64url_have_one_spelling() {
    assert_eq!(refused(&rsa_with("n", &[&[0][..], &modulus()].concat())), JwkError::Malformed("n"));
    assert_eq!(refused(&rsa_with("e", &[0, 1, 0, 1])), JwkError::Malformed("e"));
    assert_eq!(refused(&key_with(RSA, "e", "AQAB==")), JwkError::Malformed("e"));
    assert_eq!(refused(&key_with(RSA, "e", "AQ+B")), JwkError::Malformed("e"));
    let canonical: Value = serde_json::from_str(EC).unwrap();
    let x = canonical["x"].as_str().unwrap().replace("VEU", "VEV"); // unused bits set
    assert_eq!(refused(&key_with(EC, "x", x)), JwkError::Malformed("x"));
    assert_eq!(refused(&oct("HS256", &SECRET).replace("MDEy", "MDE ")), JwkError::Malformed("k"));
}

#[test]
fn rfc7518_3_2_01_rfc8725_3_5_01_rfc7515_10_1_01_a_secret_is_at_least_as_long_as_the_hash() {
    for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        for short in [1, 8, least - 1] {
            assert_eq!(refused(&oct(alg, &SECRET[..short])), JwkError::Weak, "{alg} with {short}");
        }
        assert!(read(&oct(alg, &SECRET[..least]), |jwk| matches!(jwk, Ok(Jwk::Symmetric(_)))), "{alg}");
        let short = valetkey::jose::SymmetricJwk {
            kid: "",
            algorithm: Algorithm::from_name(alg).unwrap(),
            key: &SECRET[..least - 1],
        };
        assert!(valetkey::jose::parts::MacKey::new(&short).is_none(), "{alg} by hand");
    }
}

#[test]
fn rfc7517_9_2_01_rfc7517_9_01_what_is_written_of_a_private_key_is_public() {
    for (key, private) in [(EC, EC_PRIVATE), (ED, ED_PRIVATE)] {
        let both = key_with(key, "d", private);
        read(&both, |jwk| {
            let Ok(Jwk::Public(jwk)) = jwk else { panic!("{jwk:?}") };
            let mut room = [0; 1024];
            let mut w = Writer::new(&mut room);
            jwk.write(&mut w);
            let written = w.finish().unwrap();
            let members: Value = serde_json::from_str(written).unwrap();
            assert!(members.get("d").is_none() && !written.contains(private));
            assert!(!format!("{jwk:?}").contains(private));
        });
    }
    let shared = read(&oct("HS256", &SECRET), |jwk| format!("{:?}", jwk.unwrap()));
    assert!(!shared.contains(&base64url(SECRET)) && !shared.contains("48, 49, 50"), "{shared}");
}

proptest! {
    #[test]
    fn rfc7517_4_01_members_that_mean_nothing_change_nothing(name in "[a-z0-9_#:-]{1,8}", value in "[a-z0-9]{0,9}", at in 0..3_usize) {
        prop_assume!(!["kty", "crv", "kid", "alg", "x", "y", "n", "e", "k", "use", "key_ops"].contains(&&*name));
        let key = [EC, ED, RSA][at];
        prop_assert_eq!(shown(&key_with(key, &name, value.as_str())), shown(key));
        prop_assert_eq!(shown(&key_with(key, &name, json!([{ "a": value }, null, 1.5]))), shown(key));
    }

    #[test]
    fn rfc7517_4_2_01_any_other_use_is_refused(purpose in "[a-zA-Z]{1,8}") {
        prop_assume!(purpose != "sig");
        prop_assert_eq!(refused(&key_with(EC, "use", purpose)), JwkError::Purpose);
    }

    #[test]
    fn rfc7517_4_3_01_operations_without_verify_are_refused(operations in prop::collection::vec("[a-zA-Z]{1,9}", 0..5)) {
        prop_assume!(!operations.iter().any(|operation| operation == "verify" || operation == "sign"));
        prop_assert_eq!(refused(&key_with(EC, "key_ops", operations)), JwkError::Purpose);
    }

    #[test]
    fn rfc7518_3_2_01_any_shorter_secret_is_refused(secret in prop::collection::vec(any::<u8>(), 1..80)) {
        for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
            let taken = read(&oct(alg, &secret), |jwk| jwk.map(|_| ()));
            prop_assert_eq!(taken, if secret.len() < least { Err(JwkError::Weak) } else { Ok(()) });
        }
    }

    #[test]
    fn rfc7518_3_3_01_any_smaller_modulus_is_refused(mut n in prop::collection::vec(any::<u8>(), 1..256)) {
        n[0] |= 1;
        prop_assert_eq!(refused(&rsa_with("n", &n)), JwkError::Weak);
    }

    #[test]
    fn rfc7518_6_2_1_01_no_point_off_its_curve_is_a_key(x in prop::array::uniform32(any::<u8>()), y in prop::array::uniform32(any::<u8>())) {
        // A random pair lies on the curve once in 2^256.
        let point = key_with(&key_with(EC, "x", base64url(x)), "y", base64url(y));
        prop_assert_eq!(part(&point, Algorithm::Es256).err(), Some(PartError::BadKey));
    }

    #[test]
    fn rfc8037_2_02_another_size_is_no_ed25519_key(x in prop::collection::vec(any::<u8>(), 1..70)) {
        prop_assume!(x.len() != 32);
        prop_assert_eq!(refused(&key_with(ED, "x", base64url(&x))), JwkError::Malformed("x"));
    }

    #[test]
    fn rfc7517_9_2_01_a_key_that_is_written_reads_back(kid in any::<String>(), at in 0..3_usize) {
        let (key, alg) = [(EC, "ES256"), (ED, "EdDSA"), (RSA, "PS512")][at];
        let json = if kid.is_empty() { key.to_owned() } else { key_with(key, "kid", kid) };
        read(&key_with(&json, "alg", alg), |jwk| {
            let Ok(Jwk::Public(jwk)) = jwk else { panic!("{jwk:?}") };
            let mut room = vec![0; 4096];
            let mut w = Writer::new(&mut room);
            jwk.write(&mut w);
            read(w.finish().unwrap(), |again| {
                let Ok(Jwk::Public(again)) = again else { panic!("{again:?}") };
                assert_eq!(again, jwk);
            });
        });
    }
}

#[test]
fn rfc8725_3_1_02_a_token_by_the_same_key_and_another_algorithm_is_refused() {
    let signed = sign(Algorithm::Hs256, r#"{"alg":"HS512"}"#, "{}");
    assert_eq!(verify(&signed, crate::keys::own(Algorithm::Hs256), ANY), Err(JwsError::OtherKey));
    assert_eq!(verify(&signed, crate::keys::own(Algorithm::Hs512), ANY), Err(JwsError::Signature));
}
