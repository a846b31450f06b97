//! The names by which the demo may be called.
//!
//! A page of any site can give its own name the address of this machine (DNS rebinding), and a tunnel can give it one
//! that all the world knows. Both would reach accounts whose passwords everyone knows, and neither can hide its name.

use crate::headers;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use valetkey::text::uri::{Uri, is_loopback};

/// Serves a request only if it calls this machine by `127.0.0.1`, `[::1]` or `localhost`, or by no name at all.
pub async fn loopback_only(request: Request, next: Next) -> Response {
    let uri = request.uri().authority().map(|authority| authority.as_str());
    let mut hosts = request.headers().get_all(header::HOST).into_iter().map(HeaderValue::to_str);
    if uri.is_none_or(is_here) && hosts.all(|host| host.is_ok_and(is_here)) {
        return next.run(request).await;
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let text = "The demo is for this machine alone: call it by 127.0.0.1 or localhost.\n";
    (StatusCode::MISDIRECTED_REQUEST, [kind, headers::NO_STORE], text).into_response()
}

/// Whether a host, with or without a port, is this machine.
fn is_here(authority: &str) -> bool {
    let url = format!("http://{authority}/");
    Uri::parse(&url).and_then(|uri| uri.host()).is_some_and(is_loopback)
}
