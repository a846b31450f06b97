//! The authorization endpoint for people: shows login and consent, and takes what is posted from them.
//!
//! ```text
//!  GET /authorize -> signed in? -- no --> login page   -- POST /login   --> consent page
//!                         '------- yes -> consent page -- POST /consent --> back to the client
//! ```
//!
//! What may be asked and what an answer comes to is the core's to say; here it is only put to the person. Between two
//! requests nothing is kept: the pending request travels through the forms, sealed.

use crate::pages::{ConsentPage, ErrorPage, LoginError, LoginPage, ScopeChoice, Site};
use crate::passwords::{Busy, Password, Passwords};
use crate::proxies::Proxies;
use crate::serve::BODY_LIMIT;
use crate::sessions::{Browser, Login, Sessions, came_from_here};
use crate::throttle::{Throttle, Wait};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{COOKIE, ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use valetkey::server::change::Key;
use valetkey::server::record::{OwnedAccount, OwnedRecord};
use valetkey::text::buf::Writer;
use valetkey::text::form::Encoded;
use valetkey::time::UnixTime;
use valetkey_tokio::server::{Answer, AuthorizationServer, Begun, Fault, Owner, Pages, Pending, authorize_router};
use valetkey_tokio::store::Store;
use zeroize::Zeroizing;

/// What the pages work with.
pub struct People<S> {
    server: Arc<AuthorizationServer<S>>,
    site: Site,
    sessions: Sessions,
    passwords: Passwords,
    throttle: Mutex<Throttle>,
    scopes: BTreeMap<String, String>,
    proxies: Proxies,
    /// The throttle counts from here, as it must not be led astray when the clock is set.
    started: Instant,
}

impl<S> fmt::Debug for People<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("People").field("site", &self.site).finish_non_exhaustive()
    }
}

/// `/authorize`, and `/login` and `/consent` for the forms of its pages.
pub fn router<S: Store>(people: People<S>) -> Router {
    let people = Arc::new(people);
    let at = |path: &str| format!("{}{path}", people.site.base());
    let forms = Router::new()
        .without_v07_checks()
        .route(&at("/login"), post(login::<S>).get(not_by_itself::<S>))
        .route(&at("/consent"), post(consent::<S>).get(not_by_itself::<S>))
        .with_state(Arc::clone(&people));
    authorize_router(Arc::clone(&people.server), people).merge(forms)
}

impl<S: Store> Pages for People<S> {
    fn browser(&self, headers: &HeaderMap) -> Option<String> {
        let known = self.sessions.browser(texts(headers, COOKIE));
        Some(known.or_else(|| Browser::draw().ok())?.value())
    }

    async fn ask(&self, pending: Pending, browser: String, headers: HeaderMap) -> Response {
        let Some(browser) = Browser::read(&browser) else { return self.refuse(Fault::Unavailable) };
        let mut response = match self.signed_in(&browser, &headers).await {
            Ok(Some((_, account))) => self.consent_page(&pending, &browser, &account, None),
            Ok(None) => self.login_page(&pending, &browser, "", None),
            Err(fault) => return self.refuse(fault),
        };
        if self.sessions.browser(texts(&headers, COOKIE)).is_none() {
            set_cookie(&mut response, &self.sessions.browser_cookie(&browser));
        }
        response
    }

    fn refuse(&self, fault: Fault) -> Response {
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
}

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
struct Posted {
    body: Zeroizing<String>,
    browser: Browser,
    headers: HeaderMap,
    pending: Pending,
}

impl Posted {
    /// The decoded values of a field, in their order.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        values(&self.body, name)
    }

