//! Parts that check signatures, by RustCrypto: keys parsed once, each for one algorithm, to be lent to a
//! [`Key`](super::Key).
//!
//! | part | algorithms | feature |
//! |---|---|---|
//! | [`MacKey`] | HS256, HS384, HS512 | always there |
//! | [`PublicKey`] | ES256; ES384; EdDSA | `p256`; `p384`; `ed25519` |
//! | [`PublicKey`] | RS256, RS384, RS512, PS256, PS384, PS512 | `rsa`, which needs a heap |
//!
//! ```
//! # #[cfg(feature = "ed25519")] {
//! use valetkey::jose::parts::PublicKey;
//! use valetkey::jose::{Algorithm, Jwk, Key};
//!
//! let json = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
//! let mut scratch = [0; 256];
//! let Jwk::Public(jwk) = Jwk::read(json, &mut scratch).unwrap() else { panic!() };
//! let parsed = PublicKey::new(&jwk, Algorithm::EdDsa).unwrap(); // once, and not for each token
//! let key = Key::new(jwk.kid, &parsed);
//! assert!(!key.verify(b"message", &[0; 64]));
//! # }
//! ```

mod mac;
#[cfg(feature = "rsa")]
mod rsa;

pub use mac::MacKey;

use super::{Algorithm, PublicJwk, Verify};
use core::fmt;

/// A public key, ready to check signatures.
pub struct PublicKey(Part);

enum Part {
    #[cfg(feature = "p256")]
    P256(p256::ecdsa::VerifyingKey),
    #[cfg(feature = "p384")]
    P384(p384::ecdsa::VerifyingKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519_dalek::VerifyingKey),
    #[cfg(feature = "rsa")]
    Rsa(rsa::RsaKey),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.algorithm().as_str()).finish()
    }
}

/// Why a key cannot check signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartError {
    /// The key is not for this algorithm, or the feature of the part is not on.
    Algorithm,
    /// Not on its curve, of small order, or of a size that is not taken
    /// ([RFC 8725 section 3.4](https://www.rfc-editor.org/rfc/rfc8725#section-3.4)).
    BadKey,
}

impl fmt::Display for PartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "the key is not for this algorithm, or the part for it is not built in",
            Self::BadKey => "the key is not on its curve, of small order, or of a size that is not taken",
        })
    }
}

impl core::error::Error for PartError {}

impl PublicKey {
    /// Parses a key for one algorithm, which [`PublicJwk::algorithm`] tells; of an RSA key that leaves it open it is the
    /// caller's to say, RS256 being the one that all know.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn new(jwk: &PublicJwk<'_>, algorithm: Algorithm) -> Result<Self, PartError> {
        if jwk.algorithm.is_some_and(|only| only != algorithm) {
            return Err(PartError::Algorithm);
        }
        match (&jwk.material, algorithm) {
            #[cfg(feature = "p256")]
            (super::Material::P256 { x, y }, Algorithm::Es256) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed::<65>(x, y));
                key.map(|key| Self(Part::P256(key))).map_err(|_| PartError::BadKey)
            }
            #[cfg(feature = "p384")]
            (super::Material::P384 { x, y }, Algorithm::Es384) => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed::<97>(x, y));
                key.map(|key| Self(Part::P384(key))).map_err(|_| PartError::BadKey)
            }
            #[cfg(feature = "ed25519")]
            (super::Material::Ed25519 { x }, Algorithm::EdDsa) => match ed25519_dalek::VerifyingKey::from_bytes(x) {
                Ok(key) if !key.is_weak() => Ok(Self(Part::Ed25519(key))),
                _ => Err(PartError::BadKey),
            },
            #[cfg(feature = "rsa")]
            (super::Material::Rsa { n, e }, _) => rsa::RsaKey::new(n, e, algorithm).map(|key| Self(Part::Rsa(key))),
            _ => Err(PartError::Algorithm),
        }
    }
}

impl Verify for PublicKey {
    fn algorithm(&self) -> Algorithm {
        match &self.0 {
            #[cfg(feature = "p256")]
            Part::P256(_) => Algorithm::Es256,
            #[cfg(feature = "p384")]
            Part::P384(_) => Algorithm::Es384,
            #[cfg(feature = "ed25519")]
            Part::Ed25519(_) => Algorithm::EdDsa,
            #[cfg(feature = "rsa")]
            Part::Rsa(key) => key.algorithm(),
            #[cfg(not(any(feature = "p256", feature = "p384", feature = "ed25519", feature = "rsa")))]
            _ => Algorithm::EdDsa, // no such value can be
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            // R and S of fixed size, each from 1 to n - 1: RFC 7518 section 3.4. DER is of another size.
            #[cfg(feature = "p256")]
            Part::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| p256::ecdsa::signature::Verifier::verify(key, message, &signature).is_ok()),
            #[cfg(feature = "p384")]
            Part::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| p384::ecdsa::signature::Verifier::verify(key, message, &signature).is_ok()),
            // Strict: S below the order, no small-order R, the equation without cofactor.
            #[cfg(feature = "ed25519")]
            Part::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            #[cfg(feature = "rsa")]
            Part::Rsa(key) => key.verify(message, signature),
            #[cfg(not(any(feature = "p256", feature = "p384", feature = "ed25519", feature = "rsa")))]
            _ => {
                let _ = (message, signature);
                false
            }
        }
    }
}

/// Whether `signature`, decoded, is one of `message` by this key and the algorithm that it names: for keys that are not
/// parsed beforehand. `false` where it names none, or the feature of its part is not on.
///
/// ```
/// # #[cfg(feature = "ed25519")] {
/// use valetkey::jose::{Jwk, parts};
/// let json = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
/// let mut scratch = [0; 256];
/// let Jwk::Public(jwk) = Jwk::read(json, &mut scratch).unwrap() else { panic!() };
/// assert!(!parts::verify(&jwk, b"message", &[0; 64]));
/// # }
/// ```
pub fn verify(jwk: &PublicJwk<'_>, message: &[u8], signature: &[u8]) -> bool {
    let key = jwk.algorithm.and_then(|algorithm| PublicKey::new(jwk, algorithm).ok());
    key.is_some_and(|key| key.verify(message, signature))
}

/// A point as SEC 1 writes it, uncompressed.
#[cfg(any(feature = "p256", feature = "p384"))]
fn uncompressed<const N: usize>(x: &[u8], y: &[u8]) -> [u8; N] {
    let mut point = [4; N];
    for (to, from) in point.iter_mut().skip(1).zip(x.iter().chain(y)) {
        *to = *from;
    }
    point
}
