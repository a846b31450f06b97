//! The flow by which a client's token is renewed: in the client's own name, or by a refresh token.

use super::RefreshToken;
use valetkey::client::{
    Assertion, ClientCredentials, Config, ConfigError, Error, NeedSign, Outcome, Post, Refresh, Response, TooSmall,
};
use valetkey::secret::SecretText;

/// Of a [`Credentials`](super::Credentials).
#[derive(Debug)]
pub struct Flow<'c>(Grant<'c>);

#[derive(Debug)]
enum Grant<'c> {
    ClientCredentials(ClientCredentials<'c>),
    Refresh(Refresh<'c>),
}

impl<'c> Flow<'c> {
    pub(super) fn new(
        config: &'c Config<'c>,
        refresh_token: Option<&'c RefreshToken>,
        scope: &'c str,
    ) -> Result<Self, ConfigError> {
        Ok(Self(match refresh_token {
            None => Grant::ClientCredentials(ClientCredentials::new(config)?),
            Some(token) => Grant::Refresh(Refresh::new(config, SecretText::new(token.expose()), scope)?),
        }))
    }

    pub(super) fn request<'b>(&self, buf: &'b mut [u8]) -> Result<Post<'b>, TooSmall>
    where
        'c: 'b,
    {
        match &self.0 {
            Grant::ClientCredentials(flow) => flow.request(buf),
            Grant::Refresh(flow) => flow.request(buf),
        }
    }

    pub(super) fn sign<'b>(&self, assertion: &Assertion<'_>, buf: &'b mut [u8]) -> Result<NeedSign<'b>, TooSmall>
    where
        'c: 'b,
    {
        match &self.0 {
            Grant::ClientCredentials(flow) => flow.sign(assertion, buf),
            Grant::Refresh(flow) => flow.sign(assertion, buf),
        }
    }

    /// Reads the response. `scratch` takes the strings that have escapes: as many bytes as the body has always suffice.
    ///
    /// # Errors
    /// [`Error`].
    pub fn response<'b>(&self, response: Response<'b>, scratch: &'b mut [u8]) -> Result<Outcome<'b>, Error>
    where
        'c: 'b,
    {
        match &self.0 {
            Grant::ClientCredentials(flow) => flow.response(response, scratch),
            Grant::Refresh(flow) => flow.response(response, scratch),
        }
    }
}
