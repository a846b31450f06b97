//! Guessing the secrets of clients is slowed down at every endpoint that takes one, for each client and address together:
//! a stranger elsewhere cannot hold a client back. <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>

use crate::headers::NO_STORE;
use crate::proxies::Proxies;
use crate::throttle::{Guesses, Wait};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use valetkey::error::ErrorCode;
use valetkey::server::MAX_REQUEST;
use valetkey_tokio::server::{AuthorizationServer, Fault};

/// The endpoints for clients, where who failed too often must wait before anything is compared. `clock` counts seconds and
/// never goes back.
pub fn slowed<S: Send + Sync + 'static>(
    endpoints: Router,
    server: Arc<AuthorizationServer<S>>,
    proxies: Proxies,
    clock: impl Fn() -> u64 + Clone + Send + Sync + 'static,
) -> Router {
    let guesses = Arc::new(Mutex::new(Guesses::default()));
    endpoints.layer(from_fn(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request, next: Next| {
        let (guesses, server, clock) = (Arc::clone(&guesses), Arc::clone(&server), clock.clone());
        let proxies = proxies.clone();
        async move {
            let (parts, body) = request.into_parts();
            // The server refuses what is longer, so no more of it need be handed on.
            let body = to_bytes(body, MAX_REQUEST).await.unwrap_or_else(|_| vec![b'a'; MAX_REQUEST + 1].into());
            let address = proxies.client(peer.ip(), &parts.headers);
            let lock = || guesses.lock().unwrap_or_else(PoisonError::into_inner);
            // Which client it is takes reading the request, so that is asked only where it matters.
            let someone_waits = lock().someone_waits(clock());
            if someone_waits
                && let Some(client) = server.client(&parts.headers, &body)
                && let Err(Wait(seconds)) = lock().ask(client, address, clock())
            {
                tracing::warn!(target: "valetkey::audit", %client, %address, seconds, "a client was made to wait");
                return wait(seconds);
            }
            let headers = parts.headers.clone();
            let response = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;
            let fault = response.extensions().get::<Fault>();
            if fault.is_some_and(|fault| fault.code() == ErrorCode::InvalidClient)
                && let Some(client) = server.client(&headers, &body)
            {
                lock().failed(client, address, clock());
            }
            response
        }
    }))
}

fn wait(seconds: u32) -> Response {
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body =
        r#"{"error":"temporarily_unavailable","error_description":"too many failed client authentications; wait"}"#;
    (StatusCode::TOO_MANY_REQUESTS, [json, NO_STORE, (RETRY_AFTER, seconds.into())], body).into_response()
}
