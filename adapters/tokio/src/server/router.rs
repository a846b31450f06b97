//! The endpoints for clients as axum routes, under the issuer's path.

use super::AuthorizationServer;
use crate::store::Store;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use std::future::poll_fn;
use std::pin::Pin;
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
pub async fn read(mut body: Body) -> Vec<u8> {
    let mut read = Vec::new();
    // To ask for what is known not to come would wait for the connection to look again.
    while !body.is_end_stream()
        && let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) if read.len() + data.len() <= MAX_REQUEST => read.extend_from_slice(&data),
            Ok(Err(_trailers)) => {}
            Ok(Ok(_)) | Err(_) => return vec![b'a'; MAX_REQUEST + 1],
        }
    }
    read
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
    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use http_body::Frame;
    use std::task::{Context, Poll};

    /// Comes piece by piece, from the last to the first, and says when no more are to come.
    struct Pieces(Vec<Result<Frame<Bytes>, &'static str>>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            Poll::Ready(Some(self.0.pop().expect("it said that no more would come")))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }

    fn piece(length: usize) -> Result<Frame<Bytes>, &'static str> {
        Ok(Frame::data(vec![b'a'; length].into()))
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_and_no_further() {
        let text = |text: &'static str| Ok(Frame::data(text.into()));
        let trailers = || Ok(Frame::trailers(HeaderMap::new()));
        let body = Pieces(vec![trailers(), text("=2"), text("&b"), text("a=1")]);
        assert_eq!(read(Body::new(body)).await, b"a=1&b=2");
        assert_eq!(read(Body::from("a=1")).await, b"a=1");
        assert_eq!(read(Body::empty()).await, b"");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_or_breaks_off_is_one_that_the_core_refuses() {
        let bodies = [
            (vec![piece(1), piece(MAX_REQUEST - 1)], MAX_REQUEST),
            (vec![piece(2), piece(MAX_REQUEST - 1)], MAX_REQUEST + 1),
            (vec![piece(1), piece(usize::from(u16::MAX))], MAX_REQUEST + 1),
            (vec![Err("broken off"), piece(3)], MAX_REQUEST + 1),
        ];
        for (pieces, length) in bodies {
            assert_eq!(read(Body::new(Pieces(pieces))).await.len(), length);
        }
    }

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
