//! What every page for people works with: who is signed in, in which browser, and whether a form is one of ours.
//!
//! Between two requests nothing is kept: what a page must know when its form comes back travels through the form, sealed.

use crate::database::in_time;
use crate::pages::{ErrorPage, Site};
use crate::passwords::Passwords;
use crate::proxies::Proxies;
use crate::serve::BODY_LIMIT;
use crate::sessions::{Browser, Login, Sessions, came_from_here, rests_on};
use crate::system::unix_time;
use crate::throttle::Throttle;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use valetkey::server::Endpoint;
use valetkey::server::change::{Key, Version};
use valetkey::server::record::{OwnedAccount, OwnedRecord};
use valetkey::text::buf::Writer;
use valetkey::text::form::Encoded;
use valetkey_tokio::server::{Answer, AuthorizationServer, Begun, Fault, Pending};
use valetkey_tokio::store::Store;
use zeroize::Zeroizing;

/// What the pages work with.
pub struct People<S> {
    pub(crate) server: Arc<AuthorizationServer<S>>,
    pub(crate) site: Site,
    pub(crate) sessions: Sessions,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Mutex<Throttle>,
    pub(crate) scopes: BTreeMap<String, String>,
    pub(crate) proxies: Proxies,
    /// Of which class a login is; empty if nobody says.
    pub(crate) acr: String,
    /// The throttle counts from here, as it must not be led astray when the clock is set.
    pub(crate) started: Instant,
}

impl<S> fmt::Debug for People<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People").field("site", &self.site).finish_non_exhaustive()
    }
}

/// What a handler of the pages' routes is given.
pub(crate) type Ours<S> = State<Arc<People<S>>>;

/// Title, what happened, and what to do, for a person.
fn explain(fault: Fault) -> (&'static str, &'static str, &'static str) {
    const BEGIN_AGAIN: &str = "Go back to the application that you came from and begin again.";
    match fault {
        Fault::BadPending | Fault::ExpiredPending | Fault::OtherBrowser => (
            "This page can no longer be used",
            "It was open for too long, or was begun in another browser, or cookies are turned off.",
            BEGIN_AGAIN,
        ),
        Fault::AlreadyAnswered => (
            "You have answered this already",
            "Your first answer counts. It was sent to the application.",
            "Go back to the application that you came from.",
        ),
        fault if fault.status() >= 500 => (
            "This does not work just now",
            "The server has a problem that has nothing to do with you.",
            "Wait a little, then try again.",
        ),
        _ => (
            "This link does not work",
            "The application that sent you here asked in a way that this server does not accept. Nothing was shared with it.",
            "Go back and try again. If it happens again, tell the people who run the application.",
        ),
    }
}

/// A form that came from one of our own pages, in the browser that was shown it.
pub(crate) struct Posted {
    body: Zeroizing<String>,
    pub(crate) browser: Browser,
    pub(crate) headers: HeaderMap,
}

impl Posted {
    /// The decoded values of a field, in their order.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        values(&self.body, name)
    }

    pub(crate) fn value(&self, name: &str) -> String {
        self.values(name).next().unwrap_or_default()
    }
}

/// Who is signed in.
pub(crate) struct SignedIn {
    pub(crate) login: Login,
    pub(crate) account: OwnedAccount,
}

impl<S: Store> People<S> {
    /// Pages of `server`; each scope is shown by its description in `scopes`.
    pub fn new(
        server: Arc<AuthorizationServer<S>>,
        sessions: Sessions,
        passwords: Passwords,
        scopes: BTreeMap<String, String>,
        proxies: Proxies,
    ) -> Self {
        let site = Site::of(server.issuer());
        let (throttle, started) = (Mutex::default(), Instant::now());
        Self { server, site, sessions, passwords, throttle, scopes, proxies, acr: String::new(), started }
    }

    /// Its logins are of this authentication context class.
    #[must_use]
    pub fn with_acr(self, acr: String) -> Self {
        Self { acr, ..self }
    }

    /// The browser that sent this, or, on its first visit, one that is drawn now and that [`Self::remember`] is to tell.
    pub(crate) fn browser(&self, headers: &HeaderMap) -> Option<Browser> {
        self.sessions.browser(texts(headers, COOKIE)).or_else(|| Browser::draw().ok())
    }

    /// Tells a browser that came for the first time its cookie.
    pub(crate) fn remember(&self, browser: &Browser, headers: &HeaderMap, response: &mut Response) {
        if self.sessions.browser(texts(headers, COOKIE)).is_none() {
            set_cookie(response, &self.sessions.browser_cookie(browser));
        }
    }

