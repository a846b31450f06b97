//! The authorization endpoint for people: shows login and consent, and takes what is posted from them.
//!
//! ```text
//!  GET /authorize -> signed in? -- no --> login page   -- POST /login   --> GET /authorize once more
//!                         '------- yes -> consent page -- POST /consent --> back to the client
//! ```
//!
//! What may be asked and what an answer comes to is the core's to say; here it is only put to the person. Between two
//! requests nothing is kept: the pending request travels through the forms, sealed.

use crate::account;
use crate::login::login;
use crate::pages::{ConsentPage, ErrorPage, LoginError, ScopeChoice};
use crate::people::{Ours, People, SignedIn, set_cookie};
use crate::sessions::Browser;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use valetkey::server::record::OwnedAccount;
use valetkey::text::scope;
use valetkey::time::UnixTime;
use valetkey_tokio::server::{Fault, Owner, Pages, Pending, authorize_router};
use valetkey_tokio::store::Store;

/// How people prove here who they are: by a password.
/// <https://www.rfc-editor.org/rfc/rfc8176#section-2>
const MEANS: &str = "pwd";

/// `/authorize` and `/account`, and `/login` and `/consent` for the forms of their pages.
pub fn router<S: Store>(people: People<S>) -> Router {
    let people = Arc::new(people);
    let at = |path: &str| format!("{}{path}", people.site.base());
    let forms = Router::new()
        .without_v07_checks()
        .route(&at("/login"), post(login::<S>).get(not_by_itself::<S>))
        .route(&at("/consent"), post(consent::<S>).get(not_by_itself::<S>))
        .route(&at("/account"), get(account::show::<S>).post(account::change::<S>))
        .with_state(Arc::clone(&people));
    authorize_router(Arc::clone(&people.server), people).merge(forms)
}

impl<S: Store> Pages for People<S> {
    fn browser(&self, headers: &HeaderMap) -> Option<String> {
        Some(self.browser(headers)?.value())
    }

    async fn ask(&self, pending: Pending, browser: String, headers: HeaderMap) -> Response {
        let Some(browser) = Browser::read(&browser) else { return self.fault(Fault::Unavailable) };
        let mut response = match self.signed_in(&browser, &headers).await {
            Ok(Some(SignedIn { login, account }))
                if pending.login_since.is_none_or(|since| UnixTime(login.auth_time) >= since) =>
            {
                self.consent_page(&pending, &browser, &account, None)
            }
            Ok(_) => self.login_page(&pending, &browser, None),
            Err(fault) => return self.fault(fault),
        };
        self.remember(&browser, &headers, &mut response);
        response
    }

    fn refuse(&self, fault: Fault) -> Response {
        self.fault(fault)
    }
}

impl<S: Store> People<S> {
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

/// `POST /consent`.
async fn consent<S: Store>(State(people): Ours<S>, request: Request) -> Response {
    let posted = match people.posted(request).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let pending = match people.reopened(&posted).await {
        Ok(pending) => pending,
        Err(response) => return response,
    };
    let (pending, browser, headers) = (&pending, &posted.browser, &posted.headers);
    match &*posted.value("decision") {
        "allow" => {}
        "deny" => return people.done(people.server.answer(&pending.sealed, &browser.value(), Owner::Denied).await),
        "switch" => {
            let mut response = people.ask_again(pending);
            set_cookie(&mut response, &people.sessions.logout_cookie());
            return response;
        }
        _ => return people.fault(Fault::Malformed),
    }
    let SignedIn { login, account } = match people.signed_in(browser, headers).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return people.login_page(pending, browser, Some(LoginError::Stale)),
        Err(fault) => return people.fault(fault),
    };
    // In another tab somebody may have signed in as another person than this page named.
    if posted.value("subject") != login.subject {
        return people.consent_page(pending, browser, &account, Some(ConsentPage::SOMEBODY_ELSE));
    }
    let chosen: Vec<_> = posted.values("scope").collect();
    // Whoever sends what the page did not offer has changed it: no fault of the server, nor one to tell the client of.
    if chosen.iter().any(|word| !scope::contains(&pending.scope, word)) {
        return people.fault(Fault::Malformed);
    }
    let scope: Vec<_> = scope::words(&pending.scope).filter(|word| chosen.iter().any(|c| c == word)).collect();
    let scope = scope.join(" ");
    if scope.is_empty() && !pending.scope.is_empty() {
        return people.consent_page(pending, browser, &account, Some(ConsentPage::NOTHING_CHOSEN));
    }
    let auth_time = UnixTime(login.auth_time);
    let (subject, acr, amr, scope) = (&*login.subject, &*people.acr, MEANS, &*scope);
    let owner = Owner::Approved { subject, auth_time, acr, amr, scope };
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
