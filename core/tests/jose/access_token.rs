//! Signed access tokens where they are shown: the published cases, and RFC 9068 section 4.
//! <https://www.rfc-editor.org/rfc/rfc9068#section-4>

use crate::keys::{AUDIENCE, CLAIMS, HEADER, ISSUER, ISSUERS, NOW, POLICY, base64url, claims_with, claims_without};
use crate::keys::{Verifier, judge, judge_by, mac, own, sign, token, verifier};
use crate::vectors::{each, file};
use hmac::Hmac;
use proptest::prelude::*;
use serde_json::{Value, json};
use valetkey::error::ErrorCode;
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwsError, Key, each_key, find};
use valetkey::resource::{Access, Audience, Check, Issuer, IssuerKeys, Policy, Refusal, Refused, check, validate};
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// The keys of a set, each parsed once for its algorithm.
fn parsed(set: &Value) -> Vec<(String, Verifier)> {
    let set = set.to_string();
    let (mut scratch, mut keys) = (vec![0; set.len() * 3], Vec::new());
    each_key(set.as_bytes(), &mut scratch, |key| {
        let Ok(Jwk::Public(key)) = key else { panic!("{key:?}") };
        let mut room = vec![0; 2048];
        let mut w = valetkey::text::buf::Writer::new(&mut room);
        key.write(&mut w);
        let algorithm = key.algorithm.unwrap_or(Algorithm::Rs256);
        keys.push((key.kid.to_owned(), verifier(w.finish().unwrap(), algorithm)));
    })
    .unwrap();
    keys
}

/// Shows the token in a header, and resumes with the key that its issuer has for it.
fn shown<'r>(
    header: &'r str,
    policy: &Policy<'r>,
    keys: &[Key<'_>],
    scratch: &'r mut [u8],
) -> Result<Access<'r>, Refused<'r>> {
    match check(Header::One(header), policy, UnixTime(NOW), scratch) {
        Check::Key(need) => {
            let key = find(keys.iter().copied(), need.algorithm(), need.kid());
            need.resume(key.as_ref())
        }
        Check::Done(refused) => Err(refused),
        Check::Introspect(_) => panic!("nobody is asked"),
    }
}