    fn value(&self, name: &str) -> String {
        self.values(name).next().unwrap_or_default()
    }
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
        Self { server, site, sessions, passwords, throttle, scopes, proxies, started }
    }

    /// Reads a form and holds it to be ours: by where it came from, by the browser's cookie and the form's token, and,
    /// in the core, by the seal of the pending request.
    async fn posted(&self, request: Request) -> Result<Posted, Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers;
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| self.refuse(Fault::TooLong))?;
        let body = text(body).ok_or_else(|| self.refuse(Fault::Malformed))?;
        let header = |name| texts(&headers, name).next();
        let from_here = came_from_here(header(SEC_FETCH_SITE), header(ORIGIN), self.server.issuer());
        let browser = self.sessions.browser(texts(&headers, COOKIE));
        let field = |name| values(&body, name).next().unwrap_or_default();
        let browser = browser.filter(|browser| from_here && self.sessions.csrf_holds(browser, &field("csrf")));
        let browser = browser.ok_or_else(|| self.refuse(Fault::OtherBrowser))?;
        match self.server.reopen(&field("pending"), &browser.value()).await {
            Begun::Ask(pending) => Ok(Posted { body, browser, headers, pending }),
            Begun::Done(answer) => Err(self.done(answer)),
        }
    }

    fn done(&self, answer: Answer) -> Response {
        match answer {
            Answer::Redirect(response) => response,
            Answer::Page(fault) => self.refuse(fault),
        }
    }

    /// Who is signed in in this browser, if the account may still be used.
    async fn signed_in(&self, browser: &Browser, headers: &HeaderMap) -> Result<Option<(Login, OwnedAccount)>, Fault> {
        let now = unix_time().ok_or(Fault::Unavailable)?;
        let Some(login) = self.sessions.login(browser, texts(headers, COOKIE), now) else { return Ok(None) };
        let account = self.account(&login.subject).await?;
        Ok(account.map(|account| (login, account)))
    }

    /// The account of that name; `None` where there is none, or it is locked.
    async fn account(&self, subject: &str) -> Result<Option<OwnedAccount>, Fault> {
        let found = self.server.store().load(&[Some(Key::account(subject)), None, None, None]).await;
        match found {
            Ok([Some((OwnedRecord::Account(account), _)), ..]) => Ok(Some(account).filter(|account| account.live)),
            Ok(_) => Ok(None),
            Err(error) => {
                tracing::error!(%error, "an account could not be looked up");
                Err(Fault::Unavailable)
            }
        }
    }

    /// Whether that is the password of that account. Costs the same whether or not there is such an account.
    async fn check(&self, username: &str, typed: Password, address: IpAddr) -> Result<OwnedAccount, LoginError> {
        let now = self.started.elapsed().as_secs();
        self.throttle(|throttle| throttle.begin(username, address, now)).map_err(|Wait(seconds)| {
            tracing::warn!(target: "valetkey::audit", %address, seconds, "a login was made to wait");
            LoginError::Wait(seconds)
        })?;
        let not_judged = |seconds| {
            self.throttle(|throttle| throttle.not_judged(username, address));
            LoginError::Busy(seconds)
        };
        let account = self.account(username).await.map_err(|_| not_judged(2))?;
        let stored = account.as_ref().map(|account| account.password.clone());
        let verified = self.passwords.verify(stored, typed).await;
        let right = verified.map_err(|Busy { retry_after }| not_judged(retry_after))?;
        match account {
            Some(account) if right => {
                self.throttle(|throttle| throttle.succeeded(username, address));
                tracing::info!(target: "valetkey::audit", subject = account.subject, %address, "logged in");
                Ok(account)
            }
            account => {
                // What nobody is called is not told: it may be a password, typed into the wrong field.
                let subject = account.as_ref().map(|account| account.subject.as_str());
                tracing::warn!(target: "valetkey::audit", subject, %address, "a login failed");
                Err(LoginError::Wrong)
            }
        }
    }

    fn throttle<T>(&self, act: impl FnOnce(&mut Throttle) -> T) -> T {
        act(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn login_page(&self, pending: &Pending, browser: &Browser, username: &str, error: Option<LoginError>) -> Response {
        let csrf = self.sessions.csrf(browser);
        let Pending { sealed, client_name, .. } = pending;
        LoginPage { site: &self.site, pending: sealed, csrf: &csrf, client_name, username, error }.respond()
    }

    fn consent_page(
        &self,
        pending: &Pending,
        browser: &Browser,
        account: &OwnedAccount,
        error: Option<&str>,
    ) -> Response {
        let scopes: Vec<_> = pending
            .scope
            .split_whitespace()
            .map(|name| {
                let description = self.scopes.get(name).map(String::as_str);
                ScopeChoice { name, description, chosen: error != Some(ConsentPage::NOTHING_CHOSEN) }
            })
            .collect();
        ConsentPage {
            site: &self.site,
            pending: &pending.sealed,
            csrf: &self.sessions.csrf(browser),
            client_name: &pending.client_name,
            client_id: &pending.client_id,
            redirect_uri: &pending.redirect_uri,
            scopes: &scopes,
            account: &account.name,
            subject: &account.subject,
            access_seconds: pending.access_lifetime.into(),
            grant_seconds: pending.grant_lifetime.map(u64::from),
            error,
        }
        .respond()
    }
}

type Ours<S> = State<Arc<People<S>>>;

async fn login<S: Store>(
    State(people): Ours<S>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let posted = match people.posted(request).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let Posted { browser, pending, .. } = &posted;
    let (username, password) = (posted.value("username"), Password::new(posted.value("password")));
    let address = people.proxies.client(peer.ip(), &posted.headers);
    let Some(now) = unix_time() else { return people.refuse(Fault::Unavailable) };
    match people.check(&username, password, address).await {
        Ok(account) => {
            let mut response = people.consent_page(pending, browser, &account, None);
            let login = Login { subject: account.subject, auth_time: now };
            set_cookie(&mut response, &people.sessions.login_cookie(browser, &login, now));
            response
        }
        Err(error) => people.login_page(pending, browser, &username, Some(error)),
    }
}

async fn consent<S: Store>(State(people): Ours<S>, request: Request) -> Response {
    let posted = match people.posted(request).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let Posted { browser, pending, headers, .. } = &posted;
    match &*posted.value("decision") {
        "allow" => {}
        "deny" => return people.done(people.server.answer(&pending.sealed, &browser.value(), Owner::Denied).await),
        "switch" => {
            let mut response = people.login_page(pending, browser, "", None);
            set_cookie(&mut response, &people.sessions.logout_cookie());
            return response;
        }
        _ => return people.refuse(Fault::Malformed),
    }
    let (login, account) = match people.signed_in(browser, headers).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return people.login_page(pending, browser, "", Some(LoginError::Stale)),
        Err(fault) => return people.refuse(fault),
    };
    // In another tab somebody may have signed in as another person than this page named.
    if posted.value("subject") != login.subject {
        return people.consent_page(pending, browser, &account, Some(ConsentPage::SOMEBODY_ELSE));
    }
    let scope = posted.values("scope").collect::<Vec<_>>().join(" ");
    if scope.is_empty() && !pending.scope.is_empty() {
        return people.consent_page(pending, browser, &account, Some(ConsentPage::NOTHING_CHOSEN));
    }
    let auth_time = UnixTime(login.auth_time);
    let owner = Owner::Approved { subject: &login.subject, auth_time, scope: &scope };
    people.done(people.server.answer(&pending.sealed, &browser.value(), owner).await)
}

/// Somebody opened the address of a form.
async fn not_by_itself<S: Store>(State(people): Ours<S>) -> Response {
    ErrorPage {
        site: &people.site,
        status: StatusCode::NOT_FOUND,
        title: "There is nothing here",
        message: "This page cannot be opened by itself.",
        what_to_do: "Begin again in the application that you want to use.",
        code: None,
    }
    .respond()
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

fn unix_time() -> Option<u64> {
    Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs())
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
