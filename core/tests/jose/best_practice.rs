//! What RFC 8725 asks of whoever reads tokens, and its successor in draft. <https://www.rfc-editor.org/rfc/rfc8725#section-3>

use crate::keys::{ANY, CLAIMS, EC, ED, HEADER, POLICY, RSA, SECRET, SIGNED, base64url, judge, mac, own, read, sign};
use crate::keys::{token, verify, with_header};
use hmac::Hmac;
use proptest::prelude::*;
use valetkey::jose::parts::MacKey;
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwsError, Limits, Unverified};
use valetkey::resource::{MAX_TOKEN, Refusal};

fn taken_apart(text: &str, limits: Limits, room: usize) -> Result<(), JwsError> {
    Unverified::read(text, limits, &mut vec![0; room]).map(|_| ())
}

#[test]
fn rfc8725_3_1_03_rfc9068_4_04_a_public_key_is_no_secret() {
    // By type: of a public key no `MacKey` can be made, and one of its text is none that anybody trusts.
    for key in [EC, ED, RSA] {
        assert!(read(key, |jwk| matches!(jwk, Ok(Jwk::Public(_)))));
        let message = format!("{}.{}", base64url(HEADER), base64url(CLAIMS));
        let forged = format!("{message}.{}", base64url(mac::<Hmac<sha2::Sha256>>(key.as_bytes(), message.as_bytes())));
        assert_eq!(judge(&forged), Err(JwsError::Signature.into()));
        for algorithm in ["HS256", "HS384", "HS512"] {
            let labelled = crate::keys::key_with(key, "alg", algorithm);
            assert!(read(&labelled, |jwk| jwk.is_err()), "a public key that says it is for {algorithm}");
        }
    }
    let shared = read(&crate::keys::oct("HS256", &SECRET), |jwk| match jwk.unwrap() {
        Jwk::Symmetric(jwk) => MacKey::new(&jwk).is_some(),
        Jwk::Public(_) => false,
    });
    assert!(shared);
}

#[test]
fn rfc7519_7_2_02_rfc8725_3_3_01_a_token_within_a_token_is_refused() {
    let inner = token(CLAIMS);
    for cty in ["JWT", "jwt", "application/jwt"] {
        let header = format!(r#"{{"typ":"at+jwt","cty":"{cty}","alg":"HS256","kid":"oct"}}"#);
        for payload in [inner.clone(), format!("\"{inner}\"")] {
            let refused = judge(&sign(Algorithm::Hs256, &header, payload));
            assert!(matches!(refused, Err(Refusal::Claims(_))), "{refused:?}");
        }
    }
    // Nested ever deeper: each layer is longer, and the work is the outermost one's.
    let mut nested = inner;
    while nested.len() <= MAX_TOKEN {
        assert!(matches!(judge(&nested), Ok(()) | Err(Refusal::Claims(_))));
        nested = sign(Algorithm::Hs256, HEADER, &nested);
    }
    assert_eq!(judge(&nested), Err(JwsError::TooLong.into()));
}

#[test]
fn rfc8725_3_13_01_rfc8725_3_6_01_what_is_encrypted_is_refused_before_any_work() {
    for header in [
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}"#,
        r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
    ] {
        let five = format!("{}.AAAA.AAAA.AAAA.AAAA", base64url(header));
        assert_eq!(judge(&five), Err(JwsError::Segments.into()));
        let three = format!("{}.AAAA.AAAA", base64url(header));
        assert_eq!(judge(&three), Err(JwsError::Algorithm.into()));
    }
}

