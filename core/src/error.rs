//! What can go wrong, split by who is at fault, and the registered words for it.

use core::fmt;

/// A lent slice was too small. What had been written to it is zeroed; call again with at least `needed` bytes.
///
/// ```
/// use valetkey::{error::TooSmall, wire::challenge::Challenge};
/// assert_eq!(Challenge::bare("demo").write(&mut []), Err(TooSmall { needed: 19 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// The exact number of bytes that suffices.
    pub needed: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small: {} bytes are needed", self.needed)
    }
}

impl core::error::Error for TooSmall {}

/// An `error` code as registered for OAuth, spelled exactly as on the wire.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>, <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1>,
/// <https://www.rfc-editor.org/rfc/rfc6750#section-3.1>, <https://www.rfc-editor.org/rfc/rfc8707#section-2>,
/// <https://www.rfc-editor.org/rfc/rfc7009#section-2.2.1>, <https://www.rfc-editor.org/rfc/rfc9470#section-3>,
/// <https://www.rfc-editor.org/rfc/rfc9470#section-5>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// A parameter is missing, doubled, malformed or too long.
    InvalidRequest,
    /// The client is unknown, or did not authenticate.
    InvalidClient,
    /// The code or refresh token is invalid, expired, revoked, or another client's.
    InvalidGrant,
    /// The client may not use this grant or response type.
    UnauthorizedClient,
    /// No such grant here.
    UnsupportedGrantType,
    /// No such response type here.
    UnsupportedResponseType,
    /// No such token type here (revocation).
    UnsupportedTokenType,
    /// The scope is malformed, unknown or more than may be had.
    InvalidScope,
    /// The resource is malformed, unknown or not for this client.
    InvalidTarget,
    /// The person, or the policy, said no.
    AccessDenied,
    /// The server failed.
    ServerError,
    /// The server is busy or a part of it is away; try later.
    TemporarilyUnavailable,
    /// The access token is expired, revoked, malformed or unknown (resource server).
    InvalidToken,
    /// The access token lacks a scope (resource server).
    InsufficientScope,
    /// The person must log in again, or in another way (resource server).
    InsufficientUserAuthentication,
    /// The person did not log in as the request demands.
    UnmetAuthenticationRequirements,
}

impl ErrorCode {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
