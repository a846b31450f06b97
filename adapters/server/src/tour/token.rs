//! The app's and the device's requests to the token endpoint: by the core's client, on its transport.

use super::{Result, Tour, expect};
use valetkey::client::{Outcome, Post};
use valetkey::error::ErrorCode;
use valetkey_tokio::client::Received;
use zeroize::Zeroizing;

/// The tokens that the app keeps.
#[derive(PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) access: Zeroizing<String>,
    /// Empty if there is none.
    pub(super) refresh: Zeroizing<String>,
    pub(super) scope: String,
}

impl Tour<'_, '_> {
    /// Draws and sends what a flow wrote.
    pub(super) async fn post(&mut self, from: &str, post: &Post<'_>) -> Result<Received> {
        let shown = self.scene.names.request(post.url, post.authorization, Some(post.body))?;
        self.scene.message(from, "server", &shown)?;
        Ok(self.transport.send(post).await?)
    }

    /// Draws what a flow read, which must be tokens.
    pub(super) fn tokens(&mut self, to: &str, outcome: &Outcome<'_>) -> Result<Kept> {
        self.outcome(to, outcome)?;
        match outcome {
            Outcome::Tokens(tokens) => Ok(Kept {
                access: Zeroizing::new(tokens.access_token.expose().to_owned()),
                refresh: Zeroizing::new(tokens.refresh_token.map_or("", |token| token.expose()).to_owned()),
                scope: tokens.scope.to_owned(),
            }),
            other => Err(format!("expected tokens, but got {}", named(other)).into()),
        }
    }

    /// Draws what a flow read, which must be the refusal of a code or refresh token.
    pub(super) fn refused(&mut self, to: &str, outcome: &Outcome<'_>) -> Result<()> {
        self.outcome(to, outcome)?;
        let refused = matches!(outcome, Outcome::Denied { status: 400, error }
            if error.code() == Some(ErrorCode::InvalidGrant));
        expect(refused, "400 invalid_grant", &named(outcome))
    }

    fn outcome(&mut self, to: &str, outcome: &Outcome<'_>) -> Result<()> {
        let text = match outcome {
            Outcome::Tokens(tokens) => {
                let (access, refresh) = (tokens.access_token, tokens.refresh_token.map_or("", |token| token.expose()));
                self.scene.names.give('A', access.expose());
                self.scene.names.give('R', refresh);
                let seconds = tokens.expires_in.map(|seconds| seconds.to_string()).unwrap_or_default();
                let pairs = [
                    ("access_token", access.expose()),
                    ("refresh_token", refresh),
                    ("expires_in", &*seconds),
                    ("scope", tokens.scope),
                ];
                format!("200 {}", self.scene.names.pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty())))
            }
            other => named(other),
        };
        self.scene.message("server", to, &text)
    }
}

/// Without what is secret.
fn named(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Tokens(_) => "200 with tokens".to_owned(),
        Outcome::Denied { status, error } => {
            let description = error.description.map(|text| format!(" ({text})")).unwrap_or_default();
            format!("{status} error={}{description}", error.error)
        }
        Outcome::After(_) => "a busy server".to_owned(),
    }
}
