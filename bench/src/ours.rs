//! Valetkey's `resource::validate`, with one issuer, one key and the whole policy, over parts of RustCrypto.

use crate::Case;
use crate::token::{ALGORITHMS, AUDIENCE, ISSUER, NOW, SCOPE, public_key, signed};
use std::cell::RefCell;
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{Algorithm, Algorithms, Jwk, Key, Verify};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy, validate};
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;

/// The name of the library whose goals are held.
pub const NAME: &str = "valetkey";

/// A case for each algorithm.
pub fn cases() -> impl Iterator<Item = Case> {
    ALGORITHMS.into_iter().map(case)
}

fn case(name: &'static str) -> Case {
    let algorithm = Algorithm::from_name(name).expect("an algorithm");
    let jwk = public_key(name);
    let mut scratch = [0; 2048];
    let verifier: Box<dyn Verify + Sync> = match Jwk::read(jwk.as_bytes(), &mut scratch).expect("a key") {
        Jwk::Public(jwk) => Box::new(PublicKey::new(&jwk, algorithm).expect("a public key")),
        Jwk::Symmetric(jwk) => Box::new(MacKey::new(&jwk).expect("a secret of 32 bytes")),
    };
    let verifier: &'static (dyn Verify + Sync) = Box::leak(verifier);
    let keys: &'static [_] = Box::leak(Box::new([Key::new("2026-11", verifier)]));
    let keys = [IssuerKeys { issuer: ISSUER, keys }];
    let issuers: &'static [_] = Box::leak(Box::new([Issuer::jwt(ISSUER, Algorithms::of(&[algorithm]))]));
    let policy = Policy::new(issuers, Audience::Required(AUDIENCE), SCOPE);

    let token: &'static str = signed(name).leak();
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let mut decoded = [0; 512];
    let signature = valetkey::text::base64::decode(signature, &mut decoded).expect("base64url").to_vec();
    // The caller's, and the same for each token.
    let lent = RefCell::new([0; 2048]);
    Case {
        library: NAME,
        algorithm: name,
        token: token.len(),
        validate: Box::new(move || {
            let scratch = &mut *lent.borrow_mut();
            validate(SecretText::new(token), &policy, &keys, UnixTime(NOW), scratch).is_ok()
        }),
        signature: Box::new(move || verifier.verify(message.as_bytes(), &signature)),
    }
}
