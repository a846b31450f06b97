//! The keys of these tests, tokens signed with them, and who takes such tokens.

use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Signer;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwkError, JwsError, Key, Limits, Unverified, Verify};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy, Refusal, validate};
use valetkey::secret::SecretText;
use valetkey::text::base64;
use valetkey::time::UnixTime;

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AUDIENCE: &str = "https://rs.example/api";
pub(crate) const NOW: u64 = 1_700_000_000;

/// RFC 7515 A.3, with the private half beside it.
pub(crate) const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"ec"}"#;
pub(crate) const EC_PRIVATE: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
/// RFC 8037 A.1 and A.2.
pub(crate) const ED: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"ed"}"#;
pub(crate) const ED_PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
/// RFC 7515 A.2.
pub(crate) const RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","kid":"rsa"}"#;
pub(crate) const SECRET: [u8; 64] = *b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The algorithms that the tests sign with.
pub(crate) const SIGNED: [Algorithm; 6] =
    [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
pub(crate) const ANY: Algorithms = Algorithms::of(&Algorithm::ALL);

/// Of signed tokens of one issuer.
pub(crate) const ISSUERS: [Issuer<'static>; 1] =
    [Issuer::jwt(ISSUER, Algorithms::of(&[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256]))];
pub(crate) const POLICY: Policy<'static> = Policy::new(&ISSUERS, Audience::Required(AUDIENCE), "read");

pub(crate) const HEADER: &str = r#"{"typ":"at+jwt","alg":"HS256","kid":"oct"}"#;
pub(crate) const CLAIMS: &str = r#"{"iss":"https://as.example","sub":"user-1","aud":"https://rs.example/api","client_id":"client-1","exp":1700000300,"iat":1699999990,"jti":"jti-1","scope":"read write"}"#;

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    let mut out = vec![0; base64::encoded_len(bytes.as_ref().len())];
    base64::encode(bytes.as_ref(), &mut out).unwrap().to_owned()
}

pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let mut out = vec![0; text.len()];
    base64::decode(text, &mut out).unwrap().to_vec()
}

/// A shared key as JSON.
pub(crate) fn oct(alg: &str, secret: &[u8]) -> String {
    format!(r#"{{"kty":"oct","alg":"{alg}","k":"{}","kid":"oct"}}"#, base64url(secret))
}

/// Reads a key with as much scratch as is promised to suffice.
pub(crate) fn read<R>(json: &str, then: impl FnOnce(Result<Jwk<'_>, JwkError>) -> R) -> R {
    let mut scratch = vec![0; json.len() * 2];
    then(Jwk::read(json.as_bytes(), &mut scratch))
}

pub(crate) fn refused(json: &str) -> JwkError {
    read(json, |jwk| jwk.err()).unwrap_or_else(|| panic!("taken: {json}"))
}

/// A key's JSON with one member added, or another value for it.
pub(crate) fn key_with(json: &str, name: &str, value: impl Into<Value>) -> String {
    let mut key: Map<String, Value> = serde_json::from_str(json).unwrap();
    key.insert(name.into(), value.into());
    serde_json::to_string(&key).unwrap()
}

pub(crate) type Verifier = Box<dyn Verify + Send + Sync>;

/// The key, parsed for that algorithm.
pub(crate) fn verifier(json: &str, algorithm: Algorithm) -> Verifier {
    read(json, |jwk| -> Verifier {
        match jwk.unwrap() {
            Jwk::Public(jwk) => Box::new(PublicKey::new(&jwk, algorithm).unwrap()),
            Jwk::Symmetric(jwk) => Box::new(MacKey::new(&jwk).filter(|key| key.algorithm() == algorithm).unwrap()),
        }
    })
}

/// The key by which what [`sign`] signed is checked.
pub(crate) fn own(algorithm: Algorithm) -> &'static Verifier {
    static KEYS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
        let point = p384_key().verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(48);
        let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{}","y":"{}"}}"#, base64url(x), base64url(y));
        let json = |algorithm: Algorithm| match algorithm {
            Algorithm::Es256 => EC.to_owned(),
            Algorithm::Es384 => p384.clone(),
            Algorithm::EdDsa => ED.to_owned(),
            _ => oct(algorithm.as_str(), &SECRET),
        };
        SIGNED.map(|algorithm| verifier(&json(algorithm), algorithm)).into()
    });
    KEYS.iter().find(|key| key.algorithm() == algorithm).unwrap()
}

