//! Signed tokens at the resource server: keys are read once, tokens are taken apart, verified, validated and used.

use super::{HUSH, ISSUER, NOW, RESOURCE, Watch, hush, must};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{
    Algorithm, Algorithms, Claims, ClaimsError, Jwk, JwkError, JwsError, Key, Limits, PublicJwk, Unverified, each_key,
    find,
};
use valetkey::resource::{Audience, Check, Issuer, IssuerKeys, Jwt, Policy, Refusal, StepUp, Tokens, check, validate};
use valetkey::secret::SecretText;
use valetkey::text::{base64, buf::Writer};
use valetkey::wire::header::Header;

/// What each public key looks like, of a kind that has a part of its own.
const PUBLIC: [&str; 4] = [
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"\u0065c"}"#,
    r#"{"kty":"EC","crv":"P-384","x":"lInTxl8fjLKp_UCrxI0WDklahi-7-_6JbtiHjiRvMvhedhKVdHBfi2HCY8t_QJyc","y":"y6N1IC-2mXxHreETBW7K3mBcw0qGr3CWHCs-yl09yCQRLcyfGv7XhqAngHOu51Zv"}"#,
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"ed","alg":"EdDSA","use":"sig","key_ops":["verify"]}"#,
    r#"{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
];

const CLAIMS: &str = r#"{"iss":"https://as.example","sub":"al\u0069ce","aud":["https://api.example"],"client_id":"web","exp":1700000300,"iat":1699999990.5,"jti":"1","scope":"read","acr":"pwd","auth_time":1699999000,"seats":7}"#;

fn base64url(bytes: &[u8]) -> String {
    let mut buf = vec![0; base64::encoded_len(bytes.len())];
    must(base64::encode(bytes, &mut buf)).into()
}

/// A token signed with the shared secret, which nobody may see.
fn signed<W: Watch>(w: &mut W, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let mac = must(Hmac::<Sha256>::new_from_slice(&hush::<32>())).chain_update(&message).finalize().into_bytes();
    w.hide(base64url(&mac).as_bytes());
    format!("{message}.{}", base64url(&mac))
}

