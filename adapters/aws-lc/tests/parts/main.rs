//! What the parts of aws-lc do, held against those of RustCrypto, the published vectors, and what is known to go wrong.

mod ed25519;
mod keys;
mod refused;
mod sealed;
mod vectors;

use std::sync::LazyLock;
use valetkey::jose::parts::{self, PartError};
use valetkey::jose::{Algorithm, Jwk, PublicJwk, Verify};
use valetkey_aws_lc::{PublicKey, SigningKey};

/// All that a pair of keys signs with.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// A key of each algorithm, drawn once.
pub(crate) static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| ALGORITHMS.into_iter().map(|algorithm| SigningKey::generate(algorithm).unwrap()).collect());

/// Both parts over one public key.
pub(crate) struct Both {
    aws_lc: PublicKey,
    rust_crypto: parts::PublicKey,
}

impl Both {
    /// They take the same keys, and refuse the others for the same reason.
    pub(crate) fn new(jwk: &PublicJwk<'_>, algorithm: Algorithm) -> Result<Self, PartError> {
        match (PublicKey::new(jwk, algorithm), parts::PublicKey::new(jwk, algorithm)) {
            (Ok(aws_lc), Ok(rust_crypto)) => Ok(Self { aws_lc, rust_crypto }),
            (Err(one), Err(other)) => {
                assert_eq!(one, other, "{jwk:?}");
                Err(one)
            }
            (one, other) => panic!("{one:?} and {other:?} of {jwk:?}"),
        }
    }

    /// What both say of a signature.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verdict = self.aws_lc.verify(message, signature);
        assert_eq!(verdict, self.rust_crypto.verify(message, signature), "{:?}: {signature:02x?}", self.aws_lc);
        verdict
    }
}

/// Reads a public key and hands it on.
pub(crate) fn with_public<T>(json: &str, f: impl FnOnce(&PublicJwk<'_>) -> T) -> T {
    let mut scratch = vec![0; 2 * json.len()];
    match Jwk::read(json.as_bytes(), &mut scratch) {
        Ok(Jwk::Public(jwk)) => f(&jwk),
        other => panic!("{other:?}"),
    }
}
