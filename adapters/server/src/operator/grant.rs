//! `valetkey grant`: what people, and clients for themselves, were given.

use super::cli::{GrantCommand, Which};
use super::clock::{now, shown};
use super::records::Records;
use super::table::{Row, Table, visible};
use super::{Failed, count};
use serde::Serialize;
use std::io::Write;
use valetkey::server::change::{Key, Kind};
use valetkey::server::record::{GrantState, OwnedGrant, OwnedRecord};
use valetkey::time::UnixTime;
use valetkey_tokio::store::By;

pub(super) async fn run(command: &GrantCommand, records: &Records, out: &mut dyn Write) -> Result<(), Failed> {
    match command {
        GrantCommand::List { user, client, all, format } => {
            let wanted = Wanted { user: user.as_deref(), client: client.as_deref(), all: *all, now: now()? };
            list(records, &wanted, format.json, out).await
        }
        GrantCommand::Revoke(which) => revoke(records, which, out).await,
    }
}

/// A grant as it is shown.
#[derive(Serialize)]
struct Shown {
    id: String,
    user: String,
    client_id: String,
    state: &'static str,
    scope: String,
    resource: String,
    issued_at: String,
    expires_at: String,
}

impl Row<7> for Shown {
    const HEAD: [&'static str; 7] = ["USER", "CLIENT_ID", "STATE", "ISSUED", "EXPIRES", "ID", "SCOPE"];

    fn cells(&self) -> [String; 7] {
        let Self { id, user, client_id, state, scope, issued_at, expires_at, .. } = self;
        let [user, client_id, scope] = [user, client_id, scope].map(Clone::clone);
        [user, client_id, (*state).to_owned(), issued_at.clone(), expires_at.clone(), id.clone(), scope]
    }
}

/// Which grants are listed.
struct Wanted<'a> {
    user: Option<&'a str>,
    client: Option<&'a str>,
    all: bool,
    now: UnixTime,
}

impl Wanted<'_> {
    /// What the store can look up; the rest is looked at here.
    fn by(&self) -> By {
        let owner = self.user.map(Key::account).or_else(|| self.client.map(Key::client));
        owner.map_or(By::Kind(Kind::Grant), By::Index)
    }

    fn state(&self, grant: &OwnedGrant) -> &'static str {
        match grant.state {
            GrantState::Ended => "ended",
            _ if self.now >= grant.expires_at => "expired",
            GrantState::Pending => "pending",
            GrantState::Live => "live",
        }
    }

    fn row(&self, key: Key, record: OwnedRecord) -> Option<Shown> {
        let OwnedRecord::Grant(grant) = record else { return None };
        let state = self.state(&grant);
        let is = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
        let listed = is(self.user, &grant.subject) && is(self.client, &grant.client_id);
        (listed && (self.all || matches!(state, "pending" | "live"))).then(|| Shown {
            id: key.id.to_string(),
            state,
            issued_at: shown(grant.issued_at),
            expires_at: shown(grant.expires_at),
            user: grant.subject,
            client_id: grant.client_id,
            scope: grant.scope,
            resource: grant.resource,
        })
    }
}

async fn list(records: &Records, wanted: &Wanted<'_>, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let (mut table, mut after) = (Table::new(json), None);
    loop {
        let (page, next) = records.page(wanted.by(), after).await?;
        let rows: Vec<_> = page.into_iter().filter_map(|(key, record)| wanted.row(key, record)).collect();
        table.page(out, &rows)?;
        after = next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn revoke(records: &Records, which: &Which, out: &mut dyn Write) -> Result<(), Failed> {
    if let Some(id) = which.id {
        let done = if records.end_grant(id).await? { "is ended" } else { "was ended before" };
        return Ok(writeln!(out, "Grant {id} {done}.")?);
    }
    let (of, name, what) = match (&which.user, &which.client) {
        (Some(subject), _) => (Key::account(subject), subject, "user"),
        (None, Some(client_id)) => (Key::client(client_id), client_id, "client"),
        (None, None) => return Err(Failed::Usage("say which grants: an id, --user or --client".to_owned())),
    };
    let ended = records.end_grants(of).await?;
    // A name that was mistyped is not to look like one whose grants are ended.
    if ended == 0 && records.get(of).await?.is_none() {
        return Err(Failed::Not(format!("there is no {what} `{}`, and no grant", visible(name))));
    }
    Ok(writeln!(out, "{} of {what} `{}` ended.", count(ended, "grant"), visible(name))?)
}
