//! Public keys, parsed once. They take and refuse what those of the core do ([`valetkey::jose::parts`]); tests hold each
//! against the other.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature as lc;
use aws_lc_rs::signature::ParsedPublicKey;
use std::fmt;
use valetkey::jose::parts::{self, PartError};
use valetkey::jose::{Algorithm, Material, PublicJwk, Verify};

/// Bits of a modulus, as [`Jwk`](valetkey::jose::Jwk) takes them.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The second coordinates of the eight points of small order, in their one encoding; the sign is masked out.
/// <https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7>
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// A public key, ready to check signatures: a verification parses nothing and takes no lock.
pub struct PublicKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.algorithm.as_str()).finish()
    }
}

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
        let key = match (&jwk.material, algorithm) {
            (Material::P256 { x, y }, Algorithm::Es256) => {
                ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_FIXED, uncompressed(x, y))
            }
            (Material::P384 { x, y }, Algorithm::Es384) => {
                ParsedPublicKey::new(&lc::ECDSA_P384_SHA384_FIXED, uncompressed(x, y))
            }
            (Material::Ed25519 { x }, Algorithm::EdDsa) => {
                // aws-lc takes any 32 bytes, and finds out at each signature. The core's part looks once: whether they are
                // a point at all, and one of sufficient order.
                parts::PublicKey::new(jwk, algorithm)?;
                ParsedPublicKey::new(&lc::ED25519, x)
            }
            (Material::Rsa { n, e }, _) => {
                let parameters = rsa(algorithm).ok_or(PartError::Algorithm)?;
                let zeros = n.first().map_or(0, |first| first.leading_zeros() as usize);
                if !RSA_BITS.contains(&(n.len() * 8).saturating_sub(zeros)) {
                    return Err(PartError::BadKey);
                }
                PublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            _ => return Err(PartError::Algorithm),
        };
        key.map(|key| Self { algorithm, key }).map_err(|_| PartError::BadKey)
    }
}

impl Verify for PublicKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // ECDSA: R and S of fixed size, each from 1 to n - 1. PSS: a salt as long as the hash. Ed25519: S below the order,
        // and the equation without cofactor; an R of small order is left to us.
        if self.algorithm == Algorithm::EdDsa && signature.first_chunk().is_none_or(is_of_small_order) {
            return false;
        }
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// Whether `signature`, decoded, is one of `message` by this key and the algorithm that it names: for keys that are not
/// parsed beforehand, such as a client's, of which each has its own. `false` where it names none.
///
/// ```
/// use valetkey::jose::Algorithms;
/// use valetkey::secret::Secret;
/// use valetkey::server::{Issuer, Policy, Server, ServerKey};
/// let keys = [ServerKey::new(1, Secret::new([7; 32]))]; // in earnest: 32 bytes from the operating system
/// let server = Server::new(Issuer::new("https://as.example")?, Policy::OAUTH21, &keys)?;
/// let server = server.with_client_keys(Algorithms::ASYMMETRIC, valetkey_aws_lc::verify)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(jwk: &PublicJwk<'_>, message: &[u8], signature: &[u8]) -> bool {
    let key = jwk.algorithm.and_then(|algorithm| PublicKey::new(jwk, algorithm).ok());
    key.is_some_and(|key| key.verify(message, signature))
}

fn is_of_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

const fn rsa(algorithm: Algorithm) -> Option<&'static lc::RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &lc::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &lc::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// A point as SEC 1 writes it, uncompressed.
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}
