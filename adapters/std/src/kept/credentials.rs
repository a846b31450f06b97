//! What a client says of itself: how it proves who it is, in whose name it asks, and where its tokens may go.

use super::clock::Clock;
use super::flow::Flow;
use super::key::{ClientKey, Draft, NotSigned};
use super::refresh_token::{Grant, RefreshToken};
use std::fmt;
use valetkey::client::keeper::Renewal;
use valetkey::client::{Assertion, ClientAuth, Config, ConfigError, TooSmall};
use valetkey::secret::{Entropy, SecretText};
use valetkey::time::UnixTime;
use zeroize::Zeroizing;

/// The credentials of a client, and the APIs that it calls with its tokens. It asks for them in its own name, or
/// [for a person](Self::with_refresh_token) who has logged in.
///
/// `T` is what sends: each crate that has a client names this type with its own.
#[must_use]
#[derive(Debug)]
pub struct ClientCredentials<T> {
    credentials: Credentials,
    transport: Option<T>,
}

impl<T: ApiTransport> ClientCredentials<T> {
    /// The server's token endpoint, and who the client is: by its secret, which is sent by Basic.
    pub fn new(token_endpoint: impl Into<String>, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { credentials: Credentials::new(token_endpoint, client_id, secret), transport: None }
    }

    /// The server by its issuer identifier, which each signature is for, and its token endpoint; and who the client is: by
    /// its key pair, without a secret.
    pub fn by_key(
        issuer: impl Into<String>,
        token_endpoint: impl Into<String>,
        client_id: impl Into<String>,
        key: ClientKey,
    ) -> Self {
        Self { credentials: Credentials::by_key(issuer, token_endpoint, client_id, key), transport: None }
    }

    /// The server's token endpoint, and a client that has no secret and just names itself, such as a native application. It
    /// asks [for a person](Self::with_refresh_token), and for nobody else.
    pub fn public(token_endpoint: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self { credentials: Credentials::public(token_endpoint, client_id), transport: None }
    }

    /// Asks for the person whose login gave this refresh token, in place of the client's own name. The scope is then that of
    /// the login, or the part of it that is named here. A client for another login is made anew.
    ///
    /// `keep` writes the token that it is given in place of the one before, durably, and returns whether it could. It is called
    /// twice for each renewal: before the token is signed for and sent, with [`is_in_use`](RefreshToken::is_in_use), so that a
    /// program which ends in between knows what it may have spent; and with its successor, before the new access token is used,
    /// or with the same one, not in use any more, where it was not spent. What cannot be kept is not sent, or not used, and tried
    /// again. It may wait, for a disk or a database.
    ///
    /// After a restart begin with what was kept last. Two programs must not share a token: what one has spent would end the
    /// grant of both.
    pub fn with_refresh_token(
        self,
        token: RefreshToken,
        keep: impl Fn(&RefreshToken) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { credentials: self.credentials.with_refresh_token(token, keep), ..self }
    }

    /// The server answers the same renewal once more when its first answer got lost, as a Valetkey server does for some
    /// seconds: a refresh token of which it is not known whether it was spent is sent again. Otherwise it counts as spent, and
    /// only a login helps. That holds after a restart, too, where the program stopped while its request was signed or under way.
    pub fn with_grace_window(self) -> Self {
        Self { credentials: self.credentials.with_grace_window(), ..self }
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
        let (credentials, grant) = (&self.credentials, self.credentials.grant.as_ref());
        let config = credentials.config().map_err(SetupError::Config)?;
        credentials.flow(&config, grant.map(|grant| &grant.token)).map_err(SetupError::Config)?;
        if self.credentials.apis.is_empty() {
            return Err(SetupError::Api);
        }
        let lacks_tls = self.transport.is_none() && !T::STANDARD_HAS_TLS && self.credentials.takes_tls();
        let client = self.transport.map_or_else(T::standard, Ok)?.into_client(self.credentials)?;
        if lacks_tls { Err(SetupError::NoTls) } else { Ok(client) }
    }
}

/// What sends requests to a server and its APIs.
pub trait ApiTransport: Sized {
    /// Calls APIs with the token that it keeps.
    type Client;

    /// Whether [`Self::standard`] reaches servers by https.
    const STANDARD_HAS_TLS: bool;

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
    /// Empty where no answer names one that would be compared, and nothing is signed for it.
    issuer: String,
    token_endpoint: String,
    client_id: String,
    proof: Proof,
    scope: String,
    resource: String,
    audience: String,
    apis: Vec<String>,
    pub(super) grant: Option<Grant>,
    has_grace_window: bool,
}

/// How the client proves who it is.
enum Proof {
    Secret(Zeroizing<String>),
    Key(ClientKey),
    /// It does not.
    Public,
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
    /// The server's token endpoint, and who the client is: by its secret.
    pub fn new(token_endpoint: impl Into<String>, client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        let proof = Proof::Secret(Zeroizing::new(secret.into()));
        Self::proven(String::new(), token_endpoint.into(), client_id.into(), proof)
    }

    /// The server's issuer identifier and token endpoint, and who the client is: by its key pair.
    pub fn by_key(
        issuer: impl Into<String>,
        token_endpoint: impl Into<String>,
        client_id: impl Into<String>,
        key: ClientKey,
    ) -> Self {
        Self::proven(issuer.into(), token_endpoint.into(), client_id.into(), Proof::Key(key))
    }

    /// The server's token endpoint, and a client without a secret.
    pub fn public(token_endpoint: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self::proven(String::new(), token_endpoint.into(), client_id.into(), Proof::Public)
    }

