//! The endpoints for clients as axum routes, under the issuer's path.

use super::AuthorizationServer;
use crate::store::Store;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use valetkey::server::{Endpoint, MAX_REQUEST};
use valetkey::text::buf::Writer;
use valetkey::text::uri;

/// POST to the token, revocation and introspection endpoints, and GET of the metadata and the key set. Any other method is answered with
/// 405 and `Allow`.
///
/// Add [`super::authorize_router`] for people, and serve it over TLS, or behind what terminates it.
pub fn router<S: Store>(server: Arc<AuthorizationServer<S>>) -> Router {
    let at = |endpoint| route(server.issuer(), endpoint);
    Router::new()
        .without_v07_checks()
        .route(&at(Endpoint::Token), post(token::<S>))
        .route(&at(Endpoint::Revoke), post(revoke::<S>))
        .route(&at(Endpoint::Introspect), post(introspect::<S>))
        .with_state(Arc::clone(&server))
        .merge(metadata_router(server))
}

/// GET of the metadata and of the key set alone, for a program with routes of its own to the endpoints.
pub fn metadata_router<S: Store>(server: Arc<AuthorizationServer<S>>) -> Router {
    let (metadata_path, jwks_path) = (metadata_route(server.issuer()), route(server.issuer(), Endpoint::Jwks));
    Router::new()
        .without_v07_checks()
        .route(&metadata_path, get(metadata::<S>))
        .route(&jwks_path, get(jwks::<S>))
        .with_state(server)
}

async fn token<S: Store>(State(server): State<Arc<AuthorizationServer<S>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    server.token(&parts.headers, &read(body).await).await
}

async fn revoke<S: Store>(State(server): State<Arc<AuthorizationServer<S>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    server.revoke(&parts.headers, &read(body).await).await
}

async fn introspect<S: Store>(State(server): State<Arc<AuthorizationServer<S>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    server.introspect(&parts.headers, &read(body).await).await
}

async fn metadata<S: Store>(State(server): State<Arc<AuthorizationServer<S>>>) -> Response {
    server.metadata()
}

async fn jwks<S: Store>(State(server): State<Arc<AuthorizationServer<S>>>) -> Response {
    server.jwks()
}

/// The body of a request to an endpoint, or, of one that is too long, as much as makes the core refuse it. A body that
/// breaks off has nobody left who reads the answer.
pub async fn read(body: Body) -> Bytes {
    const TOO_LONG: &[u8] = &[b'a'; MAX_REQUEST + 1];
    to_bytes(body, MAX_REQUEST).await.unwrap_or(Bytes::from_static(TOO_LONG))
}

/// The path of an endpoint, as the metadata name it and as axum takes it.
pub fn route(issuer: &str, endpoint: Endpoint) -> String {
    literal(&(path(issuer).trim_end_matches('/').to_owned() + endpoint.path()))
}

fn metadata_route(issuer: &str) -> String {
    let mut buf = vec![0; issuer.len() + 64];
    let mut w = Writer::new(&mut buf);
    uri::metadata_url(&mut w, issuer);
    literal(path(w.finish().unwrap_or_default()))
}

fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// Braces would make a pattern of a path.
fn literal(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8414_3_01_the_well_known_path_goes_between_host_and_path() {
        let metadata = |issuer| metadata_route(issuer);
        assert_eq!(metadata("https://as.example"), "/.well-known/oauth-authorization-server");
        assert_eq!(metadata("https://as.example/"), "/.well-known/oauth-authorization-server");
        assert_eq!(metadata("https://as.example/one"), "/.well-known/oauth-authorization-server/one");
    }

    #[test]
    fn endpoints_lie_under_the_issuer() {
        assert_eq!(route("https://as.example", Endpoint::Token), "/token");
        assert_eq!(route("https://as.example/", Endpoint::Token), "/token");
        assert_eq!(route("https://as.example/one/", Endpoint::Revoke), "/one/revoke");
        assert_eq!(route("https://as.example/{one}", Endpoint::Revoke), "/{{one}}/revoke");
    }
}
