//! The page that asks for username and password.

use super::{Notice, Site, page, span};
use crate::headers::FormTarget;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::fmt;

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

/// Where a login leads.
#[derive(Clone, Copy, Debug)]
pub enum LoginTo<'a> {
    /// To the person's own account.
    Account {
        /// What was done just before, if anything.
        notice: Option<Notice>,
    },
    /// To a client's request.
    Client {
        /// The sealed pending request, carried through the form.
        pending: &'a str,
        /// The client's display name.
        name: &'a str,
    },
}

/// The page that asks for username and password. Its form goes to `/login`.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The token against forged posts, of [`crate::sessions::Sessions::csrf`].
    pub csrf: &'a str,
    /// Where it leads.
    pub to: LoginTo<'a>,
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
