//! Signed tokens before a small trusted set: HS256, EdDSA, ES256. The first byte says whether the rest is the token's text,
//! or a header, a line's end and a payload to be signed by one of the keys, and which character is changed afterwards.
//! Asserts: never a panic; twice the token is scratch enough; what is accepted verifies by RustCrypto over the text as it
//! was split, with a header and claims that serde_json reads alike, an allowed algorithm, nothing critical, and the claims
//! that RFC 9068 asks for; what was signed with a plain header comes out as it was; a changed token is refused.
#![no_main]

use ed25519_dalek::Verifier as _;
use ed25519_dalek::ed25519::signature::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{Algorithm, Algorithms, ClaimsError, Jwk, JwsError, Key, Limits, Unverified, find};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy, Refusal, validate};
use valetkey::secret::SecretText;
use valetkey::text::base64;
use valetkey::time::UnixTime;

const SECRET: [u8; 32] = *b"a secret of the fuzz target's ow";
const NOW: u64 = 1_700_000_000;
const ALLOWED: Algorithms = Algorithms::of(&[Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256]);
const ISSUERS: [Issuer<'static>; 1] = [Issuer::jwt("https://as.example", ALLOWED)];

struct World {
    ed: ed25519_dalek::SigningKey,
    ec: p256::ecdsa::SigningKey,
    parts: (MacKey, PublicKey, PublicKey),
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let ed = ed25519_dalek::SigningKey::from_bytes(&SECRET);
    let ec = p256::ecdsa::SigningKey::from_slice(&SECRET).expect("a scalar");
    let point = ec.verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let public = |json: String| {
        let mut scratch = vec![0; json.len() * 2];
        let Ok(Jwk::Public(jwk)) = Jwk::read(json.as_bytes(), &mut scratch) else { panic!("{json}") };
        PublicKey::new(&jwk, jwk.algorithm.expect("its curve tells")).expect("a good key")
    };
    let oct = format!(r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#, text(&SECRET));
    let mut scratch = vec![0; oct.len() * 2];
    let Ok(Jwk::Symmetric(oct)) = Jwk::read(oct.as_bytes(), &mut scratch) else { panic!("a secret") };
    let hs = MacKey::new(&oct).expect("long enough");
    let okp = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, text(ed.verifying_key().as_bytes()));
    let p256 = format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#, text(x), text(y));
    World { ed, ec, parts: (hs, public(okp), public(p256)) }
});

fuzz_target!(|bytes: &[u8]| {
    let [mode, rest @ ..] = bytes else { return };
    let Ok(rest) = str::from_utf8(rest) else { return };
    let algorithm = match mode {
        // At one length in 32 only, as they take a hundred times as long.
        b'4' if rest.len() % 32 == 7 => Algorithm::Es256,
        b'5' if rest.len() % 32 == 7 => Algorithm::EdDsa,
        0..64 => {
            judge(rest);
            return;
        }
        _ => Algorithm::Hs256,
    };
    let (header, payload) = rest.split_once('\n').unwrap_or(("", rest));
    let plain = header.is_empty();
    let header = if plain { format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"1"}}"#) } else { header.to_owned() };
    let token = sign(algorithm, &header, payload);
    let accepted = judge(&token);
    if plain && token.len() <= Limits::DEFAULT.token {
        assert_eq!(accepted.as_deref(), Some(payload.as_bytes()), "what was signed comes out as it was");
    }
    if accepted.is_some() {
        let at = usize::from(*mode % 16) * token.len() / 16;
        let to = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut changed = token;
        changed.replace_range(at..=at, to);
        assert!(judge(&changed).is_none(), "changed at {at}");
    }
});

fn text(bytes: &[u8]) -> String {
    let mut out = vec![0; base64::encoded_len(bytes.len())];
    base64::encode(bytes, &mut out).expect("there is room").to_owned()
}

/// By the decoder for secrets, which has nothing in common with that for tokens.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = vec![0; text.len()];
    base64::decode(text, &mut out).expect("what is accepted is canonical").to_vec()
}

fn sign(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", text(header.as_bytes()), text(payload.as_bytes()));
    let signature = match algorithm {
        Algorithm::Es256 => {
            let signature: p256::ecdsa::Signature = WORLD.ec.sign(message.as_bytes());
            signature.to_bytes().to_vec()
        }
        Algorithm::EdDsa => WORLD.ed.sign(message.as_bytes()).to_bytes().to_vec(),
        _ => mac(message.as_bytes()).finalize().into_bytes().to_vec(),
    };
    format!("{message}.{}", text(&signature))
}

