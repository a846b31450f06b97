//! The page on which a person sees what they have allowed, and ends it.

use super::{Site, page, span};
use crate::calendar;
use crate::headers::FormTarget;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use std::fmt;
use valetkey::time::UnixTime;

/// What was done just before, in words for the person. It waits for the page as a word in a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client's access was ended.
    Ended,
    /// The other logins were ended.
    OtherLoginsEnded,
    /// The person logged out.
    LoggedOut,
}

impl Notice {
    const ALL: [Self; 3] = [Self::Ended, Self::OtherLoginsEnded, Self::LoggedOut];

    /// The word by which a cookie names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::OtherLoginsEnded => "logins",
            Self::LoggedOut => "out",
        }
    }

    /// The notice of that word, if there is one.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.word() == word)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "Done. That application can no longer use your account.",
            Self::OtherLoginsEnded => "Done. You are signed in here only.",
            Self::LoggedOut => "You are signed out.",
        })
    }
}

/// What a person has allowed one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The client's id.
    pub client_id: String,
    /// Its display name.
    pub client_name: String,
    /// What it may do: the scopes in plain words; as they are on the wire where they have none.
    pub scopes: Vec<(String, Option<String>)>,
    /// When it was allowed, for the first time if for several.
    pub since: UnixTime,
    /// When it ends at the latest.
    pub until: UnixTime,
    /// After how many seconds without renewal it ends before that, if it does.
    pub idle_seconds: Option<u32>,
    /// When it was renewed last.
    pub renewed: Option<UnixTime>,
}

impl Allowed {
    fn since(&self) -> String {
        calendar::day(self.since).unwrap_or_default()
    }

    fn until(&self, now: &UnixTime) -> String {
        // Of what ends soon, the hour matters.
        let soon = self.until.since(*now) < 2 * 86_400;
        let date = if soon { calendar::moment(self.until) } else { calendar::day(self.until) };
        match (date, self.idle_seconds) {
            (None, None) => "When you end it".to_owned(),
            (None, Some(idle)) => format!("After {} without use", span(idle.into())),
            (Some(date), None) => date,
            (Some(date), Some(idle)) => format!("{date}, or after {} without use", span(idle.into())),
        }
    }

    fn renewed(&self) -> String {
        self.renewed.and_then(calendar::moment).unwrap_or_else(|| "Not yet".to_owned())
    }
}

/// The page at `/account`. Its forms go there, with `action` being `end` (and `client_id`), `end-logins` or `log-out`.
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage<'a> {
    /// Where the pages live.
    pub site: &'a Site,
    /// The token against forged posts, of [`crate::sessions::Sessions::csrf`].
    pub csrf: &'a str,
    /// Who is signed in, by name.
    pub account: &'a str,
    /// Who is signed in, by id: carried through the forms, as somebody else may have signed in by when one is sent.
    pub subject: &'a str,
    /// Which clients may use the account: one page of them.
    pub allowed: &'a [Allowed],
    /// Whether this page comes after another.
    pub goes_on: bool,
    /// Where the next page begins, if there is one.
    pub next: Option<&'a str>,
    /// What was done just before, if anything.
    pub notice: Option<Notice>,
    /// What time it is.
    pub now: UnixTime,
}

impl AccountPage<'_> {
    /// The page with its headers.
    pub fn respond(&self) -> Response {
        page(self, StatusCode::OK, FormTarget::Own)
    }
}
