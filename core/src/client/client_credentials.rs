//! The client credentials grant: a client asks in its own name.

use super::{
    config::{ClientAuth, Config, ConfigError},
    outcome::{Error, Outcome, Response},
    post::{Draft, Post, Retry},
};
use crate::error::TooSmall;

/// A token for the client itself; renewing it is asking again.
///
/// ```
/// use valetkey::{client::{ClientAuth, ClientCredentials, Config, Outcome, Response}, secret::SecretText};
/// let auth = ClientAuth::Basic(SecretText::new("device-secret"));
/// let cfg = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?
///     .with_scope("telemetry:write")?;
/// let flow = ClientCredentials::new(&cfg)?;
///
/// let mut buf = [0; 256];
/// let post = flow.request(&mut buf)?;
/// assert_eq!(post.authorization, Some("Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA=="));
/// assert_eq!(post.body, "grant_type=client_credentials&scope=telemetry%3Awrite");
///
/// let body = br#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;
/// let response = Response { status: 200, content_type: Some("application/json"), retry_after: None, date: None, body };
/// let Outcome::Tokens(tokens) = flow.response(response, &mut [])? else { panic!("refused") };
/// assert_eq!((tokens.expires_in, tokens.scope), (Some(3600), "telemetry:write"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>
#[derive(Clone, Copy, Debug)]
pub struct ClientCredentials<'c> {
    pub(super) cfg: &'c Config<'c>,
}

impl<'c> ClientCredentials<'c> {
    /// Begins.
    ///
    /// # Errors
    /// [`ConfigError::ClientSecret`] for a public client: this grant is for clients that can prove who they are.
    pub const fn new(cfg: &'c Config<'c>) -> Result<Self, ConfigError> {
        match cfg.auth {
            ClientAuth::Public => Err(ConfigError::ClientSecret),
            ClientAuth::Basic(_) | ClientAuth::Body(_) | ClientAuth::PrivateKeyJwt => Ok(Self { cfg }),
        }
    }

    /// Writes the request, which may be sent again at any time.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    #[inline]
    pub fn request<'b>(&self, buf: &'b mut [u8]) -> Result<Post<'b>, TooSmall>
    where
        'c: 'b,
    {
        let mut draft = Draft::new(buf);
        self.write(self.cfg, &mut draft);
        draft.finish(self.cfg, Retry::Safe)
    }

    /// The body, up to an assertion.
    #[inline]
    pub(super) fn write(&self, cfg: &Config<'_>, draft: &mut Draft<'_>) {
        draft.begin(cfg, "grant_type=client_credentials");
        draft.pair("&scope=", cfg.scope);
        draft.target(cfg);
    }

    /// Reads the response. `scratch` takes the strings that have escapes: as many bytes as the body has always suffice. It may be
    /// the slice of the request, as that was sent.
    ///
    /// # Errors
    /// [`Error`]; the flow may be used again.
    #[inline]
    pub fn response<'b>(&self, response: Response<'b>, scratch: &'b mut [u8]) -> Result<Outcome<'b>, Error>
    where
        'c: 'b,
    {
        response.read(scratch, &self.cfg.leniency, self.cfg.scope)
    }
}
