//! Cross-origin requests: a page of a browser-based client may call the endpoints that it needs, from the origins of the
//! redirect URIs that live clients registered, and from nowhere else. <https://fetch.spec.whatwg.org/#http-cors-protocol>
//!
//! Shared are the token and revocation endpoints, the metadata and the key set. Introspection is not, as only APIs call it, whose
//! secrets have no place in a browser; nor is what a browser is sent to, `/authorize` and the pages
//! (<https://www.rfc-editor.org/rfc/rfc9700#section-2.6>). Cookies are never let through.
//!
//! It is no layer of tower-http: that one answers each OPTIONS itself and cannot tell one route from another.

use crate::config::metadata_url;
use crate::database::in_time;
use crate::pages::Site;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;
use valetkey::server::Endpoint;
use valetkey::server::change::Kind;
use valetkey::server::record::OwnedRecord;
use valetkey::text::uri::is_loopback;
use valetkey_tokio::server::AuthorizationServer;
use valetkey_tokio::store::{By, Store, StoreError};

/// For how many seconds the origins that were read hold: a new client is known, and a removed one forgotten, within this
/// time. However many strangers ask, the clients are not read more often.
pub const FRESH_SECONDS: u64 = 5;

/// Records in one page of the walk over the clients.
const PAGE: usize = 200;

const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, dpop");
/// What a client must read besides the body: a challenge, the nonce for its next proof
/// ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)), and how long it is to wait.
const EXPOSED: HeaderValue = HeaderValue::from_static("DPoP, DPoP-Nonce, Retry-After, WWW-Authenticate");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
/// In seconds. What a browser keeps is which methods and headers there are; each answer still names its own origin.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// What is shared, and with whom.
pub struct Sharing {
    paths: Paths,
    origins: Arc<Origins>,
    /// Reads the origins of live clients.
    registered: Box<dyn Fn() -> Reading + Send + Sync>,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
}

type Reading = Pin<Box<dyn Future<Output = Result<HashSet<String>, StoreError>> + Send>>;

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sharing(..)")
    }
}

impl Sharing {
    /// The endpoints of `server`, with the origins of its clients. `clock` counts seconds and never goes back.
    pub fn new<S: Store>(server: Arc<AuthorizationServer<S>>, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let paths = Paths::of(server.issuer());
        let registered = move || -> Reading {
            let server = Arc::clone(&server);
            Box::pin(async move { registered(server.store()).await })
        };
        Self { paths, origins: Arc::default(), registered: Box::new(registered), clock: Box::new(clock) }
    }

    /// With whom the answer to a request is shared; nothing if what it asks for is not shared with anyone.
    pub(crate) async fn of(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Shared> {
        let shared = self.paths.method(path)?;
        let origin = match one_origin(headers) {
            Some(origin) if self.has(&origin).await => HeaderValue::try_from(origin).ok(),
            _ => None,
        };
        let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let preflight = (asks && origin.is_some()).then_some(shared);
        Some(Shared { origin, preflight })
    }

    /// Whether the origin is that of a live client.
    async fn has(&self, origin: &str) -> bool {
        let (origins, now) = (&self.origins, (self.clock)());
        if let Some(answer) = origins.fresh(origin, now) {
            return answer;
        }
        let reading = Arc::clone(&origins.reading).lock_owned().await;
        if let Some(answer) = origins.fresh(origin, now) {
            return answer;
        }
        let (found, read) = ((self.registered)(), Arc::clone(origins));
        // A task of its own: one that hangs up must not make the next begin from the start.
        let read = tokio::spawn(async move {
            let found = found.await;
            let mut known = read.known.write().unwrap_or_else(PoisonError::into_inner);
            known.read_at = Some(now);
            match found {
                Ok(origins) => known.origins = origins,
                // What was known stays, as the store will hardly take a request of theirs either.
                Err(error) => tracing::error!(error = %error.causes(), "the clients cannot be read"),
            }
            drop(reading);
        });
        read.await.is_ok() && origins.fresh(origin, now).unwrap_or(false)
    }
}

/// With whom an answer is shared. Whatever refuses a request gives its answer here too, as a client must be able to read
/// what it is told.
pub(crate) struct Shared {
    origin: Option<HeaderValue>,
    /// What the browser may do, where it only asks.
    preflight: Option<&'static str>,
}

impl Shared {
    /// The answer to a browser that only asks whether it may send a request.
    pub(crate) fn preflight(&self) -> Option<Response> {
        self.preflight.map(allowed)
    }

