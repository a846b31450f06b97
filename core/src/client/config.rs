//! What a client knows before it asks: the server, its own name and secret, and what it wants.

use crate::{
    secret::SecretText,
    text::{form::Form, grammar, scope, uri},
    wire::token_response::Leniency,
};
use core::fmt;

/// How a client proves at the token endpoint who it is: in one place of a request, never in two.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>
#[derive(Clone, Copy, Debug)]
pub enum ClientAuth<'c> {
    /// The secret by HTTP Basic, `client_secret_basic`. Prefer this to [`Body`](Self::Body).
    Basic(SecretText<'c>),
    /// The secret in the request's body, `client_secret_post`.
    Body(SecretText<'c>),
    /// No secret, as in a browser or a native application: the client just names itself.
    Public,
    /// A key pair, `private_key_jwt`: the flow's `sign` in place of its `request` writes an
    /// [`Assertion`](super::Assertion). <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
    PrivateKeyJwt,
}

/// A client and the one server that it asks. All that decides what a token is good for (`scope`, `resource`, `audience`)
/// stands here, so that a renewal asks for the same.
///
/// Every constructor refuses what is malformed, and endpoints that are neither https nor on loopback.
///
/// ```
/// use valetkey::{client::{ClientAuth, Config}, secret::SecretText};
/// let auth = ClientAuth::Basic(SecretText::new("device-secret"));
/// let cfg = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?
///     .with_scope("telemetry:write")?
///     .with_resource("https://api.example/a https://api.example/b")?;
/// assert!(Config::new("https://as.example", "http://as.example/token", "demo-device", auth).is_err());
/// # Ok::<(), valetkey::client::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config<'c> {
    pub(super) issuer: &'c str,
    pub(super) token_endpoint: &'c str,
    pub(super) client_id: &'c str,
    pub(super) auth: ClientAuth<'c>,
    /// The authorization endpoint and the redirect URI.
    pub(super) redirect: Option<(&'c str, &'c str)>,
    pub(super) scope: &'c str,
    pub(super) resource: &'c str,
    pub(super) audience: &'c str,
    pub(super) iss_expected: bool,
    pub(super) leniency: Leniency,
}

impl<'c> Config<'c> {
    /// The server's issuer identifier and token endpoint, and who the client is.
    ///
    /// A client of several servers has one `Config` for each, with [different issuers](Self::distinct), and keeps a flow
    /// with the one that it was begun with ([RFC 9207 section 4](https://www.rfc-editor.org/rfc/rfc9207#section-4)).
    ///
    /// # Errors
    /// [`ConfigError`]: `Issuer`, `TokenEndpoint`, `ClientId` or `ClientSecret`.
    #[inline]
    pub fn new(
        issuer: &'c str,
        token_endpoint: &'c str,
        client_id: &'c str,
        auth: ClientAuth<'c>,
    ) -> Result<Self, ConfigError> {
        check(uri::is_issuer(issuer), ConfigError::Issuer)?;
        check(uri::is_endpoint(token_endpoint), ConfigError::TokenEndpoint)?;
        check(grammar::is_vschar(client_id), ConfigError::ClientId)?;
        if let ClientAuth::Basic(secret) | ClientAuth::Body(secret) = auth {
            check(grammar::is_vschar(secret.expose()), ConfigError::ClientSecret)?;
        }
        Ok(Self {
            issuer,
            token_endpoint,
            client_id,
            auth,
            redirect: None,
            scope: "",
            resource: "",
            audience: "",
            iss_expected: false,
            leniency: Leniency::NONE,
        })
    }

    /// Where a person is sent for consent, and where the answer comes back: https, loopback, or a private-use scheme
    /// with a period in it ([RFC 8252 section 7](https://www.rfc-editor.org/rfc/rfc8252#section-7)). A native application
    /// should name loopback by its literal, `http://127.0.0.1:PORT/`.
    ///
    /// # Errors
    /// [`ConfigError::AuthorizationEndpoint`], also if its query already holds a parameter that an authorization request
    /// has; [`ConfigError::RedirectUri`].
    pub fn with_redirect(self, authorization_endpoint: &'c str, redirect_uri: &'c str) -> Result<Self, ConfigError> {
        let query = authorization_endpoint.split_once('?').map_or("", |(_, query)| query);
        let clashes =
            |form: Form<'_>| form.pairs().any(|(name, _)| super::authorize::PARAMETERS.iter().any(|p| name.is(p)));
        let free = Form::new(query, &[]).is_ok_and(|form| !clashes(form));
        check(uri::is_endpoint(authorization_endpoint) && free, ConfigError::AuthorizationEndpoint)?;
        check(uri::is_redirect_uri(redirect_uri), ConfigError::RedirectUri)?;
        Ok(Self { redirect: Some((authorization_endpoint, redirect_uri)), ..self })
    }

