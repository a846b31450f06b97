//! Ed25519 in its corners, where libraries differ: made here from scalars and points, as no honest signer makes such.

use crate::Both;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use sha2::{Digest, Sha512};
use valetkey::jose::parts::PartError;
use valetkey::jose::{Algorithm, Material, PublicJwk};

const MESSAGE: &[u8] = b"message";

/// The order of the base point, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn both(x: [u8; 32]) -> Result<Both, PartError> {
    Both::new(&PublicJwk { kid: "", algorithm: None, material: Material::Ed25519 { x } }, Algorithm::EdDsa)
}

/// The hash that binds R, the key and the message.
fn challenge(r: CompressedEdwardsY, key: CompressedEdwardsY) -> Scalar {
    let hash = Sha512::new().chain_update(r.as_bytes()).chain_update(key.as_bytes()).chain_update(MESSAGE).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

/// A signature by `secret` with nonce `r`, after `R` was moved by `shift`.
fn sign(secret: Scalar, key: EdwardsPoint, r: Scalar, shift: EdwardsPoint) -> [u8; 64] {
    let point = (EdwardsPoint::mul_base(&r) + shift).compress();
    let s = r + challenge(point, key.compress()) * secret;
    [point.to_bytes(), s.to_bytes()].concat().try_into().unwrap()
}

fn scalar() -> impl Strategy<Value = Scalar> {
    any::<[u8; 32]>().prop_map(Scalar::from_bytes_mod_order)
}

#[test]
fn rfc8037_5_01_rfc8725_3_4_01_keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        assert_eq!(both(point.compress().to_bytes()).err(), Some(PartError::BadKey));
    }
    // The same points, spelled with the other sign or with p added.
    for y in [0x00, 0x01, 0xec, 0xed, 0xee] {
        for top in [0x00, 0x7f, 0x80, 0xff] {
            let mut x = if top & 0x7f == 0 { [0; 32] } else { [0xff; 32] };
            (x[0], x[31]) = (y, top);
            if CompressedEdwardsY(x).decompress().is_none_or(|point| point.is_small_order()) {
                assert_eq!(both(x).err(), Some(PartError::BadKey), "{x:02x?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rfc8725_3_4_01_what_is_no_point_is_refused(x in any::<[u8; 32]>()) {
        let refused = both(x).err();
        prop_assert_eq!(refused.is_none(), CompressedEdwardsY(x).decompress().is_some());
    }

    #[test]
    fn rfc8037_3_1_02_adding_the_order_to_s_makes_it_fail(secret in scalar(), r in scalar()) {
        let key = EdwardsPoint::mul_base(&secret);
        let both = both(key.compress().to_bytes()).unwrap();
        let mut signature = sign(secret, key, r, EIGHT_TORSION[0]);
        prop_assert!(both.verify(MESSAGE, &signature));
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        prop_assert!(!both.verify(MESSAGE, &signature), "S + L");
    }

    #[test]
    fn rfc8037_3_1_02_a_signature_has_64_octets(secret in scalar(), r in scalar(), size in 0..64_usize) {
        let key = EdwardsPoint::mul_base(&secret);
        let both = both(key.compress().to_bytes()).unwrap();
        let signature = sign(secret, key, r, EIGHT_TORSION[0]);
        prop_assert!(!both.verify(MESSAGE, &signature[..size]));
        prop_assert!(!both.verify(MESSAGE, &[&signature[..], &[0]].concat()));
    }

    /// With nonce 0 the equation holds for everyone, and S tells the key.
    #[test]
    fn rfc8037_5_01_an_r_of_small_order_is_refused(secret in scalar(), shift in 0..8_usize) {
        let key = EdwardsPoint::mul_base(&secret);
        let both = both(key.compress().to_bytes()).unwrap();
        prop_assert!(!both.verify(MESSAGE, &sign(secret, key, Scalar::ZERO, EIGHT_TORSION[shift])));
    }

    /// Where the equation is multiplied by the cofactor, these are good; here it is not.
    #[test]
    fn the_equation_is_taken_without_cofactor(secret in scalar(), r in scalar(), shift in 1..8_usize) {
        let key = EdwardsPoint::mul_base(&secret);
        let both = both(key.compress().to_bytes()).unwrap();
        prop_assert!(!both.verify(MESSAGE, &sign(secret, key, r, EIGHT_TORSION[shift])));
    }

    /// A key with a part of small order is no honest one, but both parts say the same of its signatures.
    #[test]
    fn of_keys_of_mixed_order_both_parts_say_the_same(secret in scalar(), r in scalar(), mixed in 0..8_usize, shift in 0..8_usize) {
        let key = EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[mixed];
        let both = both(key.compress().to_bytes()).unwrap();
        both.verify(MESSAGE, &sign(secret, key, r, EIGHT_TORSION[shift]));
    }
}