fn shared_jwk() -> String {
    format!(r#"{{"kty":"oct","alg":"HS256","kid":"hs","k":"{}"}}"#, base64url(&hush::<32>()))
}

/// Public keys and shared ones, alone and in sets, read, named, written and refused.
pub(crate) fn keys<W: Watch>(w: &mut W) {
    for json in PUBLIC {
        let mut scratch = vec![0; json.len() * 2];
        let jwk = must(w.call(|| Jwk::read(json.as_bytes(), &mut scratch)));
        w.show(&jwk);
        let Jwk::Public(jwk) = jwk else { panic!("a shared key") };
        w.show(&jwk);
        w.show(&jwk.material);
        assert_ne!(w.call(|| jwk.thumbprint()), [0; 32]);
        let mut room = [0; 1024];
        let written = w.call(|| {
            let mut writer = Writer::new(&mut room);
            jwk.write(&mut writer);
            writer.finish().map(str::len)
        });
        assert!(written.is_ok());
        part(w, &jwk);
    }
    let json = shared_jwk();
    let mut scratch = vec![0; json.len() * 2];
    let jwk = must(w.call(|| Jwk::read(json.as_bytes(), &mut scratch)));
    w.show(&jwk);
    let Jwk::Symmetric(jwk) = jwk else { panic!("a public key") };
    w.show(&jwk);
    let Some(part) = w.call(|| MacKey::new(&jwk)) else { panic!("too short") };
    w.show(&part);

    let set = format!(r#"{{"keys":[{},{{"kty":"{HUSH}"}}]}}"#, PUBLIC.join(","));
    let (mut scratch, mut seen) = (vec![0; set.len() * 3], 0);
    must(w.call(|| each_key(set.as_bytes(), &mut scratch, |key| seen += usize::from(key.is_ok()))));
    assert_eq!(seen, 4);
    let mixed = format!(r#"{{"keys":[{},{}]}}"#, PUBLIC[0], shared_jwk());
    let mut scratch = vec![0; mixed.len() * 3];
    assert_eq!(w.call(|| each_key(mixed.as_bytes(), &mut scratch, |_| {})), Err(JwkError::Mixed));
    let secret = base64url(&hush::<16>());
    for refused in [
        format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}"}}"#),
        format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}!"}}"#),
        format!(r#"{{"kty":"oct","alg":"{secret}","k":"{secret}"}}"#),
        format!(r#"{{"kty":"oct","k":"{secret}","k":"{secret}"}}"#),
        secret,
    ] {
        let mut scratch = vec![0; refused.len() * 2];
        let why = w.call(|| Jwk::read(refused.as_bytes(), &mut scratch).err());
        w.show(&why.unwrap_or(JwkError::Set));
        assert!(why.is_some());
    }
}

/// Parses a key for each algorithm that it may serve. RSA's own arithmetic has a heap, and is not watched.
fn part<W: Watch>(w: &mut W, jwk: &PublicJwk<'_>) {
    let Some(algorithm) = jwk.algorithm else { return };
    let parsed = must(w.call(|| PublicKey::new(jwk, algorithm)));
    w.show(&parsed);
    let key = w.call(|| Key::new(jwk.kid, &parsed));
    w.show(&key);
    assert_eq!(w.call(|| (key.algorithm(), key.verify(b"message", &[7; 64]))), (algorithm, false));
    let refused = w.call(|| PublicKey::new(jwk, Algorithm::Hs256).err());
    w.show(&refused.unwrap_or(valetkey::jose::parts::PartError::BadKey));
    assert!(refused.is_some());
}

/// A signed token is read, verified and validated, with a key at hand and as a need, and refused in each way.
pub(crate) fn signed_tokens<W: Watch>(w: &mut W) {
    let json = shared_jwk();
    let mut scratch = vec![0; json.len() * 2];
    let Ok(Jwk::Symmetric(jwk)) = Jwk::read(json.as_bytes(), &mut scratch) else { panic!("no key") };
    let Some(parsed) = MacKey::new(&jwk) else { panic!("no part") };
    let own = [Key::new(jwk.kid, &parsed)];
    w.show(&own[0]);
    let allowed = w.call(|| Algorithms::of(&[Algorithm::Hs256]));
    w.show(&allowed);
    let token = signed(w, r#"{"typ":"at\u002bjwt","alg":"HS256","kid":"hs","x5u":["skipped"]}"#, CLAIMS);
    taken_apart(w, &token, &own, allowed);

    let issuers = [Issuer::jwt(ISSUER, allowed), Issuer::opaque("https://other.example")];
    w.show(&issuers[0]);
    w.show(&issuers[0].tokens);
    w.show(&Tokens::Both(Jwt { algorithms: allowed, typ: "at+jwt" }));
    w.show(&Jwt { algorithms: allowed, typ: "at+jwt" });
    let policy = w.call(|| Policy::new(&issuers, Audience::Required(RESOURCE), "read").with_leeway(60));
    w.show(&policy);
    let step_up = StepUp { acr_values: "mfa", max_age: Some(60) };
    w.show(&step_up);
    let keys = [IssuerKeys { issuer: ISSUER, keys: &own }];
    w.show(&keys[0]);

    let mut scratch = vec![0; token.len() * 2];
    let access = must(w.call(|| validate(SecretText::new(&token), &policy, &keys, NOW, &mut scratch)));
    w.show(&access);
    assert_eq!((access.subject, access.acr), ("alice", "pwd"));

    let header = format!("Bearer {token}");
    for policy in [policy, w.call(|| policy.with_step_up(step_up))] {
        let mut scratch = vec![0; token.len() * 2];
        let checked = w.call(|| check(Header::One(&header), &policy, NOW, &mut scratch));
        w.show(&checked);
        let Check::Key(need) = checked else { panic!("no key is asked for") };
        w.show(&need);
        let key = w.call(|| find(own, need.algorithm(), need.kid()));
        assert!(w.call(|| need.issuer()) == ISSUER && key.is_some());
        match w.call(|| need.resume(key.as_ref())) {
            Ok(access) => w.show(&access),
            Err(refused) => {
                w.show(&refused);
                assert_eq!(refused.why, Some(Refusal::Login));
                let mut room = [0; 512];
                assert!(w.call(|| refused.challenge.write(&mut room).is_ok()));
            }
        }
    }
    let mut scratch = vec![0; token.len() * 2];
    let Check::Key(need) = w.call(|| check(Header::One(&header), &policy, NOW, &mut scratch)) else { panic!("no key") };
    let refused = w.call(|| need.fail());
    w.show(&refused);
    assert_eq!(refused.challenge.status(), 503);

    let other = CLAIMS.replace("https://as", "https://evil");
    for (header, claims) in [
        (r#"{"typ":"JWT","alg":"HS256"}"#, CLAIMS),
        (r#"{"typ":"at+jwt","alg":"none"}"#, CLAIMS),
        (r#"{"typ":"at+jwt","alg":"HS256","crit":["x"]}"#, CLAIMS),
        (r#"{"typ":"at+jwt","alg":"HS256","kid":"HushHushHushHush"}"#, CLAIMS),
        (r#"{"typ":"at+jwt","alg":"HS256"}"#, r#"{"iss":7}"#),
        (r#"{"typ":"at+jwt","alg":"HS256"}"#, other.as_str()),
    ] {
        let token = signed(w, header, claims);
        let mut scratch = vec![0; token.len() * 2];
        let refused = w.call(|| validate(SecretText::new(&token), &policy, &keys, NOW, &mut scratch).err());
        assert!(refused.is_some());
        w.show(&refused.unwrap_or(Refusal::Request));
    }
    for text in [HUSH, "a.b.c", &token[1..], &token[..token.len() - 1], ""] {
        let mut scratch = vec![0; text.len() * 2];
        let refused = w.call(|| validate(SecretText::new(text), &policy, &keys, NOW, &mut scratch).err());
        assert!(matches!(refused, Some(Refusal::Jws(_))));
        w.show(&refused.unwrap_or(Refusal::Request));
    }
}

/// The token's parts, before and after they are proven.
fn taken_apart<W: Watch>(w: &mut W, token: &str, keys: &[Key<'_>], allowed: Algorithms) {
    w.show(&Limits::DEFAULT);
    let mut scratch = vec![0; token.len() * 2];
    let unverified = must(w.call(|| Unverified::read(token, Limits::DEFAULT, &mut scratch)));
    w.show(&unverified);
    w.show(unverified.header());
    assert!(w.call(|| unverified.header().is_type("at+jwt")));
    let verified = must(w.call(|| unverified.verify(&keys[0], allowed)));
    w.show(&verified);
    assert_eq!(w.call(|| verified.payload().len()), CLAIMS.len());
    let claims = must(w.call(|| verified.claims(RESOURCE)));
    w.show(&claims);
    assert_eq!((claims.subject, claims.for_audience), (Some("alice"), Some(true)));
    let refused = w.call(|| Claims::read(br#"{"sub":["HushHushHushHush"]}"#, RESOURCE, &mut []));
    assert_eq!(refused, Err(ClaimsError::Malformed("sub")));
    w.show(&refused.unwrap_err());

    let (message, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", base64url(&[7; 32]));
    let mut scratch = vec![0; forged.len() * 2];
    let unverified = must(w.call(|| Unverified::read(&forged, Limits::DEFAULT, &mut scratch)));
    let refused = w.call(|| unverified.verify(&keys[0], allowed).map(|_| ()));
    assert_eq!(refused, Err(JwsError::Signature));
    w.show(&refused.unwrap_err());
}
