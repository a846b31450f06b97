//! `valetkey user`: who can log in.

use super::cli::UserCommand;
use super::clock::now;
use super::records::{Records, drawn, is_added};
use super::table::{Row, Table, visible};
use super::{Failed, count, typed};
use crate::passwords::{Password, Passwords};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use valetkey::server::change::{Key, Kind};
use valetkey::server::record::{Account, OwnedAccount, OwnedRecord};
use valetkey::server::{change_password, lock_account, register_account, unlock_account};
use valetkey_tokio::store::By;

pub(super) async fn run(command: &UserCommand, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    match command {
        UserCommand::Add { subject, name } => add(db, subject, name.as_deref().unwrap_or(subject), out).await,
        UserCommand::Passwd { subject } => passwd(&Records::existing(db)?, subject, out).await,
        UserCommand::Lock { subject } => lock(&Records::existing(db)?, subject, out).await,
        UserCommand::Unlock { subject } => unlock(&Records::existing(db)?, subject, out).await,
        UserCommand::List(format) => list(&Records::existing(db)?, format.json, out).await,
    }
}

/// The hash of a password that is asked for.
async fn password(subject: &str) -> Result<String, Failed> {
    let typed = typed::secret(&format!("password of `{}`", visible(subject)))?;
    let hash = Passwords::new(1, 0).hash(Password::new(typed.to_string())).await.ok().flatten();
    hash.ok_or_else(|| Failed::Not("the password could not be hashed".to_owned()))
}

async fn add(db: &Path, subject: &str, name: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let hash = password(subject).await?;
    let account = Account { subject, name, password: &hash, live: true, logins: 0 };
    let change = register_account(drawn()?, now()?, account).map_err(|error| Failed::Usage(error.to_string()))?;
    let done = is_added(db);
    if Records::open(db)?.commit(&(&change).into()).await? {
        return Ok(writeln!(out, "User `{}` {done}.", visible(subject))?);
    }
    Err(Failed::Not(format!(
        "user `{0}` exists already; `valetkey user passwd {0}` gives another password",
        visible(subject)
    )))
}

async fn passwd(records: &Records, subject: &str, out: &mut dyn Write) -> Result<(), Failed> {
    records.account(subject).await?;
    let hash = password(subject).await?;
    records
        .change(
            async || records.account(subject).await,
            |drawn, now, account: &OwnedAccount, at| {
                Ok((&change_password(drawn, now, (account.as_view(), at), &hash)?).into())
            },
        )
        .await?;
    Ok(writeln!(out, "User `{}` has a new password, and every login ended.", visible(subject))?)
}

/// The account first, so that nothing more is issued; then what was issued.
async fn lock(records: &Records, subject: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let (account, _) = records.account(subject).await?;
    if account.live {
        records
            .change(
                async || records.account(subject).await,
                |drawn, now, account: &OwnedAccount, at| {
                    Ok((&lock_account(drawn, now, (account.as_view(), at))).into())
                },
            )
            .await?;
    }
    let ended = records.end_last_grants(Key::account(subject)).await?;
    let done = if account.live { "is locked" } else { "was locked before" };
    Ok(writeln!(out, "User `{}` {done}, and {} ended.", visible(subject), count(ended, "grant"))?)
}

async fn unlock(records: &Records, subject: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let (account, _) = records.account(subject).await?;
    if account.live {
        return Ok(writeln!(out, "User `{}` is not locked.", visible(subject))?);
    }
    records
        .change(
            async || records.account(subject).await,
            |drawn, now, account: &OwnedAccount, at| Ok((&unlock_account(drawn, now, (account.as_view(), at))?).into()),
        )
        .await?;
    Ok(writeln!(out, "User `{}` can log in again.", visible(subject))?)
}

/// An account as it is shown.
#[derive(Serialize)]
struct Shown {
    subject: String,
    name: String,
    state: &'static str,
}

impl Row<3> for Shown {
    const HEAD: [&'static str; 3] = ["USER", "NAME", "STATE"];

    fn cells(&self) -> [String; 3] {
        [self.subject.clone(), self.name.clone(), self.state.to_owned()]
    }
}

async fn list(records: &Records, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = records.page(By::Kind(Kind::Account), after).await?;
        users.extend(page.into_iter().filter_map(|(_, record)| match record {
            OwnedRecord::Account(OwnedAccount { subject, name, live, .. }) => {
                Some(Shown { subject, name, state: if live { "live" } else { "locked" } })
            }
            _ => None,
        }));
        after = next;
        if after.is_none() {
            break;
        }
    }
    users.sort_by(|a, b| a.subject.cmp(&b.subject));
    Table::new(json).page(out, &users)
}
