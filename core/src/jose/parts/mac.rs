//! HMAC: whoever can check a token can make one. <https://www.rfc-editor.org/rfc/rfc7518#section-3.2>

use crate::jose::{Algorithm, SymmetricJwk, Verify};
use crate::secret::ct_eq;
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

/// A shared secret, ready to check and to make signatures. It is kept as the two hash states that it leads to.
pub struct MacKey(Part);

enum Part {
    Hs256(Hmac<Sha256>),
    Hs384(Hmac<Sha384>),
    Hs512(Hmac<Sha512>),
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MacKey").field(&self.algorithm().as_str()).finish()
    }
}

impl MacKey {
    /// Takes the secret. `None` if it is shorter than the hash, or the algorithm is no HMAC.
    pub fn new(jwk: &SymmetricJwk<'_>) -> Option<Self> {
        let least = |bytes| jwk.key.len() >= bytes;
        let part = match jwk.algorithm {
            Algorithm::Hs256 if least(32) => Part::Hs256(Hmac::new_from_slice(jwk.key).ok()?),
            Algorithm::Hs384 if least(48) => Part::Hs384(Hmac::new_from_slice(jwk.key).ok()?),
            Algorithm::Hs512 if least(64) => Part::Hs512(Hmac::new_from_slice(jwk.key).ok()?),
            _ => return None,
        };
        Some(Self(part))
    }
}

impl Verify for MacKey {
    fn algorithm(&self) -> Algorithm {
        match self.0 {
            Part::Hs256(_) => Algorithm::Hs256,
            Part::Hs384(_) => Algorithm::Hs384,
            Part::Hs512(_) => Algorithm::Hs512,
        }
    }

    /// In constant time ([RFC 7515 section 10.5](https://www.rfc-editor.org/rfc/rfc7515#section-10.5)).
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Part::Hs256(mac) => ct_eq(&mac.clone().chain_update(message).finalize().into_bytes(), signature),
            Part::Hs384(mac) => ct_eq(&mac.clone().chain_update(message).finalize().into_bytes(), signature),
            Part::Hs512(mac) => ct_eq(&mac.clone().chain_update(message).finalize().into_bytes(), signature),
        }
    }
}
