//! Signed access tokens: the keys that are published, and who holds their private halves.

use super::DEADLINE;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use tokio::time::timeout;
use valetkey::jose::{Algorithm, Key};
use valetkey::server::{NeedSign, Step};
use valetkey_std::published::{Published, SigningKey};

/// Makes signatures: by keys in memory, or by a device or service that holds them.
pub struct Signer(Box<Sign>);

type Sign = dyn Fn(&str, Algorithm, &[u8]) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send>> + Send + Sync;

impl Signer {
    /// `sign` is given the `kid`, the algorithm and the message, and gives the signature: of ECDSA and EdDSA in its fixed
    /// size ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). `None` if it is busy, broken or does
    /// not have that key, so that the client is told to come again. What takes more than a millisecond is done off the
    /// threads that serve.
    pub fn new<F>(sign: impl Fn(&str, Algorithm, &[u8]) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Vec<u8>>> + Send + 'static,
    {
        Self(Box::new(move |kid, algorithm, message| Box::pin(sign(kid, algorithm, message))))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// Answers the need, or tells the client to come again.
pub(super) async fn sign<'r>(need: NeedSign<'r>, signer: Option<&Signer>) -> Step<'r> {
    let signature = match signer {
        Some(Signer(sign)) => {
            timeout(DEADLINE, sign(need.kid(), need.algorithm(), need.message())).await.ok().flatten()
        }
        None => None,
    };
    match signature {
        Some(signature) => need.resume(&signature),
        None => {
            tracing::error!(kid = need.kid(), "an access token could not be signed");
            need.fail()
        }
    }
}

/// The keys of signed access tokens, and who signs by them: what
/// [`AuthorizationServer::with_signing`](super::AuthorizationServer::with_signing) takes.
pub struct Signing {
    published: Published,
    signer: Signer,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("jwks", &self.jwks()).finish_non_exhaustive()
    }
}

impl Signing {
    /// The first key of an algorithm signs. The others are published and recognised: those that will sign once all APIs
    /// have seen them, and those that did until what they signed has expired.
    pub fn new(keys: Vec<SigningKey<'_>>, signer: Signer) -> Self {
        Self { published: Published::new(keys), signer }
    }

    /// As the core takes them.
    pub(super) fn keys(&self) -> Vec<Key<'_>> {
        self.published.keys()
    }

    pub(super) const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The set of public keys, as JSON. <https://www.rfc-editor.org/rfc/rfc7517#section-5>
    pub fn jwks(&self) -> &str {
        self.published.jwks()
    }
}