fn mac(message: &[u8]) -> Hmac<sha2::Sha256> {
    Hmac::new_from_slice(&SECRET).expect("any length").chain_update(message)
}

/// What was signed, if the token is accepted; checked by another path.
fn judge(token: &str) -> Option<Vec<u8>> {
    let (hs, ed, ec) = &WORLD.parts;
    let keys = [Key::new("1", hs), Key::new("1", ed), Key::new("1", ec)];
    let mut scratch = vec![0; token.len() * 2];
    let unverified = match Unverified::read(token, Limits::DEFAULT, &mut scratch) {
        Ok(unverified) => unverified,
        Err(e) => {
            assert!(e != JwsError::Scratch, "twice the token suffices");
            assert!(access(token, &keys).is_err());
            return None;
        }
    };
    let header = *unverified.header();
    let [first, second, third] = token.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let said: Value = serde_json::from_slice(&decoded(first)).unwrap_or(Value::Null);
    // A number beyond `f64` is passed over here, and makes a document none for serde_json.
    if !said.is_null() {
        assert_eq!(said["alg"], header.algorithm.as_str());
        assert_eq!(said.get("kid").map(|kid| kid.as_str().expect("a text")), header.kid);
        assert_eq!(said.get("typ").map(|typ| typ.as_str().expect("a text")), header.typ);
        assert!(["crit", "b64", "zip"].iter().all(|name| said.get(name).is_none()));
    }
    let verified = find(keys, header.algorithm, header.kid).map(|key| unverified.verify(&key, ALLOWED));
    let Some(Ok(verified)) = verified else {
        assert!(access(token, &keys).is_err());
        return None;
    };
    let (message, signature) = (format!("{first}.{second}"), decoded(third));
    let again = match header.algorithm {
        Algorithm::Hs256 => mac(message.as_bytes()).verify_slice(&signature).is_ok(),
        Algorithm::EdDsa => ed25519_dalek::Signature::from_slice(&signature)
            .is_ok_and(|signature| WORLD.ed.verifying_key().verify(message.as_bytes(), &signature).is_ok()),
        Algorithm::Es256 => p256::ecdsa::Signature::from_slice(&signature)
            .is_ok_and(|signature| WORLD.ec.verifying_key().verify(message.as_bytes(), &signature).is_ok()),
        other => panic!("{other} is not allowed"),
    };
    assert!(again, "accepted, and not signed");
    assert_eq!(verified.payload(), decoded(second));
    let payload = verified.payload().to_vec();
    match access(token, &keys) {
        Ok(subject) => is_access_token(&header, &payload, &subject),
        Err(why) => {
            let scratch = [Refusal::Jws(JwsError::Scratch), Refusal::Claims(ClaimsError::Scratch)];
            assert!(!scratch.contains(&why), "twice the token suffices");
        }
    }
    Some(payload)
}

fn access(token: &str, keys: &[Key<'_>]) -> Result<String, Refusal> {
    let policy = Policy::new(&ISSUERS, Audience::Required("https://api.example"), "read");
    let mut scratch = vec![0; token.len() * 2];
    let keys = [IssuerKeys { issuer: "https://as.example", keys }];
    let access = validate(SecretText::new(token), &policy, &keys, UnixTime(NOW), &mut scratch)?;
    Ok(access.subject.to_owned())
}

/// RFC 9068 section 4, by serde_json's reading.
fn is_access_token(header: &valetkey::jose::Header<'_>, payload: &[u8], subject: &str) {
    let typ = header.typ.expect("a type").to_ascii_lowercase();
    assert!(typ == "at+jwt" || typ == "application/at+jwt");
    let Ok(said) = serde_json::from_slice::<Value>(payload) else {
        return; // a number beyond `f64`
    };
    assert_eq!((&said["iss"], &said["sub"]), (&"https://as.example".into(), &subject.into()));
    let aud = &said["aud"];
    assert!(
        aud == "https://api.example" || aud.as_array().is_some_and(|all| all.contains(&"https://api.example".into()))
    );
    #[expect(clippy::cast_precision_loss, reason = "it is far below 2^53")]
    let now = NOW as f64;
    assert!(said["exp"].as_f64().is_some_and(|exp| now < exp));
    assert!(said.get("nbf").is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= now)));
    assert!(said["iat"].is_number() && said["jti"].is_string() && said["client_id"].is_string());
    assert!(said["scope"].as_str().is_some_and(|scope| scope.split(' ').any(|word| word == "read")));
    assert!(said.get("cnf").is_none());
}
