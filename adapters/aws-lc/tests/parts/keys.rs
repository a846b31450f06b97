//! Keys that are made, shown, written and read again.

use crate::{ALGORITHMS, Both, KEYS, with_public};
use proptest::prelude::*;
use valetkey::jose::{Algorithm, Key, Verify};
use valetkey_aws_lc::{KeyError, PublicKey, SigningKey};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rfc7518_3_1_01_rfc8037_3_1_01_what_is_signed_is_good_to_both_parts_and_what_is_changed_to_neither(
        message in prop::collection::vec(any::<u8>(), 0..600), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        for signing in KEYS.iter() {
            let both = Both::new(&signing.public(), signing.algorithm()).unwrap();
            let signature = signing.sign(&message).unwrap();
            prop_assert!(both.verify(&message, &signature), "{signing:?}");
            let mut other = signature.clone();
            other[at.index(signature.len())] ^= 1_u8 << bit;
            prop_assert!(!both.verify(&message, &other), "{signing:?}");
            let mut other = message.clone();
            other.push(0);
            prop_assert!(!both.verify(&other, &signature), "{signing:?}");
            prop_assert!(!both.verify(&message, &signature[1..]), "{signing:?}");
            prop_assert!(!both.verify(&message, &[&signature[..], &[0]].concat()), "{signing:?}");
        }
    }
}

#[test]
fn rfc7518_3_4_01_ecdsa_signatures_are_made_in_fixed_size() {
    for (algorithm, size) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96), (Algorithm::EdDsa, 64)] {
        let signing = SigningKey::generate(algorithm).unwrap();
        // DER would be of another size at nearly every signature.
        for n in 0..64_u8 {
            assert_eq!(signing.sign(&[n]).unwrap().len(), size);
        }
    }
}

#[test]
fn rfc8725_3_2_03_two_ecdsa_signatures_of_one_message_share_nothing() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let signing = SigningKey::generate(algorithm).unwrap();
        let (one, other) = (signing.sign(b"message").unwrap(), signing.sign(b"message").unwrap());
        assert_ne!(one[..32], other[..32], "a nonce that is used twice tells the key");
    }
}

#[test]
fn rfc8037_3_1_01_ed25519_signatures_are_deterministic() {
    let signing = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert_eq!(signing.sign(b"message"), signing.sign(b"message"));
}

#[test]
fn rfc7638_3_1_01_the_public_half_is_a_key_whose_id_is_its_thumbprint() {
    for signing in KEYS.iter() {
        let json = signing.public_json();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((value["use"].as_str(), value["alg"].as_str()), (Some("sig"), Some(signing.algorithm().as_str())));
        assert!(["d", "p", "q", "k"].iter().all(|private| value.get(private).is_none()), "{json}");
        with_public(&json, |jwk| {
            assert_eq!(*jwk, signing.public());
            let public = PublicKey::new(jwk, signing.algorithm()).unwrap();
            assert!(Key::new(jwk.kid, &public).verify(b"message", &signing.sign(b"message").unwrap()));
            let mut text = [0; 64];
            assert_eq!(valetkey::text::base64::encode(&jwk.thumbprint(), &mut text).unwrap(), signing.kid());
        });
    }
}

#[test]
fn pkcs8_gives_the_same_key_again() {
    for signing in KEYS.iter() {
        let again = SigningKey::from_pkcs8(signing.algorithm(), &signing.to_pkcs8().unwrap()).unwrap();
        assert_eq!((again.kid(), again.public()), (signing.kid(), signing.public()));
        let public = PublicKey::new(&signing.public(), signing.algorithm()).unwrap();
        assert!(public.verify(b"message", &again.sign(b"message").unwrap()));
    }
}

#[test]
fn pkcs8_of_another_kind_of_key_is_refused() {
    let family = |algorithm| match algorithm {
        Algorithm::Es256 => 0,
        Algorithm::Es384 => 1,
        Algorithm::EdDsa => 2,
        _ => 3,
    };
    for signing in KEYS.iter() {
        let der = signing.to_pkcs8().unwrap();
        for algorithm in ALGORITHMS {
            let taken = SigningKey::from_pkcs8(algorithm, &der).map(|key| key.algorithm());
            let expected = family(algorithm) == family(signing.algorithm());
            assert_eq!(taken, if expected { Ok(algorithm) } else { Err(KeyError::BadKey) });
        }
        for cut in [0, 1, der.len() / 2, der.len() - 1] {
            let cut = SigningKey::from_pkcs8(signing.algorithm(), &der[..cut]);
            assert_eq!(cut.map(|_| ()), Err(KeyError::BadKey));
        }
    }
}

#[test]
fn rfc7518_3_3_01_a_private_rsa_key_of_1024_bits_is_refused() {
    // Made by OpenSSL for this test alone.
    let short = include_bytes!("rsa1024.pk8");
    assert_eq!(SigningKey::from_pkcs8(Algorithm::Rs256, short).map(|_| ()), Err(KeyError::BadKey));
}

#[test]
fn rfc8725_3_1_03_there_is_no_key_pair_for_an_hmac() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        assert_eq!(SigningKey::generate(algorithm).map(|_| ()), Err(KeyError::Algorithm));
        let der = KEYS[0].to_pkcs8().unwrap();
        assert_eq!(SigningKey::from_pkcs8(algorithm, &der).map(|_| ()), Err(KeyError::Algorithm));
    }
}

#[test]
fn debug_shows_the_id_alone() {
    for signing in KEYS.iter() {
        let shown = format!("{signing:?}");
        assert!(shown.len() < 120 && shown.contains(signing.kid()), "{shown}");
        let public = PublicKey::new(&signing.public(), signing.algorithm()).unwrap();
        assert_eq!(format!("{public:?}"), format!("PublicKey({:?})", signing.algorithm().as_str()));
    }
}
