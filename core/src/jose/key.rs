//! Keys in use: parsed once, and each for one algorithm.

use super::Algorithm;
use core::fmt;

/// Checks signatures by one key and one algorithm. Pure and quick; what is neither is a need.
///
/// Parts of RustCrypto are in [`super::parts`], those of aws-lc-rs in the crate `valetkey-aws-lc`. Whoever implements it
/// takes care that the key is sufficient: see [`Jwk`](super::Jwk), which refuses weak ones.
pub trait Verify {
    /// The one algorithm that the key serves
    /// ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
    fn algorithm(&self) -> Algorithm;

    /// Whether `signature`, decoded, is one of `message` by this key.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// Whether `signature`, decoded, is one of `message` by a key that was not parsed beforehand, and by the algorithm that it
/// names: a key of which no program holds many, as each client has its own. Pure and quick, as [`Verify`] is.
///
/// ```
/// # #[cfg(feature = "ed25519")] {
/// use valetkey::jose::{VerifyBy, parts};
/// const VERIFY: VerifyBy = parts::verify; // or valetkey_aws_lc::verify
/// # }
/// ```
pub type VerifyBy = fn(key: &super::PublicJwk<'_>, message: &[u8], signature: &[u8]) -> bool;

/// A key in use: what a token's `kid` and `alg` are held against, and what checks its signature.
#[derive(Clone, Copy)]
pub struct Key<'k> {
    kid: &'k str,
    verifier: &'k (dyn Verify + Sync),
}

impl<'k> Key<'k> {
    /// `kid` is empty if the key has none.
    pub const fn new(kid: &'k str, verifier: &'k (dyn Verify + Sync)) -> Self {
        Self { kid, verifier }
    }

    /// Its id within its set; empty if it has none.
    pub const fn kid(&self) -> &'k str {
        self.kid
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.verifier.algorithm()
    }

    /// Whether `signature`, decoded, is one of `message` by this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// The one key of `keys` that a token's header names: of its algorithm and, if it names a `kid`, of exactly that.
///
/// `None` if there is no such key, and also if there are two: which of them was meant nobody knows
/// ([RFC 7517 section 4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5)).
pub fn find<'k>(keys: impl IntoIterator<Item = Key<'k>>, algorithm: Algorithm, kid: Option<&str>) -> Option<Key<'k>> {
    let mut fitting = keys
        .into_iter()
        .filter(|key| key.algorithm() == algorithm && kid.is_none_or(|kid| !kid.is_empty() && kid == key.kid));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Some(key),
        _ => None,
    }
}
