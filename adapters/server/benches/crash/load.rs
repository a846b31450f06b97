//! One requester of the crash run: what it asks for, and what it notes.

use crate::Dice;
use crate::common::grants::{CLIENT, redeem, refresh};
use crate::common::http::{Connection, post};
use crate::common::{Result, http};
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::watch;

/// A grant of a code, as far as it was acknowledged.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) code: String,
    /// Whether the redemption was acknowledged.
    pub(crate) redeemed: bool,
    /// The refresh tokens, oldest first: all but the last were used.
    pub(crate) refresh: Vec<String>,
    /// When the last one was acknowledged.
    pub(crate) refreshed: Instant,
    pub(crate) access: Vec<String>,
    pub(crate) revoked: bool,
}

/// A token of the client's own.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) token: String,
    pub(crate) revoked: bool,
}

/// What was under way when the program was killed: whether it was done is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Nothing,
    /// Redemption of the code of the last grant.
    Redemption,
    /// Refresh of a grant.
    Refresh(usize),
    /// Revocation of a grant.
    Revocation(usize),
    /// Revocation of a token of the client's own.
    OwnRevocation(usize),
}

/// What a requester noted.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) grants: Vec<Grant>,
    pub(crate) own: Vec<Own>,
    pub(crate) unknown: Unknown,
    /// Codes that were never sent.
    pub(crate) unused: Vec<String>,
    tally: Tally,
}

/// How much was acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally([u64; 6]);

const NAMES: [&str; 6] = ["of clients", "redemptions", "refreshes", "revocations", "introspections", "unknown"];

impl Tally {
    pub(crate) fn add(&mut self, ledger: &Ledger) {
        self.0.iter_mut().zip(ledger.tally.0).for_each(|(all, more)| *all += more);
        self.0[5] += u64::from(ledger.unknown != Unknown::Nothing);
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] - before.0[n]))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().zip(NAMES).map(|(count, name)| format!("{count} {name}")).collect();
        write!(f, "{}", parts.join(", "))
    }
}

/// The form that revokes a token, or asks what it is worth.
pub(crate) fn about(token: &str) -> String {
    format!("token={token}")
}

/// Asks until the program is killed.
pub(crate) async fn requester(
    address: SocketAddr,
    codes: Vec<String>,
    dice: Dice,
    killed: watch::Receiver<bool>,
) -> Result<Ledger> {
    let (grants, own) = (Vec::new(), Vec::new());
    let ledger = Ledger { grants, own, unknown: Unknown::Nothing, unused: codes, tally: Tally::default() };
    // The program may be killed before the connection is there.
    let Ok(connection) = Connection::open(address).await else { return Ok(ledger) };
    let mut requester = Requester { connection, dice, ledger };
    loop {
        match requester.ask().await {
            Ok(()) => {}
            // It had no answer: what it wanted is noted as unknown.
            Err(Cut::Off) if *killed.borrow() => return Ok(requester.ledger),
            Err(Cut::Off) => return Err("the program closed a connection before it was killed".into()),
            Err(Cut::Wrong(text)) => return Err(text.into()),
        }
    }
}

struct Requester {
    connection: Connection,
    dice: Dice,
    ledger: Ledger,
}

enum Cut {
    Off,
    Wrong(String),
}

impl Requester {
    /// One request, chosen by the dice.
    async fn ask(&mut self) -> std::result::Result<(), Cut> {
        match self.dice.below(100) {
            0..30 => self.own().await,
            30..55 => self.redeem().await,
            55..80 => self.refresh().await,
            80..85 => self.revoke().await,
            85..88 => self.revoke_own().await,
            _ => self.introspect().await,
        }
    }

    /// Sends a form; anything but 200 is wrong.
    async fn send(&mut self, path: &str, form: &str, kind: usize) -> std::result::Result<String, Cut> {
        let answer = self.connection.send(&post(path, CLIENT, form)).await.map_err(|_| Cut::Off)?;
        if answer.status != 200 {
            return Err(Cut::Wrong(format!("{path} answered {answer:?} under load")));
        }
        self.ledger.tally.0[kind] += 1;
        Ok(answer.body.to_owned())
    }

    async fn own(&mut self) -> std::result::Result<(), Cut> {
        let body = self.send("/token", "grant_type=client_credentials", 0).await?;
        self.ledger.own.push(Own { token: http::member(&body, "access_token").to_owned(), revoked: false });
        Ok(())
    }

    async fn redeem(&mut self) -> std::result::Result<(), Cut> {
        let Some(code) = self.ledger.unused.pop() else { return self.introspect().await };
        let form = redeem(&code);
        self.ledger.grants.push(Grant {
            code,
            redeemed: false,
            refresh: Vec::new(),
            refreshed: Instant::now(),
            access: Vec::new(),
            revoked: false,
        });
        self.ledger.unknown = Unknown::Redemption;
        let body = self.send("/token", &form, 1).await?;
        self.ledger.unknown = Unknown::Nothing;
        if let Some(grant) = self.ledger.grants.last_mut() {
            grant.redeemed = true;
            grant.note(&body);
        }
        Ok(())
    }

    async fn refresh(&mut self) -> std::result::Result<(), Cut> {
        let Some(n) = self.live_grant() else { return self.redeem().await };
        let form = refresh(self.ledger.grants[n].refresh.last().map_or("", String::as_str));
        self.ledger.unknown = Unknown::Refresh(n);
        let body = self.send("/token", &form, 2).await?;
        self.ledger.unknown = Unknown::Nothing;
        self.ledger.grants[n].note(&body);
        Ok(())
    }

    async fn revoke(&mut self) -> std::result::Result<(), Cut> {
        let Some(n) = self.live_grant() else { return self.redeem().await };
        let form = about(self.ledger.grants[n].refresh.last().map_or("", String::as_str));
        self.ledger.unknown = Unknown::Revocation(n);
        self.send("/revoke", &form, 3).await?;
        self.ledger.unknown = Unknown::Nothing;
        self.ledger.grants[n].revoked = true;
        Ok(())
    }

    async fn revoke_own(&mut self) -> std::result::Result<(), Cut> {
        let Some(n) = self.ledger.own.iter().position(|own| !own.revoked) else { return self.own().await };
        self.ledger.unknown = Unknown::OwnRevocation(n);
        let form = about(&self.ledger.own[n].token);
        self.send("/revoke", &form, 3).await?;
        self.ledger.unknown = Unknown::Nothing;
        self.ledger.own[n].revoked = true;
        Ok(())
    }

    async fn introspect(&mut self) -> std::result::Result<(), Cut> {
        let Some((token, revoked)) = self.ledger.own.last().map(|own| (own.token.clone(), own.revoked)) else {
            return self.own().await;
        };
        let body = self.send("/introspect", &about(&token), 4).await?;
        if body.contains("\"active\":true") == revoked {
            return Err(Cut::Wrong(format!("a token that was revoked: {revoked} introspects as {body}")));
        }
        Ok(())
    }

    fn live_grant(&mut self) -> Option<usize> {
        let live: Vec<usize> = (0..self.ledger.grants.len()).filter(|n| !self.ledger.grants[*n].revoked).collect();
        let count = u64::try_from(live.len()).ok().filter(|count| *count > 0)?;
        live.get(usize::try_from(self.dice.below(count)).ok()?).copied()
    }
}

impl Grant {
    fn note(&mut self, body: &str) {
        self.access.push(http::member(body, "access_token").to_owned());
        self.refresh.push(http::member(body, "refresh_token").to_owned());
        self.refreshed = Instant::now();
    }
}
