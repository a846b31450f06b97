//! A key's own name. <https://www.rfc-editor.org/rfc/rfc7638>

use crate::keys::{EC, EC_PRIVATE, ED, ED_PRIVATE, RSA, SECRET, base64url, decoded, key_with, oct, read};
use proptest::prelude::*;
use serde_json::{Map, Value};
use valetkey::jose::Jwk;

fn thumbprint(json: &str) -> Option<[u8; 32]> {
    read(json, |jwk| match jwk {
        Ok(Jwk::Public(jwk)) => Some(jwk.thumbprint()),
        _ => None,
    })
}

/// The key's members in that order, with that white space between.
fn reordered(json: &str, order: &[usize], space: &str) -> String {
    let key: Map<String, Value> = serde_json::from_str(json).unwrap();
    let mut members: Vec<String> =
        key.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{value}")).collect();
    for (from, to) in order.iter().enumerate() {
        let len = members.len();
        members.swap(from % len, to % len);
    }
    format!("{{{}{space}}}", members.join(","))
}

#[test]
fn rfc7638_3_2_1_01_both_halves_of_a_pair_have_one_thumbprint() {
    for (key, private) in [(EC, EC_PRIVATE), (ED, ED_PRIVATE)] {
        assert_eq!(thumbprint(&key_with(key, "d", private)), thumbprint(key));
    }
    let private = key_with(&key_with(RSA, "d", "AQAB"), "p", "AQAB");
    assert!(thumbprint(RSA).is_some() && thumbprint(&private) == thumbprint(RSA));
}

#[test]
fn rfc7638_7_01_a_shared_key_has_no_thumbprint() {
    // By type: `thumbprint` is a method of public keys alone.
    assert!(read(&oct("HS256", &SECRET), |jwk| matches!(jwk, Ok(Jwk::Symmetric(_)))));
    assert_eq!(thumbprint(&oct("HS256", &SECRET)), None);
}

#[test]
fn rfc7638_3_3_01_a_key_in_another_spelling_is_refused_and_not_named_otherwise() {
    let key: Value = serde_json::from_str(RSA).unwrap();
    let n = [&[0][..], &decoded(key["n"].as_str().unwrap())].concat();
    assert_eq!(thumbprint(&key_with(RSA, "n", base64url(n))), None);
    assert_eq!(thumbprint(&key_with(RSA, "e", "AQAB=")), None);
}

proptest! {
    #[test]
    fn rfc7638_3_1_01_order_space_and_other_members_do_not_matter(
        at in 0..3_usize, order in prop::collection::vec(0..9_usize, 0..9), space in "[ \n\t]{0,2}", kid in "[a-z]{1,5}", value in any::<i32>(),
    ) {
        let key = [EC, ED, RSA][at];
        let more = key_with(&key_with(key, "kid", kid), "x5t", value);
        prop_assert_eq!(thumbprint(&reordered(&more, &order, &space)), thumbprint(key));
    }

    #[test]
    fn rfc7638_3_2_01_any_change_of_a_required_member_is_another_key(at in 0..6_usize, byte in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let (key, member) = [(EC, "x"), (EC, "y"), (ED, "x"), (RSA, "n"), (RSA, "e"), (EC, "crv")][at];
        let parsed: Value = serde_json::from_str(key).unwrap();
        let changed = if member == "crv" {
            key_with(key, "crv", "P-384")
        } else {
            let mut bytes = decoded(parsed[member].as_str().unwrap());
            let byte = byte.index(bytes.len());
            bytes[byte] ^= bits;
            key_with(key, member, base64url(bytes))
        };
        // Some changes make no key at all.
        prop_assert!(thumbprint(&changed).is_none_or(|other| Some(other) != thumbprint(key)));
    }
}
