//! The end: a new login, and the app gives back what it got.

use super::browser::Browser;
use super::http::{Request, encode};
use super::start::Server;
use super::{Result, Tour, expect};
use valetkey::client::{Authorize, Config};
use valetkey_tokio::client::draw;

impl Tour<'_, '_> {
    pub(super) async fn revocation(
        &mut self,
        server: &Server,
        config: &Config<'_>,
        browser: &mut Browser,
    ) -> Result<()> {
        self.scene.begin(
            "The app gives its access back",
            "Alice allows the app once more; as her browser is still logged in, she is asked for consent only. When she \
             leaves the app, it revokes its refresh token (RFC 7009), and all that came of that login ends with it.",
            &["browser", "app", "server", "API"],
        )?;
        let flow = Authorize::new(config, draw()?)?;
        let page = self.visit(browser, &flow).await?;
        self.page_of_consent(&page)?;
        let (query, _) = self.allow(server, browser, &page).await?;
        let tokens = self.exchange(flow, &query).await?;
        self.api_answers(server, &tokens).await?;

        let form = encode([("token", &**tokens.refresh), ("client_id", "demo-spa")])?;
        let request = Request { url: server.revoke.clone(), form: Some(form), ..Request::default() };
        self.scene.request("app", "server", &request)?;
        let answer = self.http.send(&request).await?;
        self.scene.message("server", "app", &answer.status.to_string())?;
        expect(answer.status == 200, "200 for the revocation", &answer.status)?;
        self.api_refuses("app", server, &tokens.access, 401, "invalid_token").await?;
        self.refresh_is_refused("app", config, &tokens).await
    }
}