#[test]
fn rfc8725_2_11_01_rfc8725_3_15_01_sizes_are_seen_before_any_work() {
    // With no scratch at all nothing can have been decoded.
    let long = "A".repeat(Limits::DEFAULT.token + 1);
    assert_eq!(taken_apart(&long, Limits::DEFAULT, 0), Err(JwsError::TooLong));
    let long_header = format!("{}.e30.AAAA", "A".repeat(Limits::DEFAULT.header + 1));
    assert_eq!(taken_apart(&long_header, Limits::DEFAULT, 0), Err(JwsError::TooLong));
    let header = base64url(r#"{"alg":"HS256"}"#);
    let at_limit = format!("{header}.{}.AAAA", "A".repeat(Limits::DEFAULT.token - header.len() - 6));
    assert_eq!(at_limit.len(), Limits::DEFAULT.token);
    assert_eq!(taken_apart(&at_limit, Limits::DEFAULT, at_limit.len() * 2), Ok(()));
    assert_eq!(taken_apart(&at_limit, Limits { token: 8191, header: 64 }, 0), Err(JwsError::TooLong));
}

#[test]
fn rfc8725_3_7_01_no_other_encoding_is_read() {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    assert!(matches!(with_header(utf16(r#"{"alg":"HS256"}"#)), Err(JwsError::Header(_))));
    assert!(matches!(judge(&token(utf16(CLAIMS))), Err(Refusal::Claims(_))));
    let latin1 = [&b"{\"sub\":\"caf"[..], &[0xe9], b"\"}"].concat();
    assert!(matches!(judge(&token(latin1)), Err(Refusal::Claims(_))));
}

#[test]
fn rfc8725_3_10_01_a_hostile_kid_finds_nothing() {
    for kid in
        ["../../../../dev/null", "' OR 1=1 --", "http://169.254.169.254/", "oct\\u0000", "%6fct", "*", ".", "\\\\"]
    {
        let header = format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#);
        assert_eq!(judge(&sign(Algorithm::Hs256, header, CLAIMS)), Err(Refusal::UnknownKey), "{kid}");
    }
}

#[test]
fn rfc8725_3_11_01_rfc8725_3_12_01_each_kind_is_taken_by_its_own_reader_alone() {
    use valetkey::jose::Header;
    const KINDS: [&str; 6] = ["at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "JWT"];
    for kind in KINDS {
        for reader in KINDS {
            let header = Header { algorithm: Algorithm::Es256, kid: None, typ: Some(kind) };
            assert_eq!(header.is_type(reader), kind == reader, "{kind} by the reader of {reader}");
        }
        let header = format!(r#"{{"typ":"{kind}","alg":"HS256","kid":"oct"}}"#);
        assert_eq!(judge(&sign(Algorithm::Hs256, header, CLAIMS)).is_ok(), kind == "at+jwt", "{kind}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rfc8725_3_1_01_no_algorithm_outside_the_set_is_used(set in prop::collection::vec(0..12_usize, 0..6), at in 0..6_usize) {
        let members: Vec<Algorithm> = set.iter().map(|at| Algorithm::ALL[*at]).collect();
        let (allowed, algorithm) = (Algorithms::of(&members), SIGNED[at]);
        prop_assert_eq!(allowed.iter().count(), Algorithm::ALL.iter().filter(|a| members.contains(a)).count());
        let token = sign(algorithm, format!(r#"{{"alg":"{algorithm}"}}"#), "{}");
        let expected = if members.contains(&algorithm) { Ok(b"{}".to_vec()) } else { Err(JwsError::NotAllowed) };
        prop_assert_eq!(verify(&token, own(algorithm), allowed), expected);
    }

    #[test]
    fn rfc8725_3_1_02_a_key_verifies_by_its_own_algorithm_alone(of_key in 0..6_usize, of_token in 0..12_usize, payload in any::<Vec<u8>>()) {
        let (of_key, of_token) = (SIGNED[of_key], Algorithm::ALL[of_token]);
        let token = sign(of_key, format!(r#"{{"alg":"{of_token}"}}"#), &payload);
        let expected = if of_key == of_token { Ok(payload) } else { Err(JwsError::OtherKey) };
        prop_assert_eq!(verify(&token, own(of_key), ANY), expected);
    }

    #[test]
    fn rfc8725_3_14_01_no_json_is_taken_for_a_compact_token(text in r#"[\[\]{}",:a-z.]{0,40}"#) {
        let [header, payload, signature] = token(CLAIMS).split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
        for json in [
            format!("{{{text}}}"),
            format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}",{text}}}"#),
            format!(r#"{{"a":".","protected":"{header}","b":".","payload":"{payload}","signature":"{signature}"}}"#),
        ] {
            prop_assert!(taken_apart(&json, Limits::DEFAULT, json.len() * 2).is_err());
        }
    }

    #[test]
    fn rfc8725_2_11_01_nothing_beyond_the_limit_is_looked_at(token_limit in 0..200_usize, over in 1..100_usize, byte in "[A-Za-z.]") {
        let limits = Limits { token: token_limit, header: token_limit };
        let long = byte.repeat(token_limit + over);
        prop_assert_eq!(taken_apart(&long, limits, 0), Err(JwsError::TooLong));
    }

    #[test]
    fn rfc8725_3_8_01_a_key_of_another_issuer_serves_no_token(name in "[a-z]{1,8}") {
        // The keys at hand are all of `https://as.example`.
        let other = format!("https://{name}.example");
        prop_assume!(name != "as");
        let issuers = [valetkey::resource::Issuer::jwt(&other, ANY)];
        let policy = valetkey::resource::Policy::new(&issuers, valetkey::resource::Audience::Required(crate::keys::AUDIENCE), "");
        let of_other = token(crate::keys::claims_with("iss", other.as_str()));
        prop_assert_eq!(crate::keys::judge_by(&of_other, &policy, crate::keys::NOW), Err(Refusal::UnknownKey));
        prop_assert_eq!(crate::keys::judge_by(&of_other, &POLICY, crate::keys::NOW), Err(Refusal::Issuer));
    }
}
