//! Requests and responses as values, for whatever HTTP library is at hand.

use super::{AuthorizationServer, Fault};
use crate::store::Store;
use std::fmt;
use valetkey::error::TooSmall;
use valetkey::server::{self, Endpoint, FormRequest, Reply};
use valetkey::text::buf::Writer;
use valetkey::text::uri;
use valetkey::wire::header::Header;

/// What came over HTTP, as far as the endpoints for clients look at it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// `GET`, `POST`.
    pub method: &'r str,
    /// The path, without the query.
    pub path: &'r str,
    /// `Authorization`: see [`header`].
    pub authorization: Header<'r>,
    /// `Content-Type`: see [`header`].
    pub content_type: Header<'r>,
    /// Of a longer body hand on no more than [`MAX_REQUEST`](valetkey::server::MAX_REQUEST) and one bytes: it is refused
    /// all the same.
    pub body: &'r [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What to answer over HTTP. The body, and the `Location` of a redirect, may bear tokens or a code: neither is for a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// All headers but `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body; leave it out where the method was HEAD.
    pub body: String,
    /// Why it refuses, if it does: for metrics, and for a limit on guesses.
    pub fault: Option<Fault>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// How often a header came, and what it says if it came once. `values` are those of all its fields; one that holds bytes
/// beyond visible ASCII counts as [`Header::Many`]: refused.
///
/// ```
/// use valetkey::wire::header::Header;
/// use valetkey_blocking::server::header;
/// assert!(matches!(header([&b"Bearer a"[..]]), Header::One("Bearer a")));
/// assert!(matches!(header([&b"Bearer a"[..], b"Bearer b"]), Header::Many));
/// ```
pub fn header<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Header<'h> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => match std::str::from_utf8(value) {
            Ok(text) if text.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~')) => Header::One(text),
            _ => Header::Many,
        },
        (Some(_), Some(_)) => Header::Many,
    }
}

impl<S: Store> AuthorizationServer<S> {
    /// Answers requests to the endpoints for clients: POST to the token, revocation and introspection endpoints, GET of the
    /// metadata and the key set, all under the issuer's path. `None` if the path is none of theirs: the authorization
    /// endpoint, say, for which [`Self::begin`] and [`Self::answer`] are.
    pub fn handle(&self, request: &Request<'_>) -> Option<Response> {
        let Request { method, path, authorization, content_type, body } = *request;
        let form = FormRequest { authorization, content_type, body };
        let at = |endpoint: Endpoint| {
            let base = path_of(self.issuer()).trim_end_matches('/');
            path.strip_prefix(base) == Some(endpoint.path())
        };
        let by_post = |answer: fn(&Self, &FormRequest<'_>) -> Response| match method {
            "POST" => answer(self, &form),
            _ => not_allowed("POST"),
        };
        let by_get = |answer: fn(&Self) -> Response| match method {
            "GET" | "HEAD" => answer(self),
            _ => not_allowed("GET, HEAD"),
        };
        match () {
            () if at(Endpoint::Token) => Some(by_post(Self::token)),
            () if at(Endpoint::Revoke) => Some(by_post(Self::revoke)),
            () if at(Endpoint::Introspect) => Some(by_post(Self::introspect)),
            () if at(Endpoint::Jwks) => Some(by_get(Self::jwks)),
            () if path == metadata_path(self.issuer()) => Some(by_get(Self::metadata)),
            () => None,
        }
    }
}

fn metadata_path(issuer: &str) -> String {
    let mut buf = vec![0; issuer.len() + 64];
    let mut w = Writer::new(&mut buf);
    uri::metadata_url(&mut w, issuer);
    path_of(w.finish().unwrap_or_default()).to_owned()
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

impl Response {
    pub(super) fn json(content_type: &str, body: String) -> Self {
        Self { status: 200, headers: vec![("Content-Type", content_type.to_owned())], body, fault: None }
    }

    /// Without headers and body.
    pub(crate) const fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), fault: None }
    }

    /// What is wrong with this machine or program is told to its operator only.
    pub(crate) fn broken(why: &dyn fmt::Display) -> Self {
        tracing::error!(%why, "a request could not be served");
        Self::bare(500)
    }
}

fn not_allowed(allow: &str) -> Response {
    Response { headers: vec![("Allow", allow.to_owned())], ..Response::bare(405) }
}

/// The reply as a response.
pub(super) fn respond(reply: &Reply<'_>) -> Response {
    let mut buf = vec![0; 2048];
    if let Err(TooSmall { needed }) = reply.write(&mut buf) {
        buf.resize(needed, 0);
    }
    match reply.write(&mut buf) {
        Ok(response) => Response { fault: reply.fault(), ..owned(&response) },
        Err(error) => Response::broken(&error),
    }
}

fn owned(response: &server::Response<'_>) -> Response {
    let headers = response.headers().map(|(name, value)| (name, value.to_owned())).collect();
    Response { status: response.status(), headers, body: response.body().to_owned(), fault: None }
}
