//! The refresh token grant: new tokens for a grant that was made before.

use super::{
    config::{Config, ConfigError},
    outcome::{Error, Outcome, Response},
    post::{Draft, Post, Retry},
};
use crate::{
    error::TooSmall,
    secret::SecretText,
    text::{grammar, scope},
};

/// One use of a refresh token. Resources and audience of the [`Config`] go along, so that the new token is for the same.
///
/// ```
/// use valetkey::{client::{ClientAuth, Config, Refresh}, secret::SecretText};
/// let cfg = Config::new("https://as.example", "https://as.example/token", "demo-spa", ClientAuth::Public)?
///     .with_resource("https://api.example/")?;
/// let flow = Refresh::new(&cfg, SecretText::new("tGzv3JOkF0XG5Qx2TlKWIA"), "read")?;
/// let mut buf = [0; 256];
/// let body = "grant_type=refresh_token&client_id=demo-spa&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA\
///     &scope=read&resource=https%3A%2F%2Fapi.example%2F";
/// assert_eq!(flow.request(&mut buf)?.body, body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-6>
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'c> {
    pub(super) cfg: &'c Config<'c>,
    refresh_token: SecretText<'c>,
    scope: &'c str,
}

impl<'c> Refresh<'c> {
    /// `scope` is what the grant has (that of the last [`Tokens`](super::Tokens)) or a part of it; empty for all of it,
    /// unsaid.
    ///
    /// # Errors
    /// [`ConfigError::RefreshToken`], [`ConfigError::Scope`].
    pub fn new(cfg: &'c Config<'c>, refresh_token: SecretText<'c>, scope: &'c str) -> Result<Self, ConfigError> {
        if !grammar::is_vschar(refresh_token.expose()) {
            return Err(ConfigError::RefreshToken);
        }
        if !scope.is_empty() && !scope::is_scope(scope) {
            return Err(ConfigError::Scope);
        }
        Ok(Self { cfg, refresh_token, scope })
    }

    /// Writes the request.
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
        draft.finish(self.cfg, Retry::OnlyUnderGrace)
    }

    /// The body, up to an assertion.
    #[inline]
    pub(super) fn write(&self, cfg: &Config<'_>, draft: &mut Draft<'_>) {
        draft.begin(cfg, "grant_type=refresh_token");
        draft.pair("&refresh_token=", self.refresh_token.expose());
        draft.pair("&scope=", self.scope);
        draft.target(cfg);
    }

    /// Reads the response. [`Tokens::refresh_token`](super::Tokens::refresh_token) is the one to use from now on: the new
    /// one, which must replace the old for good before the access token is used, or the old one if the server sent none.
    ///
    /// # Errors
    /// [`Error`]; whether the old refresh token is spent is not known then, unless the fault is in the scratch.
    #[inline]
    pub fn response<'b>(&self, response: Response<'b>, scratch: &'b mut [u8]) -> Result<Outcome<'b>, Error>
    where
        'c: 'b,
    {
        let mut outcome = response.read(scratch, &self.cfg.leniency, self.scope)?;
        if let Outcome::Tokens(tokens) = &mut outcome {
            tokens.refresh_token = tokens.refresh_token.or(Some(self.refresh_token));
        }
        Ok(outcome)
    }
}
