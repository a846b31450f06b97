//! Why a request to an API got no answer.

use super::NoToken;
use std::error::Error;
use std::fmt;

/// Why a request to an API got no answer. Holds no secret. `E` is what a transport tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApiError<E> {
    /// The URL has none of the origins that were named by [`for_api`](super::ClientCredentials::for_api). Nothing was sent.
    OtherOrigin,
    /// There is no token. Nothing was sent, or the API refused the one that was.
    NoToken(NoToken),
    /// The API did not answer.
    Send(E),
}

impl<E> From<NoToken> for ApiError<E> {
    fn from(error: NoToken) -> Self {
        Self::NoToken(error)
    }
}

impl<E> fmt::Display for ApiError<E> {
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

impl<E: Error + 'static> Error for ApiError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OtherOrigin => None,
            Self::NoToken(error) => error.source(),
            Self::Send(error) => Some(error),
        }
    }
}
