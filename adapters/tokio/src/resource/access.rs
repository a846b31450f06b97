//! What a handler is told of who calls.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use valetkey::jose::Claims;
use valetkey::resource;
use valetkey::text::json::{DeserializeError, from_slice};
use valetkey::text::scope;
use valetkey::time::UnixTime;

/// What the request's access token lets its bearer do: extract it in a handler behind a [`Guard`](super::Guard).
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose token it is. With several issuers a subject is somebody only together with this.
    pub issuer: String,
    /// Which client bears it.
    pub client_id: String,
    /// On whose behalf. On the client's own: empty for opaque tokens of our server, and in signed ones an identifier that
    /// no person has.
    pub subject: String,
    /// What it is good for, space-separated.
    pub scope: String,
    /// Until when.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
    /// How the person logged in; empty if that is not told.
    pub acr: String,
    /// The token's own identifier (`jti`); empty if it has none.
    pub id: String,
    claims: Arc<[u8]>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, client_id, subject, scope, expires_at, .. } = self;
        let mut shown = f.debug_struct("Access");
        shown.field("issuer", issuer).field("client_id", client_id).field("subject", subject);
        // The other claims may say more of a person than a log should.
        shown.field("scope", scope).field("expires_at", expires_at).finish_non_exhaustive()
    }
}

/// Why claims are not what a handler wants. It holds none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsError {
    /// Nobody said more of this token than what [`Access`] has: it was looked up in the store of the same program.
    None,
    /// A claim is missing, or not of the type that is asked for.
    Mismatch(DeserializeError),
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no claims are known of this token but those that `Access` has"),
            Self::Mismatch(e) => write!(f, "the token's claims are not of the type that is asked for: {e}"),
        }
    }
}

impl std::error::Error for ClaimsError {}

impl Access {
    /// Whether it is good for this scope.
    pub fn allows(&self, word: &str) -> bool {
        scope::contains(&self.scope, word)
    }

    /// The scopes, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scope::words(&self.scope)
    }

    /// Your own claims: of a signed token from the bytes that were validated, of another from what the introspection
    /// endpoint said. Read by the strict rules of [`from_slice`].
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use valetkey_tokio::resource::Access;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Plan {
    ///     tenant: String,
    /// }
    ///
    /// async fn notes(access: Access) -> Result<String, StatusCode> {
    ///     let plan: Plan = access.claims().map_err(|_| StatusCode::FORBIDDEN)?;
    ///     Ok(format!("the notes of {} at {}", access.subject, plan.tenant))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        if self.claims.is_empty() {
            return Err(ClaimsError::None);
        }
        let mut scratch = vec![0; self.claims.len()];
        from_slice(&self.claims, Claims::LIMITS, &mut scratch).map_err(ClaimsError::Mismatch)
    }

    /// The same, of a token of this issuer.
    pub(super) fn issued_by(self, issuer: String) -> Self {
        Self { issuer, ..self }
    }

    /// `claims` of a token that is not signed come from elsewhere.
    pub(super) fn of(view: &resource::Access<'_>, claims: &[u8]) -> Self {
        Self {
            issuer: view.issuer.to_owned(),
            client_id: view.client_id.to_owned(),
            subject: view.subject.to_owned(),
            scope: view.scope.to_owned(),
            expires_at: view.expires_at,
            auth_time: view.auth_time,
            acr: view.acr.to_owned(),
            id: view.id.to_owned(),
            claims: claims.into(),
        }
    }
}

/// Rejects with 500 if no [`Guard`](super::Guard) stands before the handler: nobody gets in by that mistake.
impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "a handler asks for `Access`, but no `Guard` stands before it");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}
