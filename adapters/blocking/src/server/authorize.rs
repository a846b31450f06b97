//! The authorization endpoint: what the pages are told, and what becomes of a person's answer.
//!
//! ```text
//!  GET /authorize -> begin -> the page, which carries the sealed request
//!                        '--> Answer              |
//!  (login: reopen gives the facts again) <--------+
//!  POST, the page's own route -> answer(sealed, Approved | Denied) -> Redirect | Page
//! ```
//!
//! Nothing is kept between the two: the pending request travels sealed through the page, and is bound to one browser.

use super::http::{Response, respond};
use super::{AuthorizationServer, End, edge};
use crate::store::Store;
use std::fmt;
use valetkey::secret::Entropy;
use valetkey::server::fault::Fault;
use valetkey::server::{AUTHORIZE_ENTROPY, AuthorizeRequest, MAX_REQUEST, NeedOwner, Owner, SCRATCH, Server, Step};
use valetkey::server::{authorize, reopen};
use valetkey::time::UnixTime;

/// What a sealed request takes beyond the request itself.
const SEAL: usize = 256;

/// How a request to the authorization endpoint ends.
#[must_use]
pub enum Answer {
    /// The browser goes back to the client, with a code or an error.
    Redirect(Response),
    /// There is nowhere that may be redirected to: show a page, with [`Fault::page_status`] and [`Fault::description`].
    Page(Fault),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(_) => f.write_str("Redirect(..)"), // a code is in it
            Self::Page(fault) => write!(f, "Page({fault})"),
        }
    }
}

impl<S: Store> AuthorizationServer<S> {
    /// A request to the authorization endpoint: what follows the `?`. If a person must be asked, `page` is given the facts
    /// (what the client chose of them is to be escaped) and the sealed request, for a form field that comes back by POST.
    ///
    /// `browser` is the value of a cookie that this browser alone has, with at least 128 random bits; the request is bound
    /// to it.
    ///
    /// # Errors
    /// There is nothing to ask, as the [`Answer`] is clear.
    pub fn begin<T>(
        &self,
        query: &str,
        browser: &str,
        page: impl FnOnce(&NeedOwner<'_>, &str) -> T,
    ) -> Result<T, Answer> {
        self.ask(browser, page, |server, now, seed, scratch| {
            authorize(server, &AuthorizeRequest { query }, now, seed, scratch)
        })
    }

    /// The facts of a pending request once more, for the page after login. What `page` is given is to be shown again, with
    /// the sealed request that comes with it.
    ///
    /// # Errors
    /// There is nothing to ask any more.
    pub fn reopen<T>(
        &self,
        sealed: &str,
        browser: &str,
        page: impl FnOnce(&NeedOwner<'_>, &str) -> T,
    ) -> Result<T, Answer> {
        self.ask(browser, page, |server, now, seed, scratch| reopen(server, sealed, browser, now, seed, scratch))
    }

    /// What the person said. Whoever calls this has guarded the page's form against requests from other sites.
    pub fn answer(&self, sealed: &str, browser: &str, owner: Owner<'_>) -> Answer {
        let Ok((now, seed)) = edge() else { return Answer::Page(Fault::Unavailable) };
        let (server, mut scratch) = (self.view(&[]), vec![0; SCRATCH]);
        let mut step = reopen(&server, sealed, browser, now, seed, &mut scratch);
        loop {
            match self.drive(step) {
                End::Owner(need) => step = need.resume(owner),
                End::Reply(reply) => {
                    return reply.page().map_or_else(|| Answer::Redirect(respond(&reply)), Answer::Page);
                }
            }
        }
    }

    fn ask<T>(
        &self,
        browser: &str,
        page: impl FnOnce(&NeedOwner<'_>, &str) -> T,
        begin: impl for<'r> FnOnce(&'r Server<'r>, UnixTime, Entropy<AUTHORIZE_ENTROPY>, &'r mut [u8]) -> Step<'r>,
    ) -> Result<T, Answer> {
        let Ok((now, seed)) = edge() else { return Err(Answer::Page(Fault::Unavailable)) };
        let (server, mut scratch) = (self.view(&[]), vec![0; SCRATCH]);
        match self.drive(begin(&server, now, seed, &mut scratch)) {
            End::Owner(need) => {
                let mut buf = vec![0; MAX_REQUEST + SEAL];
                let sealed = need.export(browser, &mut buf).expect("a request is at most `MAX_REQUEST` bytes");
                Ok(page(&need, sealed))
            }
            End::Reply(reply) => Err(reply.page().map_or_else(|| Answer::Redirect(respond(&reply)), Answer::Page)),
        }
    }
}
