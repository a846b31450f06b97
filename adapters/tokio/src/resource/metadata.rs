//! Protected resource metadata, served. <https://www.rfc-editor.org/rfc/rfc9728#section-3>

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::sync::Arc;
use valetkey::error::TooSmall;
use valetkey::text::uri::Uri;
use valetkey::wire::resource_metadata::ResourceMetadata;

/// What an API says of itself. What is empty is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// Scopes that are good for something here, space-separated.
    pub scopes: &'a str,
    /// Its name, for people.
    pub name: &'a str,
}

/// Where the document is, and the route that serves it.
pub(super) fn serve(metadata: &ResourceMetadata<'_>) -> (String, Router) {
    let url = written(|buf| metadata.url(buf).map(str::to_owned));
    let document: Arc<str> = written(|buf| metadata.write(buf).map(str::to_owned)).into();
    // A URI has no braces, which would make a pattern of its path; a query is no part of a route.
    let path = Uri::parse(&url).and_then(|uri| uri.rest.split('?').next()).unwrap_or_default().to_owned();
    let handler = async move || ([(CONTENT_TYPE, "application/json")], String::from(&*document));
    (url, Router::new().without_v07_checks().route(&path, get(handler)))
}

fn written(write: impl Fn(&mut [u8]) -> Result<String, TooSmall>) -> String {
    let mut buf = vec![0; 512];
    if let Err(TooSmall { needed }) = write(&mut buf) {
        buf.resize(needed, 0);
    }
    write(&mut buf).unwrap_or_default()
}
