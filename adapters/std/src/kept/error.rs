//! Why a request to an API got no answer.

use super::{NoToken, SendError};
use std::error::Error;
use std::fmt;

/// Why a request to an API got no answer. Holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApiError {
    /// The URL has none of the origins that were named by [`for_api`](super::ClientCredentials::for_api). Nothing was sent.
    OtherOrigin,
    /// There is no token. Nothing was sent, or the API refused the one that was.
    NoToken(NoToken),
    /// The API did not answer.
    Send(SendError),
}

impl From<NoToken> for ApiError {
    fn from(error: NoToken) -> Self {
        Self::NoToken(error)
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherOrigin => {
                f.write_str("the URL is of none of the APIs that were named, so no token is sent there")
            }
            Self::NoToken(error) => error.fmt(f),
            Self::Send(_) => f.write_str("the API did not answer"),
        }
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OtherOrigin => None,
            Self::NoToken(error) => error.source(),
            Self::Send(error) => Some(error),
        }
    }
}
