//! How much scratch is promised to suffice, does: for any token, key and set.

use crate::keys::{CLAIMS, EC, HEADER, RSA, SECRET, claims_with, judge, key_with, oct, own, read, sign, token};
use proptest::prelude::*;
use valetkey::jose::{
    Algorithm, Claims, ClaimsError, Jwk, JwkError, JwsError, Key, Limits, MAX_JWK, Unverified, each_key,
};
use valetkey::resource::{IssuerKeys, Refusal, validate};
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;

/// JSON text in which each character is an escape, so that it takes the most room in the end.
fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// JSON text with as few escapes as it needs.
fn plain(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A key whose texts have to be unescaped before they are decoded, as far as a key may be so long.
fn in_escapes(mut key: String) -> String {
    for member in ["k", "n", "e", "kty", "alg"] {
        let value =
            serde_json::from_str::<serde_json::Value>(&key).unwrap()[member].as_str().unwrap_or_default().to_owned();
        if !value.is_empty() && key.len() + value.len() * 5 <= MAX_JWK {
            key = key.replace(&format!("\"{value}\""), &format!("\"{}\"", escaped(&value)));
        }
    }
    key
}

#[test]
fn a_key_of_any_kind_needs_no_more_than_twice_its_length() {
    for json in [EC.to_owned(), RSA.to_owned(), oct("HS256", &SECRET), oct("HS512", &[7; 4096])] {
        assert_eq!(read(&json, |jwk| jwk.err()), None, "{json}");
        for room in 0..json.len() * 2 {
            let refused = Jwk::read(json.as_bytes(), &mut vec![0; room]).err();
            assert!(matches!(refused, None | Some(JwkError::Scratch)), "{refused:?}");
        }
    }
}

#[test]
fn less_scratch_is_told_and_never_a_verdict() {
    let token = token(claims_with("sub", "a\nb"));
    let keys = [Key::new("oct", &**own(Algorithm::Hs256))];
    let keys = [IssuerKeys { issuer: crate::keys::ISSUER, keys: &keys }];
    let mut sufficed = 0;
    for room in 0..=token.len() * 2 {
        let mut scratch = vec![0; room];
        match validate(SecretText::new(&token), &crate::keys::POLICY, &keys, UnixTime(crate::keys::NOW), &mut scratch) {
            Ok(access) => {
                assert_eq!(access.subject, "a\nb");
                sufficed += 1;
            }
            Err(why) => {
                assert!(
                    matches!(why, Refusal::Jws(JwsError::Scratch) | Refusal::Claims(ClaimsError::Scratch)),
                    "{why:?}"
                );
                assert_eq!(why.code(), valetkey::error::ErrorCode::ServerError);
                assert_eq!(sufficed, 0, "what sufficed once suffices with more");
            }
        }
    }
    assert!(sufficed > 0);
}

proptest! {
    #[test]
    fn twice_as_many_bytes_as_the_token_suffice(members in prop::collection::vec(".{0,12}", 0..8), spelled in any::<[bool; 3]>()) {
        let write = |text: &str, all: bool| if all { escaped(text) } else { plain(text) };
        let fields: String = members.iter().enumerate().map(|(i, text)| {
            format!(r#","{}":"{}""#, write(&format!("{i}{text}"), spelled[0]), write(text, spelled[1]))
        }).collect();
        let mut header = HEADER.replace('}', &format!("{fields}}}"));
        let mut claims = CLAIMS.replace('}', &format!("{fields}}}"));
        if spelled[2] {
            header = header.replace("oct", &escaped("oct")).replace("at+jwt", &escaped("at+jwt"));
            claims = claims.replace("user-1", &escaped("user-1")).replace("https://as.example", &escaped("https://as.example"));
        }
        prop_assert_eq!(judge(&sign(Algorithm::Hs256, header, claims)), Ok(()));
    }

    #[test]
    fn any_token_that_is_read_needs_no_more_than_that(payload in any::<Vec<u8>>(), kid in any::<String>()) {
        let header = format!(r#"{{"alg":"HS256","kid":"{}","typ":"{}"}}"#, escaped(&kid), escaped(&kid));
        let token = sign(Algorithm::Hs256, header, payload);
        let mut scratch = vec![0; token.len() * 2];
        prop_assume!(token.len() <= Limits::DEFAULT.token && token.find('.').unwrap() <= Limits::DEFAULT.header);
        let unverified = Unverified::read(&token, Limits::DEFAULT, &mut scratch).unwrap();
        prop_assert_eq!(unverified.header().kid, Some(kid.as_str()));
    }

    #[test]
    fn claims_need_no_more_than_their_length(texts in prop::collection::vec(any::<String>(), 1..5)) {
        let [sub, more @ ..] = &texts[..] else { panic!("one at least") };
        let names: String = more.iter().enumerate().map(|(i, text)| format!(r#","{i}{0}":"{0}""#, escaped(text))).collect();
        let json = format!(r#"{{"{}":"{}"{names}}}"#, escaped("sub"), escaped(sub));
        let mut scratch = vec![0; json.len()];
        let read = Claims::read(json.as_bytes(), "x", &mut scratch).map(|claims| claims.subject);
        prop_assert_eq!(read, if sub.is_empty() { Err(ClaimsError::Malformed("sub")) } else { Ok(Some(sub.as_str())) });
    }

    #[test]
    fn twice_a_key_and_three_times_a_set_suffice(kid in any::<String>(), size in 64..1200_usize, count in 1..5_usize, spelled in any::<bool>()) {
        for public in [true, false] {
            let keys: Vec<String> = (0..count).map(|i| {
                let kid = format!("{i}{kid}");
                let key = if public { key_with(RSA, "kid", kid) } else { key_with(&oct("HS512", &vec![7; size]), "kid", kid) };
                if spelled { in_escapes(key) } else { key }
            }).collect();
            prop_assert_eq!(read(&keys[0], |jwk| jwk.err()), None);
            let set = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
            let mut scratch = vec![0; set.len() * 3];
            let mut taken = 0;
            each_key(set.as_bytes(), &mut scratch, |key| taken += usize::from(key.is_ok())).unwrap();
            prop_assert_eq!(taken, count);
        }
    }
}
