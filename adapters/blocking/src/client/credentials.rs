//! A client that asks in its own name, and where its tokens may go.

use super::Transport;
use super::api::ApiClient;
use super::origin::Origin;
use std::fmt;
use valetkey::client::{self, ClientAuth, Config, ConfigError};
use valetkey::secret::SecretText;
use zeroize::Zeroizing;

/// The credentials of a client that asks for tokens in its own name, by Basic, and the APIs that it calls with them.
///
/// ```no_run
/// use valetkey_blocking::client::ClientCredentials;
///
/// # fn run(secret: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = ClientCredentials::new("https://as.example/token", "reporter", secret);
/// let api = credentials.for_api("https://api.example").into_client()?;
/// let notes = api.get("https://api.example/notes")?.body_mut().read_to_string()?;
/// # Ok(()) }
/// ```
#[must_use]
pub struct ClientCredentials {
    token_endpoint: String,
    client_id: String,
    secret: Zeroizing<String>,
    scope: String,
    resource: String,
    audience: String,
    apis: Vec<String>,
    transport: Transport,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl ClientCredentials {
    /// The server's token endpoint, and who the client is.
    pub fn new(token_endpoint: impl Into<String>, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            token_endpoint: token_endpoint.into(),
            client_id: client_id.into(),
            secret: Zeroizing::new(secret.into()),
            scope: String::new(),
            resource: String::new(),
            audience: String::new(),
            apis: Vec::new(),
            transport: Transport::new(),
        }
    }

    /// Names an API by its origin, such as `https://api.example`: tokens are sent there, and to no other. Call it once for
    /// each.
    pub fn for_api(mut self, origin: impl Into<String>) -> Self {
        self.apis.push(origin.into());
        self
    }

    /// The scope to ask for, space-separated; without it the server's default.
    pub fn with_scope(self, scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), ..self }
    }

    /// The resources that the token is for, space-separated. <https://www.rfc-editor.org/rfc/rfc8707#section-2>
    pub fn with_resource(self, resource: impl Into<String>) -> Self {
        Self { resource: resource.into(), ..self }
    }

    /// The logical name of what the token is for, where a server knows `audience` instead of `resource`.
    pub fn with_audience(self, audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), ..self }
    }

    /// Sends by this transport, to the server and to the APIs.
    pub fn with_transport(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// A client of the APIs that were named. Nothing is sent before its first request.
    ///
    /// # Errors
    /// [`SetupError`]: what was said is not in order.
    pub fn into_client(self) -> Result<ApiClient, SetupError> {
        self.config().map_err(SetupError::Config)?;
        let origins: Option<Vec<_>> = self.apis.iter().map(|origin| Origin::named(origin)).collect();
        let origins = origins.filter(|origins| !origins.is_empty()).ok_or(SetupError::Api)?;
        ApiClient::new(self, origins)
    }

    /// As the core takes it.
    pub(super) fn config(&self) -> Result<Config<'_>, ConfigError> {
        let auth = ClientAuth::Basic(SecretText::new(&self.secret));
        // No answer in this flow names an issuer that would be compared.
        let issuer = self.token_endpoint.split('?').next().unwrap_or_default();
        let mut config = Config::new(issuer, &self.token_endpoint, &self.client_id, auth)?;
        if !self.scope.is_empty() {
            config = config.with_scope(&self.scope)?;
        }
        if !self.resource.is_empty() {
            config = config.with_resource(&self.resource)?;
        }
        if !self.audience.is_empty() {
            config = config.with_audience(&self.audience)?;
        }
        client::ClientCredentials::new(&config)?;
        Ok(config)
    }

    pub(super) const fn transport(&self) -> &Transport {
        &self.transport
    }
}

/// Why there is no client. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The token endpoint, the credentials, or what is asked for.
    Config(ConfigError),
    /// No API is named, or one not by an origin that is https, or http on loopback.
    Api,
    /// The operating system gives no random bytes.
    Random,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(error) => return error.fmt(f),
            Self::Api => "name each API by its origin, such as https://api.example (http on loopback only)",
            Self::Random => "the operating system gives no random bytes",
        })
    }
}

impl std::error::Error for SetupError {}
