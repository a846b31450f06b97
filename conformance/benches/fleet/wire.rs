//! What happens to a request between a device and the server.

use crate::dice::Dice;
use crate::server::{Account, Answer, Commit, Request};
use crate::weather::{MINUTE, Reach, SECOND, Weather};
use valetkey::server::Server;
use valetkey::time::UnixTime;

/// What a device gets.
pub(crate) enum Got {
    /// It could not connect.
    NotSent,
    /// Nothing, up to its deadline or until the connection broke.
    Nothing,
    Answer(Answer),
}

pub(crate) struct Exchange {
    pub(crate) got: Got,
    /// When the device knows.
    pub(crate) at: u64,
    /// Nothing went wrong.
    pub(crate) clean: bool,
    pub(crate) fate: &'static str,
}

/// Drawn for each request. In a thousand: 83 that do not end well, and 10 that come twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    NotSent,
    RequestLost,
    AnswerLost,
    Twice,
    /// Something else answers in the server's place.
    BadGateway,
    Truncated,
    StoreFails,
    StoreFailsAfter,
    ServerDies,
}

const FATES: [(u64, Fate); 9] = [
    (15, Fate::NotSent),
    (25, Fate::RequestLost),
    (25, Fate::AnswerLost),
    (10, Fate::Twice),
    (5, Fate::BadGateway),
    (5, Fate::Truncated),
    (3, Fate::StoreFails),
    (3, Fate::StoreFailsAfter),
    (2, Fate::ServerDies),
];

pub(crate) struct Wire<'w> {
    weather: &'w Weather,
    /// Before and after its restart with another key.
    servers: [&'w Server<'w>; 2],
    pub(crate) account: Account,
    dice: Dice,
    /// Copies of requests that are under way still.
    copies: Vec<(u64, Request)>,
    arrived: &'w mut dyn FnMut(u64),
}

impl<'w> Wire<'w> {
    pub(crate) fn new(
        weather: &'w Weather,
        servers: [&'w Server<'w>; 2],
        account: Account,
        dice: Dice,
        arrived: &'w mut dyn FnMut(u64),
    ) -> Self {
        Self { weather, servers, account, dice, copies: Vec::new(), arrived }
    }

    fn server(&self, at: u64) -> &'w Server<'w> {
        self.servers[usize::from(at >= self.weather.new_key)]
    }

    fn fate(&mut self) -> Fate {
        let mut drawn = self.dice.below(1_000);
        for (share, fate) in FATES {
            if drawn < share {
                return fate;
            }
            drawn -= share;
        }
        Fate::Good
    }

    /// One way.
    fn travel(&mut self) -> u64 {
        if self.dice.per_mille(10) { self.dice.below(40 * SECOND) } else { self.dice.between(20, 2 * SECOND) }
    }

    /// The server works on a request that arrives now; `None` if it dies of it, or was not there.
    fn serve(&mut self, request: &Request, at: u64, commit: Commit) -> Option<Answer> {
        let now = self.weather.unix(at);
        let commit = match self.weather.reach(at) {
            Reach::Down => return None,
            Reach::Busy(seconds) => {
                return Some(Answer {
                    status: 503,
                    content_type: "text/plain",
                    retry_after: Some(seconds.to_string()),
                    date: http_date(now),
                    body: "busy".to_owned(),
                });
            }
            Reach::Falling if commit == Commit::Good => Commit::Dies,
            Reach::Falling | Reach::Up => commit,
        };
        (self.arrived)(at);
        self.account.token(self.server(at), request, now, commit)
    }

    /// What was under way until then arrives first.
    fn catch_up(&mut self, until: u64) {
        self.copies.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
        while self.copies.last().is_some_and(|(at, _)| *at <= until) {
            if let Some((at, request)) = self.copies.pop() {
                let _ = self.serve(&request, at, Commit::Good);
            }
        }
    }

    /// A device sends at `now`, and gives up at `deadline`.
    pub(crate) fn exchange(&mut self, request: &Request, now: u64, deadline: u64) -> Exchange {
        let fate = self.fate();
        let arrives = now + self.travel();
        self.catch_up(arrives);
        let lost = |fate| Exchange { got: Got::Nothing, at: deadline, clean: false, fate };
        let down = self.weather.reach(arrives) == Reach::Down;
        if fate == Fate::NotSent || down && self.dice.per_mille(500) {
            return Exchange {
                got: Got::NotSent,
                at: now + self.dice.below(10 * SECOND),
                clean: false,
                fate: "not connected",
            };
        }
        if fate == Fate::RequestLost || down {
            return lost("the request was lost");
        }
        let back = arrives + self.travel();
        if fate == Fate::BadGateway {
            let (date, body) = (http_date(self.weather.unix(back)), "<h1>Bad Gateway</h1>".to_owned());
            let answer = Answer { status: 502, content_type: "text/html", retry_after: None, date, body };
            return Exchange { got: Got::Answer(answer), at: back, clean: false, fate: "bad gateway" };
        }
        if fate == Fate::Twice {
            // No longer than a device takes to start again, and no longer than the server's window at least.
            self.copies.push((arrives + self.dice.below(15 * SECOND), request.clone()));
        }
        let commit = match fate {
            Fate::StoreFails => Commit::Fails,
            Fate::StoreFailsAfter => Commit::FailsAfter,
            Fate::ServerDies => Commit::Dies,
            _ => Commit::Good,
        };
        let Some(mut answer) = self.serve(request, arrives, commit) else {
            return Exchange { got: Got::Nothing, at: back.min(deadline), clean: false, fate: "the server died" };
        };
        if fate == Fate::AnswerLost || back > deadline {
            return lost("the answer was lost");
        }
        let busy = matches!(self.weather.reach(arrives), Reach::Busy(_));
        let clean = matches!(fate, Fate::Good | Fate::Twice) && !busy;
        if fate == Fate::Truncated {
            answer.body.truncate(answer.body.len() / 2);
        }
        let fate = match fate {
            _ if busy => "busy",
            Fate::Truncated => "truncated",
            Fate::StoreFails => "the store failed",
            Fate::StoreFailsAfter => "the store failed after it had written",
            Fate::Twice => "answered, and another copy comes later",
            _ => "answered",
        };
        Exchange { got: Got::Answer(answer), at: back, clean, fate }
    }

    /// An API asks about a token.
    pub(crate) fn is_active(&mut self, token: &str, at: u64) -> bool {
        self.catch_up(at);
        self.account.is_active(self.server(at), token, self.weather.unix(at))
    }
}

const _: () = assert!(MINUTE > 40 * SECOND);

/// As a server writes its `Date`. <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub(crate) fn http_date(time: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, seconds) = (time.0 / 86_400, time.0 % 86_400);
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or(0)];
    // Years that begin in March, from that of the year 0 on.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let month = MONTHS[usize::try_from((month + 2) % 12).unwrap_or(0)];
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
