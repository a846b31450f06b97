//! Why an issuer's tokens cannot be taken.

use crate::kept::SendError;
use std::error::Error;
use std::fmt;
use valetkey::jose::JwkError;
use valetkey::wire::server_metadata::Fault;

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
            Self::Without("jwks_uri") => {
                f.write_str("the issuer's metadata have no jwks_uri: its tokens are not signed, and take introspection")
            }
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

/// Why an authorization server cannot be asked at all. Holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteError {
    /// The endpoint is neither https nor http on loopback, or has a fragment or user information.
    /// <https://www.rfc-editor.org/rfc/rfc7662#section-2>
    Endpoint,
    /// Id or secret is empty or not printable ASCII
    /// ([RFC 6749 appendix A](https://www.rfc-editor.org/rfc/rfc6749#appendix-A)), or the header made of them exceeds
    /// 4096 bytes.
    Credentials,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => {
                "the introspection endpoint must be https, or http on loopback, without fragment and user information"
            }
            Self::Credentials => {
                "client id and secret for introspection must be printable ASCII, and short enough for a header of 4096 bytes"
            }
        })
    }
}

impl Error for RemoteError {}
