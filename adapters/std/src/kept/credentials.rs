//! A client that asks in its own name, and where its tokens may go.

use std::fmt;
use valetkey::client::{self, ClientAuth, Config, ConfigError, Post, TooSmall};
use valetkey::secret::SecretText;
use zeroize::Zeroizing;

/// The credentials of a client that asks for tokens in its own name, by Basic, and the APIs that it calls with them.
///
/// `T` is what sends: each crate that has a client names this type with its own.
#[must_use]
#[derive(Debug)]
pub struct ClientCredentials<T> {
    credentials: Credentials,
    transport: Option<T>,
}

impl<T: ApiTransport> ClientCredentials<T> {
    /// The server's token endpoint, and who the client is.
    pub fn new(token_endpoint: impl Into<String>, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { credentials: Credentials::new(token_endpoint, client_id, secret), transport: None }
    }

    /// Names an API by its origin, such as `https://api.example`: tokens are sent there, and to no other. Call it once for
    /// each.
    pub fn for_api(self, origin: impl Into<String>) -> Self {
        Self { credentials: self.credentials.for_api(origin), ..self }
    }

    /// The scope to ask for, space-separated; without it the server's default.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.credentials.scope = scope.into();
        self
    }

    /// The resources that the token is for, space-separated. <https://www.rfc-editor.org/rfc/rfc8707#section-2>
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.credentials.resource = resource.into();
        self
    }

    /// The logical name of what the token is for, where a server knows `audience` instead of `resource`.
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.credentials.audience = audience.into();
        self
    }

    /// Sends by this transport, to the server and to the APIs.
    pub fn with_transport(self, transport: T) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// A client of the APIs that were named. Nothing is sent before its first request.
    ///
    /// # Errors
    /// [`SetupError`]: what was said is not in order.
    pub fn into_client(self) -> Result<T::Client, SetupError> {
        self.credentials.config().map_err(SetupError::Config)?;
        if self.credentials.apis.is_empty() {
            return Err(SetupError::Api);
        }
        self.transport.map_or_else(T::standard, Ok)?.into_client(self.credentials)
    }
}

/// What sends requests to a server and its APIs.
pub trait ApiTransport: Sized {
    /// Calls APIs with the token that it keeps.
    type Client;

    /// With the settings of a program that has said nothing of it.
    ///
    /// # Errors
    /// [`SetupError::Tls`].
    fn standard() -> Result<Self, SetupError>;

    /// A client of [`Credentials::apis`] by credentials of which it is known that they make a [`Config`].
    ///
    /// # Errors
    /// [`SetupError::Api`] and [`SetupError::Random`].
    fn into_client(self, credentials: Credentials) -> Result<Self::Client, SetupError>;
}

/// What [`ClientCredentials`] was told.
pub struct Credentials {
    token_endpoint: String,
    client_id: String,
    secret: Zeroizing<String>,
    scope: String,
    resource: String,
    audience: String,
    apis: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .field("apis", &self.apis)
            .finish_non_exhaustive()
    }
}

impl Credentials {
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
        }
    }

    /// Names an API by its origin.
    #[must_use]
    pub fn for_api(mut self, origin: impl Into<String>) -> Self {
        self.apis.push(origin.into());
        self
    }

    /// The origins to which tokens may be sent, as they were named.
    pub fn apis(&self) -> &[String] {
        &self.apis
    }

    /// As the core takes it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self) -> Result<Config<'_>, ConfigError> {
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
        Ok(config)
    }
}

/// The flow of a [`Credentials::config`].
///
/// # Panics
/// The configuration is another one, of a public client.
pub fn flow<'c>(config: &'c Config<'c>) -> client::ClientCredentials<'c> {
    client::ClientCredentials::new(config).expect("a client with a secret")
}

/// The flow's request in a buffer as long as it needs.
pub fn request<'b, 'c: 'b>(flow: &client::ClientCredentials<'c>, buf: &'b mut Zeroizing<Vec<u8>>) -> Post<'b> {
    let TooSmall { needed } = flow.request(&mut []).err().unwrap_or(TooSmall { needed: 0 });
    **buf = vec![0; needed];
    flow.request(buf).expect("so much is needed")
}

/// Why there is no client. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The token endpoint, the credentials, or what is asked for.
    Config(ConfigError),
    /// No API is named, or one not by an origin that is https, or http on loopback.
    Api,
    /// TLS cannot be set up on this machine.
    Tls,
    /// The operating system gives no random bytes.
    Random,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(error) => return error.fmt(f),
            Self::Api => "name each API by its origin, such as https://api.example (http on loopback only)",
            Self::Tls => "TLS cannot be set up on this machine: make a transport to see why",
            Self::Random => "the operating system gives no random bytes",
        })
    }
}

impl std::error::Error for SetupError {}
