//! The header and the form of a token: RFC 7515. <https://www.rfc-editor.org/rfc/rfc7515#section-5.2>

use crate::keys::{ANY, EC, base64url, decoded, judge, mac, own, sign, token, verifier, verify, with_header};
use crate::keys::{CLAIMS, SIGNED};
use hmac::Hmac;
use proptest::prelude::*;
use valetkey::jose::{Algorithm, Header, JwsError, Key, Limits, Unverified, find};
use valetkey::resource::Refusal;
use valetkey::text::json::Fault;

fn read(token: &str) -> Result<(), JwsError> {
    let mut scratch = vec![0; token.len() * 2];
    Unverified::read(token, Limits::DEFAULT, &mut scratch).map(|_| ())
}

/// The fault of a header that is not by the rules of JSON.
fn fault(header: impl AsRef<[u8]>) -> Fault {
    match with_header(header) {
        Err(JwsError::Header(e)) => e.fault,
        other => panic!("{other:?}"),
    }
}

fn header_of(algorithm: Algorithm) -> String {
    format!(r#"{{"alg":"{algorithm}"}}"#)
}

/// Any name that a header may have and that means nothing here.
fn unknown_name() -> impl Strategy<Value = String> {
    "[a-z0-9._-]{1,10}"
        .prop_filter("a name with a meaning", |name| !["alg", "kid", "typ", "crit", "b64", "zip"].contains(&&**name))
}

/// A value as an attacker may choose it.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "[a-zA-Z0-9:/. ]{0,20}".prop_map(|text| format!("\"{text}\"")),
        "[a-z]{0,5}".prop_map(|text| format!(r#"["{text}",{{"{text}":[1,null]}}]"#)),
    ]
}

#[test]
fn rfc7515_3_1_01_only_two_periods_make_a_compact_token() {
    let good = token(CLAIMS);
    for bad in ["", "a", "a.b", ".", "...", &format!("{good}."), &format!("{good}.x.y"), &good.replacen('.', "", 1)] {
        assert_eq!(read(bad), Err(JwsError::Segments), "{bad}");
    }
    assert_eq!(read(&good), Ok(()));
}

#[test]
fn rfc7515_4_01_rfc7519_4_01_names_in_a_header_are_unique() {
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","x":1,"x":1}"#,
        r#"{"alg":"HS256","x":{"a":1,"\u0061":2}}"#,
    ] {
        assert_eq!(fault(header), Fault::Duplicate, "{header}");
    }
    assert!(
        with_header(r#"{"alg":"none","alg":"HS256"}"#).is_err()
            && with_header(r#"{"alg":"HS256","alg":"none"}"#).is_err()
    );
    assert!(with_header(r#"{"\u0061l\u0067":"HS\u0032\u00356"}"#).is_ok(), "one name in another spelling is one");
}

#[test]
fn rfc7515_4_02_rfc7515_4_1_11_02_rfc8725_3_14_01_there_is_no_header_beside_the_protected_one() {
    let good = token(CLAIMS);
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for json in [
        format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#),
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","header":{{"alg":"HS256"}},"signature":"{signature}"}}]}}"#
        ),
        // Periods in the right number, so that it looks like three parts.
        format!(
            r#"{{"protected":"{header}.","header":{{"crit":["x."]}},"payload":"{payload}","signature":"{signature}"}}"#
        ),
    ] {
        assert!(matches!(read(&json), Err(JwsError::Segments | JwsError::Base64 | JwsError::TooLong)), "{json}");
        assert!(judge(&json).is_err());
    }
}

#[test]
fn rfc7515_4_1_1_01_rfc7515_4_1_1_02_rfc7518_3_6_01_alg_is_there_known_and_to_the_letter() {
    for header in
        ["{}", r#"{"typ":"JWT"}"#, r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":256}"#, r#"{"ALG":"HS256"}"#]
    {
        assert_eq!(with_header(header), Err(JwsError::Malformed("alg")), "{header}");
    }
    for alg in
        ["", "hs256", "Hs256", "HS256 ", " HS256", "HS-256", "HS1", "ES512", "ES256K", "Ed25519", "dir", "A256KW"]
    {
        assert_eq!(with_header(format!(r#"{{"alg":"{alg}"}}"#)), Err(JwsError::Algorithm), "{alg}");
    }
    // none, in each of its 16 spellings.
    for upper in 0..16 {
        let letters = "none".chars().enumerate();
        let none: String = letters.map(|(i, c)| if upper >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
        let header = base64url(format!(r#"{{"alg":"{none}"}}"#));
        for signature in ["", "AAAA", &"A".repeat(43)] {
            assert_eq!(read(&format!("{header}.e30.{signature}")), Err(JwsError::Algorithm), "{none}");
        }
    }
}

#[test]
fn rfc7515_4_1_2_01_rfc8725_3_10_02_nothing_that_is_read_leads_to_a_fetch() {
    // What a header says of places is dropped on reading: what is left of it names an algorithm, a key and a type.
    for name in ["jku", "x5u", "jwk", "x5c", "x5t", "iss", "url"] {
        let header = format!(r#"{{"alg":"HS256","{name}":"http://169.254.169.254/keys"}}"#);
        let token = sign(Algorithm::Hs256, &header, "{}");
        let mut scratch = vec![0; token.len() * 2];
        let unverified = Unverified::read(&token, Limits::DEFAULT, &mut scratch).unwrap();
        assert_eq!(*unverified.header(), Header { algorithm: Algorithm::Hs256, kid: None, typ: None });
        assert!(with_header(&header).is_ok());
    }
}

#[test]
fn rfc7515_4_1_3_01_rfc9068_4_04_a_key_in_the_header_proves_nothing() {
    let attacker = [7; 64];
    let jwk = crate::keys::oct("HS256", &attacker);
    for member in [format!(r#""jwk":{jwk}"#), format!(r#""jwk":{EC}"#), r#""x5c":["MIIB"]"#.to_owned()] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"oct",{member}}}"#);
        let message = format!("{}.{}", base64url(&header), base64url(CLAIMS));
        let forged = format!("{message}.{}", base64url(mac::<Hmac<sha2::Sha256>>(&attacker, message.as_bytes())));
        assert_eq!(judge(&forged), Err(Refusal::Jws(JwsError::Signature)));
        assert_eq!(judge(&sign(Algorithm::Hs256, &header, CLAIMS)), Ok(()), "nor does it spoil a good token");
    }
}

#[test]
fn rfc7515_4_1_4_01_kid_is_text_and_compared_exactly() {
    for kid in ["1", "null", "[\"oct\"]", "{\"a\":\"oct\"}", "true"] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":{kid}}}"#);
        assert_eq!(with_header(header), Err(JwsError::Malformed("kid")), "{kid}");
    }
    let of = |kid: &str| {
        judge(&sign(Algorithm::Hs256, format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#), CLAIMS))
    };
    assert_eq!((of("oct"), of("\\u006fct")), (Ok(()), Ok(())));
    for other in ["", "Oct", "oct ", "oct\\u0000", "ec", "octo", "oc", "../oct", "oct' OR '1'='1", "/dev/null"] {
        assert_eq!(of(other), Err(Refusal::UnknownKey), "{other}");
    }
}

#[test]
fn rfc7515_4_1_9_01_a_type_without_slash_is_of_application() {
    let header = |typ| Header { algorithm: Algorithm::Hs256, kid: None, typ };
    for same in ["at+jwt", "AT+JWT", "application/at+jwt", "APPLICATION/at+JWT"] {
        assert!(header(Some(same)).is_type("at+jwt"), "{same}");
    }
    for other in [
        "",
        "jwt",
        "at+jwt ",
        " at+jwt",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "at+jwt;v=1",
        "applicatioń/at+jwt",
    ] {
        assert!(!header(Some(other)).is_type("at+jwt"), "{other}");
    }
    assert!(!header(Some("")).is_type("") && !header(None).is_type(""), "no type is of no type");
    for wrong in ["1", "null", "[\"at+jwt\"]"] {
        assert_eq!(with_header(format!(r#"{{"alg":"HS256","typ":{wrong}}}"#)), Err(JwsError::Malformed("typ")));
    }
}

#[test]
fn rfc7515_5_2_01_rfc8725_3_7_01_each_failing_step_voids_the_token() {
    let utf16: Vec<u8> = r#"{"alg":"HS256"}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(fault(&utf16), Fault::Syntax);
    assert_eq!(fault(b"\xef\xbb\xbf{\"alg\":\"HS256\"}"), Fault::Syntax);
    assert_eq!(fault(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}"), Fault::Utf8);
    assert_eq!(fault(b"{\"alg\":\"HS256\",\"x\":\"\xed\xa0\x80\"}"), Fault::Utf8);
    assert_eq!(fault("[]"), Fault::WrongType);
    assert_eq!(fault(""), Fault::End);
    assert_eq!(fault(r#"{"alg":"HS256""#), Fault::End);
    let good = token(CLAIMS);
    for (from, to) in [("=", "a="), ("=", "a=="), (" ", "a b"), ("\n", "a\n"), ("+", "+aa"), ("/", "/aa"), ("é", "éa")]
    {
        assert!(!good.contains(from));
        for part in 0..3 {
            let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
            parts[part].push_str(to);
            assert_eq!(read(&parts.join(".")), Err(JwsError::Base64), "{to} after part {part}");
        }
    }
}

#[test]
fn rfc7515_5_2_02_what_is_verified_is_the_text_as_it_came() {
    let odd = "\r\n{ \"typ\" :\t\"at+jwt\",\n \"kid\":\"oct\", \"alg\": \"\\u0048S256\" } ";
    let signed = sign(Algorithm::Hs256, odd, CLAIMS);
    assert_eq!(judge(&signed), Ok(()));
    // The same header, written anew.
    let (_, rest) = signed.split_once('.').unwrap();
    let anew = format!("{}.{rest}", base64url(crate::keys::HEADER));
    assert_eq!(judge(&anew), Err(Refusal::Jws(JwsError::Signature)));
}

#[test]
fn rfc7515_5_3_01_rfc7519_7_3_01_texts_are_compared_without_normalisation() {
    // é in one character, and in two.
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    let keys = || [Key::new(composed, &**own(Algorithm::Hs256))];
    assert!(find(keys(), Algorithm::Hs256, Some(composed)).is_some());
    assert!(find(keys(), Algorithm::Hs256, Some(decomposed)).is_none());
    for (name, value) in
        [("iss", "https://AS.example"), ("iss", "https://as.example/"), ("iss", "https://as.example:443")]
    {
        assert_eq!(judge(&token(crate::keys::claims_with(name, value))), Err(Refusal::Issuer), "{value}");
    }
    for value in ["https://rs.example/API", "https://rs.example/api/", "https://rs.example/%61pi"] {
        assert_eq!(judge(&token(crate::keys::claims_with("aud", value))), Err(Refusal::Audience), "{value}");
    }
}

#[test]
fn rfc7515_10_6_01_a_key_of_another_type_is_refused() {
    let rsa = verifier(crate::keys::RSA, Algorithm::Rs256);
    let signed = sign(Algorithm::Es256, r#"{"alg":"ES256"}"#, "{}");
    assert_eq!(verify(&signed, &rsa, ANY), Err(JwsError::OtherKey));
    for header in SIGNED {
        for key in SIGNED.into_iter().filter(|key| *key != header) {
            let signed = sign(key, header_of(header), "{}");
            assert_eq!(verify(&signed, own(key), ANY), Err(JwsError::OtherKey), "{header} by a key for {key}");
        }
    }
}

#[test]
fn rfc7515_10_12_01_a_header_is_one_json_object_and_nothing_more() {
    for tail in ["x", "{}", ",", "}", "\0", "//", "/* c */", "\u{a0}"] {
        assert_eq!(fault(format!(r#"{{"alg":"HS256"}}{tail}"#)), Fault::Trailing, "{tail}");
    }
    for header in [
        "{'alg':'HS256'}",
        "{alg:\"HS256\"}",
        r#"{"alg":"HS256",}"#,
        r#"{"alg":"HS256"/**/}"#,
        "{\"alg\":\"HS256\",\"x\":01}",
    ] {
        assert_eq!(fault(header), Fault::Syntax, "{header}");
    }
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    assert_eq!(fault(deep), Fault::Depth);
    let many: String = (0..32).map(|i| format!(r#","{i}":0"#)).collect();
    assert_eq!(fault(format!(r#"{{"alg":"HS256"{many}}}"#)), Fault::Members);
}

proptest! {
    #[test]
    fn rfc7515_3_1_01_another_number_of_periods_is_no_token(parts in prop::collection::vec("[A-Za-z0-9_-]{0,8}", 1..8)) {
        prop_assume!(parts.len() != 3);
        prop_assert_eq!(read(&parts.join(".")), Err(JwsError::Segments));
    }

    #[test]
    fn rfc7515_4_03_rfc7515_4_1_3_01_unknown_members_change_nothing(name in unknown_name(), value in any_value(), first in any::<bool>()) {
        let header = if first { format!(r#"{{"{name}":{value},"alg":"HS256"}}"#) } else { format!(r#"{{"alg":"HS256","{name}":{value}}}"#) };
        prop_assert_eq!(with_header(&header), Ok(b"{}".to_vec()));
        // Where the signature is not good, no member makes it so.
        let forged = sign(Algorithm::Hs384, &header, "{}");
        prop_assert_eq!(verify(&forged, own(Algorithm::Hs256), ANY), Err(JwsError::Signature));
    }

    #[test]
    fn rfc7515_4_01_any_name_twice_is_refused(name in unknown_name(), a in any_value(), b in any_value()) {
        let header = format!(r#"{{"{name}":{a},"alg":"HS256","{name}":{b}}}"#);
        prop_assert_eq!(fault(header), Fault::Duplicate);
    }

    #[test]
    fn rfc7515_4_1_1_01_any_other_algorithm_is_refused(alg in "[A-Za-z0-9+/_-]{0,12}") {
        prop_assume!(Algorithm::from_name(&alg).is_none());
        prop_assert_eq!(with_header(format!(r#"{{"alg":"{alg}"}}"#)), Err(JwsError::Algorithm));
    }

    #[test]
    fn rfc7515_4_1_4_01_rfc8725_3_10_01_any_kid_is_only_compared(kid in any::<String>(), others in prop::collection::vec("[a-c]{0,2}", 0..6)) {
        let keys = || others.iter().map(|kid| Key::new(kid, &**own(Algorithm::Hs256)));
        let found = find(keys(), Algorithm::Hs256, Some(&kid));
        let fitting = others.iter().filter(|other| **other == kid && !kid.is_empty()).count();
        prop_assert_eq!(found.map(|key| key.kid()), (fitting == 1).then_some(kid.as_str()));
        prop_assert!(find(keys(), Algorithm::Es256, Some(&kid)).is_none());
        let header = serde_json::json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid }).to_string();
        let verdict = judge(&sign(Algorithm::Hs256, header, CLAIMS));
        prop_assert_eq!(verdict, if kid == "oct" { Ok(()) } else { Err(Refusal::UnknownKey) });
    }

    #[test]
    fn rfc7515_4_1_9_01_both_spellings_of_any_type_are_one(typ in "[a-z0-9+.-]{1,12}", upper in any::<bool>()) {
        let spelled = if upper { typ.to_ascii_uppercase() } else { typ.clone() };
        for spelled in [spelled.clone(), format!("application/{spelled}"), format!("Application/{spelled}")] {
            let header = Header { algorithm: Algorithm::Hs256, kid: None, typ: Some(&spelled) };
            let other = format!("{typ}x");
            prop_assert!(header.is_type(&typ) && !header.is_type(&other));
        }
    }

    #[test]
    fn rfc7515_5_1_01_rfc8037_3_1_01_what_is_signed_verifies(payload in prop::collection::vec(any::<u8>(), 0..80), name in unknown_name(), value in any_value()) {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512, Algorithm::EdDsa] {
            let header = format!(r#"{{"alg":"{algorithm}","{name}":{value}}}"#);
            let token = sign(algorithm, &header, &payload);
            prop_assert_eq!(&token, &sign(algorithm, &header, &payload));
            prop_assert_eq!(verify(&token, own(algorithm), ANY), Ok(payload.clone()));
        }
    }

    #[test]
    fn rfc7515_5_2_01_rfc7519_7_2_01_any_text_is_judged_without_panic(text in any::<String>(), parts in prop::collection::vec(any::<Vec<u8>>(), 3)) {
        let built: Vec<String> = parts.iter().map(base64url).collect();
        for text in [text, built.join("."), format!("{}.{}.{}", base64url(crate::keys::HEADER), built[1], built[2])] {
            prop_assert!(judge(&text).is_err());
        }
        prop_assert!(judge(&token(&parts[0])).is_err());
    }

    #[test]
    fn rfc7515_5_2_02_any_white_space_is_verified_as_it_came(spaces in prop::collection::vec("[ \t\r\n]{0,3}", 5)) {
        let [a, b, c, d, e] = spaces.try_into().unwrap();
        let header = format!("{a}{{{b}\"alg\"{c}:{d}\"HS256\"{e}}}");
        prop_assert!(with_header(&header).is_ok());
        let squeezed = base64url(r#"{"alg":"HS256"}"#);
        let token = sign(Algorithm::Hs256, &header, "{}");
        let (first, rest) = token.split_once('.').unwrap();
        let anew = format!("{squeezed}.{rest}");
        prop_assert!(first == squeezed || verify(&anew, own(Algorithm::Hs256), ANY).is_err());
        prop_assert_eq!(decoded(first), header.into_bytes());
    }

    #[test]
    fn rfc7515_10_12_01_anything_after_the_header_is_refused(tail in "[^ \t\r\n].{0,5}") {
        prop_assert_eq!(fault(format!(r#"{{"alg":"HS256"}}{tail}"#)), Fault::Trailing);
    }
}
