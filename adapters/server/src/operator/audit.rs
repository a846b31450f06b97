//! `valetkey audit`: what happened.

use super::Failed;
use super::cli::Audit;
use super::clock::{now, shown};
use super::records::{PAGE, Records};
use super::table::{Row, Table};
use serde::Serialize;
use std::io::Write;
use valetkey_sqlite::EventFilter;
use valetkey_tokio::store::OwnedEvent;

/// An event as it is shown. What does not concern it is left out.
#[derive(Clone, Serialize)]
struct Shown {
    at: String,
    what: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    kid: String,
}

impl From<OwnedEvent> for Shown {
    fn from(event: OwnedEvent) -> Self {
        let OwnedEvent { at, what, client_id, subject, grant, kid } = event;
        Self { at: shown(at), what: what.name(), client_id, user: subject, grant: grant.map(|id| id.to_string()), kid }
    }
}

impl Row<6> for Shown {
    const HEAD: [&'static str; 6] = ["TIME", "EVENT", "CLIENT_ID", "USER", "GRANT", "KID"];

    fn cells(&self) -> [String; 6] {
        let Self { at, what, client_id, user, grant, kid } = self.clone();
        [at, what.to_owned(), client_id, user, grant.unwrap_or_default(), kid]
    }
}

pub(super) async fn show(asked: &Audit, records: &Records, out: &mut dyn Write) -> Result<(), Failed> {
    let since = match asked.since {
        Some(since) => Some(since.time(now()?)),
        None => None,
    };
    let filter = EventFilter { since, client_id: asked.client.clone(), subject: asked.user.clone() };
    let (mut table, mut after) = (Table::new(asked.format.json), None);
    loop {
        let page = records.store().events(&filter, after, PAGE).await.map_err(|error| Failed::from_error(&error))?;
        after = page.last().map(|(id, _)| *id);
        let last = page.len() < PAGE;
        let rows: Vec<_> = page.into_iter().map(|(_, event)| Shown::from(event)).collect();
        table.page(out, &rows)?;
        if last {
            return Ok(());
        }
    }
}
