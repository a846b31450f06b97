//! Introspection over HTTP. <https://www.rfc-editor.org/rfc/rfc7662#section-2>

use super::introspect::{Introspect, OwnedIntrospection};
use crate::client::Transport;
use std::error::Error;
use std::fmt;
use valetkey::secret::SecretText;
use valetkey::text::buf::Writer;
use valetkey::text::{form, grammar, uri};
use valetkey::wire::basic;
use valetkey::wire::header::is_media_type;
use valetkey::wire::introspection::Introspection;
use valetkey_std::issuer::RemoteError;
use zeroize::Zeroizing;

/// Most bytes of a response.
const BODY_CAP: usize = 64 * 1024;
/// Most bytes of `Authorization`.
const HEADER_CAP: usize = 4096;

/// Asks an authorization server at its introspection endpoint, anew for each request;
/// [`Issuer::with_cache`](super::Issuer::with_cache) keeps its answers.
pub struct RemoteIntrospection {
    endpoint: String,
    authorization: Zeroizing<String>,
    transport: Transport,
}

impl fmt::Debug for RemoteIntrospection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIntrospection").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl RemoteIntrospection {
    /// `endpoint` is https, or http on loopback; id and secret are those of a client that may introspect, sent by Basic.
    ///
    /// ```
    /// use valetkey::secret::SecretText;
    /// use valetkey_tokio::client::{SendError, Transport};
    /// use valetkey_tokio::resource::{RemoteError, RemoteIntrospection};
    /// # fn main() -> Result<(), SendError> {
    /// let (secret, transport) = (SecretText::new("api-secret"), Transport::new()?);
    /// let remote = RemoteIntrospection::new("http://as.example/introspect", "api", secret, transport);
    /// assert_eq!(remote.err(), Some(RemoteError::Endpoint));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn new(
        endpoint: impl Into<String>,
        client_id: &str,
        secret: SecretText<'_>,
        transport: Transport,
    ) -> Result<Self, RemoteError> {
        let (endpoint, secret) = (endpoint.into(), secret.expose());
        if !uri::is_endpoint(&endpoint) {
            return Err(RemoteError::Endpoint);
        }
        if !grammar::is_vschar(client_id) || !grammar::is_vschar(secret) {
            return Err(RemoteError::Credentials);
        }
        let mut buf = Zeroizing::new([0; HEADER_CAP]);
        let mut w = Writer::new(&mut *buf);
        basic::push(&mut w, client_id, secret);
        let header = w.finish().map_err(|_| RemoteError::Credentials)?;
        Ok(Self { endpoint, authorization: Zeroizing::new(header.to_owned()), transport })
    }

    async fn ask(&self, token: SecretText<'_>) -> Result<OwnedIntrospection, Box<dyn Error + Send + Sync>> {
        let mut buf = Zeroizing::new(vec![0; 3 * token.expose().len() + 64]);
        let (mut w, mut first) = (Writer::new(&mut buf), true);
        form::pair(&mut w, &mut first, "token", token.expose());
        form::pair(&mut w, &mut first, "token_type_hint", "access_token");
        let body = w.finish()?;
        let (form, json) = ("application/x-www-form-urlencoded", "application/json");
        let received =
            self.transport.post(&self.endpoint, Some(&self.authorization), form, json, body, BODY_CAP).await?;
        let response = received.response();
        if response.status != 200 {
            return Err(format!("the introspection endpoint answered with status {}", response.status).into());
        }
        if !response.content_type.is_some_and(|content_type| is_media_type(content_type, json)) {
            return Err("the introspection endpoint answered with another Content-Type than application/json".into());
        }
        let mut scratch = vec![0; 2 * response.body.len()];
        let answer = OwnedIntrospection::from(&Introspection::read(response.body, &mut scratch)?);
        let claims = if answer.active { response.body.to_vec() } else { Vec::new() };
        Ok(OwnedIntrospection { claims, ..answer })
    }
}

impl Introspect for RemoteIntrospection {
    async fn look_up(&self, token: SecretText<'_>) -> Option<OwnedIntrospection> {
        match self.ask(token).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                let why: &(dyn Error + 'static) = error.as_ref();
                tracing::error!(error = why, "the authorization server cannot be asked about a token");
                None
            }
        }
    }
}
