//! The layer: it reads the token, has it checked, and lets the request pass or answers the challenge.

use super::access::Access;
use super::introspect::Introspect;
use super::issuer::Issuer;
use super::metadata::{self, Description};
#[cfg(feature = "client")]
use crate::client::Transport;
use crate::http::{now, once};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;
use valetkey::error::TooSmall;
use valetkey::resource::{self, Audience, Check, NeedIntrospect, NeedKey, Policy, Refusal, Refused, StepUp, check};
use valetkey::wire::challenge::Challenge;
use valetkey::wire::header::is_media_type;
use valetkey::wire::resource_metadata::{BadResource, ResourceMetadata};
#[cfg(feature = "client")]
use valetkey_std::issuer::DiscoverError;

/// Most bytes of a form that is searched for a second token; as many as axum's own extractors take.
const FORM_CAP: usize = 2 * 1024 * 1024;

/// Lets a request pass only if its `Authorization` header bears a good access token; the rest is answered with the
/// challenge that [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3) asks for.
///
/// A token in the query or in a form counts for nothing alone and is refused beside one in the header; so a form that
/// comes with a good token is read here, up to 2 MiB (413 beyond), and handed on as it was.
///
/// It puts an [`Access`] into the request's extensions, from where a handler extracts it. Why a token was refused is told
/// to `tracing` with target `valetkey::audit` at level info, never with the token.
#[derive(Clone, Debug)]
pub struct Guard {
    asked: Arc<Asked>,
    issuers: Arc<[Issuer]>,
}

/// What is asked of a token.
#[derive(Clone, Debug)]
struct Asked {
    resource: String,
    required: bool,
    scope: String,
    acr_values: String,
    max_age: Option<u32>,
    leeway: u32,
    metadata: String,
}

impl Asked {
    fn policy<'p>(&'p self, issuers: &'p [resource::Issuer<'p>]) -> Policy<'p> {
        let audience = if self.required { Audience::Required } else { Audience::IfNamed };
        Policy::new(issuers, audience(&self.resource), &self.scope)
            .with_step_up(StepUp { acr_values: &self.acr_values, max_age: self.max_age })
            .with_leeway(self.leeway)
            .with_metadata(&self.metadata)
    }
}

impl Guard {
    /// Takes the signed tokens of an issuer that has metadata, if they name this audience, whatever their scope:
    /// [`Issuer::discover`] says how, and takes more choices.
    ///
    /// # Errors
    /// [`DiscoverError`]
    #[cfg(feature = "client")]
    pub async fn discover(issuer: &str, audience: &str) -> Result<Self, DiscoverError> {
        let unset = |error| DiscoverError::Send { url: issuer.to_owned(), error };
        let issuer = Issuer::discover(issuer, Transport::new().map_err(unset)?).await?;
        if issuer.keys().is_none() {
            return Err(DiscoverError::Without("jwks_uri"));
        }
        Ok(Self::of([issuer], Audience::Required(audience)))
    }

    /// Takes tokens of this issuer and for this audience, whatever their scope, by asking about each: the
    /// [`AuthorizationServer`](crate::server::AuthorizationServer) of the same program, say.
    pub fn new(issuer: impl Into<String>, audience: Audience<'_>, introspect: Arc<impl Introspect>) -> Self {
        Self::of([Issuer::asked(issuer, introspect)], audience)
    }

    /// Takes tokens of these issuers, whose names differ, and for this audience, whatever their scope. A signed token says
    /// whose it is; about any other the one issuer is asked that can be, and none where several can.
    pub fn of(issuers: impl IntoIterator<Item = Issuer>, audience: Audience<'_>) -> Self {
        let asked = Asked {
            resource: audience.resource().to_owned(),
            required: matches!(audience, Audience::Required(_)),
            scope: String::new(),
            acr_values: String::new(),
            max_age: None,
            leeway: 0,
            metadata: String::new(),
        };
        Self { asked: asked.into(), issuers: issuers.into_iter().collect() }
    }

    /// The same, for tokens with each of these scopes, space-separated.
    #[must_use]
    pub fn needing(&self, scope: impl Into<String>) -> Self {
        self.asking(Asked { scope: scope.into(), ..Asked::clone(&self.asked) })
    }

    /// The same, for tokens from such a login ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470)); others are sent to log in
    /// once more.
    ///
    /// ```
    /// # use valetkey_tokio::resource::{Guard, StepUp};
    /// # fn payments(guard: Guard) -> Guard {
    /// guard.needing("pay").needing_login(StepUp { max_age: Some(300), ..StepUp::default() })
    /// # }
    /// ```
    #[must_use]
    pub fn needing_login(&self, login: StepUp<'_>) -> Self {
        let acr_values = login.acr_values.to_owned();
        self.asking(Asked { acr_values, max_age: login.max_age, ..Asked::clone(&self.asked) })
    }

    /// The same, forgiving clocks that differ by so many seconds: [`Policy::with_leeway`].
    #[must_use]
    pub fn with_leeway(&self, seconds: u32) -> Self {
        self.asking(Asked { leeway: seconds, ..Asked::clone(&self.asked) })
    }

