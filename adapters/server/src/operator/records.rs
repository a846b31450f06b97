//! What commands read and change in the database, while a server may be changing it too.

use super::Failed;
use super::clock::now;
use super::table::visible;
use crate::system;
use std::path::Path;
use std::sync::Arc;
use valetkey::server::change::{Committed, Key, Kind, Version};
use valetkey::server::record::{Digest, GrantState, OwnedAccount, OwnedClient, OwnedGrant, OwnedRecord};
use valetkey::server::{OperateError, end_grant};
use valetkey::time::UnixTime;
use valetkey_sqlite::SqliteStore;
use valetkey_tokio::store::{By, OwnedChange, Store};

/// Records that are read at once.
pub(super) const PAGE: usize = 200;

/// How often a record is looked at again, because the server changed it in between.
const LOOKS: usize = 16;

/// How often a change is sent of which it is not known whether it was applied.
const ATTEMPTS: usize = 3;

/// "is added", and to what, if that is not there yet: what was typed in another folder than the server's is added to what nobody
/// serves.
pub(super) fn is_added(db: &Path) -> String {
    match db.try_exists() {
        Ok(false) => format!("is added to a new database, {}", db.display()),
        Ok(true) | Err(_) => "is added".to_owned(),
    }
}

/// The database, open.
pub(super) struct Records(SqliteStore);

impl Records {
    /// Opens the database, and makes it if it is not there.
    pub(super) fn open(db: &Path) -> Result<Self, Failed> {
        SqliteStore::open(db).map(Self).map_err(|error| Failed::from_error(&error))
    }

    /// Opens the database if it is there.
    pub(super) fn existing(db: &Path) -> Result<Self, Failed> {
        match db.try_exists() {
            Ok(true) => Self::open(db),
            Ok(false) => Err(Failed::Not(format!(
                "there is no database {}: name the server's with --db; a new one is made by `valetkey client add`, \
                 `valetkey user add` or `valetkey serve`",
                db.display()
            ))),
            Err(error) => Err(Failed::Not(format!("cannot look for the database {}: {error}", db.display()))),
        }
    }

    pub(super) const fn store(&self) -> &SqliteStore {
        &self.0
    }

    pub(super) async fn get(&self, key: Key) -> Result<Option<(OwnedRecord, Version)>, Failed> {
        let found = self.0.load(&[Some(key), None, None, None]).await;
        let [found, ..] = found.map_err(|error| Failed::from_error(&error))?;
        Ok(found.map(|(record, at)| (Arc::unwrap_or_clone(record), at)))
    }

    pub(super) async fn client(&self, id: &str) -> Result<(OwnedClient, Version), Failed> {
        match self.get(Key::client(id)).await? {
            Some((OwnedRecord::Client(client), at)) => Ok((client, at)),
            _ => Err(Failed::Not(format!("there is no client `{}`", visible(id)))),
        }
    }

    pub(super) async fn account(&self, subject: &str) -> Result<(OwnedAccount, Version), Failed> {
        match self.get(Key::account(subject)).await? {
            Some((OwnedRecord::Account(account), at)) => Ok((account, at)),
            _ => Err(Failed::Not(format!("there is no user `{}`", visible(subject)))),
        }
    }

    async fn grant(&self, id: Digest) -> Result<(OwnedGrant, Version), Failed> {
        match self.get(Key { kind: Kind::Grant, id }).await? {
            Some((OwnedRecord::Grant(grant), at)) => Ok((grant, at)),
            _ => Err(Failed::Not(format!("there is no grant {id}; it may be over and forgotten"))),
        }
    }

    /// One page of the records that `by` names, and where the next one begins, if there is one.
    pub(super) async fn page(
        &self,
        by: By,
        after: Option<Key>,
    ) -> Result<(Vec<(Key, OwnedRecord)>, Option<Key>), Failed> {
        let page = self.0.scan(by, after, PAGE).await.map_err(|error| Failed::from_error(&error))?;
        let next = if page.len() < PAGE { None } else { page.last().map(|(key, ..)| *key) };
        Ok((page.into_iter().map(|(key, record, _)| (key, record)).collect(), next))
    }

    /// All clients, also those that were removed.
    pub(super) async fn clients(&self) -> Result<Vec<OwnedClient>, Failed> {
        let (mut clients, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(By::Kind(Kind::Client), after).await?;
            clients.extend(page.into_iter().filter_map(|(_, record)| match record {
                OwnedRecord::Client(client) => Some(client),
                _ => None,
            }));
            after = next;
            if after.is_none() {
                return Ok(clients);
            }
        }
    }

    /// Sends a change; `false` for a conflict. One of which the outcome is unknown is sent again, as that does no harm.
    pub(super) async fn commit(&self, change: &OwnedChange) -> Result<bool, Failed> {
        let change = change.view().ok_or_else(|| Failed::Not("a change without a record".to_owned()))?;
        let mut outcome = self.0.commit(&change).await;
        for _ in 1..ATTEMPTS {
            if outcome.is_err() {
                outcome = self.0.commit(&change).await;
            }
        }
        Ok(outcome.map_err(|error| Failed::from_error(&error))? == Committed::Applied)
    }

