//! The authorization endpoint: what the pages are told, and what becomes of a person's answer.
//!
//! ```text
//!  GET /authorize -> begin -> Ask(pending) -> the page, which carries pending.sealed
//!                        '--> Done                       |
//!  (login: reopen gives the facts again) <---------------+
//!  POST, the page's own route -> answer(sealed, Approved | Denied) -> Redirect | Page
//! ```
//!
//! Nothing is kept between the two: the pending request travels sealed through the page, and is bound to one browser.

use super::router::{read, route};
use super::{AuthorizationServer, End, drive, edge, respond};
use crate::store::Store;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use valetkey::secret::Entropy;
use valetkey::server::fault::Fault;
use valetkey::server::{
    AUTHORIZE_ENTROPY, AuthorizeRequest, Endpoint, MAX_REQUEST, NeedOwner, Owner, SCRATCH, Server, Step, authorize,
    reopen,
};
use valetkey::time::UnixTime;

/// What a sealed request takes beyond the request itself.
const SEAL: usize = 256;

/// A request that waits for a person: what the page shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// Which client asks.
    pub client_id: String,
    /// What people are shown as its name. The client's operator chose it: escape it.
    pub client_name: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What it asks for, space-separated.
    pub scope: String,
    /// For which resources, space-separated; empty for the default.
    pub resource: String,
    /// For how many seconds each access token will be good.
    pub access_lifetime: u32,
    /// For how many seconds at most it can be renewed without asking; `None` if not at all.
    pub grant_lifetime: Option<u32>,
    /// Of which classes the login must be, space-separated; empty if it does not matter. Where none can be had, the answer is
    /// refused with `unmet_authentication_requirements`.
    pub acr_values: String,
    /// Since when the person must have logged in: one whose login is older is to log in anew. `None` if it does not matter.
    pub login_since: Option<UnixTime>,
    /// The request as it came, without the `?`: after login a page can send the browser to `/authorize` once more with it.
    pub query: String,
    /// The request, for the page to carry in a form field and to send back by POST.
    pub sealed: String,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// How a request to the authorization endpoint begins.
#[must_use]
#[derive(Debug)]
pub enum Begun {
    /// A person must be asked.
    Ask(Pending),
    /// There is nothing to ask.
    Done(Answer),
}

/// How it ends.
#[must_use]
pub enum Answer {
    /// The browser goes back to the client, with a code or an error.
    Redirect(Response),
    /// There is nowhere that may be redirected to: show a page, with [`Fault::page_status`] and [`Fault::description`].
    Page(Fault),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(_) => f.write_str("Redirect(..)"), // a code is in it
            Self::Page(fault) => write!(f, "Page({fault})"),
        }
    }
}

impl<S: Store> AuthorizationServer<S> {
    /// A request to the authorization endpoint: what follows the `?`, or the body of a POST.
    ///
    /// `browser` is the value of a cookie that this browser alone has, with at least 128 random bits; the request is bound to it.
    pub async fn begin(&self, query: &str, browser: &str) -> Begun {
        self.ask(browser, |server, now, seed, scratch| {
            authorize(server, &AuthorizeRequest { query }, now, seed, scratch)
        })
        .await
    }

    /// The facts of a pending request once more, for the page after login. What comes is to be shown again by the page, with the
    /// [`Pending::sealed`] that comes with it.
    pub async fn reopen(&self, sealed: &str, browser: &str) -> Begun {
        self.ask(browser, |server, now, seed, scratch| reopen(server, sealed, browser, now, seed, scratch)).await
    }

    /// What the person said. The page that calls this has guarded its form against requests from other sites.
    pub async fn answer(&self, sealed: &str, browser: &str, owner: Owner<'_>) -> Answer {
        let Ok((now, seed)) = edge() else { return Answer::Page(Fault::Unavailable) };
        let keys = self.keys();
        let (server, mut scratch) = (self.view(&keys, &[]), vec![0; SCRATCH]);
        let mut step = reopen(&server, sealed, browser, now, seed, &mut scratch);
        loop {
            match drive(step, &self.store, self.verifier.as_ref(), None).await {
                End::Owner(need) => step = need.resume(owner),
                End::Reply(reply) => {
                    return reply.page().map_or_else(|| Answer::Redirect(respond(&reply)), Answer::Page);
                }
            }
        }
    }

