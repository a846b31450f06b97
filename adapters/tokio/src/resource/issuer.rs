//! An authorization server whose tokens are taken, and how it is known what they are worth.

use super::cache::Cached;
#[cfg(feature = "client")]
use super::discover::discover;
use super::introspect::{Ask, Introspect};
#[cfg(feature = "client")]
use super::keys::Keys;
#[cfg(feature = "client")]
use super::remote::RemoteIntrospection;
#[cfg(feature = "client")]
use crate::client::Transport;
use std::fmt;
use std::sync::Arc;
use valetkey::jose::Algorithms;
use valetkey::resource::{self, Jwt, Tokens};
#[cfg(feature = "client")]
use valetkey::{resource::Timing, secret::SecretText, text::uri};
#[cfg(feature = "client")]
use valetkey_std::issuer::DiscoverError;

/// An authorization server whose tokens are taken: signed ones by its keys, opaque ones by asking it, or both.
///
/// ```no_run
/// use valetkey::jose::{Algorithm, Algorithms};
/// use valetkey::secret::SecretText;
/// use valetkey_tokio::client::Transport;
/// use valetkey_tokio::resource::{Audience, Guard, Issuer};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let staff = Issuer::discover("https://login.example", Transport::new()?)
///     .await?
///     .with_algorithms(Algorithms::of(&[Algorithm::Es256]))
///     .with_introspection("notes-api", SecretText::new("api-secret"))? // opaque tokens too
///     .with_cache(10_000, 30); // what is revoked may serve for 30 seconds more
/// let partner = Issuer::discover("https://partner.example", Transport::new()?).await?;
/// let guard = Guard::of([staff, partner], Audience::Required("https://notes.example"));
/// # Ok(()) }
/// ```
pub struct Issuer {
    name: String,
    algorithms: Algorithms,
    typ: String,
    #[cfg(feature = "client")]
    keys: Option<Arc<Keys>>,
    /// Where it may be asked, and how; of one that was discovered.
    #[cfg(feature = "client")]
    introspection: Option<(String, Transport)>,
    introspect: Option<Arc<dyn Ask>>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name).field("tokens", &self.view().tokens).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Takes opaque tokens, and any others that `introspect` knows of.
    pub fn asked(name: impl Into<String>, introspect: Arc<impl Introspect>) -> Self {
        Self { introspect: Some(introspect), ..Self::named(name.into()) }
    }

    fn named(name: String) -> Self {
        Self {
            name,
            algorithms: Algorithms::ASYMMETRIC,
            typ: "at+jwt".to_owned(),
            #[cfg(feature = "client")]
            keys: None,
            #[cfg(feature = "client")]
            introspection: None,
            introspect: None,
        }
    }

    /// Keeps answers of introspection for `seconds`, but never longer than the token lives, for at most so many tokens
    /// that are good (`most`), none of more than 8 KiB: about such a token is asked each time. By default none is kept: what a revoked token may do meanwhile is yours to weigh. Of
    /// requests at once with one token that is not kept, each asks. Call it once it is said who is asked.
    #[must_use]
    pub fn with_cache(mut self, most: usize, seconds: u32) -> Self {
        self.introspect = self.introspect.map(|inner| -> Arc<dyn Ask> { Arc::new(Cached::new(inner, most, seconds)) });
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As the core sees it.
    pub(super) fn view(&self) -> resource::Issuer<'_> {
        let jwt = Jwt { algorithms: self.algorithms, typ: &self.typ };
        let tokens = match (self.has_keys(), &self.introspect) {
            (false, _) => Tokens::Opaque,
            (true, None) => Tokens::Jwt(jwt),
            (true, Some(_)) => Tokens::Both(jwt),
        };
        resource::Issuer { name: &self.name, tokens }
    }

    pub(super) fn introspect(&self) -> Option<&dyn Ask> {
        self.introspect.as_deref()
    }

    #[cfg(not(feature = "client"))]
    const fn has_keys(&self) -> bool {
        false
    }
}

