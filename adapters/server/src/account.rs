//! The account page: a person sees what they have allowed, ends it, ends their other logins, and logs out.
//!
//! ```text
//!  GET /account -> signed in? -- no --> login page -- POST /login --> GET /account once more
//!                       '------- yes -> the page  -- POST /account -> does it; GET /account once more
//! ```

use crate::database::in_time;
use crate::granted::{self, Granted};
use crate::pages::{AccountPage, Allowed, Notice};
use crate::people::{Ours, People, SignedIn, set_cookie, texts};
use crate::sessions::{Browser, Login, rests_on};
use crate::system::{drawn, unix_time};
use axum::extract::{Request, State};
use axum::http::header::COOKIE;
use axum::response::Response;
use std::collections::BTreeMap;
use valetkey::server::change::{Committed, Key};
use valetkey::server::end_logins;
use valetkey::server::record::{Digest, OwnedRecord};
use valetkey_tokio::server::{Fault, commit};
use valetkey_tokio::store::{Store, StoreError};

/// How often the account is looked at anew when it changes in the moment that its logins are to be ended.
const TRIES: usize = 8;

/// `GET /account`.
pub(crate) async fn show<S: Store>(State(people): Ours<S>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some(browser) = people.browser(&parts.headers) else { return people.fault(Fault::Unavailable) };
    let notice = people.sessions.notice(texts(&parts.headers, COOKIE)).and_then(Notice::read);
    let after = parts.uri.query().and_then(|query| Digest::from_hex(query.strip_prefix("after=")?));
    let mut response = match people.signed_in(&browser, &parts.headers).await {
        Ok(Some(signed_in)) => match people.account_page(&browser, &signed_in, after, notice).await {
            Ok(response) => response,
            Err(fault) => return people.fault(fault),
        },
        Ok(None) => people.account_login_page(&browser, notice),
        Err(fault) => return people.fault(fault),
    };
    if notice.is_some() {
        set_cookie(&mut response, &people.sessions.notice_cookie(""));
    }
    people.remember(&browser, &parts.headers, &mut response);
    response
}

/// `POST /account`.
pub(crate) async fn change<S: Store>(State(people): Ours<S>, request: Request) -> Response {
    let posted = match people.posted(request).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    // The page knows why nothing was done: nobody is signed in, or by now somebody else than the page named.
    let SignedIn { login, .. } = match people.signed_in(&posted.browser, &posted.headers).await {
        Ok(Some(signed_in)) if signed_in.login.subject == posted.value("subject") => signed_in,
        Ok(_) => return people.see("/account"),
        Err(fault) => return people.fault(fault),
    };
    let mut response = people.see("/account");
    let done = match &*posted.value("action") {
        "end" => people.end_client(&login.subject, &posted.value("client_id")).await.map(|()| Notice::Ended),
        "end-logins" => people.end_other_logins(login).await.map(|login| {
            set_cookie(&mut response, &people.sessions.login_cookie(&posted.browser, &login));
            Notice::OtherLoginsEnded
        }),
        "log-out" => {
            tracing::info!(target: "valetkey::audit", subject = login.subject, "logged out");
            set_cookie(&mut response, &people.sessions.logout_cookie());
            Ok(Notice::LoggedOut)
        }
        _ => Err(Fault::Malformed),
    };
    match done {
        Ok(notice) => {
            set_cookie(&mut response, &people.sessions.notice_cookie(notice.word()));
            response
        }
        Err(fault) => people.fault(fault),
    }
}

impl<S: Store> People<S> {
    async fn account_page(
        &self,
        browser: &Browser,
        SignedIn { account, .. }: &SignedIn,
        after: Option<Digest>,
        notice: Option<Notice>,
    ) -> Result<Response, Fault> {
        let now = unix_time().ok_or(Fault::Unavailable)?;
        let store = self.server.store();
        let page = granted::page(store, &account.subject, after, now, self.idle()).await.map_err(broken)?;
        let names = self.client_names(page.granted.iter().map(|one| &*one.client_id)).await.map_err(broken)?;
        let allowed: Vec<_> = page.granted.into_iter().map(|one| self.in_words(one, &names)).collect();
        let next = page.next.map(|id| id.to_string());
        let page = AccountPage {
            site: &self.site,
            csrf: &self.sessions.csrf(browser),
            account: &account.name,
            subject: &account.subject,
            allowed: &allowed,
            goes_on: after.is_some(),
            next: next.as_deref(),
            notice,
            now,
        };
        Ok(page.respond())
    }

    /// After so many seconds without renewal a grant gives nothing any more.
    fn idle(&self) -> u32 {
        let policy = self.server.policy();
        policy.refresh_idle.max(policy.access_lifetime)
    }

    fn in_words(&self, granted: Granted, names: &BTreeMap<String, String>) -> Allowed {
        let Granted { client_id, scopes, since, until, idles, renewed } = granted;
        let described = |name: String| {
            let description = self.scopes.get(&name).cloned();
            (name, description)
        };
        Allowed {
            client_name: names.get(&client_id).unwrap_or(&client_id).clone(),
            client_id,
            scopes: scopes.into_iter().map(described).collect(),
            since,
            until,
            idle_seconds: idles.then(|| self.idle()),
            renewed,
        }
    }

    /// What people are shown as the names of clients, those that were removed included.
    async fn client_names(&self, ids: impl Iterator<Item = &str>) -> Result<BTreeMap<String, String>, StoreError> {
        let mut names = BTreeMap::new();
        let ids: Vec<_> = ids.map(Key::client).collect();
        for some in ids.chunks(4) {
            let keys = std::array::from_fn(|at| some.get(at).copied());
            for (record, _) in in_time(self.server.store().load(&keys)).await?.into_iter().flatten() {
                if let OwnedRecord::Client(client) = &*record {
                    names.insert(client.client_id.clone(), client.name.clone());
                }
            }
        }
        Ok(names)
    }

    async fn end_client(&self, subject: &str, client_id: &str) -> Result<(), Fault> {
        let now = unix_time().ok_or(Fault::Unavailable)?;
        granted::end(self.server.store(), subject, client_id, now, drawn).await.map_err(broken)?;
        Ok(())
    }

    /// Ends every login of a person, and gives the one of this browser anew.
    async fn end_other_logins(&self, login: Login) -> Result<Login, Fault> {
        let now = unix_time().ok_or(Fault::Unavailable)?;
        for _ in 0..TRIES {
            let found = self.account(&login.subject).await?;
            // It was locked, or its logins were ended, in this moment; this one too.
            let Some((mut account, at)) = found.filter(|(account, _)| rests_on(account) == login.rests_on) else {
                return Ok(login);
            };
            let change = end_logins(drawn().map_err(broken)?, now, (account.as_view(), at))
                .map_err(|error| broken(StoreError::because("the logins could not be ended", error)))?;
            match commit(&change, self.server.store()).await {
                Some(Committed::Applied) => {
                    account.logins = account.logins.saturating_add(1);
                    return Ok(Login { rests_on: rests_on(&account), ..login });
                }
                Some(Committed::Conflict) => {}
                None => return Err(Fault::Unavailable),
            }
        }
        Err(Fault::Unavailable)
    }
}

fn broken(error: StoreError) -> Fault {
    tracing::error!(error = %error.causes(), "the account page could not be served");
    Fault::Unavailable
}
