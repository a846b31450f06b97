//! Signature algorithms, and sets of them. <https://www.rfc-editor.org/rfc/rfc7518#section-3>

use core::fmt;

/// How a token is signed. `none` is not among them: an unsigned token is never good
/// ([RFC 8725 section 3.2](https://www.rfc-editor.org/rfc/rfc8725#section-3.2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[cfg_attr(feature = "serde", serde(rename = "ES256"))]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[cfg_attr(feature = "serde", serde(rename = "ES384"))]
    Es384,
    /// Ed25519, the plain variant. <https://www.rfc-editor.org/rfc/rfc8037#section-3.1>
    #[cfg_attr(feature = "serde", serde(rename = "EdDSA"))]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[cfg_attr(feature = "serde", serde(rename = "RS256"))]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[cfg_attr(feature = "serde", serde(rename = "RS384"))]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[cfg_attr(feature = "serde", serde(rename = "RS512"))]
    Rs512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    #[cfg_attr(feature = "serde", serde(rename = "PS256"))]
    Ps256,
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    #[cfg_attr(feature = "serde", serde(rename = "PS384"))]
    Ps384,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    #[cfg_attr(feature = "serde", serde(rename = "PS512"))]
    Ps512,
    /// HMAC with SHA-256: whoever can check a token can make one.
    #[cfg_attr(feature = "serde", serde(rename = "HS256"))]
    Hs256,
    /// HMAC with SHA-384.
    #[cfg_attr(feature = "serde", serde(rename = "HS384"))]
    Hs384,
    /// HMAC with SHA-512.
    #[cfg_attr(feature = "serde", serde(rename = "HS512"))]
    Hs512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 12] = [
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The value of `alg`, which counts to the letter.
    ///
    /// ```
    /// use valetkey::jose::Algorithm;
    /// assert_eq!(Algorithm::EdDsa.as_str(), "EdDSA");
    /// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
    /// assert_eq!(Algorithm::from_name("es256"), None);
    /// assert_eq!(Algorithm::from_name("none"), None);
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether whoever checks a signature could have made it.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// Bytes of a signature; of RSA those by a key of 2048 bits, as it is as long as the modulus.
    #[inline(always)] // firmware that has one algorithm holds no table of all
    pub(crate) const fn signature_len(self) -> usize {
        match self {
            Self::Es256 | Self::EdDsa => 64,
            Self::Es384 => 96,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => 256,
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    /// Whether a signature may have so many bytes; a modulus has 2048 to 8192 bits.
    pub(crate) const fn fits(self, len: usize) -> bool {
        match self.signature_len() {
            256 => len >= 256 && len <= 1024,
            exact => len == exact,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The algorithms that are taken. There is no default: who checks tokens names them
/// ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
///
/// ```
/// use valetkey::jose::{Algorithm, Algorithms};
/// const TAKEN: Algorithms = Algorithms::of(&[Algorithm::Es256, Algorithm::EdDsa]);
/// assert!(TAKEN.contains(Algorithm::EdDsa) && !TAKEN.contains(Algorithm::Rs256));
/// assert!(!Algorithms::ASYMMETRIC.contains(Algorithm::Hs256));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// None at all: no token is good.
    pub const NONE: Self = Self(0);

    /// All by which a public key checks what a private one signed.
    pub const ASYMMETRIC: Self = Self::of(&[
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ]);

    /// These, and no others.
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let mut set = 0;
        let mut rest = algorithms;
        while let [first, more @ ..] = rest {
            set |= Self::bit(*first);
            rest = more;
        }
        Self(set)
    }

    /// Whether it is one of them.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }

    const fn bit(algorithm: Algorithm) -> u16 {
        1 << algorithm as u16
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Algorithm::as_str)).finish()
    }
}
