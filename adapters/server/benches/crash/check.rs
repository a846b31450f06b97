//! What must be so after a kill, asked of the program that was started anew.

use crate::common::Result;
use crate::common::grants::{CLIENT, redeem, refresh};
use crate::common::http::{Connection, member, post};
use crate::load::{Grant, Ledger, Unknown, about};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The grace window of the program, and some more for what lies between two clocks.
const AFTER_GRACE: Duration = Duration::from_secs(12);
/// Inside the grace window for certain.
const IN_GRACE: Duration = Duration::from_secs(7);

/// A refresh token that was used, and what it must end when it comes again later.
pub(crate) struct Old {
    token: String,
    access: String,
    used: Instant,
}

/// Checks what every requester noted, each on a connection of its own. Gives old refresh tokens for [`reuse`].
pub(crate) async fn all(address: SocketAddr, ledgers: Vec<Ledger>) -> Result<Vec<Old>> {
    let mut tasks = Vec::new();
    for ledger in ledgers {
        let mut ask = Ask(Connection::open(address).await?);
        tasks.push(tokio::spawn(async move { ask.ledger(ledger).await }));
    }
    let mut late = Vec::new();
    for task in tasks {
        late.extend(task.await??);
    }
    Ok(late)
}

/// Outside the grace window a refresh token that was used is reuse, and ends its grant. Gives how many were tried.
pub(crate) async fn reuse(address: SocketAddr, late: &mut Vec<Old>) -> Result<usize> {
    if let Some(last) = late.iter().map(|old| old.used).max() {
        tokio::time::sleep_until((last + AFTER_GRACE).into()).await;
    }
    let mut ask = Ask(Connection::open(address).await?);
    for old in &*late {
        ask.active(&old.access, true, "before an old refresh token came").await?;
        ask.refused(&refresh(&old.token), "an old refresh token outside its grace window").await?;
        ask.active(&old.access, false, "after an old refresh token came").await?;
    }
    Ok(late.len())
}

struct Ask(Connection);

impl Ask {
    async fn ledger(&mut self, ledger: Ledger) -> Result<Vec<Old>> {
        let Ledger { grants, own, unknown, unused, .. } = ledger;
        for (n, own) in own.iter().enumerate() {
            if unknown == Unknown::OwnRevocation(n) {
                self.revoked(&own.token).await?;
                self.active(&own.token, false, "revoked once more").await?;
            } else {
                self.active(&own.token, !own.revoked, "of a client").await?;
            }
        }
        let mut late = Vec::new();
        for (n, grant) in grants.iter().enumerate() {
            late.extend(self.grant(grant, n, unknown).await?);
        }
        // One of those that were never sent is as good as ever, once.
        if let Some(code) = unused.first() {
            let body = self.granted(&redeem(code), "a code that was never sent").await?;
            self.active(member(&body, "access_token"), true, "of a code that was never sent").await?;
            self.refused(&redeem(code), "a code that was redeemed just now").await?;
        }
        Ok(late)
    }

    async fn grant(&mut self, grant: &Grant, n: usize, unknown: Unknown) -> Result<Option<Old>> {
        if !grant.redeemed {
            return self.unknown_redemption(grant).await.map(|()| None);
        }
        let last = grant.refresh.last().map_or("", String::as_str);
        if unknown == Unknown::Revocation(n) {
            self.revoked(last).await?;
            return self.ended(grant, "revoked once more").await.map(|()| None);
        }
        if grant.revoked {
            self.ended(grant, "whose revocation was acknowledged").await?;
            self.refused(&refresh(last), "a revoked refresh token").await?;
            return Ok(None);
        }
        for access in &grant.access {
            self.active(access, true, "of a grant").await?;
        }
        if unknown == Unknown::Refresh(n) {
            // Done or not, the same request gives a successor; sent twice, the same one.
            let first = self.granted(&refresh(last), "a refresh that was cut off").await?;
            let second = self.granted(&refresh(last), "the same refresh again").await?;
            self.same(&first, &second)?;
            return self
                .active(member(&first, "access_token"), true, "of a refresh that was cut off")
                .await
                .map(|()| None);
        }
        match &*grant.refresh {
            // A third is kept for what comes after the grace window.
            [.., before, _] if n.is_multiple_of(3) => {
                let access = grant.access.last().cloned().unwrap_or_default();
                return Ok(Some(Old { token: before.clone(), access, used: grant.refreshed }));
            }
            // The same request gets what was acknowledged, as long as that was not used.
            [.., before, successor] if n % 3 == 1 && grant.refreshed.elapsed() < IN_GRACE => {
                let again = self.granted(&refresh(before), "a refresh again, in its grace window").await?;
                if member(&again, "refresh_token") != successor {
                    return Err(format!("{before} gave another successor than was acknowledged").into());
                }
            }
            _ => {}
        }
        let next = self.granted(&refresh(last), "an acknowledged refresh token").await?;
        self.active(member(&next, "access_token"), true, "of a refresh").await?;
        self.refused(&redeem(&grant.code), "a code whose redemption was acknowledged").await?;
        self.ended(grant, "whose code came twice").await?;
        Ok(None)
    }

    /// Whole or not there: the code is good once, or was spent.
    async fn unknown_redemption(&mut self, grant: &Grant) -> Result<()> {
        let (status, body) = self.send("/token", &redeem(&grant.code)).await?;
        match status {
            200 => {
                let access = member(&body, "access_token").to_owned();
                self.active(&access, true, "of a redemption that had been cut off").await?;
                self.refused(&redeem(&grant.code), "a code that was redeemed after a cut").await?;
                self.active(&access, false, "whose code came twice").await
            }
            400 => Ok(()),
            _ => Err(format!("a redemption that had been cut off was answered with {status}: {body}").into()),
        }
    }

    async fn ended(&mut self, grant: &Grant, which: &str) -> Result<()> {
        for access in &grant.access {
            self.active(access, false, which).await?;
        }
        Ok(())
    }

    fn same(&self, first: &str, second: &str) -> Result<()> {
        let names = ["access_token", "refresh_token"];
        let same = names.iter().all(|name| member(first, name) == member(second, name));
        if same { Ok(()) } else { Err(format!("the same refresh gave {first}, then {second}").into()) }
    }

    async fn active(&mut self, token: &str, wanted: bool, which: &str) -> Result<()> {
        let (status, body) = self.send("/introspect", &about(token)).await?;
        if status == 200 && body.contains("\"active\":true") == wanted {
            return Ok(());
        }
        Err(format!("a token {which} should be active: {wanted}, and introspects as {status} {body}").into())
    }

    async fn revoked(&mut self, token: &str) -> Result<()> {
        match self.send("/revoke", &about(token)).await? {
            (200, _) => Ok(()),
            (status, body) => Err(format!("a revocation was answered with {status}: {body}").into()),
        }
    }

    async fn granted(&mut self, form: &str, which: &str) -> Result<String> {
        match self.send("/token", form).await? {
            (200, body) => Ok(body),
            (status, body) => Err(format!("{which} was refused with {status}: {body}").into()),
        }
    }

    async fn refused(&mut self, form: &str, which: &str) -> Result<()> {
        match self.send("/token", form).await? {
            (400, body) if member(&body, "error") == "invalid_grant" => Ok(()),
            (status, body) => Err(format!("{which} was answered with {status}: {body}").into()),
        }
    }

    async fn send(&mut self, path: &str, form: &str) -> Result<(u16, String)> {
        let answer = self.0.send(&post(path, CLIENT, form)).await?;
        Ok((answer.status, answer.body.to_owned()))
    }
}
