//! An issuer found by its metadata. <https://www.rfc-editor.org/rfc/rfc8414#section-3>

use super::DiscoverError;
use crate::kept::{Received, SendError};
use valetkey::text::buf::Writer;
use valetkey::text::uri;
use valetkey::wire::header::is_media_type;
use valetkey::wire::server_metadata::{Place, ServerMetadata};

/// Most bytes of metadata.
const METADATA_CAP: usize = 64 * 1024;
/// Most bytes of a key set.
const SET_CAP: usize = 256 * 1024;

/// A document to fetch.
#[derive(Clone, Debug)]
pub struct Document {
    url: String,
    types: &'static [&'static str],
    cap: usize,
}

impl Document {
    /// An issuer's key set, which may call itself by [RFC 7517 section 8.5](https://www.rfc-editor.org/rfc/rfc7517#section-8.5).
    pub const fn key_set(url: String) -> Self {
        Self { url, types: &["application/json", "application/jwk-set+json"], cap: SET_CAP }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The value of the request's `Accept` header.
    pub fn accept(&self) -> String {
        self.types.join(", ")
    }

    /// Most bytes of it to read.
    pub const fn cap(&self) -> usize {
        self.cap
    }

    /// What came, if it is a document of its kind.
    ///
    /// # Errors
    /// [`DiscoverError`]: `Send`, `Status` or `ContentType`.
    pub fn received(&self, came: Result<Received, SendError>) -> Result<Received, DiscoverError> {
        let url = || self.url.clone();
        let received = came.map_err(|error| DiscoverError::Send { url: url(), error })?;
        if received.status != 200 {
            return Err(DiscoverError::Status { url: url(), status: received.status });
        }
        let is = |wanted: &&str| received.content_type.as_deref().is_some_and(|came| is_media_type(came, wanted));
        if self.types.iter().any(is) { Ok(received) } else { Err(DiscoverError::ContentType { url: url() }) }
    }
}

/// What is of use of an issuer's metadata; empty text for what they do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where it tells what a token is worth.
    pub introspection_endpoint: String,
}

/// Looks for the metadata of an issuer, wherever they are.
#[derive(Clone, Copy, Debug)]
pub struct Discovery<'i> {
    issuer: &'i str,
    place: Place,
}

/// What comes next.
#[derive(Debug)]
#[must_use]
pub enum Next<'i> {
    /// Here they are.
    Found(Found),
    /// Look elsewhere.
    Ask(Discovery<'i>),
}

impl<'i> Discovery<'i> {
    /// Begins.
    ///
    /// # Errors
    /// [`DiscoverError::Url`]: this is no name of an issuer.
    pub fn of(issuer: &'i str) -> Result<Self, DiscoverError> {
        if !uri::is_issuer(issuer) {
            return Err(DiscoverError::Url(issuer.to_owned()));
        }
        Ok(Self { issuer, place: Place::FIRST })
    }

    /// What to fetch.
    pub fn document(&self) -> Document {
        let mut buf = vec![0; self.issuer.len() + 64];
        let mut w = Writer::new(&mut buf);
        self.place.url(&mut w, self.issuer);
        let url = w.finish().unwrap_or_default().to_owned();
        Document { url, types: &["application/json"], cap: METADATA_CAP }
    }

    /// This came of it.
    ///
    /// # Errors
    /// [`DiscoverError`].
    pub fn answered(self, document: &Document, came: Result<Received, SendError>) -> Result<Next<'i>, DiscoverError> {
        let received = document.received(came);
        if let Err(DiscoverError::Status { status, .. }) = received
            && let Some(place) = self.place.after(status)
        {
            return Ok(Next::Ask(Self { place, ..self }));
        }
        let received = received?;
        let mut scratch = vec![0; received.body.len()];
        match ServerMetadata::read(&received.body, self.issuer, &mut scratch) {
            Ok(ServerMetadata { jwks_uri, introspection_endpoint }) => Ok(Next::Found(Found {
                jwks_uri: jwks_uri.to_owned(),
                introspection_endpoint: introspection_endpoint.to_owned(),
            })),
            Err(fault) => Err(DiscoverError::Metadata { url: document.url.clone(), fault }),
        }
    }
}
