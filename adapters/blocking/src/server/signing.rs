//! Signed access tokens: the keys that are published, and who holds their private halves.

use std::fmt;
use valetkey::jose::{Algorithm, Key};
use valetkey::server::{NeedSign, Step};
use valetkey_std::published::{Published, SigningKey};

/// Makes signatures: by keys in memory, or by a device or service that holds them. It is given the `kid`, the algorithm and
/// the message, and gives the signature: of ECDSA and EdDSA in its fixed size
/// ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). `None` if it is busy, broken or does not have
/// that key, so that the client is told to come again.
pub type Sign = dyn Fn(&str, Algorithm, &[u8]) -> Option<Vec<u8>> + Send + Sync;

/// Answers the need, or tells the client to come again.
pub(super) fn sign<'r>(need: NeedSign<'r>, signer: Option<&Sign>) -> Step<'r> {
    match signer.and_then(|sign| sign(need.kid(), need.algorithm(), need.message())) {
        Some(signature) => need.resume(&signature),
        None => {
            tracing::error!(kid = need.kid(), "an access token could not be signed");
            need.fail()
        }
    }
}

/// The keys of signed access tokens, and who signs by them: what
/// [`AuthorizationServer::with_signing`](super::AuthorizationServer::with_signing) takes.
///
/// ```
/// use std::sync::Arc;
/// use valetkey::jose::{Algorithm, parts::PartError};
/// use valetkey_aws_lc::{self as aws_lc, PublicKey};
/// use valetkey_blocking::server::{Signing, SigningKey};
///
/// fn signing(key: Arc<aws_lc::SigningKey>) -> Result<Signing, PartError> {
///     let verifier = Box::new(PublicKey::new(&key.public(), key.algorithm())?);
///     let signer = Arc::clone(&key);
///     let sign = move |kid: &str, _, message: &[u8]| {
///         if kid == signer.kid() { signer.sign(message).ok() } else { None }
///     };
///     Ok(Signing::new(vec![SigningKey { public: key.public(), verifier }], sign))
/// }
/// # let key = aws_lc::SigningKey::generate(Algorithm::Es256).unwrap();
/// # assert!(signing(key.into()).unwrap().jwks().contains("ES256"));
/// ```
pub struct Signing {
    published: Published,
    sign: Box<Sign>,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("jwks", &self.jwks()).finish_non_exhaustive()
    }
}

impl Signing {
    /// The first key of an algorithm signs, by `sign`. The others are published and recognised: those that will sign once
    /// all APIs have seen them, and those that did until what they signed has expired.
    pub fn new(
        keys: Vec<SigningKey<'_>>,
        sign: impl Fn(&str, Algorithm, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self { published: Published::new(keys), sign: Box::new(sign) }
    }

    /// As the core takes them.
    pub(super) fn keys(&self) -> Vec<Key<'_>> {
        self.published.keys()
    }

    pub(super) const fn signer(&self) -> &Sign {
        &*self.sign
    }

    /// The set of public keys, as JSON. <https://www.rfc-editor.org/rfc/rfc7517#section-5>
    pub fn jwks(&self) -> &str {
        self.published.jwks()
    }
}
