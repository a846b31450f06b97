//! The layer: it reads the token, has it introspected, and lets the request pass or answers the challenge.

use super::introspect::Introspect;
use crate::http::{now, once};
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;
use valetkey::error::TooSmall;
use valetkey::resource::{self, Audience, Check, Issuer, Policy, check};
use valetkey::text::scope;
use valetkey::time::UnixTime;
use valetkey::wire::challenge::Challenge;
use valetkey::wire::header::is_media_type;

/// Most bytes of a form that is searched for a second token; as many as axum's own extractors take.
const FORM_CAP: usize = 2 * 1024 * 1024;

/// Lets a request pass only if its `Authorization` header bears a good access token; the rest is answered with the
/// challenge that [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3) asks for.
///
/// A token in the query or in a form counts for nothing alone and is refused beside one in the header; so a form that
/// comes with a good token is read here, up to 2 MiB (413 beyond), and handed on as it was.
///
/// It puts an [`Access`] into the request's extensions, from where a handler extracts it.
#[derive(Debug)]
pub struct Guard<I> {
    asked: Arc<Asked>,
    introspect: Arc<I>,
}

/// What is asked of a token.
#[derive(Clone, Debug)]
struct Asked {
    issuer: String,
    resource: String,
    required: bool,
    scope: String,
}

impl Asked {
    fn issuers(&self) -> [Issuer<'_>; 1] {
        [Issuer::opaque(&self.issuer)]
    }

    fn policy<'p>(&'p self, issuers: &'p [Issuer<'p>]) -> Policy<'p> {
        let audience = if self.required { Audience::Required } else { Audience::IfNamed };
        Policy::new(issuers, audience(&self.resource), &self.scope)
    }
}

impl<I> Clone for Guard<I> {
    fn clone(&self) -> Self {
        Self { asked: self.asked.clone(), introspect: self.introspect.clone() }
    }
}

impl<I: Introspect> Guard<I> {
    /// Takes tokens of this issuer and for this audience, whatever their scope.
    pub fn new(issuer: impl Into<String>, audience: Audience<'_>, introspect: Arc<I>) -> Self {
        let (resource, required) = match audience {
            Audience::Required(resource) => (resource, true),
            Audience::IfNamed(resource) => (resource, false),
        };
        let asked = Asked { issuer: issuer.into(), resource: resource.to_owned(), required, scope: String::new() };
        Self { asked: asked.into(), introspect }
    }

    /// The same, for tokens with each of these scopes, space-separated.
    #[must_use]
    pub fn needing(&self, scope: impl Into<String>) -> Self {
        let asked = Asked { scope: scope.into(), ..Asked::clone(&self.asked) };
        Self { asked: asked.into(), introspect: self.introspect.clone() }
    }

    async fn check(&self, authorization: &[HeaderValue]) -> Result<Access, Response> {
        let Some(now) = now() else {
            tracing::error!("the system's clock stands before 1970; set it");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let issuers = self.asked.issuers();
        let policy = self.asked.policy(&issuers);
        let need = match check(once(authorization), &policy, now, &mut []) {
            Check::Introspect(need) => need,
            Check::Key(need) => return Err(respond(&need.fail().challenge)),
            Check::Done(refused) => return Err(respond(&refused.challenge)),
        };
        match self.introspect.look_up(need.token()).await {
            Some(answer) => match need.resume(&answer.as_view()) {
                Ok(access) => Ok(Access::from(&access)),
                Err(refused) => Err(respond(&refused.challenge)),
            },
            None => Err(respond(&need.fail().challenge)),
        }
    }

    /// Refuses a second token; any other request goes on as it came.
    async fn only_in_header(&self, request: Request<Body>) -> Result<Request<Body>, Response> {
        let issuers = self.asked.issuers();
        let policy = self.asked.policy(&issuers);
        if let Err(challenge) = policy.only_in_header(request.uri().query().unwrap_or_default()) {
            return Err(respond(&challenge));
        }
        if !request.headers().get_all(CONTENT_TYPE).iter().any(is_form) {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let form = to_bytes(body, FORM_CAP).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        if let Err(challenge) = policy.only_in_header(&String::from_utf8_lossy(&form)) {
            return Err(respond(&challenge));
        }
        Ok(Request::from_parts(parts, Body::from(form)))
    }
}

fn is_form(content_type: &HeaderValue) -> bool {
    // A parameter that is no text makes it no less a form.
    is_media_type(&String::from_utf8_lossy(content_type.as_bytes()), "application/x-www-form-urlencoded")
}

fn respond(challenge: &Challenge<'_>) -> Response {
    let status = StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        return status.into_response(); // other credentials would not help
    }
    let mut buf = vec![0; 512];
    if let Err(TooSmall { needed }) = challenge.write(&mut buf) {
        buf.resize(needed, 0);
    }
    match challenge.write(&mut buf) {
        Ok(text) => (status, [(WWW_AUTHENTICATE, text.to_owned())]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl<I, S> Layer<S> for Guard<I> {
    type Service = Guarded<S, I>;

    fn layer(&self, inner: S) -> Guarded<S, I> {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service behind a [`Guard`].
#[derive(Debug)]
pub struct Guarded<S, I> {
    guard: Guard<I>,
    inner: S,
}

impl<S: Clone, I> Clone for Guarded<S, I> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone(), inner: self.inner.clone() }
    }
}

impl<S, I> Service<Request<Body>> for Guarded<S, I>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    I: Introspect,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was found ready goes along; its clone need not be.
        let clone = self.inner.clone();
        let (guard, mut inner) = (self.guard.clone(), std::mem::replace(&mut self.inner, clone));
        Box::pin(async move {
            let authorization: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().cloned().collect();
            let access = match guard.check(&authorization).await {
                Ok(access) => access,
                Err(refusal) => return Ok(refusal),
            };
            match guard.only_in_header(request).await {
                Ok(mut request) => {
                    request.extensions_mut().insert(access);
                    inner.call(request).await
                }
                Err(refusal) => Ok(refusal),
            }
        })
    }
}

/// What the request's access token lets its bearer do: extract it in a handler behind a [`Guard`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Which client bears it.
    pub client_id: String,
    /// On whose behalf; empty if on the client's own.
    pub subject: String,
    /// What it is good for, space-separated.
    pub scope: String,
    /// Until when.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
}

impl Access {
    /// Whether it is good for this scope.
    pub fn allows(&self, word: &str) -> bool {
        scope::contains(&self.scope, word)
    }

    /// The scopes, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scope::words(&self.scope)
    }
}

impl From<&resource::Access<'_>> for Access {
    fn from(view: &resource::Access<'_>) -> Self {
        Self {
            client_id: view.client_id.to_owned(),
            subject: view.subject.to_owned(),
            scope: view.scope.to_owned(),
            expires_at: view.expires_at,
            auth_time: view.auth_time,
        }
    }
}

/// Rejects with 500 if no [`Guard`] stands before the handler: nobody gets in by that mistake.
impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "a handler asks for `Access`, but no `Guard` stands before it");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}