    /// Shares an answer.
    pub(crate) fn share(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.append(VARY, BY_ORIGIN);
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// The answer to a browser that asks whether it may send a request.
fn allowed(method: &'static str) -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(method)),
        (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn one_origin(headers: &HeaderMap) -> Option<String> {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
    Some(origin.to_str().ok()?.to_owned())
}

/// What is shared: paths, and the method of each.
struct Paths([(String, &'static str); 4]);

impl Paths {
    fn of(issuer: &str) -> Self {
        let base = Site::of(issuer).base().to_owned();
        let metadata = Site::of(&metadata_url(issuer)).base().to_owned();
        let at = |endpoint: Endpoint| format!("{base}{}", endpoint.path());
        Self([
            (at(Endpoint::Token), "POST"),
            (at(Endpoint::Revoke), "POST"),
            (metadata, "GET"),
            (at(Endpoint::Jwks), "GET"),
        ])
    }

    fn method(&self, path: &str) -> Option<&'static str> {
        self.0.iter().find(|(shared, _)| shared == path).map(|(_, method)| *method)
    }
}

/// The origins of the redirect URIs of live clients, as they were read last.
#[derive(Default)]
struct Origins {
    known: RwLock<Known>,
    /// Held by who reads them anew.
    reading: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Known {
    origins: HashSet<String>,
    read_at: Option<u64>,
}

impl Origins {
    /// Whether it is one of them; `None` if they were read too long ago to say.
    fn fresh(&self, origin: &str, now: u64) -> Option<bool> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.read_at.is_some_and(|read_at| now.saturating_sub(read_at) < FRESH_SECONDS);
        fresh.then(|| known.origins.contains(origin))
    }
}

async fn registered<S: Store>(store: &S) -> Result<HashSet<String>, StoreError> {
    let (mut origins, mut after) = (HashSet::new(), None);
    loop {
        let page = in_time(store.scan(By::Kind(Kind::Client), after, PAGE)).await?;
        for (_, record, _) in &page {
            if let OwnedRecord::Client(client) = record
                && client.live
            {
                origins.extend(client.redirect_uris.split_ascii_whitespace().filter_map(origin_of));
            }
        }
        match page.last() {
            Some((key, ..)) if page.len() >= PAGE => after = Some(*key),
            _ => return Ok(origins),
        }
    }
}

/// The origin that a browser names for a page at a redirect URI; `None` where no browser is meant: for a private-use scheme.
fn origin_of(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    let is_web = url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
    is_web.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let origin = |uri| origin_of(uri).unwrap_or_default();
        assert_eq!(origin("https://App.Example/cb?x=https://other.example"), "https://app.example");
        assert_eq!(origin("https://app.example:443/cb"), "https://app.example");
        assert_eq!(origin("https://app.example:8443/cb"), "https://app.example:8443");
        assert_eq!(origin("https://[2001:DB8::1]/cb"), "https://[2001:db8::1]");
        assert_eq!(origin("http://127.0.0.1:9099/cb"), "http://127.0.0.1:9099");
        assert_eq!(origin("http://[::1]/cb"), "http://[::1]");
        assert_eq!(origin("http://localhost:80/cb"), "http://localhost");
    }

    #[test]
    fn what_is_no_page_of_a_browser_has_no_origin() {
        for uri in ["com.example.app:/cb", "http://app.example/cb", "file:///cb", "data:text/html,x", "/cb", ""] {
            assert_eq!(origin_of(uri), None, "{uri}");
        }
    }

    #[test]
    fn what_is_shared_lies_under_the_issuer() {
        let paths = Paths::of("https://as.example/one");
        assert_eq!(paths.method("/one/token"), Some("POST"));
        assert_eq!(paths.method("/one/revoke"), Some("POST"));
        assert_eq!(paths.method("/one/jwks.json"), Some("GET"));
        assert_eq!(paths.method("/.well-known/oauth-authorization-server/one"), Some("GET"));
        for path in ["/token", "/one/introspect", "/one/authorize", "/one/token/", "/one"] {
            assert_eq!(paths.method(path), None, "{path}");
        }
    }
}
