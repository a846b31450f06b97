//! Guessing the secrets of clients is slowed down at every endpoint that takes one, for each client and address together:
//! a stranger elsewhere cannot hold a client back. <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>

use crate::app::Answer;
use crate::headers::NO_STORE;
use crate::pages::Site;
use crate::proxies::Proxies;
use crate::throttle::{Guesses, Wait};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use valetkey::error::ErrorCode;
use valetkey::server::Endpoint;
use valetkey_tokio::server::{AuthorizationServer, Fault, metadata_router, read, route};
use valetkey_tokio::store::Store;

/// The endpoints for clients, where who failed too often must wait before anything is compared. `clock` counts seconds and
/// never goes back.
pub fn endpoints<S: Store>(
    server: Arc<AuthorizationServer<S>>,
    proxies: Proxies,
    clock: impl Fn() -> u64 + Send + Sync + 'static,
) -> (Router, Direct) {
    let at = |endpoint| route(server.issuer(), endpoint);
    let [at_token, at_revoke, at_introspect] = [Endpoint::Token, Endpoint::Revoke, Endpoint::Introspect].map(at);
    let guesses = Mutex::default();
    let slowed = Arc::new(Slowed { server: Arc::clone(&server), proxies, guesses, clock: Box::new(clock) });
    let direct = Direct::to_token(Site::of(server.issuer()).base().to_owned() + Endpoint::Token.path(), &slowed);
    let routes = Router::new()
        .without_v07_checks()
        .route(&at_token, post(token::<S>))
        .route(&at_revoke, post(revoke::<S>))
        .route(&at_introspect, post(introspect::<S>))
        .with_state(slowed)
        .merge(metadata_router(server));
    (routes, direct)
}

/// The token endpoint, for requests by POST that take no way through routes.
pub struct Direct {
    path: String,
    answer: Box<dyn Fn(Request, Peer) -> Answer + Send + Sync>,
}

impl Direct {
    fn to_token<S: Store>(path: String, slowed: &Arc<Slowed<S>>) -> Self {
        let slowed = Arc::clone(slowed);
        let answer = move |request, peer| -> Answer {
            // The room first, so that a future of kilobytes is made where it stays: `Box::pin` would copy all of it.
            let room = Box::new_uninit();
            let answer = Box::write(room, token(State(Arc::clone(&slowed)), peer, request));
            Box::into_pin(answer)
        };
        Self { path, answer: Box::new(answer) }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn answer(&self, request: Request, peer: SocketAddr) -> Answer {
        (self.answer)(request, ConnectInfo(peer))
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Direct(..)")
    }
}

/// A server, and who guessed of late.
struct Slowed<S> {
    server: Arc<AuthorizationServer<S>>,
    proxies: Proxies,
    guesses: Mutex<Guesses>,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
}

async fn token<S: Store>(State(slowed): State<Arc<Slowed<S>>>, peer: Peer, request: Request) -> Response {
    slowed.answer(peer, request, async |headers, body| slowed.server.token(headers, body).await).await
}

async fn revoke<S: Store>(State(slowed): State<Arc<Slowed<S>>>, peer: Peer, request: Request) -> Response {
    slowed.answer(peer, request, async |headers, body| slowed.server.revoke(headers, body).await).await
}

async fn introspect<S: Store>(State(slowed): State<Arc<Slowed<S>>>, peer: Peer, request: Request) -> Response {
    slowed.answer(peer, request, async |headers, body| slowed.server.introspect(headers, body).await).await
}

type Peer = ConnectInfo<SocketAddr>;

impl<S> Slowed<S> {
    /// Answers as `endpoint` does, unless who asks must wait.
    async fn answer(
        &self,
        ConnectInfo(peer): Peer,
        request: Request,
        endpoint: impl AsyncFnOnce(&HeaderMap, &[u8]) -> Response,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let (headers, body) = (parts.headers, read(body).await);
        let address = self.proxies.client(peer.ip(), &headers);
        // Which client it is takes reading the request, so that is asked only where it matters.
        let someone_waits = self.lock().someone_waits(&self.clock);
        if someone_waits
            && let Some(client) = self.server.client(&headers, &body)
            && let Err(Wait(seconds)) = self.lock().ask(client, address, (self.clock)())
        {
            tracing::warn!(target: "valetkey::audit", %client, %address, seconds, "a client was made to wait");
            return wait(seconds);
        }
        let response = endpoint(&headers, &body).await;
        let fault = response.extensions().get::<Fault>();
        if fault.is_some_and(|fault| fault.code() == ErrorCode::InvalidClient)
            && let Some(client) = self.server.client(&headers, &body)
        {
            self.lock().failed(client, address, (self.clock)());
        }
        response
    }

    fn lock(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(seconds: u32) -> Response {
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body =
        r#"{"error":"temporarily_unavailable","error_description":"too many failed client authentications; wait"}"#;
    (StatusCode::TOO_MANY_REQUESTS, [json, NO_STORE, (RETRY_AFTER, seconds.into())], body).into_response()
}
