//! The beginning: what the server says of itself, and the shortest way to a token.

use super::http::Request;
use super::{Result, Tour, expect};
use crate::config::metadata_url;
use crate::demo::REDIRECT_URI;
use valetkey::client::{ClientAuth, ClientCredentials, Config, ConfigError};
use valetkey::secret::SecretText;
use valetkey::text::json::{Kind, Limits, Reader};

/// What the metadata say.
#[derive(Default)]
pub(super) struct Server {
    pub(super) issuer: String,
    pub(super) authorize: String,
    pub(super) token: String,
    pub(super) introspect: String,
    pub(super) revoke: String,
    sends_iss: bool,
}

impl Server {
    /// The app of the tour, which can keep no secret.
    pub(super) fn app(&self) -> std::result::Result<Config<'_>, ConfigError> {
        let config = Config::new(&self.issuer, &self.token, "demo-spa", ClientAuth::Public)?;
        let config = config.with_redirect(&self.authorize, REDIRECT_URI)?.with_scope("read write")?;
        Ok(if self.sends_iss { config.expecting_iss() } else { config })
    }

    fn read(body: &str) -> Result<Self> {
        let mut server = Self::default();
        let mut scratch = vec![0; body.len()];
        let mut reader = Reader::new(body.as_bytes(), Limits::DEFAULT, &mut scratch);
        reader.object()?;
        while let Some(name) = reader.name()? {
            let endpoint = match name {
                "issuer" => &mut server.issuer,
                "authorization_endpoint" => &mut server.authorize,
                "token_endpoint" => &mut server.token,
                "introspection_endpoint" => &mut server.introspect,
                "revocation_endpoint" => &mut server.revoke,
                "authorization_response_iss_parameter_supported" if reader.peek()? == Kind::Boolean => {
                    server.sends_iss = reader.boolean()?;
                    continue;
                }
                _ => {
                    reader.skip()?;
                    continue;
                }
            };
            *endpoint = reader.string()?.to_owned();
        }
        reader.end()?;
        Ok(server)
    }
}

impl Tour<'_, '_> {
    pub(super) async fn discovery(&mut self, issuer: &str) -> Result<Server> {
        self.scene.begin(
            "Discovery",
            "A client needs to know nothing but the issuer's URL: the rest stands in a document (RFC 8414). It is safe \
             since the document has to name that same issuer, so one server cannot pose as another.",
            &["app", "server"],
        )?;
        let request = Request { url: metadata_url(issuer), ..Request::default() };
        self.scene.request("app", "server", &request)?;
        let answer = self.http.send(&request).await?;
        let server = if answer.status == 200 { Server::read(&answer.body)? } else { Server::default() };
        let Server { authorize, token, introspect, revoke, .. } = &server;
        let endpoints = [authorize, token, introspect, revoke].map(|url| url.strip_prefix(issuer).unwrap_or_default());
        let named = format!("{} issuer={} endpoints={}", answer.status, server.issuer, endpoints.join(","));
        self.scene.message("server", "app", &named)?;
        let complete = server.issuer == issuer && endpoints.iter().all(|path| path.len() > 1) && server.sends_iss;
        expect(complete, "metadata of this issuer with its four endpoints", &named)?;
        Ok(server)
    }

    pub(super) async fn device(&mut self, server: &Server) -> Result<()> {
        self.scene.begin(
            "A device gets a token of its own",
            "No person takes part: the device proves by its secret who it is (client credentials). Its token says what it \
             may do, which is to send measurements; so the API keeps people's data from it.",
            &["device", "server", "API"],
        )?;
        let auth = ClientAuth::Basic(SecretText::new("device-secret"));
        let config = Config::new(&server.issuer, &server.token, "demo-device", auth)?.with_scope("telemetry:write")?;
        let flow = ClientCredentials::new(&config)?;
        let received = self.post("device", &flow.request(&mut [0; 1024])?).await?;
        let mut scratch = received.scratch();
        let outcome = flow.response(received.response(), &mut scratch)?;
        let tokens = self.tokens("device", &outcome)?;
        expect(tokens.scope == "telemetry:write", "the scope that was asked for", &tokens.scope)?;
        expect(tokens.refresh.is_empty(), "no refresh token, as the device can ask again", &"one")?;
        self.api_refuses("device", server, &tokens.access, 403, "insufficient_scope").await
    }
}
