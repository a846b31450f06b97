//! Why a request got no answer.

use std::error::Error;
use std::fmt;

/// Why nothing came back. Holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The URL is neither https nor on loopback. Nothing was sent.
    Insecure,
    /// The transport or the request cannot be made. Nothing was sent.
    Setup(Box<dyn Error + Send + Sync>),
    /// The server could not be reached. Nothing was sent.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// The server broke off, or its answer is not HTTP. The request may have arrived.
    Broken(Box<dyn Error + Send + Sync>),
    /// It took more than the transport's timeout. The request may have arrived.
    Timeout,
    /// The body is longer than the request's duties allow.
    TooLong,
}

impl SendError {
    /// Whether it is known that nothing was sent.
    pub const fn is_unsent(&self) -> bool {
        match self {
            Self::Insecure | Self::Setup(_) | Self::Unreachable(_) => true,
            Self::Broken(_) | Self::Timeout | Self::TooLong => false,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insecure => "the URL must be https, or http on loopback",
            Self::Setup(_) => "the request cannot be made on this machine",
            Self::Unreachable(_) => "the server could not be reached",
            Self::Broken(_) => "the server broke off",
            Self::Timeout => "the server took too long to answer",
            Self::TooLong => "the server answered more than is read",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Setup(error) | Self::Unreachable(error) | Self::Broken(error) => Some(error.as_ref()),
            Self::Insecure | Self::Timeout | Self::TooLong => None,
        }
    }
}
