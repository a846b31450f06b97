//! The other libraries, each asked for the same: signature, type, issuer, audience, end, scope. None of them looks for
//! names that occur twice.

use crate::Case;
use crate::token::{ALGORITHMS, AUDIENCE, AccessToken, ISSUER, private_key, public_key, signed};
use jsonwebtoken::crypto::{CryptoProvider, aws_lc, rust_crypto};
use jsonwebtoken::{DecodingKey, Validation, decode};
use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa};
use jwt_compact::jwk::{JsonWebKey, JwkError};
use jwt_compact::{Algorithm, AlgorithmExt as _, AlgorithmSignature as _, TimeOptions, UntrustedToken};

/// What checks the signatures of `jsonwebtoken`; a process has one of them.
#[derive(Clone, Copy)]
pub enum Backend {
    /// RustCrypto.
    RustCrypto,
    /// aws-lc-rs.
    AwsLc,
}

/// A case of `jsonwebtoken` for each algorithm. Once in a process.
pub fn jsonwebtoken(backend: Backend) -> impl Iterator<Item = Case> {
    let (library, provider) = match backend {
        Backend::RustCrypto => ("jsonwebtoken, rust_crypto", &rust_crypto::DEFAULT_PROVIDER),
        Backend::AwsLc => ("jsonwebtoken, aws_lc_rs", &aws_lc::DEFAULT_PROVIDER),
    };
    provider.install_default().expect("no other provider in this process");
    ALGORITHMS.into_iter().map(move |name| jsonwebtoken_case(library, provider, name))
}

fn jsonwebtoken_case(library: &'static str, provider: &CryptoProvider, name: &'static str) -> Case {
    let algorithm: jsonwebtoken::Algorithm = name.parse().expect("an algorithm");
    let jwk = serde_json::from_str(&public_key(name)).expect("a key as jsonwebtoken reads it");
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    let mut rules = Validation::new(algorithm);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);

    let token: &'static str = signed(name).leak();
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let signature = decoded(signature);
    let verifier = (provider.verifier_factory)(&algorithm, &key).expect("a key of the algorithm");
    Case {
        library,
        algorithm: name,
        token: token.len(),
        validate: Box::new(move || {
            decode::<AccessToken>(token, &key, &rules)
                .is_ok_and(|token| token.header.typ.as_deref() == Some("at+jwt") && token.claims.is_in_scope())
        }),
        signature: Box::new(move || verifier.verify(message.as_bytes(), &signature).is_ok()),
    }
}

/// A case of `jwt-compact` for each algorithm.
pub fn jwt_compact() -> impl Iterator<Item = Case> {
    ALGORITHMS.into_iter().map(|name| match name {
        "ES256" => jwt_compact_case(Es256, name),
        "EdDSA" => jwt_compact_case(Ed25519, name),
        "HS256" => jwt_compact_case::<Hs256, Hs256Key>(Hs256, name),
        "RS256" => jwt_compact_case(Rsa::rs256(), name),
        other => panic!("{other} is not measured"),
    })
}

fn jwt_compact_case<A, K>(algorithm: A, name: &'static str) -> Case
where
    A: Algorithm<VerifyingKey = K> + 'static,
    K: for<'k> TryFrom<&'k JsonWebKey<'k>, Error = JwkError> + 'static,
{
    let jwk: JsonWebKey<'_> = serde_json::from_value(private_key(name)).expect("a key as jwt-compact reads it");
    let algorithm: &'static A = Box::leak(Box::new(algorithm));
    let key: &'static K = Box::leak(Box::new(K::try_from(&jwk.to_verifying_key()).expect("a key")));
    let rules = algorithm.validator::<AccessToken>(key);

    let token: &'static str = signed(name).leak();
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let signature = A::Signature::try_from_slice(&decoded(signature)).expect("a signature");
    Case {
        library: "jwt-compact",
        algorithm: name,
        token: token.len(),
        validate: Box::new(move || {
            let Ok(untrusted) = UntrustedToken::new(token) else { return false };
            let Ok(token) = rules.validate(&untrusted) else { return false };
            let claims = token.claims();
            token.header().token_type.as_deref() == Some("at+jwt")
                && claims.validate_expiration(&TimeOptions::default()).is_ok()
                && claims.custom.iss == ISSUER
                && claims.custom.aud == AUDIENCE
                && claims.custom.is_in_scope()
        }),
        signature: Box::new(move || algorithm.verify_signature(&signature, key, message.as_bytes())),
    }
}

fn decoded(text: &str) -> Vec<u8> {
    let mut decoded = [0; 512];
    valetkey::text::base64::decode(text, &mut decoded).expect("base64url").to_vec()
}