    /// The same, naming in each challenge the document in which the API describes itself
    /// ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)); and the route that serves it, to be merged into the app at its
    /// root, in front of any guard.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use valetkey_tokio::resource::{BadResource, Description, Guard};
    ///
    /// fn api(guard: Guard) -> Result<Router, BadResource> {
    ///     let (guard, metadata) = guard.described(Description { scopes: "read write", name: "Notes" })?;
    ///     Ok(Router::new().route("/notes", get(async || "notes")).layer(guard).merge(metadata))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`BadResource`]: the audience is no URL at which a document could be.
    pub fn described(&self, description: Description<'_>) -> Result<(Self, Router), BadResource> {
        let issuers: Vec<&str> = self.issuers.iter().map(Issuer::name).collect();
        let authorization_servers = issuers.join(" ");
        let mut document = ResourceMetadata::new(&self.asked.resource)?;
        document.authorization_servers = &authorization_servers;
        (document.scopes, document.name) = (description.scopes, description.name);
        let (url, route) = metadata::serve(&document);
        Ok((self.asking(Asked { metadata: url, ..Asked::clone(&self.asked) }), route))
    }

    fn asking(&self, asked: Asked) -> Self {
        Self { asked: asked.into(), issuers: self.issuers.clone() }
    }

    async fn check(&self, authorization: &[HeaderValue], policy: &Policy<'_>) -> Result<Access, Response> {
        let Some(now) = now() else {
            tracing::error!("the system's clock stands before 1970; set it");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let length: usize = authorization.iter().map(HeaderValue::len).sum();
        let mut scratch = vec![0; 2 * length.min(resource::MAX_TOKEN)];
        let refused = match check(once(authorization), policy, now, &mut scratch) {
            Check::Done(refused) => refused,
            Check::Key(need) => match self.by_key(need).await {
                Ok(access) => return Ok(access),
                Err(refused) => refused,
            },
            Check::Introspect(need) => match self.by_asking(need).await {
                Ok(access) => return Ok(access),
                Err(refused) => refused,
            },
        };
        if let Some(why) = refused.why {
            self.tell(why);
        }
        Err(respond(&refused.challenge))
    }

    #[cfg(feature = "client")]
    async fn by_key<'r>(&self, need: NeedKey<'r>) -> Result<Access, Refused<'r>> {
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == need.issuer());
        let (algorithm, kid) = (need.algorithm(), need.kid());
        let Some(keys) = issuer.and_then(Issuer::keys) else { return Err(need.fail()) };
        let Some(set) = keys.current_for(algorithm, kid).await else { return Err(need.fail()) };
        let key = set.as_ref().and_then(|set| set.keys.find(algorithm, kid));
        let access = need.resume(key.as_ref())?;
        Ok(Access::of(&access, access.claims))
    }

    #[cfg(not(feature = "client"))]
    async fn by_key<'r>(&self, need: NeedKey<'r>) -> Result<Access, Refused<'r>> {
        Err(need.fail()) // no issuer has keys
    }

    async fn by_asking<'r>(&self, need: NeedIntrospect<'r>) -> Result<Access, Refused<'r>> {
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == need.issuer());
        let Some(introspect) = issuer.and_then(Issuer::introspect) else {
            tracing::error!(issuer = need.issuer(), "this issuer has neither keys nor anybody to ask about its tokens");
            return Err(need.fail());
        };
        let Some(answer) = introspect.ask(need.token()).await else { return Err(need.fail()) };
        // Whoever was asked is the issuer, whether it says so or not: if it names another, the token is refused.
        let asked = need.issuer().to_owned();
        let access = need.resume(&answer.as_view())?;
        Ok(Access::of(&access, &answer.claims).issued_by(asked))
    }

    fn tell(&self, why: Refusal) {
        let resource = &self.asked.resource;
        tracing::info!(target: "valetkey::audit", resource, reason = %why, "an access token was refused");
    }

    /// Refuses a second token; any other request goes on as it came.
    async fn only_in_header(&self, request: Request<Body>, policy: &Policy<'_>) -> Result<Request<Body>, Response> {
        let refuse = |challenge: Challenge<'_>| {
            self.tell(Refusal::Request);
            respond(&challenge)
        };
        policy.only_in_header(request.uri().query().unwrap_or_default()).map_err(refuse)?;
        if !request.headers().get_all(CONTENT_TYPE).iter().any(is_form) {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let form = to_bytes(body, FORM_CAP).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        policy.only_in_header(&String::from_utf8_lossy(&form)).map_err(refuse)?;
        Ok(Request::from_parts(parts, Body::from(form)))
    }

    async fn admit(&self, request: Request<Body>) -> Result<Request<Body>, Response> {
        let issuers: Vec<_> = self.issuers.iter().map(Issuer::view).collect();
        let policy = self.asked.policy(&issuers);
        let authorization: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().cloned().collect();
        let access = self.check(&authorization, &policy).await?;
        let mut request = self.only_in_header(request, &policy).await?;
        request.extensions_mut().insert(access);
        Ok(request)
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

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
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
            match guard.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(refusal) => Ok(refusal),
            }
        })
    }
}
