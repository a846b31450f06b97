//! A person logs in and allows an app: the authorization code grant with PKCE.

use super::api::redirect;
use super::browser::Browser;
use super::http::{Answer, decode, encode, shown_pairs};
use super::page::{self, words};
use super::start::Server;
use super::token::Kept;
use super::{Result, Tour, expect};
use crate::demo::{PASSWORD, REDIRECT_URI, SCOPES, USERNAME};
use reqwest::header::LOCATION;
use valetkey::client::{Authorize, Config, Rejected};
use valetkey_tokio::client::draw;

impl Tour<'_, '_> {
    /// Gives the tokens, and the code, which is spent.
    pub(super) async fn login(
        &mut self,
        server: &Server,
        config: &Config<'_>,
        browser: &mut Browser,
    ) -> Result<(Kept, String)> {
        self.scene.begin(
            "A person logs in and allows an app",
            "The app sends Alice's browser to the server, and gets back a code, which it exchanges for tokens. Her password\n\
             goes to the server alone. `state` ties the answer to her browser, `iss` to this server, and PKCE the code to\n\
             the app: it shows the hash of a secret first (code_challenge), the secret itself (code_verifier) at the end.",
            &["browser", "app", "server"],
        )?;
        let flow = Authorize::new(config, draw()?)?;
        let page = self.visit(browser, &flow).await?;
        self.page_of_login(&page, 200)?;
        let wrong = [("username", USERNAME), ("password", "wonder")];
        let page = browser.submit(self, &server.issuer, &page, "password", &wrong).await?;
        self.page_of_login(&page, 403)?;
        let right = [("username", USERNAME), ("password", PASSWORD)];
        let page = browser.submit(self, &server.issuer, &page, "password", &right).await?;
        self.page_of_consent(&page)?;
        let query = self.allow(server, browser, &page).await?;

        let flow = self.forged(server, flow)?;
        let tokens = self.exchange(flow, &query).await?;
        let code = decode(&query)?.into_iter().find(|(name, _)| name == "code").map(|(_, code)| code);
        Ok((tokens, code.unwrap_or_default()))
    }

    /// The app sends the browser to the server.
    pub(super) async fn visit(&mut self, browser: &mut Browser, flow: &Authorize<'_>) -> Result<Answer> {
        let mut buf = [0; 2048];
        let url = flow.url(&mut buf)?;
        self.scene.message("app", "browser", "open the server's login")?;
        browser.open(self, url).await
    }

    fn page_of_login(&mut self, page: &Answer, status: u16) -> Result<()> {
        let heading = words(&page.body, "h1").join(" ");
        let notes = words(&page.body, "p");
        let shown = format!(
            "{} “{heading} {}”",
            page.status,
            notes.iter().take(if status == 200 { 1 } else { 2 }).map(String::as_str).collect::<Vec<_>>().join(". ")
        );
        self.scene.message("server", "browser", &shown)?;
        let is_login = page.status == status && page::form(&page.body, "password").is_some();
        expect(is_login, &format!("the login page with status {status}"), &shown)
    }

    /// The person reads who wants what, and for how long.
    pub(super) fn page_of_consent(&mut self, page: &Answer) -> Result<()> {
        let heading = words(&page.body, "h1").join(" ");
        let scopes = words(&page.body, "label");
        let how_long = words(&page.body, "dd").into_iter().next().unwrap_or_default();
        let shown =
            format!("{} “{heading} It will be able to: {}. For how long: {how_long}”", page.status, scopes.join("; "));
        self.scene.message("server", "browser", &shown)?;
        let promised = SCOPES.iter().filter(|(name, _)| ["read", "write"].contains(name)).map(|(_, text)| *text);
        let told =
            page.status == 200 && heading.contains("Demo browser app") && promised.eq(scopes) && !how_long.is_empty();
        expect(told, "the consent page with the app's name, its scopes and how long", &shown)
    }

    /// Presses “Allow”. Gives the query with which the browser is sent back to the app.
    pub(super) async fn allow(&mut self, server: &Server, browser: &mut Browser, page: &Answer) -> Result<String> {
        let answer = browser.submit(self, &server.issuer, page, "allow", &[]).await?;
        let (target, query) = answer.header(LOCATION).split_once('?').unwrap_or_default();
        let shown = redirect(answer.status, target, query)?;
        self.scene.message("server", "browser", &shown)?;
        let named = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
        let sent_back = answer.status == 303
            && target == REDIRECT_URI
            && ["code=", "state=", "iss="].iter().all(|name| named(name));
        expect(sent_back, "a redirect to the app with code, state and iss", &shown)?;
        Ok(query.to_owned())
    }

    /// Somebody else's answer is refused, and the flow can go on.
    fn forged<'c>(&mut self, server: &Server, flow: Authorize<'c>) -> Result<Authorize<'c>> {
        let query =
            encode([("code", "forged-by-somebody"), ("state", "guessed-by-somebody"), ("iss", &*server.issuer)])?;
        self.scene.message(
            "browser",
            "app",
            &format!("a forged answer comes first: GET /cb\n{}", shown_pairs(&query)?),
        )?;
        match flow.callback(&query) {
            Err(Rejected::NotOurs { flow, why }) => {
                self.scene.message("app", "browser", &format!("refused: {why}"))?;
                Ok(flow)
            }
            Err(Rejected::Denied(_)) => Err("the forged callback ended the flow".into()),
            Ok(_) => Err("the forged callback was taken".into()),
        }
    }

    /// The browser is back at the app, which exchanges the code.
    pub(super) async fn exchange(&mut self, flow: Authorize<'_>, query: &str) -> Result<Kept> {
        self.scene.message("browser", "app", &format!("GET /cb\n{}", shown_pairs(query)?))?;
        let exchange = match flow.callback(query) {
            Ok(exchange) => exchange,
            Err(Rejected::NotOurs { why, .. }) => return Err(why.into()),
            Err(Rejected::Denied(_)) => return Err("the server denied what was allowed".into()),
        };
        let received = self.post("app", &exchange.request(&mut [0; 8192])?).await?;
        let mut scratch = received.scratch();
        let outcome = exchange.response(received.response(), &mut scratch)?;
        let tokens = self.tokens("app", &outcome)?;
        expect(!tokens.refresh.is_empty(), "a refresh token", &"none")?;
        Ok(tokens)
    }
}