#[cfg(feature = "client")]
impl Issuer {
    /// Takes the signed tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) of an issuer that has metadata by
    /// [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414) or, where there are none, by OpenID Connect Discovery. Both the
    /// metadata, which are read once, and the keys are fetched now, so that a wrong name is noticed at the start.
    ///
    /// An issuer without keys has opaque tokens alone, which take [`Self::with_introspection`].
    ///
    /// Which signatures are taken is written here: [`Algorithms::ASYMMETRIC`], of which each key of the issuer serves one;
    /// an RSA key without `alg` serves RS256. [`Self::with_algorithms`] takes fewer.
    ///
    /// # Errors
    /// [`DiscoverError`]; try again later, or begin without it by [`Self::with_keys_at`].
    pub async fn discover(name: &str, transport: Transport) -> Result<Self, DiscoverError> {
        let found = discover(name, &transport).await?;
        let mut issuer = Self::named(name.to_owned());
        if !found.jwks_uri.is_empty() {
            let keys = Arc::new(Keys::new(found.jwks_uri, transport.clone()));
            keys.begin().await?;
            issuer.keys = Some(keys);
        }
        if !found.introspection_endpoint.is_empty() {
            issuer.introspection = Some((found.introspection_endpoint, transport));
        } else if issuer.keys.is_none() {
            return Err(DiscoverError::Without("jwks_uri"));
        }
        Ok(issuer)
    }

    /// The same for an issuer whose key set is at `jwks_uri`. Nothing is fetched before the first token comes: so an API
    /// starts while its issuer is away, and answers 503 until it is there.
    ///
    /// # Errors
    /// [`DiscoverError::Url`]: neither https nor http on loopback.
    pub fn with_keys_at(name: &str, jwks_uri: &str, transport: Transport) -> Result<Self, DiscoverError> {
        if !uri::is_endpoint(jwks_uri) {
            return Err(DiscoverError::Url(jwks_uri.to_owned()));
        }
        let keys = Arc::new(Keys::new(jwks_uri.to_owned(), transport));
        Ok(Self { keys: Some(keys), ..Self::named(name.to_owned()) })
    }

    /// Takes signatures of these algorithms alone
    /// ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
    #[must_use]
    pub fn with_algorithms(self, algorithms: Algorithms) -> Self {
        Self { algorithms, ..self }
    }

    /// Takes signed tokens of another `typ` than `at+jwt`, for issuers that are older than
    /// [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068#section-4). Beware: what else such an issuer signs with this type
    /// and for this audience, an ID token say, is then taken for an access token if it has the claims of one.
    #[must_use]
    pub fn with_type(self, typ: impl Into<String>) -> Self {
        Self { typ: typ.into(), ..self }
    }

    /// Fetches keys at other times than [`Timing::DEFAULT`].
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { keys: self.keys.map(|keys| Arc::new(keys.with_timing(timing))), ..self }
    }

    /// Takes opaque tokens too, by asking at the introspection endpoint of the metadata; id and secret are those of a client
    /// that may introspect, sent by Basic.
    ///
    /// # Errors
    /// [`DiscoverError::Without`] if the metadata name no endpoint; [`DiscoverError::Introspection`].
    pub fn with_introspection(self, client_id: &str, secret: SecretText<'_>) -> Result<Self, DiscoverError> {
        let Some((endpoint, transport)) = self.introspection.clone() else {
            return Err(DiscoverError::Without("introspection_endpoint"));
        };
        let remote = RemoteIntrospection::new(endpoint, client_id, secret, transport);
        Ok(Self { introspect: Some(Arc::new(remote.map_err(DiscoverError::Introspection)?)), ..self })
    }

    pub(super) const fn keys(&self) -> Option<&Arc<Keys>> {
        self.keys.as_ref()
    }

    const fn has_keys(&self) -> bool {
        self.keys.is_some()
    }
}
