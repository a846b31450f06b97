//! Introspection over HTTP. <https://www.rfc-editor.org/rfc/rfc7662#section-2>

use super::introspect::{Introspect, OwnedIntrospection};
use crate::client::Transport;
use std::error::Error;
use std::fmt;
use valetkey::error::TooSmall;
use valetkey::secret::SecretText;
use valetkey::text::buf::Writer;
use valetkey::text::form;
use valetkey::wire::basic;
use valetkey::wire::introspection::Introspection;
use zeroize::Zeroizing;

/// Most bytes of a response.
const BODY_CAP: usize = 64 * 1024;

/// Asks an authorization server at its introspection endpoint, anew for each request.
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
    /// # Errors
    /// [`TooSmall`] if id and secret exceed 4 KiB together.
    pub fn new(
        endpoint: impl Into<String>,
        client_id: &str,
        secret: SecretText<'_>,
        transport: Transport,
    ) -> Result<Self, TooSmall> {
        let mut buf = Zeroizing::new([0; 4096]);
        let mut w = Writer::new(&mut *buf);
        basic::push(&mut w, client_id, secret.expose());
        let authorization = Zeroizing::new(w.finish()?.to_owned());
        Ok(Self { endpoint: endpoint.into(), authorization, transport })
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
        let mut scratch = vec![0; 2 * response.body.len()];
        Ok(OwnedIntrospection::from(&Introspection::read(response.body, &mut scratch)?))
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
