//! Signing in: the page that asks for a password, and what is posted from it.
//!
//! A login leads on to the client's request that its form carries, or, where that carries none, to the person's account;
//! to nowhere else.

use crate::pages::{LoginError, LoginPage, LoginTo, Notice};
use crate::passwords::{Busy, Password};
use crate::people::{Ours, People, set_cookie};
use crate::sessions::{Browser, Login, rests_on};
use crate::system::unix_time;
use crate::throttle::{Throttle, Wait};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;
use valetkey::server::record::OwnedAccount;
use valetkey_tokio::server::{Fault, Pending};
use valetkey_tokio::store::Store;

impl<S: Store> People<S> {
    /// The page that asks who is there, on the way to a client's request.
    pub(crate) fn login_page(&self, pending: &Pending, browser: &Browser, error: Option<LoginError>) -> Response {
        self.sign_in(to_client(pending), browser, "", error)
    }

    /// The page that asks who is there, on the way to their account.
    pub(crate) fn account_login_page(&self, browser: &Browser, notice: Option<Notice>) -> Response {
        self.sign_in(LoginTo::Account { notice }, browser, "", None)
    }

    fn sign_in(&self, to: LoginTo<'_>, browser: &Browser, username: &str, error: Option<LoginError>) -> Response {
        let csrf = self.sessions.csrf(browser);
        LoginPage { site: &self.site, csrf: &csrf, to, username, error }.respond()
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
        let account = self.account(username).await.map_err(|_| not_judged(2))?.map(|(account, _)| account);
        let stored = account.as_ref().map(|account| account.password.clone());
        let verified = self.passwords.verify(stored, typed).await;
        let right = verified.map_err(|Busy { retry_after }| not_judged(retry_after))?;
        match account {
            Some(account) if right => {
                self.throttle(|throttle| throttle.succeeded(username, address, now));
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
}

fn to_client(pending: &Pending) -> LoginTo<'_> {
    LoginTo::Client { pending: &pending.sealed, name: &pending.client_name }
}

/// `POST /login`.
pub(crate) async fn login<S: Store>(
    State(people): Ours<S>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let posted = match people.posted(request).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let mut pending = None;
    if !posted.value("pending").is_empty() {
        match people.reopened(&posted).await {
            Ok(reopened) => pending = Some(reopened),
            Err(response) => return response,
        }
    }
    let (username, password) = (posted.value("username"), Password::new(posted.value("password")));
    let address = people.proxies.client(peer.ip(), &posted.headers);
    let Some(now) = unix_time() else { return people.fault(Fault::Unavailable) };
    match people.check(&username, password, address).await {
        Ok(account) => {
            let rests_on = rests_on(&account);
            let login = Login { subject: account.subject, auth_time: now.0, rests_on };
            let mut response = pending.map_or_else(|| people.see("/account"), |pending| people.ask_again(&pending));
            set_cookie(&mut response, &people.sessions.login_cookie(&posted.browser, &login));
            response
        }
        Err(error) => {
            let to = pending.as_ref().map_or(LoginTo::Account { notice: None }, to_client);
            people.sign_in(to, &posted.browser, &username, Some(error))
        }
    }
}