#[test]
fn rfc9068_4_01_rfc9068_4_04_rfc9068_4_07_rfc9068_2_1_02_the_published_cases_have_their_verdicts() {
    let file = file(include_str!("../../../conformance/vectors/jwt_access_token_cases.json"));
    let rules = &file["validator"];
    let text = |name: &str| rules[name].as_str().unwrap();
    let algorithms: Vec<Algorithm> = rules["allowed_algs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alg| Algorithm::from_name(alg.as_str().unwrap()).unwrap())
        .collect();
    let issuers = [Issuer::jwt(text("issuer"), Algorithms::of(&algorithms))];
    let policy = Policy::new(&issuers, Audience::Required(text("audience")), "");
    assert_eq!((rules["now"].as_u64(), rules["leeway"].as_u64(), text("required_typ")), (Some(NOW), Some(0), "at+jwt"));
    let parsed = parsed(&rules["jwks"]);
    let keys: Vec<Key<'_>> = parsed.iter().map(|(kid, verifier)| Key::new(kid, &**verifier)).collect();
    let of_issuer = [IssuerKeys { issuer: text("issuer"), keys: &keys }];

    let (mut accepted, mut rejected) = (0, 0);
    for vector in each(&file) {
        let (name, token) = (&vector["name"], vector["token"].as_str().unwrap());
        let mut scratch = vec![0; token.len() * 2];
        let verdict = validate(SecretText::new(token), &policy, &of_issuer, UnixTime(NOW), &mut scratch).map(|_| ());
        let mut scratch = vec![0; token.len() * 2];
        let header = format!("Bearer {token}");
        let in_header = shown(&header, &policy, &keys, &mut scratch);
        match vector["expect"].as_str().unwrap() {
            "accept" => {
                assert_eq!(verdict, Ok(()), "{name}");
                assert_eq!(in_header.map(|access| access.subject), Ok("user-1"), "{name}");
                accepted += 1;
            }
            "reject" => {
                assert!(verdict.is_err(), "{name}: {}", vector["why"]);
                let challenge = in_header.unwrap_err().challenge;
                let code = match challenge.status() {
                    // What no header may hold is a malformed request.
                    400 => ErrorCode::InvalidRequest,
                    401 => ErrorCode::InvalidToken,
                    other => panic!("{name}: {other}"),
                };
                assert_eq!(challenge.error, Some(code), "{name}");
                assert!(code == ErrorCode::InvalidToken || !valetkey::text::grammar::is_b64token(token), "{name}");
                rejected += 1;
            }
            "either" => {}
            other => panic!("{name}: what is {other}?"),
        }
    }
    assert_eq!((accepted, rejected), (10, 55));
}

#[test]
fn rfc9068_4_08_rfc8725_3_11_01_an_id_token_is_no_access_token() {
    let file = file(include_str!("../../../conformance/vectors/id_token_oidc_core.json"));
    let rsa = verifier(&file["jwk"].to_string(), Algorithm::Rs256);
    let keys = [Key::new(file["jwk"]["kid"].as_str().unwrap(), &*rsa)];
    let mut refused = 0;
    for vector in each(&file) {
        let (issuer, audience) = (vector["issuer"].as_str().unwrap(), vector["client_id"].as_str().unwrap());
        let (issuers, now) =
            ([Issuer::jwt(issuer, Algorithms::ASYMMETRIC)], vector["validation_time"].as_u64().unwrap());
        let policy = Policy::new(&issuers, Audience::Required(audience), "");
        let token = vector["id_token"].as_str().unwrap();
        let mut scratch = vec![0; token.len() * 2];
        let keys = [IssuerKeys { issuer, keys: &keys }];
        let verdict = validate(SecretText::new(token), &policy, &keys, UnixTime(now), &mut scratch).map(|_| ());
        assert_eq!(verdict, Err(Refusal::Type), "{}", vector["name"]);
        refused += 1;
    }
    assert_eq!(refused, 4);
    // One that has all claims of an access token is refused for its type alone.
    for typ in ["", r#""typ":"JWT","#, r#""typ":"id_token+jwt","#, r#""typ":"dpop+jwt","#, r#""typ":"logout+jwt","#] {
        let header = format!(r#"{{{typ}"alg":"HS256","kid":"oct"}}"#);
        assert_eq!(judge(&sign(Algorithm::Hs256, header, CLAIMS)), Err(Refusal::Type), "{typ}");
    }
}

#[test]
fn rfc9068_4_02_the_issuer_is_the_one_that_is_trusted_to_the_letter() {
    for issuer in
        ["https://as.example/", "https://AS.example", "http://as.example", "https://as.example.evil", "as.example", " "]
    {
        assert_eq!(judge(&token(claims_with("iss", issuer))), Err(Refusal::Issuer), "{issuer}");
    }
    assert_eq!(judge(&token(claims_without("iss"))), Err(Refusal::Missing("iss")));
}

#[test]
fn rfc9068_4_04_only_allowed_algorithms_count() {
    let hs256_by = |secret: &[u8]| {
        let message = format!("{}.{}", base64url(HEADER), base64url(CLAIMS));
        format!("{message}.{}", base64url(mac::<Hmac<sha2::Sha256>>(secret, message.as_bytes())))
    };
    // A policy of public keys takes no shared one, whatever it holds.
    let asymmetric = [Issuer::jwt(ISSUER, Algorithms::ASYMMETRIC)];
    let policy = Policy::new(&asymmetric, Audience::Required(AUDIENCE), "");
    for secret in [crate::keys::EC.as_bytes(), crate::keys::RSA.as_bytes(), &crate::keys::SECRET] {
        assert_eq!(judge_by(&hs256_by(secret), &policy, NOW), Err(JwsError::NotAllowed.into()));
    }
    let none = [Issuer::jwt(ISSUER, Algorithms::NONE)];
    let policy = Policy::new(&none, Audience::Required(AUDIENCE), "");
    assert_eq!(judge_by(&token(CLAIMS), &policy, NOW), Err(JwsError::NotAllowed.into()));
}

#[test]
fn rfc9068_4_05_no_more_than_a_few_minutes_are_forgiven() {
    let generous = POLICY.with_leeway(u32::MAX);
    let at = |now| judge_by(&token(CLAIMS), &generous, now);
    assert_eq!((at(NOW + 599), at(NOW + 600)), (Ok(()), Err(Refusal::Expired)));
}

#[test]
fn each_required_claim_is_asked_for() {
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert_eq!(judge(&token(claims_without(name))), Err(Refusal::Missing(name)));
    }
    assert_eq!(judge(&token(claims_without("scope"))), Err(Refusal::Scope), "and a scope where one is needed");
    for bound in [json!({ "jkt": "x" }), json!({}), json!(null), json!("x")] {
        assert_eq!(judge(&token(claims_with("cnf", bound.clone()))), Err(Refusal::Bound), "{bound}");
    }
}

#[test]
fn rfc8725_3_8_01_a_token_is_checked_by_keys_of_the_issuer_that_it_names() {
    let issuers = [
        Issuer::jwt("https://a.example", Algorithms::of(&[Algorithm::Hs256, Algorithm::EdDsa])),
        Issuer::jwt("https://b.example", Algorithms::of(&[Algorithm::Hs256, Algorithm::EdDsa])),
        Issuer::opaque("https://c.example"),
    ];
    let policy = Policy::new(&issuers, Audience::Required(AUDIENCE), "read");
    // Each has a key of the same kid and another algorithm, so that the wrong one would be found by kid alone.
    let (a, b) = ([Key::new("1", &**own(Algorithm::Hs256))], [Key::new("1", &**own(Algorithm::EdDsa))]);
    let keys = [
        IssuerKeys { issuer: "https://a.example", keys: &a },
        IssuerKeys { issuer: "https://b.example", keys: &b },
        IssuerKeys { issuer: "https://c.example", keys: &a },
    ];
    for (issuer, algorithm, good) in [
        ("https://a.example", Algorithm::Hs256, Ok(())),
        ("https://b.example", Algorithm::EdDsa, Ok(())),
        ("https://b.example", Algorithm::Hs256, Err(Refusal::UnknownKey)),
        ("https://a.example", Algorithm::EdDsa, Err(Refusal::UnknownKey)),
        ("https://c.example", Algorithm::Hs256, Err(Refusal::Issuer)),
        ("https://d.example", Algorithm::Hs256, Err(Refusal::Issuer)),
    ] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"1"}}"#);
        let token = sign(algorithm, header, claims_with("iss", issuer));
        let mut scratch = vec![0; token.len() * 2];
        let verdict = validate(SecretText::new(&token), &policy, &keys, UnixTime(NOW), &mut scratch);
        assert_eq!(verdict.map(|_| ()), good, "{issuer} {algorithm}");
    }
}

