//! What the API does with a token, what it can ask about it, and what is in it for a thief.

use super::http::{Answer, Request, basic, encode};
use super::start::Server;
use super::token::Kept;
use super::{Result, Tour, expect};
use crate::demo::{REDIRECT_URI, USERNAME};
use reqwest::header::WWW_AUTHENTICATE;
use valetkey::wire::introspection::Introspection;

/// What the demo's API gives out.
const DATA: &str = r#"{"data":"This is protected data."}"#;

impl Tour<'_, '_> {
    pub(super) async fn api_call(&mut self, server: &Server, tokens: &Kept) -> Result<()> {
        self.scene.begin(
            "The app calls the API",
            "The access token goes along in a header (RFC 6750). Neither the app nor the API ever had Alice's password.",
            &["app", "API"],
        )?;
        self.api_answers(server, tokens).await
    }

    pub(super) async fn introspection(&mut self, server: &Server, tokens: &Kept) -> Result<()> {
        self.scene.begin(
            "The API asks what the token is worth",
            "To others a token is just a random word. An API asks the server, at the time of the call (RFC 7662): so a \
             token that was taken back is worth nothing at once. Only registered APIs may ask.",
            &["API", "server"],
        )?;
        let answer = self.introspect(server, tokens).await?;
        let mut scratch = vec![0; 2 * answer.body.len()];
        let said = Introspection::read(answer.body.as_bytes(), &mut scratch)?;
        let Introspection { active, client_id, subject, scope, .. } = said;
        let shown = format!("{} active={active} client_id={client_id} sub={subject} scope={scope}", answer.status);
        self.scene.message("server", "API", &shown)?;
        let good = active && client_id == "demo-spa" && subject == USERNAME && scope == tokens.scope;
        expect(good, "an active token of demo-spa for alice", &shown)
    }

    async fn introspect(&mut self, server: &Server, tokens: &Kept) -> Result<Answer> {
        let request = Request {
            url: server.introspect.clone(),
            authorization: Some(basic("demo-api", "api-secret")?),
            form: Some(encode([("token", &**tokens.access)])?),
            ..Request::default()
        };
        self.scene.request("API", "server", &request)?;
        let answer = self.http.send(&request).await?;
        if answer.status != 200 {
            self.scene.message("server", "API", &answer.status.to_string())?;
        }
        expect(answer.status == 200, "200", &answer.status)?;
        Ok(answer)
    }

    pub(super) async fn stolen_code(&mut self, server: &Server, tokens: &Kept, code: &str) -> Result<()> {
        self.scene.begin(
            "A thief has the code",
            "Codes pass through the browser, so they can leak, as from its history. Without the verifier, which never left \
             the app, a code is good for nothing: not to get tokens, nor to end what the app has.",
            &["thief", "app", "server", "API"],
        )?;
        let guessed = "x".repeat(43);
        let form = encode([
            ("grant_type", "authorization_code"),
            ("client_id", "demo-spa"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code),
            ("code_verifier", &*guessed),
        ])?;
        let request = Request { url: server.token.clone(), form: Some(form), ..Request::default() };
        self.scene.request("thief", "server", &request)?;
        let answer = self.http.send(&request).await?;
        let refused = answer.status == 400 && answer.body.contains(r#""error":"invalid_grant""#);
        let shown = if refused { "400 error=invalid_grant".to_owned() } else { answer.status.to_string() };
        self.scene.message("server", "thief", &shown)?;
        expect(refused, "400 invalid_grant for the thief", &shown)?;
        self.api_answers(server, tokens).await
    }

    /// The app's token is good: it gets the data.
    pub(super) async fn api_answers(&mut self, server: &Server, tokens: &Kept) -> Result<()> {
        let answer = self.call_api("app", server, &tokens.access).await?;
        let shown = if answer.status == 200 { format!("200 {}", answer.body) } else { refusal(&answer) };
        self.scene.message("API", "app", &shown)?;
        expect(answer.status == 200 && answer.body == DATA, "200 and the data from the API", &shown)
    }

    /// The token is not good, or not good enough.
    pub(super) async fn api_refuses(
        &mut self,
        from: &str,
        server: &Server,
        token: &str,
        status: u16,
        error: &str,
    ) -> Result<()> {
        let answer = self.call_api(from, server, token).await?;
        let shown = refusal(&answer);
        self.scene.message("API", from, &shown)?;
        let refused = answer.status == status && shown.contains(&format!("error=\"{error}\""));
        expect(refused, &format!("{status} {error} from the API"), &shown)
    }

    async fn call_api(&mut self, from: &str, server: &Server, token: &str) -> Result<Answer> {
        let url = format!("{}/api/data", server.issuer);
        let request = Request { url, authorization: Some(format!("Bearer {token}")), ..Request::default() };
        self.scene.request(from, "API", &request)?;
        self.http.send(&request).await
    }
}

/// Status and challenge, without the text for developers and what comes after it.
fn refusal(answer: &Answer) -> String {
    let challenge = answer.header(WWW_AUTHENTICATE);
    let error = challenge.split_once("error=").map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
    if error.is_empty() { answer.status.to_string() } else { format!("{} Bearer error={error}", answer.status) }
}
