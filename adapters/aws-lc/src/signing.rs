//! Private keys that sign tokens.

use crate::sealed;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature as lc;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::fmt;
use valetkey::jose::{Algorithm, Material, PublicJwk};
use valetkey::secret::Secret;
use valetkey::text::buf::Writer;
use zeroize::Zeroizing;

/// Most bytes of a public key of 8192 bits as JSON: the modulus takes 1366 of them.
const JSON: usize = 2048;

/// A private key that signs with one algorithm. There is no way out for it but [`Self::to_pkcs8`] and, sealed,
/// [`Self::seal`].
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static lc::RsaSignatureEncoding),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Why there is no key, or no signature. It never holds any of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing is signed with this algorithm here: HS256, HS384 and HS512 have no public half.
    Algorithm,
    /// It is no PKCS#8, or no private key of sufficient strength for the algorithm.
    BadKey,
    /// What was sealed is not what is opened: another server key, another key id or algorithm, or changed bytes.
    Sealed,
    /// The library failed, as when the operating system gives no random bytes.
    Failed,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "no key pair is for this algorithm; choose ES256, ES384, EdDSA, RS256 to PS512",
            Self::BadKey => "it is no PKCS#8 with a private key for this algorithm, of 2048 to 8192 bits if RSA",
            Self::Sealed => {
                "the signing key cannot be opened: it was sealed under another server key, or changed since"
            }
            Self::Failed => "no key or signature could be made: the operating system may give no random bytes",
        })
    }
}

impl std::error::Error for KeyError {}

impl SigningKey {
    /// Draws a new key. For RSA it has 2048 bits, which takes a tenth of a second or several.
    ///
    /// More bits would make each signature three times as dear, each token a sixth of a kilobyte longer, and protect
    /// nothing that lives on: a signature is worth something until its token expires, and the key until it is replaced.
    /// NIST allows 2048 bits until 2030 ([SP 800-57](https://doi.org/10.6028/NIST.SP.800-57pt1r5)). A longer one that was
    /// made elsewhere is taken by [`Self::from_pkcs8`].
    ///
    /// # Errors
    /// [`KeyError::Algorithm`], [`KeyError::Failed`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Failed;
        let pair = match kind(algorithm).ok_or(KeyError::Algorithm)? {
            Kind::Ecdsa(how) => Pair::Ecdsa(EcdsaKeyPair::generate(how).map_err(failed)?),
            Kind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            Kind::Rsa(how) => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?, how),
        };
        Ok(Self::named(algorithm, pair))
    }

    /// Takes a key that was made before, or elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Algorithm`], [`KeyError::BadKey`].
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let bad = |_| KeyError::BadKey;
        let pair = match kind(algorithm).ok_or(KeyError::Algorithm)? {
            Kind::Ecdsa(how) => Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(how, der).map_err(bad)?),
            Kind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(bad)?),
            Kind::Rsa(how) => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(bad)?;
                // The library signs with shorter ones as well.
                if !(256..=1024).contains(&pair.public_modulus_len()) {
                    return Err(KeyError::BadKey);
                }
                Pair::Rsa(pair, how)
            }
        };
        let key = Self::named(algorithm, pair);
        // By what is asked of the keys of others: odd exponents, sizes to the bit.
        crate::PublicKey::new(&key.public(), algorithm).map_err(|_| KeyError::BadKey)?;
        Ok(key)
    }

    fn named(algorithm: Algorithm, pair: Pair) -> Self {
        let mut key = Self { algorithm, kid: String::new(), pair };
        key.kid = Base64UrlUnpadded::encode_string(&key.public().thumbprint());
        key
    }

    /// The whole key, as PKCS#8. Whoever reads it can sign.
    ///
    /// # Errors
    /// [`KeyError::Failed`].
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Failed;
        let copied = |der: &[u8]| Zeroizing::new(der.to_vec());
        Ok(match &self.pair {
            Pair::Ecdsa(pair) => copied(pair.to_pkcs8v1().map_err(failed)?.as_ref()),
            Pair::Ed25519(pair) => copied(pair.to_pkcs8().map_err(failed)?.as_ref()),
            Pair::Rsa(pair, _) => copied(AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(failed)?.as_ref()),
        })
    }

    /// The whole key, encrypted under the server's, as base64url: what a store may keep. It opens as this key, for this
    /// algorithm, and as nothing else.
    ///
    /// # Errors
    /// [`KeyError::Failed`].
    pub fn seal(&self, server_key: &Secret<32>) -> Result<String, KeyError> {
        sealed::seal(server_key, self.algorithm, &self.kid, self.to_pkcs8()?)
    }

    /// Opens what [`Self::seal`] made of the key with this id.
    ///
    /// # Errors
    /// [`KeyError::Sealed`], and those of [`Self::from_pkcs8`].
    pub fn open(server_key: &Secret<32>, algorithm: Algorithm, kid: &str, text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8(algorithm, &sealed::open(server_key, algorithm, kid, text)?)
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its id: the thumbprint of its public half as base64url.
    /// <https://www.rfc-editor.org/rfc/rfc7638#section-3>
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half, with its id and algorithm.
    pub fn public(&self) -> PublicJwk<'_> {
        let material = match &self.pair {
            Pair::Ecdsa(pair) => point(pair.public_key().as_ref()),
            Pair::Ed25519(pair) => Material::Ed25519 { x: array(pair.public_key().as_ref()) },
            Pair::Rsa(pair, _) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                Material::Rsa { n: n.big_endian_without_leading_zero(), e: e.big_endian_without_leading_zero() }
            }
        };
        PublicJwk { kid: &self.kid, algorithm: Some(self.algorithm), material }
    }

    /// Its public half as JSON, to stand in a set of keys.
    pub fn public_json(&self) -> String {
        let mut buf = [0; JSON];
        let mut w = Writer::new(&mut buf);
        self.public().write(&mut w);
        w.finish().unwrap_or_default().to_owned()
    }

    /// Signs. ECDSA's R and S are of fixed size, as
    /// [RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4) has them, and hedged against bad
    /// randomness. RSA takes about a millisecond, the others some tens of microseconds.
    ///
    /// # Errors
    /// [`KeyError::Failed`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let failed = |_| KeyError::Failed;
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair, how) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*how, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// How an algorithm signs.
enum Kind {
    Ecdsa(&'static lc::EcdsaSigningAlgorithm),
    Ed25519,
    Rsa(&'static lc::RsaSignatureEncoding),
}

const fn kind(algorithm: Algorithm) -> Option<Kind> {
    Some(match algorithm {
        Algorithm::Es256 => Kind::Ecdsa(&lc::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Kind::Ecdsa(&lc::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDsa => Kind::Ed25519,
        Algorithm::Rs256 => Kind::Rsa(&lc::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Kind::Rsa(&lc::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Kind::Rsa(&lc::RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Kind::Rsa(&lc::RSA_PSS_SHA256),
        Algorithm::Ps384 => Kind::Rsa(&lc::RSA_PSS_SHA384),
        Algorithm::Ps512 => Kind::Rsa(&lc::RSA_PSS_SHA512),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
    })
}

/// A point as the library gives it: uncompressed, a 4 in front.
fn point(sec1: &[u8]) -> Material<'static> {
    let (x, y) = sec1[1..].split_at(sec1.len() / 2);
    if x.len() == 32 {
        Material::P256 { x: array(x), y: array(y) }
    } else {
        Material::P384 { x: array(x), y: array(y) }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the library's public keys have the size of their curve")
}
