//! A person logs in and allows an app: the authorization code grant with PKCE.

use super::browser::Browser;
use super::http::{Answer, decode, encode};
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
            "The app sends Alice's browser to the server, and gets back a code, which it exchanges for tokens. Her password \
             goes to the server alone. `state` ties the answer to her browser, `iss` to this server, and PKCE the code to \
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
        let (query, code) = self.allow(server, browser, &page).await?;

        let flow = self.forged(server, flow)?;
        let tokens = self.exchange(flow, &query).await?;
        Ok((tokens, code))
    }

    /// The app sends the browser to the server.
    pub(super) async fn visit(&mut self, browser: &mut Browser, flow: &Authorize<'_>) -> Result<Answer> {
        let mut buf = [0; 2048];
        let url = flow.url(&mut buf)?;
        self.scene.message("app", "browser", "log in at the server first")?;
        browser.open(self, url).await
    }

    fn page_of_login(&mut self, page: &Answer, status: u16) -> Result<()> {
        let heading = words(&page.body, "h1").join(" ");
        let mut notes = words(&page.body, "p").into_iter();
        let lead = notes.next().unwrap_or_default();
        let shown = match notes.next() {
            Some(alert) if page.status != 200 => format!("{} “{alert}”", page.status),
            _ => format!("{} “{heading} {lead}”", page.status),
        };
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

    /// Presses “Allow”. Gives the query with which the browser is sent back to the app, and the code in it.
    pub(super) async fn allow(
        &mut self,
        server: &Server,
        browser: &mut Browser,
        page: &Answer,
    ) -> Result<(String, String)> {
        let answer = browser.submit(self, &server.issuer, page, "allow", &[]).await?;
        let (target, query) = answer.header(LOCATION).split_once('?').unwrap_or_default();
        let pairs = decode(query)?;
        let code = pairs.iter().find(|(name, _)| name == "code").map(|(_, code)| code.clone());
        self.scene.names.give('C', code.as_deref().unwrap_or_default());
        let shown = format!("{} Location: {target}\n{}", answer.status, self.scene.names.form(query)?);
        self.scene.message("server", "browser", &shown)?;
        let complete = ["code", "state", "iss"].iter().all(|wanted| pairs.iter().any(|(name, _)| name == wanted));
        let sent_back = answer.status == 303 && target == REDIRECT_URI && complete;
        expect(sent_back, "a redirect to the app with code, state and iss", &shown)?;
        Ok((query.to_owned(), code.unwrap_or_default()))
    }

    /// Somebody else's answer is refused, and the flow can go on.
    fn forged<'c>(&mut self, server: &Server, flow: Authorize<'c>) -> Result<Authorize<'c>> {
        let query =
            encode([("code", "forged-by-somebody"), ("state", "guessed-by-somebody"), ("iss", &*server.issuer)])?;
        let shown = format!("a forged answer comes first: GET /cb\n{}", self.scene.names.form(&query)?);
        self.scene.message("browser", "app", &shown)?;
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
        let shown = format!("GET /cb\n{}", self.scene.names.form(query)?);
        self.scene.message("browser", "app", &shown)?;
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
