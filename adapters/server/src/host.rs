//! The names by which the demo may be called.
//!
//! A page of any site can give its own name the address of this machine (DNS rebinding), and a tunnel can give it one
//! that all the world knows. Both would reach accounts whose passwords everyone knows, and neither can hide its name.

use crate::headers;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use valetkey::text::uri::is_loopback;

/// Whether a request calls this machine by `127.0.0.1`, `[::1]` or `localhost`, or by no name at all.
pub fn is_called(request: &Request) -> bool {
    let uri = request.uri().authority().map(|authority| authority.as_str());
    let mut hosts = request.headers().get_all(header::HOST).into_iter().map(HeaderValue::to_str);
    uri.is_none_or(is_here) && hosts.all(|host| host.is_ok_and(is_here))
}

/// The answer to any other.
pub fn misdirected() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let text = "The demo is for this machine alone: call it by 127.0.0.1 or localhost.\n";
    (StatusCode::MISDIRECTED_REQUEST, [kind, headers::NO_STORE], text).into_response()
}

/// Whether a host, with or without a port, is this machine.
fn is_here(authority: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let host = authority.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(authority, |(host, _)| host);
    is_loopback(host)
}
