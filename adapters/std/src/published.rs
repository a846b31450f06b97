//! The keys of signed access tokens as they are published, the same for servers with and without async.
//!
//! ```
//! use valetkey_std::published::Published;
//! assert_eq!(Published::new(Vec::new()).jwks(), r#"{"keys":[]}"#);
//! ```

use std::fmt;
use valetkey::jose::{Key, PublicJwk, Verify};
use valetkey::server::write_jwks;

/// Bytes of a public key as JSON, at most: RSA of 8192 bits takes about 1,500, and the rest is its id.
const MAX_PUBLIC: usize = 4096;

/// A key of signed access tokens, to be published: its public half, and what checks signatures by it.
pub struct SigningKey<'a> {
    /// With a `kid` of its own.
    pub public: PublicJwk<'a>,
    /// For the one algorithm that the key serves.
    pub verifier: Box<dyn Verify + Send + Sync>,
}

impl fmt::Debug for SigningKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

/// Signing keys without their private halves: those that check, by their `kid`, and the set for others.
pub struct Published {
    keys: Vec<(String, Box<dyn Verify + Send + Sync>)>,
    jwks: String,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").field("jwks", &self.jwks).finish_non_exhaustive()
    }
}

impl Published {
    /// In this order.
    pub fn new(keys: Vec<SigningKey<'_>>) -> Self {
        // RSA leaves its algorithm open, but here the key serves one.
        let public: Vec<_> =
            keys.iter().map(|key| PublicJwk { algorithm: Some(key.verifier.algorithm()), ..key.public }).collect();
        let room = public.iter().map(|key| MAX_PUBLIC + 6 * key.kid.len()).sum::<usize>() + 16;
        let jwks = write_jwks(&public, &mut vec![0; room]).expect("there is room for each key").to_owned();
        let keys = keys.into_iter().map(|key| (key.public.kid.to_owned(), key.verifier)).collect();
        Self { keys, jwks }
    }

    /// As the core takes them.
    pub fn keys(&self) -> Vec<Key<'_>> {
        self.keys.iter().map(|(kid, verifier)| Key::new(kid, &**verifier)).collect()
    }

    /// The set of public keys, as JSON. <https://www.rfc-editor.org/rfc/rfc7517#section-5>
    pub fn jwks(&self) -> &str {
        &self.jwks
    }
}