fn p384_key() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&SECRET[..48]).unwrap()
}

fn signature(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::Es256 => {
            let key = p256::ecdsa::SigningKey::from_slice(&decoded(EC_PRIVATE)).unwrap();
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().to_vec()
        }
        Algorithm::Es384 => {
            let signature: p384::ecdsa::Signature = p384_key().sign(message);
            signature.to_bytes().to_vec()
        }
        Algorithm::EdDsa => {
            let key = ed25519_dalek::SigningKey::from_bytes(&decoded(ED_PRIVATE).try_into().unwrap());
            key.sign(message).to_bytes().to_vec()
        }
        Algorithm::Hs256 => mac::<Hmac<sha2::Sha256>>(&SECRET, message),
        Algorithm::Hs384 => mac::<Hmac<sha2::Sha384>>(&SECRET, message),
        Algorithm::Hs512 => mac::<Hmac<sha2::Sha512>>(&SECRET, message),
        other => panic!("nothing here signs with {other}"),
    }
}

pub(crate) fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    <M as KeyInit>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}

/// A token of `header` and `payload` as they stand, signed with `algorithm`, whatever the header says.
pub(crate) fn sign(algorithm: Algorithm, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let signature = signature(algorithm, message.as_bytes());
    format!("{message}.{}", base64url(signature))
}

/// Reads and verifies with as much scratch as is promised to suffice, and gives what was signed.
pub(crate) fn verify(token: &str, key: &Verifier, allowed: Algorithms) -> Result<Vec<u8>, JwsError> {
    let mut scratch = vec![0; token.len() * 2];
    let unverified = Unverified::read(token, Limits::DEFAULT, &mut scratch)?;
    unverified.verify(&Key::new("", &**key), allowed).map(|verified| verified.payload().to_vec())
}

/// Whether a token of that header, signed with HS256, is good.
pub(crate) fn with_header(header: impl AsRef<[u8]>) -> Result<Vec<u8>, JwsError> {
    verify(&sign(Algorithm::Hs256, header, "{}"), own(Algorithm::Hs256), ANY)
}

/// [`CLAIMS`] with one more, or another value for one.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> String {
    key_with(CLAIMS, name, value)
}

pub(crate) fn claims_without(name: &str) -> String {
    let mut claims: Map<String, Value> = serde_json::from_str(CLAIMS).unwrap();
    claims.remove(name).unwrap();
    serde_json::to_string(&claims).unwrap()
}

/// An access token of these claims, signed by the issuer that is trusted.
pub(crate) fn token(claims: impl AsRef<[u8]>) -> String {
    sign(Algorithm::Hs256, HEADER, claims)
}

/// What [`validate`] says, with as much scratch as is promised to suffice.
pub(crate) fn judge_by(token: &str, policy: &Policy<'_>, now: u64) -> Result<(), Refusal> {
    let key = |kid, algorithm| Key::new(kid, &**own(algorithm));
    let keys = [key("ec", Algorithm::Es256), key("ed", Algorithm::EdDsa), key("oct", Algorithm::Hs256)];
    let keys = [IssuerKeys { issuer: ISSUER, keys: &keys }];
    let mut scratch = vec![0; token.len() * 2];
    validate(SecretText::new(token), policy, &keys, UnixTime(now), &mut scratch).map(|_| ())
}

pub(crate) fn judge(token: &str) -> Result<(), Refusal> {
    judge_by(token, &POLICY, NOW)
}
