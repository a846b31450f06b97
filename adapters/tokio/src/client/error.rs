//! Why a request got no answer.

use std::error::Error;
use std::fmt;

/// Why nothing came back. Holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The URL is neither https nor on loopback. Nothing was sent.
    Insecure,
    /// The transport or the request cannot be set up. Nothing was sent.
    Setup(Box<dyn Error + Send + Sync>),
    /// The server could not be reached or broke off.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// It took more than [`TIMEOUT`](super::TIMEOUT).
    Timeout,
    /// The body is longer than the request's duties allow.
    TooLong,
}

impl SendError {
    /// Whether nothing was sent.
    pub(super) fn is_unsent(&self) -> bool {
        match self {
            Self::Insecure | Self::Setup(_) => true,
            Self::Unreachable(error) => error.downcast_ref().is_some_and(reqwest::Error::is_connect),
            Self::Timeout | Self::TooLong => false,
        }
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        // The URL may have what is for nobody's logs.
        let error = error.without_url();
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_builder() {
            Self::Setup(error.into())
        } else {
            Self::Unreachable(error.into())
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insecure => "the URL must be https, or http on loopback",
            Self::Setup(_) => "the request cannot be made on this machine",
            Self::Unreachable(_) if cfg!(not(feature = "rustls")) => {
                "the server could not be reached; https takes feature `rustls`"
            }
            Self::Unreachable(_) => "the server could not be reached, or broke off",
            Self::Timeout => "the server took too long to answer",
            Self::TooLong => "the server answered more than is read",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup(error) | Self::Unreachable(error) => Some(error.as_ref()),
            Self::Insecure | Self::Timeout | Self::TooLong => None,
        }
    }
}
