//! The keys of an issuer, parsed once.

use super::{DiscoverError, Document};
use crate::kept::{Received, SendError};
use std::fmt;
use valetkey::jose::{Algorithm, Jwk, Key, PublicJwk, Verify, each_key, find};

/// A key set as it was fetched. `K` checks signatures by one key.
pub struct Keys<K>(Vec<(String, K)>);

impl<K> fmt::Debug for Keys<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(kid, _)| kid)).finish()
    }
}

impl<K: Verify + Sync> Keys<K> {
    /// Reads what came of a [`Document::key_set`]. A key that cannot be used is passed over, and told to `tracing`.
    ///
    /// # Errors
    /// [`DiscoverError`]: `Send`, `Status`, `ContentType` or `Keys`.
    pub fn read<E: fmt::Display>(
        document: &Document,
        came: Result<Received, SendError>,
        parse: impl Fn(&PublicJwk<'_>, Algorithm) -> Result<K, E>,
    ) -> Result<Self, DiscoverError> {
        let (received, url) = (document.received(came)?, document.url());
        let (mut scratch, mut keys) = (vec![0; 3 * received.body.len()], Vec::new());
        let read = each_key(&received.body, &mut scratch, |key| match key {
            // An RSA key that leaves it open serves RS256, which RFC 9068 section 2.1 has all implement.
            Ok(Jwk::Public(jwk)) => match parse(&jwk, jwk.algorithm.unwrap_or(Algorithm::Rs256)) {
                Ok(parsed) => keys.push((jwk.kid.to_owned(), parsed)),
                Err(error) => tracing::debug!(url, kid = jwk.kid, %error, "a key is passed over"),
            },
            Ok(Jwk::Symmetric(_)) => tracing::debug!(url, "a shared key is passed over"),
            Err(error) => tracing::debug!(url, %error, "a key is passed over"),
        });
        match read {
            Ok(()) => Ok(Self(keys)),
            Err(error) => Err(DiscoverError::Keys { url: url.to_owned(), error }),
        }
    }

    /// The one key of this algorithm and id, as the core takes it.
    pub fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<Key<'_>> {
        find(self.0.iter().map(|(kid, key)| Key::new(kid, key)), algorithm, kid)
    }
}