    /// Loads a record, makes a change of it and commits it; looks again where the server was quicker. Gives the record as it
    /// was before.
    pub(super) async fn change<R>(
        &self,
        load: impl AsyncFn() -> Result<(R, Version), Failed>,
        make: impl Fn([u8; 8], UnixTime, &R, Version) -> Result<OwnedChange, OperateError>,
    ) -> Result<R, Changing> {
        for _ in 0..LOOKS {
            let (record, at) = load().await?;
            let change = make(drawn()?, now()?, &record, at)?;
            if self.commit(&change).await? {
                return Ok(record);
            }
        }
        Err(Changing::Failed(Failed::Not(format!("the server changed the record {LOOKS} times meanwhile; try again"))))
    }

    /// Ends a grant; `false` if it was ended before.
    pub(super) async fn end_grant(&self, id: Digest) -> Result<bool, Failed> {
        let ended = self.change(
            async || self.grant(id).await,
            |drawn, now, grant: &OwnedGrant, at| Ok((&end_grant(drawn, now, id, (grant.as_view(), at))?).into()),
        );
        match ended.await {
            Ok(_) => Ok(true),
            Err(Changing::Refused(OperateError::Ended)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends all grants of a client or an account that are there when it begins, and says how many that were.
    pub(super) async fn end_grants(&self, of: Key) -> Result<usize, Failed> {
        let (mut after, mut ended) = (None, 0);
        loop {
            let (page, next) = self.page(By::Index(of), after).await?;
            for (key, record) in page {
                if matches!(record, OwnedRecord::Grant(grant) if grant.state != GrantState::Ended) {
                    ended += usize::from(self.end_grant(key.id).await?);
                }
            }
            after = next;
            if after.is_none() {
                return Ok(ended);
            }
        }
    }

    /// The same, until none is left: for a client or an account that gets no new ones, as it was removed or locked before.
    pub(super) async fn end_last_grants(&self, of: Key) -> Result<usize, Failed> {
        let mut ended = 0;
        loop {
            match self.end_grants(of).await? {
                0 => return Ok(ended),
                more => ended += more,
            }
        }
    }
}

/// Why a record was not changed.
pub(super) enum Changing {
    /// What the record is does not allow it.
    Refused(OperateError),
    /// It could not be read or written.
    Failed(Failed),
}

impl From<OperateError> for Changing {
    fn from(error: OperateError) -> Self {
        Self::Refused(error)
    }
}

impl From<Failed> for Changing {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<Changing> for Failed {
    fn from(error: Changing) -> Self {
        match error {
            Changing::Refused(error) => Self::Not(error.to_string()),
            Changing::Failed(failed) => failed,
        }
    }
}

/// As many random bytes as asked for.
pub(super) fn drawn<const N: usize>() -> Result<[u8; N], Failed> {
    system::drawn().map_err(|error| Failed::from_error(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use valetkey::server::record::Account;
    use valetkey::server::{end_logins, register_account};

    async fn bob() -> (tempfile::TempDir, Records) {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("valetkey.db")).unwrap();
        let bob = Account { subject: "bob", name: "Bob", password: "", live: true, logins: 0 };
        let change = register_account(drawn().unwrap(), now().unwrap(), bob).unwrap();
        assert!(records.commit(&(&change).into()).await.unwrap());
        (folder, records)
    }

    fn end(drawn: [u8; 8], now: UnixTime, bob: &OwnedAccount, at: Version) -> Result<OwnedChange, OperateError> {
        Ok((&end_logins(drawn, now, (bob.as_view(), at))?).into())
    }

    /// Loads, and then changes what was loaded, as a server may in between, for the first `times` times.
    async fn meddled(records: &Records, left: &Cell<usize>) -> Result<(OwnedAccount, Version), Failed> {
        let loaded = records.account("bob").await?;
        if let Some(fewer) = left.get().checked_sub(1) {
            left.set(fewer);
            let change = end(drawn()?, now()?, &loaded.0, loaded.1).unwrap();
            assert!(records.commit(&change).await?);
        }
        Ok(loaded)
    }

    #[tokio::test]
    async fn a_record_that_was_changed_in_between_is_looked_at_again() {
        let (_folder, records) = bob().await;
        let left = Cell::new(LOOKS - 1);
        let before = records.change(async || meddled(&records, &left).await, end).await.ok().unwrap();
        assert_eq!((before.logins, left.get()), (15, 0));
        assert_eq!(records.account("bob").await.unwrap().0.logins, 16, "each change built on the one before");
    }

    #[tokio::test]
    async fn looking_again_has_an_end() {
        let (_folder, records) = bob().await;
        let left = Cell::new(usize::MAX);
        let failed = records.change(async || meddled(&records, &left).await, end).await.err().map(Failed::from);
        assert!(failed.unwrap().to_string().contains("16 times"));
    }
}
