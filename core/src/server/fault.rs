//! Why a request was refused: a private reason that names the check and the input, and one total map to the public error.

use crate::error::ErrorCode;
use core::fmt;

/// Defines the reasons once: name, public code, HTTP status, what to tell the client.
macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident = $code:ident $status:literal $text:literal,)*) => {
        /// Why a request was refused. Shown to the operator; the client sees [`Fault::code`] and [`Fault::description`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault { $($(#[$meta])* $name),* }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The public error code.
            pub const fn code(self) -> ErrorCode {
                match self { $(Self::$name => ErrorCode::$code),* }
            }

            /// The HTTP status where the answer is not a redirect.
            /// <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// One sentence for the client's developer, in `NQSCHAR` and without any of the input.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The name in logs and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

faults! {
    /// The body or query is longer than the budget.
    TooLong = InvalidRequest 400 "the request or one of its parameters is too long",
    /// The body or query is not a form, or repeats a parameter.
    Malformed = InvalidRequest 400 "the parameters are malformed, or one occurs twice",
    /// The body is not `application/x-www-form-urlencoded`.
    ContentType = InvalidRequest 400 "the body must be application/x-www-form-urlencoded",
    /// `client_id` is missing.
    NoClientId = InvalidRequest 400 "client_id is missing or malformed",
    /// Neither an Authorization header nor `client_id` came.
    NoCredentials = InvalidClient 401 "client authentication is missing",
    /// Credentials in more than one place.
    TwoAuthMethods = InvalidRequest 400 "the client authenticates by more than one method",
    /// `client_id` of the body is not the one of the Authorization header.
    TwoClientIds = InvalidRequest 400 "client_id is not the one of the Authorization header",
    /// The Authorization header cannot be read.
    BadAuthorization = InvalidClient 401 "the Authorization header is not well-formed Basic credentials",
    /// No such client, or a removed one.
    UnknownClient = InvalidClient 401 "client authentication failed",
    /// A confidential client sent no secret.
    NoSecret = InvalidClient 401 "client authentication failed",
    /// The secret is wrong.
    WrongSecret = InvalidClient 401 "client authentication failed",
    /// A public client sent a secret.
    PublicWithSecret = InvalidClient 401 "client authentication failed",
    /// The client is registered for another way to authenticate: it has a key pair and sent a secret, or the reverse.
    OtherAuthMethod = InvalidClient 401 "client authentication failed",
    /// `client_assertion` came without `client_assertion_type`, or with one that is not that of a JWT, or the reverse.
    AssertionKind = InvalidClient 401 "client_assertion takes the client_assertion_type of RFC 7523, and the reverse",
    /// The server checks no assertions: see [`Server::with_client_keys`](super::Server::with_client_keys).
    AssertionNotTaken = InvalidClient 401 "client assertions are not taken here",
    /// A client with a key pair sent no assertion.
    NoAssertion = InvalidClient 401 "client authentication failed",
    /// The assertion is no signed JWT with claims, or has no `sub`.
    MalformedAssertion = InvalidClient 401 "the client assertion is malformed, or has no sub",
    /// The assertion's `typ` is that of another kind of token.
    AssertionType = InvalidClient 401 "typ of the client assertion is that of another kind of token",
    /// `iss` and `sub` of the assertion, and `client_id` beside it, are not all the same.
    AssertionSubject = InvalidClient 401 "iss and sub of the client assertion must both be the client_id",
    /// The client has no key of the assertion's `kid` and `alg`, or several.
    UnknownAssertionKey = InvalidClient 401 "client authentication failed",
    /// The assertion is not signed by the client's key, or by an algorithm that is not taken.
    ForgedAssertion = InvalidClient 401 "client authentication failed",
    /// The assertion is for another server, or for others too.
    AssertionAudience = InvalidClient 401 "aud of the client assertion must be the issuer identifier alone",
    /// The assertion has no `jti`.
    NoAssertionId = InvalidClient 401 "the client assertion has no jti",
    /// The assertion has no `exp`.
    NoAssertionExpiry = InvalidClient 401 "the client assertion has no exp",
    /// The assertion has expired, or its `iat` is too long ago.
    ExpiredAssertion = InvalidClient 401 "the client assertion is expired or too old",
    /// The assertion's `exp` is too far ahead.
    LongAssertion = InvalidClient 401 "exp of the client assertion is too far ahead",
    /// The assertion's `nbf` or `iat` is ahead.
    EarlyAssertion = InvalidClient 401 "nbf or iat of the client assertion is ahead",
    /// An assertion of the same `jti` was used before.
    ReplayedAssertion = InvalidClient 401 "the client assertion was used before: sign one for each request",
    /// `redirect_uri` is missing where several are registered.
    NoRedirectUri = InvalidRequest 400 "redirect_uri is missing",
    /// `redirect_uri` is not registered.
    UnknownRedirectUri = InvalidRequest 400 "redirect_uri is not registered for this client",
    /// `response_type` is missing.
    NoResponseType = InvalidRequest 400 "response_type is missing",
    /// `response_type` is not `code`.
    ResponseType = UnsupportedResponseType 400 "the only response_type is code",
    /// `response_mode` is not `query`.
    ResponseMode = InvalidRequest 400 "the only response_mode is query",
    /// `code_challenge` is missing or malformed.
    NoChallenge = InvalidRequest 400 "PKCE is required: code_challenge must be 43 base64url characters",
    /// `code_challenge_method` is not `S256`.
    ChallengeMethod = InvalidRequest 400 "code_challenge_method must be S256",
    /// `state` holds characters that it may not.
    BadState = InvalidRequest 400 "state may hold printable ASCII only",
    /// `request` or `request_uri` is not offered.
    RequestObject = InvalidRequest 400 "request and request_uri are not supported here",
    /// `max_age` is no number of seconds.
    BadMaxAge = InvalidRequest 400 "max_age must be a number of seconds",
    /// The login is older than `max_age`, or of none of the classes in `acr_values`.
    UnmetAuthentication = UnmetAuthenticationRequirements 403 "the login is not what max_age and acr_values ask for",
    /// `scope` is malformed.
    BadScope = InvalidScope 400 "scope is malformed",
    /// `scope` asks for more than the client or the grant has.
    ScopeNotAllowed = InvalidScope 400 "the scope exceeds what may be granted",
    /// `resource` is malformed.
    BadResource = InvalidTarget 400 "resource must be an absolute URI without fragment",
    /// `resource` is not one of the client's or the grant's.
    ResourceNotAllowed = InvalidTarget 400 "the resource is unknown or not allowed here",
    /// A signed access token is for one resource, and the request leaves several.
    SeveralResources = InvalidTarget 400 "an access token of this client is for one resource: name one",
    /// The signed access token would be longer than a parameter may be, so that nobody could revoke it.
    LongToken = InvalidScope 400 "the access token would be too long: ask for less scope",
    /// `grant_type` is missing.
    NoGrantType = InvalidRequest 400 "grant_type is missing",
    /// `grant_type` is unknown here.
    GrantType = UnsupportedGrantType 400 "the grant_type is not supported here",
    /// The client may not use this grant.
    GrantNotAllowed = UnauthorizedClient 400 "the client may not use this grant",
    /// `code` is missing.
    NoCode = InvalidRequest 400 "code is missing",
    /// `code_verifier` is missing or malformed.
    NoVerifier = InvalidRequest 400 "code_verifier is missing or malformed",
    /// `refresh_token` is missing.
    NoRefreshToken = InvalidRequest 400 "refresh_token is missing",
    /// `token` is missing.
    NoToken = InvalidRequest 400 "token is missing",
    /// The code is malformed or unknown.
    UnknownCode = InvalidGrant 400 "the code is invalid, expired, revoked or was issued to another client",
    /// The code is another client's.
    ForeignCode = InvalidGrant 400 "the code is invalid, expired, revoked or was issued to another client",
    /// The code's `redirect_uri` is not the one sent.
    CodeRedirectUri = InvalidGrant 400 "redirect_uri is not the one of the authorization request",
    /// The verifier does not fit the challenge.
    WrongVerifier = InvalidGrant 400 "code_verifier does not fit code_challenge",
    /// The code is older than its lifetime.
    ExpiredCode = InvalidGrant 400 "the code is invalid, expired, revoked or was issued to another client",
    /// The code was used before.
    SpentCode = InvalidGrant 400 "the code is invalid, expired, revoked or was issued to another client",
    /// The refresh token is malformed, or its MAC is wrong.
    UnknownRefreshToken = InvalidGrant 400 "the refresh token is invalid, expired, revoked or was issued to another client",
    /// The refresh token is another client's.
    ForeignRefreshToken = InvalidGrant 400 "the refresh token is invalid, expired, revoked or was issued to another client",
    /// The refresh token was rotated away, and the grace window is over.
    SpentRefreshToken = InvalidGrant 400 "the refresh token is invalid, expired, revoked or was issued to another client",
    /// The grant is over.
    ExpiredGrant = InvalidGrant 400 "the grant is expired or revoked",
    /// The grant was revoked.
    EndedGrant = InvalidGrant 400 "the grant is expired or revoked",
    /// The account is locked or removed.
    LockedAccount = InvalidGrant 400 "the grant is expired or revoked",
    /// The client may not introspect.
    MayNotIntrospect = UnauthorizedClient 401 "the client may not introspect tokens",
    /// The person said no.
    Denied = AccessDenied 403 "the request was denied",
    /// The page approved something that was not asked for, or nothing.
    BadConsent = ServerError 500 "the server failed; it was told of it",
    /// The account that logged in is locked or removed.
    AccountLocked = AccessDenied 403 "this account cannot be used now",
    /// A pending request's seal is not ours, or the request was altered.
    BadPending = InvalidRequest 400 "this page is damaged; go back to the application and begin again",
    /// A pending request is too old.
    ExpiredPending = InvalidRequest 400 "this page is too old; go back to the application and begin again",
    /// A pending request was begun in another browser.
    OtherBrowser = InvalidRequest 400 "this page belongs to another browser; go back to the application and begin again",
    /// A pending request was answered before.
    AlreadyAnswered = AccessDenied 403 "this request was answered before",
    /// The scratch that the caller lent is too small for this request.
    Scratch = ServerError 500 "the server failed; it was told of it",
    /// The store holds something that is not what its key says.
    BadRecord = ServerError 500 "the server failed; it was told of it",
    /// No server key of that id, or none at all.
    NoServerKey = ServerError 500 "the server failed; it was told of it",
    /// No signing key of the algorithm that the client's record names.
    NoSigningKey = ServerError 500 "the server failed; it was told of it",
    /// What came back from the signer has not the length of a signature of that algorithm.
    BadSignature = ServerError 500 "the server failed; it was told of it",
    /// A need could not be answered.
    Unavailable = TemporarilyUnavailable 503 "the server cannot answer now; try again later",
    /// Other requests changed the same records three times in a row.
    Contention = TemporarilyUnavailable 503 "the server cannot answer now; try again later",
}

impl Fault {
    /// The HTTP status of a page that tells a person: 401 would make a browser ask for a password.
    pub const fn page_status(self) -> u16 {
        match self.status() {
            401 => 400,
            status => status,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Fault {}