    /// Reads a form and holds it to be ours: by where it came from, and by the browser's cookie and the form's token.
    pub(crate) async fn posted(&self, request: Request) -> Result<Posted, Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| self.fault(Fault::TooLong))?;
        let body = text(body).ok_or_else(|| self.fault(Fault::Malformed))?;
        let header = |name| texts(&headers, name).next();
        let from_here = came_from_here(header(SEC_FETCH_SITE), header(ORIGIN), self.server.issuer());
        let browser = self.sessions.browser(texts(&headers, COOKIE));
        let csrf = values(&body, "csrf").next().unwrap_or_default();
        let browser = browser.filter(|browser| from_here && self.sessions.csrf_holds(browser, &csrf));
        let browser = browser.ok_or_else(|| self.fault(Fault::OtherBrowser))?;
        Ok(Posted { body, browser, headers })
    }

    /// The client's request that a form carries; its seal is the core's to check.
    pub(crate) async fn reopened(&self, posted: &Posted) -> Result<Pending, Response> {
        match self.server.reopen(&posted.value("pending"), &posted.browser.value()).await {
            Begun::Ask(pending) => Ok(pending),
            Begun::Done(answer) => Err(self.done(answer)),
        }
    }

    pub(crate) fn done(&self, answer: Answer) -> Response {
        match answer {
            Answer::Redirect(response) => response,
            Answer::Page(fault) => self.fault(fault),
        }
    }

    /// Sends the browser to a page of ours by GET, so that loading that again sends no form again. `path` begins with a
    /// slash. The host is left out: the browser stays with the name by which it came, to which its cookies belong.
    pub(crate) fn see(&self, path: &str) -> Response {
        match HeaderValue::from_str(&format!("{}{path}", self.site.base())) {
            Ok(location) => {
                let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            Err(_) => self.fault(Fault::Malformed),
        }
    }

    /// Sends the browser to a client's request once more: it has logged in or out since.
    pub(crate) fn ask_again(&self, pending: &Pending) -> Response {
        self.see(&format!("{}?{}", Endpoint::Authorize.path(), pending.query))
    }

    /// Who is signed in in this browser, if the account may still be used and the login was not ended.
    pub(crate) async fn signed_in(&self, browser: &Browser, headers: &HeaderMap) -> Result<Option<SignedIn>, Fault> {
        let now = unix_time().ok_or(Fault::Unavailable)?;
        let Some(login) = self.sessions.login(browser, texts(headers, COOKIE), now.0) else { return Ok(None) };
        let found = self.account(&login.subject).await?;
        let holds = found.filter(|(account, _)| rests_on(account) == login.rests_on);
        Ok(holds.map(|(account, _)| SignedIn { login, account }))
    }

    /// The page that says what is wrong.
    pub(crate) fn fault(&self, fault: Fault) -> Response {
        let status = fault.page_status();
        let (title, message, what_to_do) = explain(fault);
        let page = ErrorPage {
            site: &self.site,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            title,
            message,
            what_to_do,
            code: Some(fault.description()),
        };
        let mut response = page.respond();
        response.extensions_mut().insert(fault);
        if status == 503 {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }

    /// The account of that name; `None` where there is none, or it is locked.
    pub(crate) async fn account(&self, subject: &str) -> Result<Option<(OwnedAccount, Version)>, Fault> {
        let keys = [Some(Key::account(subject)), None, None, None];
        let [found, ..] = in_time(self.server.store().load(&keys)).await.map_err(|error| {
            tracing::error!(error = %error.causes(), "an account could not be looked up");
            Fault::Unavailable
        })?;
        Ok(match found.map(|(record, at)| (Arc::unwrap_or_clone(record), at)) {
            Some((OwnedRecord::Account(account), at)) if account.live => Some((account, at)),
            _ => None,
        })
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(crate) fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

pub(crate) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn text(body: Bytes) -> Option<Zeroizing<String>> {
    String::from_utf8(body.to_vec()).ok().map(Zeroizing::new)
}

fn values<'a>(body: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(found, _)| Encoded::new(found).is(name)).filter_map(|(_, value)| decode(value))
}

fn decode(value: &str) -> Option<String> {
    let mut buf = Zeroizing::new(vec![0; value.len()]);
    let mut writer = Writer::new(&mut buf);
    Encoded::new(value).decode(&mut writer).ok()?;
    writer.finish().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use valetkey::secret::Secret;
    use valetkey::server::change::{Change, Committed, Keys, OwnedFound};
    use valetkey_tokio::server::{DEADLINE, Policy, ServerKey};
    use valetkey_tokio::store::{By, StoreError};

    /// Its disk never answers.
    struct Stuck;

    impl Store for Stuck {
        async fn load(&self, _: &Keys) -> Result<OwnedFound, StoreError> {
            pending().await
        }

        async fn commit(&self, _: &Change<'_>) -> Result<Committed, StoreError> {
            pending().await
        }

        async fn scan(&self, _: By, _: Option<Key>, _: usize) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
            pending().await
        }

        async fn sweep(&self, _: valetkey::time::UnixTime, _: usize) -> Result<usize, StoreError> {
            pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_does_not_wait_for_a_store_that_never_answers() {
        let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
        let server = AuthorizationServer::new("https://id.example", Policy::OAUTH21, keys, Stuck).unwrap();
        let sessions = Sessions::new(vec![Secret::new([7; 32])], true);
        let people = People::new(server.into(), sessions, Passwords::new(1, 0), BTreeMap::new(), Proxies::default());
        let asked = tokio::time::Instant::now();
        assert_eq!(people.account("alice").await, Err(Fault::Unavailable));
        assert_eq!(asked.elapsed().as_secs(), DEADLINE.as_secs());
    }
}
