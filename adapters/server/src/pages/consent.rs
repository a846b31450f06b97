//! The page that asks a person whether a client may act for them.

use super::{Site, page, span};
use crate::headers::FormTarget;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use valetkey::text::uri::{Uri, is_loopback};

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
