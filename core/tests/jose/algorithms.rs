//! Signatures: RFC 7518 section 3 and RFC 8037 section 3. <https://www.rfc-editor.org/rfc/rfc7518#section-3>

use crate::keys::{ANY, EC, ED, RSA, SIGNED, Verifier, base64url, decoded, judge, key_with, own, read, sign, verify};
use proptest::prelude::*;
use valetkey::jose::parts::{PartError, PublicKey};
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwsError, Verify};

/// A token with that signature by nobody.
fn with_signature(algorithm: Algorithm, signature: &[u8]) -> String {
    format!("{}.e30.{}", base64url(format!(r#"{{"alg":"{algorithm}"}}"#)), base64url(signature))
}

fn good(algorithm: Algorithm) -> (String, Vec<u8>) {
    let token = sign(algorithm, format!(r#"{{"alg":"{algorithm}"}}"#), "{}");
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message.to_owned(), decoded(signature))
}

fn verdict(message: &str, signature: &[u8], key: &Verifier) -> Result<(), JwsError> {
    verify(&format!("{message}.{}", base64url(signature)), key, ANY).map(|_| ())
}

/// The order of P-256 and the prime order of edwards25519, big-endian and little-endian as their signatures have them.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The points of small order, in each spelling.
const SMALL_ORDER: [&str; 12] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn rfc7518_3_1_01_rfc7519_8_01_rfc9068_2_1_02_rfc8725_3_2_01_what_is_supported() {
    let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
    let table = "ES256 ES384 EdDSA RS256 RS384 RS512 PS256 PS384 PS512 HS256 HS384 HS512";
    assert_eq!(names, table.split(' ').collect::<Vec<_>>());
    // The required HS256 and the recommended ES256 verify here, RS256 and the rest in the tests of vectors.
    for algorithm in SIGNED {
        let (message, signature) = good(algorithm);
        assert_eq!(verdict(&message, &signature, own(algorithm)), Ok(()), "{algorithm}");
    }
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
        let parsed = read(RSA, |jwk| match jwk {
            Ok(Jwk::Public(jwk)) => PublicKey::new(&jwk, algorithm).map(|key| key.algorithm()),
            _ => panic!("an RSA key"),
        });
        assert_eq!(parsed, Ok(algorithm));
    }
    // Support for change: an algorithm goes by leaving it out of the set, and none is in one by itself.
    let (message, signature) = good(Algorithm::Es256);
    let token = format!("{message}.{}", base64url(signature));
    for allowed in [Algorithms::NONE, Algorithms::of(&[Algorithm::Es384, Algorithm::EdDsa])] {
        assert_eq!(verify(&token, own(Algorithm::Es256), allowed), Err(JwsError::NotAllowed));
    }
}

#[test]
fn rfc8725_3_2_02_rfc7519_6_01_rfc7518_3_6_01_there_is_no_way_to_ask_for_none() {
    assert_eq!(Algorithm::from_name("none"), None);
    assert!(Algorithm::ALL.iter().all(|algorithm| !algorithm.as_str().eq_ignore_ascii_case("none")));
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"none","typ":"at+jwt"}"#] {
        for signature in ["", "AAAA"] {
            assert!(judge(&format!("{}.{}.{signature}", base64url(header), base64url(crate::keys::CLAIMS))).is_err());
        }
    }
    // A good header without its signature.
    for algorithm in SIGNED {
        let (message, _) = good(algorithm);
        assert_eq!(verdict(&message, &[], own(algorithm)), Err(JwsError::Signature), "{algorithm}");
    }
}

#[test]
fn rfc7518_3_4_01_ecdsa_signatures_are_of_fixed_size() {
    for (algorithm, size) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96)] {
        let (message, signature) = good(algorithm);
        assert_eq!(signature.len(), size);
        let longer = [&signature[..], &[0]].concat();
        let widened = [&[0][..], &signature[..size / 2], &[0], &signature[size / 2..]].concat();
        for other in [&signature[..size - 1], &signature[1..], &longer, &widened, &[], &signature.repeat(2)] {
            assert_eq!(verdict(&message, other, own(algorithm)), Err(JwsError::Signature), "{} octets", other.len());
        }
    }
    // The same numbers as ASN.1 has them.
    let (message, signature) = good(Algorithm::Es256);
    let der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
    assert_eq!(verdict(&message, der.as_bytes(), own(Algorithm::Es256)), Err(JwsError::Signature));
}

#[test]
fn rfc7518_3_4_03_r_and_s_are_from_1_to_n_minus_1() {
    let one = [&[0; 31][..], &[1]].concat();
    let zero = [0; 32];
    for (r, s) in
        [(&zero[..], &zero[..]), (&one, &zero), (&zero, &one), (&N, &one), (&one, &N), (&N, &N), (&[0xff; 32], &one)]
    {
        let token = with_signature(Algorithm::Es256, &[r, s].concat());
        assert_eq!(verify(&token, own(Algorithm::Es256), ANY), Err(JwsError::Signature), "{r:?} {s:?}");
    }
    assert!(verify(&with_signature(Algorithm::Es384, &[0; 96]), own(Algorithm::Es384), ANY).is_err());
}

