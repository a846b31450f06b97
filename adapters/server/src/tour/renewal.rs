//! Refresh tokens: each is good once, an answer that was lost is given again, and an old one gives the thief away.

use super::start::Server;
use super::token::Kept;
use super::{Result, Tour, expect};
use valetkey::client::{Config, Refresh};
use valetkey::secret::SecretText;

impl Tour<'_, '_> {
    pub(super) async fn renewal(&mut self, config: &Config<'_>, tokens: &Kept) -> Result<Kept> {
        self.scene.begin(
            "The tokens are renewed",
            "Access tokens live for minutes; with the refresh token the app gets the next one without asking Alice. Each \
             refresh token is replaced when it is used. Had the answer been lost on the way, the app may ask again for some \
             seconds: the very same request gets the very same answer, so nobody is logged out by a bad connection.",
            &["app", "server"],
        )?;
        let renewed = self.refresh(config, tokens).await?;
        expect(renewed.refresh != tokens.refresh, "a new refresh token", &"the old one")?;
        expect(renewed.access != tokens.access, "a new access token", &"the old one")?;
        let again = self.refresh(config, tokens).await?;
        expect(again == renewed, "the same successor for the same request", &"another")?;
        Ok(renewed)
    }

    /// `first` is what the login gave, and was renewed to `renewed`.
    pub(super) async fn replay(
        &mut self,
        server: &Server,
        config: &Config<'_>,
        first: &Kept,
        renewed: &Kept,
    ) -> Result<()> {
        self.scene.begin(
            "A stolen refresh token is caught",
            "A thief who copied a refresh token uses it after the app went on. A token that comes twice is in two hands, \
             and the server cannot tell which hand is the app's: so it ends all that came of that login (RFC 9700). The \
             thief gets nothing, and Alice has to log in once more.",
            &["thief", "app", "server", "API"],
        )?;
        let latest = self.refresh(config, renewed).await?;
        self.api_answers(server, &latest).await?;
        self.refresh_is_refused("thief", config, first).await?;
        self.api_refuses("app", server, &latest.access, 401, "invalid_token").await?;
        self.refresh_is_refused("app", config, &latest).await
    }

    async fn refresh(&mut self, config: &Config<'_>, tokens: &Kept) -> Result<Kept> {
        let flow = Refresh::new(config, SecretText::new(&tokens.refresh), "")?;
        let received = self.post("app", &flow.request(&mut [0; 2048])?).await?;
        let mut scratch = received.scratch();
        let outcome = flow.response(received.response(), &mut scratch)?;
        self.tokens("app", &outcome)
    }

    pub(super) async fn refresh_is_refused(&mut self, from: &str, config: &Config<'_>, tokens: &Kept) -> Result<()> {
        let flow = Refresh::new(config, SecretText::new(&tokens.refresh), "")?;
        let received = self.post(from, &flow.request(&mut [0; 2048])?).await?;
        let mut scratch = received.scratch();
        let outcome = flow.response(received.response(), &mut scratch)?;
        self.refused(from, &outcome)
    }
}
