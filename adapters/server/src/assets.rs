//! The style sheet and the icon, compiled in. Their addresses carry a digest of their content, so that a browser may
//! keep them for ever and still gets new ones after an upgrade.

use axum::Router;
use axum::http::{HeaderName, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const CSS: &str = include_str!("../assets/valetkey.css");
const ICON: &str = include_str!("../assets/valetkey.svg");

static CSS_PATH: LazyLock<String> = LazyLock::new(|| versioned("/assets/valetkey.css", CSS));
static ICON_PATH: LazyLock<String> = LazyLock::new(|| versioned("/assets/valetkey.svg", ICON));

/// Path and version of the style sheet.
pub fn css_path() -> &'static str {
    &CSS_PATH
}

/// Path and version of the icon.
pub fn icon_path() -> &'static str {
    &ICON_PATH
}

/// The routes of both, with `base` before them.
pub fn router(base: &str) -> Router {
    let css = |uri: Uri| async move { serve(&uri, css_path(), "text/css; charset=utf-8", CSS) };
    let icon = |uri: Uri| async move { serve(&uri, icon_path(), "image/svg+xml", ICON) };
    Router::new()
        .without_v07_checks()
        .route(&format!("{base}/assets/valetkey.css"), get(css))
        .route(&format!("{base}/assets/valetkey.svg"), get(icon))
}

fn versioned(path: &str, content: &str) -> String {
    let digest = Base64UrlUnpadded::encode_string(&Sha256::digest(content.as_bytes()));
    format!("{path}?v={}", digest.get(..12).unwrap_or_default())
}

fn serve(uri: &Uri, current: &str, kind: &'static str, content: &'static str) -> impl IntoResponse + use<> {
    // What is asked for by another version's address must not be kept under it. A path may stand before ours.
    let asked = uri.path_and_query().map_or("", |path| path.as_str());
    let keep = if asked.ends_with(current) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, keep),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ];
    (headers, content)
}
