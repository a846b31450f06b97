//! The demo's API: what a token with scope `read` opens.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use valetkey_tokio::resource::{Audience, Guard};
use valetkey_tokio::server::AuthorizationServer;
use valetkey_tokio::store::Store;

/// `/api/data` under the path `base`, guarded straight from the server's store.
pub fn router<S: Store>(base: &str, server: Arc<AuthorizationServer<S>>) -> Router {
    let resource = format!("{}/api", server.issuer());
    let guard = Guard::new(server.issuer().to_owned(), Audience::IfNamed(&resource), server).needing("read");
    Router::new().without_v07_checks().route(&format!("{base}/api/data"), get(data).layer(guard))
}

async fn data() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, r#"{"data":"This is protected data."}"#).into_response()
}