    fn proven(issuer: String, token_endpoint: String, client_id: String, proof: Proof) -> Self {
        let (scope, resource, audience, apis) = (String::new(), String::new(), String::new(), Vec::new());
        let (grant, has_grace_window) = (None, false);
        Self { issuer, token_endpoint, client_id, proof, scope, resource, audience, apis, grant, has_grace_window }
    }

    /// As [`ClientCredentials::with_refresh_token`].
    #[must_use]
    pub fn with_refresh_token(
        self,
        token: RefreshToken,
        keep: impl Fn(&RefreshToken) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { grant: Some(Grant { token, keep: Box::new(keep) }), ..self }
    }

    /// As [`ClientCredentials::with_grace_window`].
    #[must_use]
    pub fn with_grace_window(self) -> Self {
        Self { has_grace_window: true, ..self }
    }

    pub(super) const fn renewal(&self) -> Renewal {
        match (&self.grant, self.has_grace_window) {
            (None, _) => Renewal::ClientCredentials,
            (Some(_), true) => Renewal::RefreshUnderGrace,
            (Some(_), false) => Renewal::RefreshOnce,
        }
    }

    /// Keeps a refresh token, if there is one. Returns whether it could; this may wait.
    pub fn keep(&self, token: Option<&RefreshToken>) -> bool {
        match (&self.grant, token) {
            (Some(grant), Some(token)) => (grant.keep)(token),
            _ => true,
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

    fn takes_tls(&self) -> bool {
        let https = |url: &String| url.starts_with("https:");
        https(&self.token_endpoint) || self.apis.iter().any(https)
    }

    /// As the core takes it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self) -> Result<Config<'_>, ConfigError> {
        let auth = match &self.proof {
            Proof::Secret(secret) => ClientAuth::Basic(SecretText::new(secret)),
            Proof::Key(key) => {
                // What no assertion could be signed with is wrong from the start.
                Assertion::new(key.algorithm, &key.kid, SOME_TIME, Entropy::new([0; Assertion::ENTROPY]))?;
                ClientAuth::PrivateKeyJwt
            }
            Proof::Public => ClientAuth::Public,
        };
        let mut config = match self.proof {
            // No answer in this flow names an issuer that would be compared, and nobody was asked for one.
            Proof::Secret(_) | Proof::Public => {
                let issuer = self.token_endpoint.split('?').next().unwrap_or_default();
                Config::new(issuer, &self.token_endpoint, &self.client_id, auth).map_err(|why| match why {
                    ConfigError::Issuer => ConfigError::TokenEndpoint,
                    other => other,
                })?
            }
            Proof::Key(_) => Config::new(&self.issuer, &self.token_endpoint, &self.client_id, auth)?,
        };
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

    /// The flow of a [`Self::config`], by the refresh token that there is now, if there is one.
    ///
    /// # Errors
    /// [`ConfigError`]: the client has neither a secret nor a key nor a refresh token, or that is none.
    pub fn flow<'c>(
        &'c self,
        config: &'c Config<'c>,
        refresh_token: Option<&'c RefreshToken>,
    ) -> Result<Flow<'c>, ConfigError> {
        Flow::new(config, refresh_token, &self.scope)
    }

    /// The request of a flow, in a buffer that is made as long as it needs. Each is to be sent once.
    ///
    /// # Errors
    /// [`NotSigned`], as the clock was never set, or runs wild, or the operating system gives no random bytes.
    pub fn draft<'b, 'c: 'b>(
        &'b self,
        flow: &mut Flow<'c>,
        buf: &'b mut Zeroizing<Vec<u8>>,
    ) -> Result<Draft<'b>, NotSigned> {
        let key = match &self.proof {
            Proof::Key(key) => key,
            Proof::Secret(_) | Proof::Public => {
                *buf = Zeroizing::new(vec![0; needed(flow.request(&mut []))]);
                return Ok(Draft::Whole(flow.request(buf).expect("so much is needed")));
            }
        };
        flow.clock = flow.clock.take().or_else(Clock::of_this_machine);
        let now = flow.clock.as_ref().and_then(Clock::now).ok_or(NotSigned)?;
        let mut id = [0; Assertion::ENTROPY];
        getrandom::fill(&mut id).map_err(|_| NotSigned)?;
        let assertion = Assertion::new(key.algorithm, &key.kid, now, Entropy::new(id));
        let assertion = assertion.map_err(|_| NotSigned)?;
        *buf = Zeroizing::new(vec![0; needed(flow.sign(&assertion, &mut [])) + LONGER_RSA]);
        let need = flow.sign(&assertion, buf).expect("so much is needed");
        Ok(Draft::Unsigned(key, need))
    }
}

/// A time at which an assertion can be signed.
const SOME_TIME: UnixTime = UnixTime(1_800_000_000);

/// A signature by an RSA key of 8192 bits is so much longer in base64url than one of 2048, for which a flow asks.
const LONGER_RSA: usize = 1024;

fn needed<T>(written: Result<T, TooSmall>) -> usize {
    written.err().map_or(0, |TooSmall { needed }| needed)
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
    /// A URL is https, and the crate was built without feature `rustls`. Not where there is a transport of the program's own,
    /// which may have TLS from elsewhere.
    NoTls,
    /// The operating system gives no random bytes.
    Random,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(error) => return error.fmt(f),
            Self::Api => "name each API by its origin, such as https://api.example (http on loopback only)",
            Self::Tls => "TLS cannot be set up on this machine: make a transport to see why",
            Self::NoTls => "https takes feature `rustls` of this crate, or a transport of your own that has TLS",
            Self::Random => "the operating system gives no random bytes",
        })
    }
}

impl std::error::Error for SetupError {}
