//! The flow by which a client's token is renewed: in the client's own name, or by a refresh token.

use super::clock::Clock;
use super::{Received, RefreshToken};
use valetkey::client::{
    Assertion, ClientCredentials, Config, ConfigError, Error, NeedSign, Outcome, Post, Refresh, Response, TooSmall,
};
use valetkey::error::ErrorCode;
use valetkey::secret::SecretText;

/// Of a [`Credentials`](super::Credentials), for one renewal.
#[derive(Debug)]
pub struct Flow<'c> {
    grant: Grant<'c>,
    /// By which it was signed last, if it was.
    pub(super) clock: Option<Clock>,
}

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
        let grant = match refresh_token {
            None => Grant::ClientCredentials(ClientCredentials::new(config)?),
            Some(token) => Grant::Refresh(Refresh::new(config, SecretText::new(token.expose()), scope)?),
        };
        Ok(Self { grant, clock: None })
    }

    pub(super) fn request<'b>(&self, buf: &'b mut [u8]) -> Result<Post<'b>, TooSmall>
    where
        'c: 'b,
    {
        match &self.grant {
            Grant::ClientCredentials(flow) => flow.request(buf),
            Grant::Refresh(flow) => flow.request(buf),
        }
    }

    pub(super) fn sign<'b>(&self, assertion: &Assertion<'_>, buf: &'b mut [u8]) -> Result<NeedSign<'b>, TooSmall>
    where
        'c: 'b,
    {
        match &self.grant {
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
        match &self.grant {
            Grant::ClientCredentials(flow) => flow.response(response, scratch),
            Grant::Refresh(flow) => flow.response(response, scratch),
        }
    }

    /// Whether the server refused the client for what it signed, and shows another time than that by which it was signed. Then
    /// one more [`draft`](super::Credentials::draft) goes by that time, and is to be sent, in place of telling of this answer.
    /// Never twice in a flow, nor by more than a day, nor for a refresh token that the server refused.
    pub fn is_refused_for_its_time(&mut self, received: &Received) -> bool {
        // Most clients sign nothing, and their answer is read once.
        if self.clock.is_none() {
            return false;
        }
        let mut scratch = received.scratch();
        let Ok(Outcome::Denied { error, .. }) = self.response(received.response(), &mut scratch) else { return false };
        let date = received.date.as_deref().unwrap_or_default();
        error.code() == Some(ErrorCode::InvalidClient) && self.clock.as_mut().is_some_and(|clock| clock.refused(date))
    }
}
