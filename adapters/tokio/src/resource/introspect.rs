//! Who tells what a token is worth, and how it is told.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;
use valetkey::wire::introspection::Introspection;

/// Tells what an access token is worth now.
pub trait Introspect: Send + Sync + 'static {
    /// `None` if it cannot be told now; the operator was told why.
    fn look_up(&self, token: SecretText<'_>) -> impl Future<Output = Option<OwnedIntrospection>> + Send;
}

/// The same for a guard, which has several issuers of different kinds.
pub(super) trait Ask: Send + Sync {
    fn ask<'a>(
        &'a self,
        token: SecretText<'a>,
    ) -> Pin<Box<dyn Future<Output = Option<OwnedIntrospection>> + Send + 'a>>;
}

impl<I: Introspect> Ask for I {
    fn ask<'a>(
        &'a self,
        token: SecretText<'a>,
    ) -> Pin<Box<dyn Future<Output = Option<OwnedIntrospection>> + Send + 'a>> {
        Box::pin(self.look_up(token))
    }
}

/// The owned twin of [`Introspection`], which says what each field is.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of the borrowed view")]
pub struct OwnedIntrospection {
    pub active: bool,
    pub issuer: String,
    pub client_id: String,
    pub subject: String,
    pub scope: String,
    pub audience: String,
    pub issued_at: UnixTime,
    pub not_before: UnixTime,
    pub expires_at: UnixTime,
    pub auth_time: Option<UnixTime>,
    pub acr: String,
    /// All that was said, as a JSON object by the rules of [`Introspection::read`]: your own claims are in it. Empty if
    /// nothing else was said.
    pub claims: Vec<u8>,
}

impl fmt::Debug for OwnedIntrospection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { active, issuer, client_id, subject, scope, expires_at, .. } = self;
        let mut shown = f.debug_struct("OwnedIntrospection");
        shown.field("active", active).field("issuer", issuer).field("client_id", client_id);
        // The other claims may say more of a person than a log should.
        shown.field("subject", subject).field("scope", scope).field("expires_at", expires_at).finish_non_exhaustive()
    }
}

impl OwnedIntrospection {
    /// How much text there is in it.
    pub(super) fn bytes(&self) -> usize {
        let Self { issuer, client_id, subject, scope, audience, acr, claims, .. } = self;
        [issuer, client_id, subject, scope, audience, acr].map(String::len).iter().sum::<usize>() + claims.len()
    }

    /// The borrowed view.
    pub fn as_view(&self) -> Introspection<'_> {
        Introspection {
            active: self.active,
            issuer: &self.issuer,
            client_id: &self.client_id,
            subject: &self.subject,
            scope: &self.scope,
            audience: &self.audience,
            issued_at: self.issued_at,
            not_before: self.not_before,
            expires_at: self.expires_at,
            auth_time: self.auth_time,
            acr: &self.acr,
        }
    }
}

impl From<&Introspection<'_>> for OwnedIntrospection {
    fn from(view: &Introspection<'_>) -> Self {
        Self {
            active: view.active,
            issuer: view.issuer.to_owned(),
            client_id: view.client_id.to_owned(),
            subject: view.subject.to_owned(),
            scope: view.scope.to_owned(),
            audience: view.audience.to_owned(),
            issued_at: view.issued_at,
            not_before: view.not_before,
            expires_at: view.expires_at,
            auth_time: view.auth_time,
            acr: view.acr.to_owned(),
            claims: Vec::new(),
        }
    }
}

#[cfg(feature = "server")]
mod local {
    use super::{Introspect, OwnedIntrospection};
    use crate::http::now;
    use crate::server::{AuthorizationServer, End, drive, signing_keys};
    use crate::store::Store;
    use valetkey::secret::SecretText;
    use valetkey::server::{SCRATCH, introspect_local};

    /// Straight from the store, for an API in the program of its authorization server.
    impl<S: Store> Introspect for AuthorizationServer<S> {
        async fn look_up(&self, token: SecretText<'_>) -> Option<OwnedIntrospection> {
            let (keys, signing) = (self.keys(), self.signing());
            let signing_keys = signing_keys(signing.as_deref());
            let (server, mut scratch) = (self.view(&keys, &signing_keys), vec![0; SCRATCH]);
            let step = introspect_local(&server, token, now()?, &mut scratch);
            let End::Reply(reply) = drive(step, self.store(), None, None).await else { return None };
            Some(OwnedIntrospection::from(&reply.introspection()?))
        }
    }
}
