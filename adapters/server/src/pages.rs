//! What a person sees in the browser: login, consent, errors and the front page.
//!
//! Pages are rendered here from templates that are checked when the program is compiled. They carry no script, and
//! everything in them that came from outside is escaped. No protocol decision is taken here.

use crate::assets;
use crate::headers::{self, FormTarget};
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt;
use valetkey::text::uri::{Uri, is_loopback};

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

/// Why a login did not succeed, in words for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The username or the password is wrong; which of them is not said.
    Wrong,
    /// Too many attempts: wait for so many seconds.
    Wait(u32),
    /// The password could not be checked now, as too many logins are under way: try again after so many seconds.
    Busy(u32),
    /// The form was sent by another page, or the browser's cookie was lost.
    Stale,
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("That username and password do not match. Check both and try again."),
            Self::Wait(seconds) => write!(f, "Too many attempts. Try again in {}.", span(u64::from(*seconds))),
            Self::Busy(seconds) => {
                write!(f, "Many people are signing in just now. Try again in {}.", span(u64::from(*seconds)))
            }
            Self::Stale => f.write_str("This page was open for too long, or cookies are turned off. Sign in again."),
        }
    }
}

/// The page that asks for username and password. Its form goes to `/login`.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The sealed pending request, carried through the form.
    pub pending: &'a str,
    /// The token against forged posts, of [`crate::sessions::Sessions::csrf`].
    pub csrf: &'a str,
    /// The client's display name.
    pub client_name: &'a str,
    /// What was typed before, or empty.
    pub username: &'a str,
    /// Why this is shown again, if it is.
    pub error: Option<LoginError>,
}

impl LoginPage<'_> {
    fn wrong(&self) -> bool {
        self.error == Some(LoginError::Wrong)
    }

    /// The page with its status and headers: 200; 403 after a wrong password; 429 or 503 with `Retry-After`.
    pub fn respond(&self) -> Response {
        let (status, retry_after) = match self.error {
            None => (StatusCode::OK, None),
            Some(LoginError::Wrong | LoginError::Stale) => (StatusCode::FORBIDDEN, None),
            Some(LoginError::Wait(seconds)) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
            Some(LoginError::Busy(seconds)) => (StatusCode::SERVICE_UNAVAILABLE, Some(seconds)),
        };
        let mut response = page(self, status, FormTarget::Own);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// One scope on the consent page.
#[derive(Clone, Debug)]
pub struct ScopeChoice<'a> {
    /// Its name on the wire.
    pub name: &'a str,
    /// A plain sentence from the configuration's `[scopes]`; without one the name is shown.
    pub description: Option<&'a str>,
    /// Whether its box is ticked.
    pub chosen: bool,
}

/// The page that asks whether a client may act for a person. Its forms go to `/consent`, with `decision` being `allow`
/// (and `scope` once for every ticked scope, and `subject`), `deny`, or `switch`.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The sealed pending request, carried through the form.
    pub pending: &'a str,
    /// The token against forged posts, of [`crate::sessions::Sessions::csrf`].
    pub csrf: &'a str,
    /// The client's display name.
    pub client_name: &'a str,
    /// The client's id.
    pub client_id: &'a str,
    /// The redirect URI that the answer goes to: the page names its host.
    pub redirect_uri: &'a str,
    /// What the client asks for.
    pub scopes: &'a [ScopeChoice<'a>],
    /// Who is signed in, by name.
    pub account: &'a str,
    /// Who is signed in, by id: carried through the form, as somebody else may have signed in by when it is sent.
    pub subject: &'a str,
    /// For how many seconds one access token lasts.
    pub access_seconds: u64,
    /// For how many seconds it may be renewed without asking again; `None` where the client gets no refresh token.
    pub grant_seconds: Option<u64>,
    /// Why this is shown again, if it is.
    pub error: Option<&'a str>,
}

impl ConsentPage<'_> {
    /// What to say when every scope was unticked.
    pub const NOTHING_CHOSEN: &'static str = "Leave at least one box ticked, or choose Deny.";

    /// What to say when somebody else than the page named is signed in by now.
    pub const SOMEBODY_ELSE: &'static str =
        "Somebody else has signed in here since. Look again at whose account it is, then choose.";

    fn duration(&self) -> String {
        let access = span(self.access_seconds);
        match self.grant_seconds {
            Some(grant) => {
                format!("{access} at a time, renewed without asking you for up to {}.", span(grant))
            }
            None => format!("{access}. After that it has to ask you again."),
        }
    }

    fn destination(&self) -> String {
        let Some(uri) = Uri::parse(self.redirect_uri) else { return String::new() };
        // With its port, but without a user name before it, as that could pose as the host.
        let shown = uri.authority.map(|authority| authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        match (uri.scheme, uri.host(), shown) {
            ("http" | "https", Some(host), Some(shown)) if is_loopback(host) => {
                format!("A program on this device ({shown})")
            }
            ("http" | "https", _, Some(shown)) => shown.to_owned(),
            (scheme, ..) => format!("The app on this device that opens {scheme}: links"),
        }
    }

    /// The page with its headers. Status 200, or 422 where it is shown again with an error.
    ///
    /// The content security policy lets the answer to the form redirect to the client; see [`FormTarget::Client`].
    pub fn respond(&self) -> Response {
        let status = if self.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        page(self, status, FormTarget::Client { redirect_uri: self.redirect_uri })
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
