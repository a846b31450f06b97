//! An issuer found by its metadata. <https://www.rfc-editor.org/rfc/rfc8414#section-3>

use super::remote::RemoteError;
use crate::client::{Received, SendError, Transport};
use std::error::Error;
use std::fmt;
use valetkey::jose::JwkError;
use valetkey::text::buf::Writer;
use valetkey::wire::header::is_media_type;
use valetkey::wire::server_metadata::{Fault, Place, ServerMetadata};

/// Most bytes of metadata.
const METADATA_CAP: usize = 64 * 1024;
const JSON: [&str; 1] = ["application/json"];

/// Why an issuer's tokens cannot be taken. Holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The issuer, or the place of its keys, is neither https nor http on loopback, or has a query, a fragment or user
    /// information.
    Url(String),
    /// This URL did not answer.
    Send {
        /// What was asked for.
        url: String,
        /// What became of it.
        error: SendError,
    },
    /// This URL answered with another status than 200. A redirect is not followed.
    Status {
        /// What was asked for.
        url: String,
        /// What came.
        status: u16,
    },
    /// This URL answered with something that does not say that it is JSON.
    ContentType {
        /// What was asked for.
        url: String,
    },
    /// The metadata are refused.
    Metadata {
        /// Where they are.
        url: String,
        /// Why.
        fault: Fault,
    },
    /// The key set is refused.
    Keys {
        /// Where it is.
        url: String,
        /// Why.
        error: JwkError,
    },
    /// The metadata do not have this member, which is needed.
    Without(&'static str),
    /// The issuer cannot be asked with these credentials.
    Introspection(RemoteError),
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => {
                write!(f, "{url} must be https, or http on loopback, without query, fragment and user information")
            }
            Self::Send { url, error } => write!(f, "{url}: {error}"),
            Self::Status { url, status } => {
                write!(f, "{url} answered with status {status}; redirects are not followed")
            }
            Self::ContentType { url } => write!(f, "{url} answered with another Content-Type than application/json"),
            Self::Metadata { url, fault } => write!(f, "{url}: {fault}"),
            Self::Keys { url, error } => write!(f, "{url}: {error}"),
            Self::Without(name) => write!(f, "the issuer's metadata have no {name}"),
            Self::Introspection(error) => error.fmt(f),
        }
    }
}

impl Error for DiscoverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Send { error, .. } => error.source(),
            _ => None,
        }
    }
}

/// What is of use here of an issuer's metadata; empty text for what they do not have.
pub(super) struct Found {
    pub(super) jwks_uri: String,
    pub(super) introspection_endpoint: String,
}

/// Reads the metadata of an issuer, wherever they are.
pub(super) async fn discover(issuer: &str, transport: &Transport) -> Result<Found, DiscoverError> {
    let mut place = Place::FIRST;
    loop {
        let mut buf = vec![0; issuer.len() + 64];
        let mut w = Writer::new(&mut buf);
        place.url(&mut w, issuer);
        let url = w.finish().unwrap_or_default();
        let received = fetch(transport, url, &JSON, METADATA_CAP).await;
        if let Err(DiscoverError::Status { status, .. }) = received
            && let Some(next) = place.after(status)
        {
            place = next;
            continue;
        }
        let received = received?;
        let body = received.response().body;
        let mut scratch = vec![0; body.len()];
        return match ServerMetadata::read(body, issuer, &mut scratch) {
            Ok(ServerMetadata { jwks_uri, introspection_endpoint }) => {
                Ok(Found { jwks_uri: jwks_uri.to_owned(), introspection_endpoint: introspection_endpoint.to_owned() })
            }
            Err(fault) => Err(DiscoverError::Metadata { url: url.to_owned(), fault }),
        };
    }
}

/// What is at this URL, if it answers with 200 and one of these types.
pub(super) async fn fetch(
    transport: &Transport,
    url: &str,
    types: &[&str],
    cap: usize,
) -> Result<Received, DiscoverError> {
    let url = || url.to_owned();
    let received = transport.get(&url(), &types.join(", "), cap).await;
    let received = received.map_err(|error| DiscoverError::Send { url: url(), error })?;
    let response = received.response();
    if response.status != 200 {
        return Err(DiscoverError::Status { url: url(), status: response.status });
    }
    let is = |wanted: &&str| response.content_type.is_some_and(|content_type| is_media_type(content_type, wanted));
    if types.iter().any(is) { Ok(received) } else { Err(DiscoverError::ContentType { url: url() }) }
}