#[test]
fn what_is_said_of_an_access_is_what_the_token_says() {
    let claims = claims_with("tenant", "acme");
    let token = token(&claims);
    let keys = [Key::new("oct", &**own(Algorithm::Hs256))];
    let keys = [IssuerKeys { issuer: ISSUER, keys: &keys }];
    let mut scratch = vec![0; token.len() * 2];
    let access = validate(SecretText::new(&token), &POLICY, &keys, UnixTime(NOW), &mut scratch).unwrap();
    assert_eq!((access.issuer, access.client_id, access.subject), (ISSUER, "client-1", "user-1"));
    assert_eq!((access.scope, access.expires_at, access.id), ("read write", UnixTime(NOW + 300), "jti-1"));
    assert_eq!(access.claims, claims.as_bytes());
}

proptest! {
    #[test]
    fn rfc9068_4_01_any_other_type_is_refused(typ in "[a-zA-Z+/.-]{0,12}") {
        let lower = typ.to_ascii_lowercase();
        prop_assume!(lower != "at+jwt" && lower != "application/at+jwt");
        let header = format!(r#"{{"typ":"{typ}","alg":"HS256","kid":"oct"}}"#);
        prop_assert_eq!(judge(&sign(Algorithm::Hs256, header, CLAIMS)), Err(Refusal::Type));
    }

    #[test]
    fn rfc9068_4_02_any_other_issuer_is_refused(issuer in ".{1,30}") {
        prop_assume!(issuer != ISSUER);
        prop_assert_eq!(judge(&token(claims_with("iss", issuer))), Err(Refusal::Issuer));
    }

    #[test]
    fn rfc8725_3_9_01_no_token_for_others_is_taken(audience in ".{1,30}") {
        let issuers = ISSUERS;
        let policy = Policy::new(&issuers, Audience::IfNamed(&audience), "");
        prop_assert_eq!(judge_by(&token(CLAIMS), &policy, NOW), if audience == AUDIENCE { Ok(()) } else { Err(Refusal::Audience) });
        // A signed token names its audience, also where one that is asked about need not.
        prop_assert_eq!(judge_by(&token(claims_without("aud")), &policy, NOW), Err(Refusal::Missing("aud")));
    }

    #[test]
    fn rfc9068_4_08_rfc8725_3_12_01_no_other_kind_is_an_access_token(kind in "[a-z]{1,9}", claims in any::<[bool; 7]>()) {
        prop_assume!(kind != "at");
        let mut of_kind: serde_json::Map<String, Value> = serde_json::from_str(CLAIMS).unwrap();
        for (name, keep) in ["sub", "aud", "client_id", "exp", "iat", "jti", "scope"].iter().zip(claims) {
            if !keep {
                of_kind.remove(*name);
            }
        }
        let header = format!(r#"{{"typ":"{kind}+jwt","alg":"HS256","kid":"oct"}}"#);
        let verdict = judge(&sign(Algorithm::Hs256, header, serde_json::to_string(&of_kind).unwrap()));
        prop_assert_eq!(verdict, Err(Refusal::Type));
    }
}
