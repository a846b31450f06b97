//! Keys and signatures that are refused, by both parts alike.

use crate::{ALGORITHMS, Both, KEYS};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, RsaKeyPair, RsaPssSaltLength};
use proptest::prelude::*;
use valetkey::jose::parts::PartError;
use valetkey::jose::{Algorithm, Material, PublicJwk};
use valetkey_aws_lc::SigningKey;

fn signing(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).unwrap()
}

fn both(algorithm: Algorithm) -> Both {
    Both::new(&signing(algorithm).public(), algorithm).unwrap()
}

fn refused(material: Material<'_>, algorithm: Algorithm) -> Option<PartError> {
    Both::new(&PublicJwk { kid: "", algorithm: None, material }, algorithm).err()
}

#[test]
fn rfc7518_3_4_01_a_der_signature_is_refused() {
    for (algorithm, der) in [
        (Algorithm::Es256, &lc::ECDSA_P256_SHA256_ASN1_SIGNING),
        (Algorithm::Es384, &lc::ECDSA_P384_SHA384_ASN1_SIGNING),
    ] {
        let pair = EcdsaKeyPair::from_pkcs8(der, &signing(algorithm).to_pkcs8().unwrap()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
        assert!(!both(algorithm).verify(b"message", signature.as_ref()));
    }
}

#[test]
fn rfc7518_3_4_03_r_and_s_are_neither_zero_nor_the_order_or_more() {
    for (algorithm, size) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
        let both = both(algorithm);
        let good = signing(algorithm).sign(b"message").unwrap();
        let (r, s) = good.split_at(size);
        let (zero, most) = (vec![0; size], vec![0xff; size]);
        for bad in [[&zero[..], &zero], [r, &zero], [&zero, s], [&most, s], [r, &most]] {
            assert!(!both.verify(b"message", &bad.concat()), "{algorithm}");
        }
        assert!(both.verify(b"message", &good));
    }
}

#[test]
fn rfc7518_6_2_1_01_rfc8725_3_4_01_points_off_their_curve_are_refused() {
    let Material::P256 { x, y } = signing(Algorithm::Es256).public().material else { panic!() };
    for bit in 0..256 {
        let mut y = y;
        y[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refused(Material::P256 { x, y }, Algorithm::Es256), Some(PartError::BadKey));
    }
    for (x, y) in [([0; 32], [0; 32]), ([0xff; 32], y), (x, [0xff; 32])] {
        assert_eq!(refused(Material::P256 { x, y }, Algorithm::Es256), Some(PartError::BadKey));
    }
    let Material::P384 { x, mut y } = signing(Algorithm::Es384).public().material else { panic!() };
    y[0] ^= 1;
    assert_eq!(refused(Material::P384 { x, y }, Algorithm::Es384), Some(PartError::BadKey));
}

#[test]
fn rfc7518_3_4_02_rfc8725_3_1_02_a_key_serves_its_own_algorithm_alone() {
    for key in KEYS.iter() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != key.algorithm()) {
            assert_eq!(Both::new(&key.public(), algorithm).err(), Some(PartError::Algorithm));
        }
        // An RSA key that leaves it open serves the one that it was parsed for.
        let PublicJwk { material, .. } = key.public();
        if let Material::Rsa { .. } = material {
            let signature = key.sign(b"message").unwrap();
            for algorithm in ALGORITHMS {
                match Both::new(&PublicJwk { kid: "", algorithm: None, material }, algorithm) {
                    Ok(both) => assert_eq!(both.verify(b"message", &signature), algorithm == key.algorithm()),
                    Err(e) => assert_eq!(e, PartError::Algorithm),
                }
            }
        }
    }
}

#[test]
fn rfc7518_3_3_01_moduli_of_less_than_2048_or_more_than_8192_bits_are_refused() {
    let odd = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        n
    };
    for bits in [512, 1024, 2040, 2047, 8193, 8200, 16384] {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512] {
            let n = odd(bits);
            assert_eq!(refused(Material::Rsa { n: &n, e: &[1, 0, 1] }, algorithm), Some(PartError::BadKey), "{bits}");
        }
    }
    for bits in [2048, 2049, 4096, 8192] {
        assert_eq!(refused(Material::Rsa { n: &odd(bits), e: &[1, 0, 1] }, Algorithm::Rs256), None, "{bits}");
    }
    assert_eq!(refused(Material::Rsa { n: &[], e: &[1, 0, 1] }, Algorithm::Rs256), Some(PartError::BadKey));
}

#[test]
fn rfc7518_3_5_01_a_salt_of_another_length_than_the_hash_is_refused() {
    for (algorithm, encoding, size) in [
        (Algorithm::Ps256, lc::RSA_PSS_SHA256, 32),
        (Algorithm::Ps384, lc::RSA_PSS_SHA384, 48),
        (Algorithm::Ps512, lc::RSA_PSS_SHA512, 64),
    ] {
        let pair = RsaKeyPair::from_pkcs8(&signing(algorithm).to_pkcs8().unwrap()).unwrap();
        for salt in [0, 1, 20, 32, 48, 64] {
            let encoding = encoding_with(&encoding, salt);
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), b"message", &mut signature).unwrap();
            assert_eq!(both(algorithm).verify(b"message", &signature), salt == size, "{algorithm} with {salt}");
        }
    }
}

/// The library wants its encodings for ever.
fn encoding_with(encoding: &lc::RsaSignatureEncoding, salt: u16) -> &'static lc::RsaSignatureEncoding {
    let base = match format!("{encoding:?}") {
        name if name.contains("256") => lc::RSA_PSS_SHA256,
        name if name.contains("384") => lc::RSA_PSS_SHA384,
        _ => lc::RSA_PSS_SHA512,
    };
    Box::leak(Box::new(base.with_pss_salt_length(RsaPssSaltLength::Custom(salt))))
}

proptest! {
    // RSA by the core's part takes milliseconds where nothing is optimised.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rfc7515_5_2_01_garbage_is_no_signature_to_either(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for key in KEYS.iter() {
            prop_assert!(!both(key.algorithm()).verify(b"message", &bytes));
        }
    }

    #[test]
    fn rfc7518_3_4_01_of_any_other_length_ecdsa_signatures_fail(bytes in prop::collection::vec(any::<u8>(), 0..140)) {
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            prop_assert!(!both(algorithm).verify(b"message", &bytes));
        }
    }
}