    /// The scope to ask for: words with one space between them. Without it the server's default is asked for.
    ///
    /// # Errors
    /// [`ConfigError::Scope`].
    #[inline]
    pub fn with_scope(self, scope: &'c str) -> Result<Self, ConfigError> {
        check(scope::is_scope(scope), ConfigError::Scope)?;
        Ok(Self { scope, ..self })
    }

    /// The resources that the token is for: absolute URIs without fragment, with one space between them.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8707#section-2>
    ///
    /// # Errors
    /// [`ConfigError::Resource`].
    pub fn with_resource(self, resource: &'c str) -> Result<Self, ConfigError> {
        check(resource.split(' ').all(uri::is_resource), ConfigError::Resource)?;
        Ok(Self { resource, ..self })
    }

    /// The logical name of what the token is for, where a server knows `audience` instead of `resource`.
    ///
    /// # Errors
    /// [`ConfigError::Audience`].
    pub fn with_audience(self, audience: &'c str) -> Result<Self, ConfigError> {
        check(grammar::is_vschar(audience), ConfigError::Audience)?;
        Ok(Self { audience, ..self })
    }

    /// The server's metadata says `authorization_response_iss_parameter_supported`: a callback without `iss` is forged.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9207#section-2.4>
    #[must_use]
    pub const fn expecting_iss(self) -> Self {
        Self { iss_expected: true, ..self }
    }

    /// Whether all servers of one client have different issuers, so that a callback tells them apart.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9207#section-4>
    ///
    /// # Errors
    /// [`ConfigError::Issuer`].
    pub fn distinct<'a>(mut all: impl Iterator<Item = &'a Self> + Clone) -> Result<(), ConfigError>
    where
        'c: 'a,
    {
        while let Some(one) = all.next() {
            check(all.clone().all(|other| other.issuer != one.issuer), ConfigError::Issuer)?;
        }
        Ok(())
    }

    /// Forgives the server what `leniency` names, in token and error responses. [`Leniency::NONE`] is the default.
    #[must_use]
    pub const fn lenient(self, leniency: Leniency) -> Self {
        Self { leniency, ..self }
    }
}

const fn check(good: bool, otherwise: ConfigError) -> Result<(), ConfigError> {
    if good { Ok(()) } else { Err(otherwise) }
}

/// What the caller configured wrongly. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not https (nor http on loopback), or with query or fragment; or two servers have the same.
    Issuer,
    /// Not https (nor http on loopback), or with a fragment.
    TokenEndpoint,
    /// As [`TokenEndpoint`](Self::TokenEndpoint), or its query holds a parameter of ours; or there is none and the flow
    /// needs it.
    AuthorizationEndpoint,
    /// Not https, loopback, or a private-use scheme with a period.
    RedirectUri,
    /// Empty, or with a character outside printable ASCII.
    ClientId,
    /// Empty, or with a character outside printable ASCII; or there is none and the flow needs one.
    ClientSecret,
    /// Not a list of scope words.
    Scope,
    /// Not a list of absolute URIs without fragment.
    Resource,
    /// Empty, or with a character outside printable ASCII.
    Audience,
    /// The refresh token is empty, or has a character outside printable ASCII.
    RefreshToken,
    /// An assertion cannot be signed by an algorithm with a shared secret.
    Algorithm,
    /// The name of the assertion's key has a control character.
    Kid,
    /// The clock was never set, or runs wild, so that nothing can be signed yet.
    Clock,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => {
                "the issuer must be an https URL (http on loopback only) without query and fragment, another one for each \
                 server"
            }
            Self::TokenEndpoint => "the token endpoint must be an https URL (http on loopback only) without fragment",
            Self::AuthorizationEndpoint => {
                "the flow needs an authorization endpoint: an https URL (http on loopback only) without fragment and without \
                 OAuth parameters"
            }
            Self::RedirectUri => "the redirect URI must be https, loopback, or of a private-use scheme with a period",
            Self::ClientId => "the client id must be printable ASCII",
            Self::ClientSecret => "the flow needs a client secret of printable ASCII",
            Self::Scope => "the scope must be words with one space between them",
            Self::Resource => "each resource must be an absolute URI without fragment",
            Self::Audience => "the audience must be printable ASCII",
            Self::RefreshToken => "the refresh token must be printable ASCII",
            Self::Algorithm => "an assertion takes an algorithm with a key pair",
            Self::Kid => "the name of the key must have no control character",
            Self::Clock => "the clock was never set, or runs wild: nothing can be signed before it is set",
        })
    }
}

impl core::error::Error for ConfigError {}
