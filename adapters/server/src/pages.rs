//! What a person sees in the browser: login, consent, the account, errors and the front page.
//!
//! Pages are rendered here from templates that are checked when the program is compiled. They carry no script, and
//! everything in them that came from outside is escaped. No protocol decision is taken here.

use crate::assets;
use crate::headers::{self, FormTarget};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

mod account;
mod consent;
mod login;

pub use account::{AccountPage, Allowed, Notice};
pub use consent::{ConsentPage, ScopeChoice};
pub use login::{LoginError, LoginPage, LoginTo};

/// Where the pages live: the path of the issuer, so that links also work behind a proxy that serves a subfolder.
#[derive(Clone, Debug)]
pub struct Site {
    base: String,
}

impl Site {
    /// The site of the given issuer, such as `https://id.example/login`, whose pages are all under `/login`.
    pub fn of(issuer: &str) -> Self {
        let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let path = rest.find('/').map_or("", |at| rest.split_at(at).1);
        Self { base: path.trim_end_matches('/').to_owned() }
    }

    /// The path before every route, without a slash at its end; mostly empty.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the style sheet is; changes with its content.
    pub fn css(&self) -> String {
        format!("{}{}", self.base, assets::css_path())
    }

    /// Where the icon is; changes with its content.
    pub fn icon(&self) -> String {
        format!("{}{}", self.base, assets::icon_path())
    }
}

/// The page that says what went wrong where no client can be told.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The HTTP status.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: &'a str,
    /// What happened, in a sentence.
    pub message: &'a str,
    /// What the person can do now.
    pub what_to_do: &'a str,
    /// A short word for the application's developer, such as `invalid_request: redirect_uri`.
    pub code: Option<&'a str>,
}

impl ErrorPage<'_> {
    /// The page with its headers.
    pub fn respond(&self) -> Response {
        page(self, self.status, FormTarget::None)
    }
}

/// The front page at `/`.
#[derive(Template)]
#[template(path = "landing.html")]
pub struct LandingPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The issuer.
    pub issuer: &'a str,
    /// The URL of the metadata.
    pub metadata: &'a str,
    /// Whether the demo's accounts are there.
    pub demo: bool,
}

impl LandingPage<'_> {
    /// The page with its headers.
    pub fn respond(&self) -> Response {
        page(self, StatusCode::OK, FormTarget::None)
    }
}

fn page(template: &impl Template, status: StatusCode, target: FormTarget<'_>) -> Response {
    match template.render() {
        Ok(html) => (status, headers::of_page(target), html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Seconds as people say them, such as `10 minutes`, `1 hour` or `90 days`. Never says less than it is.
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    for (length, name) in UNITS {
        // A unit is used once two of it are full, or one exactly, so that rounding up never errs by much.
        if seconds >= 2 * length || seconds == length {
            let count = seconds.div_ceil(length);
            return format!("{count} {name}{}", if count == 1 { "" } else { "s" });
        }
    }
    format!("{seconds} second{}", if seconds == 1 { "" } else { "s" })
}
