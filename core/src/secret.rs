//! Secrets and entropy: values that never show themselves and are compared in constant time.

use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes: redacted in `Debug`, compared only in constant time, zeroed when dropped.
///
/// ```
/// use valetkey::secret::Secret;
/// let key = Secret::new([7; 32]);
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// assert!(key.ct_eq(&[7; 32]));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes into custody.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The one way out.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether `other` is the same bytes; takes as long whatever they are. Lengths are public.
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        ct_eq(&self.0, other)
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Borrowed secret text, such as a client secret or a token: redacted in `Debug`, compared only in constant time.
#[derive(Clone, Copy)]
pub struct SecretText<'a>(&'a str);

impl<'a> SecretText<'a> {
    /// Marks the text as secret.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The one way out.
    pub const fn expose(self) -> &'a str {
        self.0
    }

    /// Whether `other` is the same text; takes as long whatever it is. Lengths are public.
    pub fn ct_eq(self, other: &str) -> bool {
        ct_eq(self.0.as_bytes(), other.as_bytes())
    }
}

impl fmt::Debug for SecretText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// `N` random bytes, drawn once at the edge for one request. Neither `Copy` nor `Clone`; zeroed when dropped.
///
/// They must come from a cryptographically secure source, such as the operating system's or a hardware generator's:
/// tokens, codes and `code_verifier`s are made of them.
///
/// ```
/// use valetkey::secret::Entropy;
/// let seed = Entropy::<32>::new([1; 32]); // in earnest: from the operating system
/// assert_eq!(format!("{seed:?}"), "Entropy(..)");
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Entropy<const N: usize>([u8; N]);

impl<const N: usize> Entropy<N> {
    /// Takes bytes that were just drawn and serve nothing else.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Draws from a fallible generator. `rand_core` 0.10.
    ///
    /// # Errors
    /// Whatever the generator fails with.
    #[cfg(feature = "rand_core")]
    pub fn draw<R: rand_core::TryCryptoRng>(rng: &mut R) -> Result<Self, R::Error> {
        let mut seed = Self([0; N]);
        rng.try_fill_bytes(&mut seed.0)?;
        Ok(seed)
    }

    pub(crate) const fn bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// `M` of the bytes, from `at` on: each byte has one purpose, named where it is taken.
    pub(crate) fn part<const M: usize>(&self, at: usize) -> [u8; M] {
        let mut part = [0; M];
        for (to, from) in part.iter_mut().zip(self.0.iter().skip(at)) {
            *to = *from;
        }
        part
    }
}

impl<const N: usize> fmt::Debug for Entropy<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}

pub(crate) fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