#[test]
fn rfc8037_3_1_02_s_of_ed25519_is_in_range() {
    let (message, signature) = good(Algorithm::EdDsa);
    let mut other = signature.clone();
    let mut carry = 0_u16;
    for (byte, l) in other[32..].iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(l);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert_ne!(other, signature);
    assert_eq!(verdict(&message, &other, own(Algorithm::EdDsa)), Err(JwsError::Signature));
    for size in [0, 32, 63, 65, 128] {
        let mut other = signature.repeat(2);
        other.truncate(size);
        assert_eq!(verdict(&message, &other, own(Algorithm::EdDsa)), Err(JwsError::Signature), "{size} octets");
    }
}

#[test]
fn rfc8037_5_01_keys_of_small_order_are_refused() {
    for point in SMALL_ORDER {
        let json = key_with(ED, "x", base64url(hex(point)));
        let refused = read(&json, |jwk| match jwk {
            Ok(Jwk::Public(jwk)) => PublicKey::new(&jwk, Algorithm::EdDsa).err(),
            other => panic!("{other:?}"),
        });
        assert_eq!(refused, Some(PartError::BadKey), "{point}");
        // Nor as R, with which some take a signature that nobody made.
        let token = with_signature(Algorithm::EdDsa, &[&hex(point)[..], &[0; 32]].concat());
        assert_eq!(verify(&token, own(Algorithm::EdDsa), ANY), Err(JwsError::Signature), "{point}");
    }
}

#[test]
fn rfc8037_3_1_1_01_keys_for_agreement_verify_nothing() {
    for curve in ["X25519", "X448"] {
        let json = key_with(ED, "crv", curve);
        assert!(read(&json, |jwk| jwk.is_err()), "{curve}");
    }
}

#[test]
fn rfc7515_10_5_01_macs_are_compared_in_constant_time_and_whole() {
    // How long it takes no test tells well: what compares is the one function for that, in each place.
    let source = include_str!("../../src/jose/parts/mac.rs");
    let compares: Vec<&str> = source.lines().filter(|line| line.contains("finalize()")).collect();
    assert_eq!(compares.len(), 3);
    assert!(compares.iter().all(|line| line.contains("=> ct_eq(&")), "{compares:?}");
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let (message, mac) = good(algorithm);
        for part in [&mac[..0], &mac[..1], &mac[..mac.len() - 1], &mac[1..], &[&mac[..], &[0]].concat()] {
            assert_eq!(verdict(&message, part, own(algorithm)), Err(JwsError::Signature), "{} octets", part.len());
        }
    }
}

#[test]
fn rfc7518_3_4_02_a_signature_by_another_curve_is_refused() {
    let (message, signature) = good(Algorithm::Es384);
    assert_eq!(verdict(&message, &signature, own(Algorithm::Es256)), Err(JwsError::OtherKey));
    let p384 = key_with(EC, "crv", "P-384");
    assert!(read(&p384, |jwk| jwk.is_err()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rfc7518_3_4_01_rfc7515_10_6_01_any_signature_of_another_size_fails(size in 0..140_usize, byte in any::<u8>()) {
        for (algorithm, right) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96), (Algorithm::EdDsa, 64), (Algorithm::Hs256, 32)] {
            prop_assume!(size != right);
            let token = with_signature(algorithm, &vec![byte; size]);
            prop_assert_eq!(verify(&token, own(algorithm), ANY), Err(JwsError::Signature));
        }
    }

    #[test]
    fn rfc7518_3_4_03_the_zero_signature_fails_for_any_message(payload in any::<Vec<u8>>()) {
        for (algorithm, size) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96), (Algorithm::EdDsa, 64)] {
            let header = base64url(format!(r#"{{"alg":"{algorithm}"}}"#));
            let token = format!("{header}.{}.{}", base64url(&payload), base64url(vec![0; size]));
            prop_assert_eq!(verify(&token, own(algorithm), ANY), Err(JwsError::Signature));
        }
    }

    #[test]
    fn rfc7519_6_01_any_unsecured_token_is_refused(payload in any::<Vec<u8>>(), signature in any::<Vec<u8>>(), kid in "[a-z]{0,3}") {
        let header = base64url(format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#));
        for signature in [String::new(), base64url(&signature)] {
            let refused = judge(&format!("{header}.{}.{signature}", base64url(&payload)));
            prop_assert_eq!(refused, Err(JwsError::Algorithm.into()));
        }
    }

    #[test]
    fn rfc8037_3_1_02_adding_the_order_to_s_makes_it_fail(payload in any::<Vec<u8>>()) {
        let token = sign(Algorithm::EdDsa, r#"{"alg":"EdDSA"}"#, &payload);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut signature = decoded(signature);
        let mut carry = 0_u16;
        for (byte, l) in signature[32..].iter_mut().zip(L) {
            carry += u16::from(*byte) + u16::from(l);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        prop_assert_eq!(verdict(message, &signature, own(Algorithm::EdDsa)), Err(JwsError::Signature));
    }
}
