//! Valid tokens, changed: no change of any byte leaves one good.

use crate::keys::{CLAIMS, HEADER, SIGNED, claims_with, judge, own, sign, token, verify};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use valetkey::jose::{Algorithm, Algorithms};

fn of(algorithm: Algorithm) -> String {
    sign(algorithm, format!(r#"{{"alg":"{algorithm}"}}"#), "{\"a\":1}")
}

#[test]
fn rfc9068_4_04_no_single_character_of_a_token_can_be_changed_or_left_out() {
    let good = token(CLAIMS);
    assert_eq!(judge(&good), Ok(()));
    for at in 0..good.len() {
        for c in "ABCQghwxyz0189-_.=+/ ".chars().filter(|c| !good[at..].starts_with(*c)) {
            let mut changed = good.clone();
            changed.replace_range(at..=at, c.encode_utf8(&mut [0; 4]));
            assert!(judge(&changed).is_err(), "{c} at {at}");
        }
        let mut shorter = good.clone();
        shorter.remove(at);
        assert!(judge(&shorter).is_err(), "without {at}");
        assert!(judge(&good[..at]).is_err(), "cut off at {at}");
    }
}

#[test]
fn each_algorithm_refuses_its_signature_with_a_bit_turned() {
    for algorithm in SIGNED {
        let good = of(algorithm);
        let (message, signature) = good.rsplit_once('.').unwrap();
        assert!(verify(&good, own(algorithm), Algorithms::of(&[algorithm])).is_ok());
        let signature = crate::keys::decoded(signature);
        for at in (0..signature.len() * 8).step_by(11) {
            let mut turned = signature.clone();
            turned[at / 8] ^= 1 << (at % 8);
            let turned = format!("{message}.{}", crate::keys::base64url(turned));
            assert!(verify(&turned, own(algorithm), Algorithms::of(&[algorithm])).is_err(), "{algorithm}, bit {at}");
        }
    }
}

#[test]
fn parts_of_two_good_tokens_make_no_third() {
    let (a, b) = (token(CLAIMS), token(claims_with("sub", "user-2")));
    let parts =
        |token: &str| -> [String; 3] { token.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap() };
    let ([header, payload, _], [_, _, signature]) = (parts(&a), parts(&b));
    assert!(judge(&format!("{header}.{payload}.{signature}")).is_err());
    let swapped = parts(&a);
    assert!(judge(&format!("{}.{}.{}", swapped[1], swapped[0], swapped[2])).is_err());
}

proptest! {
    #[test]
    fn rfc9068_4_04_rfc7515_5_2_01_any_change_makes_a_token_bad(at in any::<prop::sample::Index>(), to in any::<char>(), insert in any::<bool>()) {
        let good = token(CLAIMS);
        let at = at.index(good.len());
        let mut changed = good.clone();
        if insert {
            changed.insert(at, to);
        } else {
            changed.replace_range(at..=at, to.encode_utf8(&mut [0; 4]));
        }
        prop_assert!(changed == good || judge(&changed).is_err());
    }

    #[test]
    fn a_claim_of_any_other_type_is_refused(
        name in prop::sample::select(vec!["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "nbf", "auth_time", "acr"]),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i32>().prop_map(Value::from), "[0-9a-z]{0,11}".prop_map(Value::from),
            prop::collection::vec(any::<i8>(), 0..3).prop_map(Value::from), "[a-z]{0,3}".prop_map(|name| json!({ name: 1700000300 })),
        ],
    ) {
        let time = ["exp", "iat", "nbf", "auth_time"].contains(&name);
        // Empty text passes for none, and is refused, but a scope may be empty.
        let text = value.as_str().is_some_and(|text| !text.is_empty() || name == "scope");
        let fits = if time { value.is_number() } else { text };
        // An empty array names nobody, and is of the right type.
        let empty = name == "aud" && value == json!([]);
        prop_assume!(!fits && !empty);
        let refused = judge(&token(claims_with(name, value))).unwrap_err();
        let malformed = valetkey::jose::ClaimsError::Malformed(name);
        prop_assert_eq!(refused, valetkey::resource::Refusal::Claims(malformed));
    }

    #[test]
    fn a_header_says_nothing_but_algorithm_key_and_type(
        name in prop::sample::select(vec!["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "cty", "iss", "enc", "nonce", "ALG", "Kid"]), value in "[ -!#-\\[\\]-~]{0,20}",
    ) {
        let mut header: Map<String, Value> = serde_json::from_str(HEADER).unwrap();
        header.insert(name.into(), value.into());
        let header = serde_json::to_string(&header).unwrap();
        prop_assert_eq!(judge(&sign(Algorithm::Hs256, &header, CLAIMS)), Ok(()));
        // By another key the same is bad.
        let mut forged = sign(Algorithm::Hs384, &header, CLAIMS);
        forged.truncate(forged.len() - 21); // 32 bytes, as HS256 makes
        prop_assert!(judge(&forged).is_err());
    }
}