    async fn ask(
        &self,
        browser: &str,
        begin: impl for<'r> FnOnce(&'r Server<'r>, UnixTime, Entropy<AUTHORIZE_ENTROPY>, &'r mut [u8]) -> Step<'r>,
    ) -> Begun {
        let Ok((now, seed)) = edge() else { return Begun::Done(Answer::Page(Fault::Unavailable)) };
        let keys = self.keys();
        let (server, mut scratch) = (self.view(&keys, &[]), vec![0; SCRATCH]);
        match drive(begin(&server, now, seed, &mut scratch), &self.store, self.verifier.as_ref(), None).await {
            End::Owner(need) => Begun::Ask(pending(&need, browser)),
            End::Reply(reply) => {
                Begun::Done(reply.page().map_or_else(|| Answer::Redirect(respond(&reply)), Answer::Page))
            }
        }
    }
}

fn pending(need: &NeedOwner<'_>, browser: &str) -> Pending {
    let mut buf = vec![0; MAX_REQUEST + SEAL];
    Pending {
        client_id: need.client_id().to_owned(),
        client_name: need.client_name().to_owned(),
        redirect_uri: need.redirect_uri().to_owned(),
        scope: need.scope().to_owned(),
        resource: need.resource().to_owned(),
        access_lifetime: need.access_lifetime(),
        grant_lifetime: need.grant_lifetime(),
        acr_values: need.acr_values().to_owned(),
        login_since: need.login_since(),
        query: need.query().to_owned(),
        sealed: need.export(browser, &mut buf).expect("a request is at most `MAX_REQUEST` bytes").to_owned(),
    }
}

/// The pages of [`authorize_router`]. Their forms post to routes of their own, which call
/// [`AuthorizationServer::reopen`] and [`AuthorizationServer::answer`].
pub trait Pages: Send + Sync + 'static {
    /// The value of the cookie that this browser sent, or, on its first visit, one that is drawn now and that [`Pages::ask`]
    /// sets: at least 128 random bits. `None` if there is no randomness.
    fn browser(&self, headers: &HeaderMap) -> Option<String>;

    /// The page that asks a person: to log in, to consent, or both.
    fn ask(&self, pending: Pending, browser: String, headers: HeaderMap) -> impl Future<Output = Response> + Send;

    /// The page that says why there is nothing to ask. Serve it with [`Fault::page_status`].
    fn refuse(&self, fault: Fault) -> Response;
}

/// The authorization endpoint by GET, and by POST, which is sent on as a GET
/// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)), to be merged with [`super::router`] and
/// the pages' own routes.
pub fn authorize_router<S: Store, P: Pages>(server: Arc<AuthorizationServer<S>>, pages: Arc<P>) -> Router {
    let path = route(server.issuer(), Endpoint::Authorize);
    Router::new().without_v07_checks().route(&path, get(serve::<S, P>).post(by_get::<S, P>)).with_state((server, pages))
}

type Both<S, P> = (Arc<AuthorizationServer<S>>, Arc<P>);

async fn serve<S: Store, P: Pages>(State((server, pages)): State<Both<S, P>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let Some(browser) = pages.browser(&parts.headers) else { return pages.refuse(Fault::Unavailable) };
    match server.begin(query, &browser).await {
        Begun::Ask(pending) => pages.ask(pending, browser, parts.headers).await,
        Begun::Done(Answer::Redirect(response)) => response,
        Begun::Done(Answer::Page(fault)) => pages.refuse(fault),
    }
}

/// Sends the browser on with the same request by GET. It leaves its `SameSite=Lax` cookies at home when another site makes
/// it post: it would be taken for one that was never here before, and be given a cookie that ends the login it has.
async fn by_get<S: Store, P: Pages>(State((server, pages)): State<Both<S, P>>, request: Request) -> Response {
    let body = read(request.into_body()).await;
    if body.len() > MAX_REQUEST {
        return pages.refuse(Fault::TooLong);
    }
    let query = std::str::from_utf8(&body).ok().filter(|text| text.bytes().all(|b| b.is_ascii_graphic() && b != b'#'));
    let Some(query) = query else { return pages.refuse(Fault::Malformed) };
    let endpoint = server.issuer().trim_end_matches('/').to_owned() + Endpoint::Authorize.path();
    let headers = [(LOCATION, format!("{endpoint}?{query}")), (CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}
