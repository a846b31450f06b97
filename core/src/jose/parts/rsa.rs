//! RSA signatures, checked. <https://www.rfc-editor.org/rfc/rfc7518#section-3.3>

use super::PartError;
use crate::jose::Algorithm;
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey, pkcs1v15, pss};
use sha2::{Sha256, Sha384, Sha512};

/// Bits of a modulus, as [`Jwk`](crate::jose::Jwk) takes them.
const BITS: core::ops::RangeInclusive<usize> = 2048..=8192;

/// A salt of a PSS signature is as long as the hash; one of another length is refused.
pub(super) enum RsaKey {
    Rs256(pkcs1v15::VerifyingKey<Sha256>),
    Rs384(pkcs1v15::VerifyingKey<Sha384>),
    Rs512(pkcs1v15::VerifyingKey<Sha512>),
    Ps256(pss::VerifyingKey<Sha256>),
    Ps384(pss::VerifyingKey<Sha384>),
    Ps512(pss::VerifyingKey<Sha512>),
}

impl RsaKey {
    pub(super) fn new(n: &[u8], e: &[u8], algorithm: Algorithm) -> Result<Self, PartError> {
        let number = BoxedUint::from_be_slice_vartime;
        let key = || PublicKey::new_with_size_limits(number(n), number(e), BITS).map_err(|_| PartError::BadKey);
        Ok(match algorithm {
            Algorithm::Rs256 => Self::Rs256(pkcs1v15::VerifyingKey::new(key()?)),
            Algorithm::Rs384 => Self::Rs384(pkcs1v15::VerifyingKey::new(key()?)),
            Algorithm::Rs512 => Self::Rs512(pkcs1v15::VerifyingKey::new(key()?)),
            Algorithm::Ps256 => Self::Ps256(pss::VerifyingKey::new_with_salt_len(key()?, 32)),
            Algorithm::Ps384 => Self::Ps384(pss::VerifyingKey::new_with_salt_len(key()?, 48)),
            Algorithm::Ps512 => Self::Ps512(pss::VerifyingKey::new_with_salt_len(key()?, 64)),
            _ => return Err(PartError::Algorithm),
        })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Rs384(_) => Algorithm::Rs384,
            Self::Rs512(_) => Algorithm::Rs512,
            Self::Ps256(_) => Algorithm::Ps256,
            Self::Ps384(_) => Algorithm::Ps384,
            Self::Ps512(_) => Algorithm::Ps512,
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let pkcs1 = || pkcs1v15::Signature::try_from(signature).ok();
        let pss = || pss::Signature::try_from(signature).ok();
        match self {
            Self::Rs256(key) => pkcs1().is_some_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Rs384(key) => pkcs1().is_some_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Rs512(key) => pkcs1().is_some_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ps256(key) => pss().is_some_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ps384(key) => pss().is_some_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ps512(key) => pss().is_some_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}
