//! What a person has allowed: their grants, found in the store and gathered by client; and the end of one client's.

use crate::database::in_time;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use valetkey::server::change::{Committed, Key, Kind, Version};
use valetkey::server::record::{Digest, GrantState, OwnedGrant, OwnedRecord};
use valetkey::server::{OperateError, end_own_grant};
use valetkey::time::UnixTime;
use valetkey_tokio::server::commit;
use valetkey_tokio::store::{By, Store, StoreError};

/// How many records are asked for at once.
const STEP: usize = 100;
/// Over how many grants a page looks at most, and how many clients it lists at most.
const PAGE: (usize, usize) = (2_000, 50);
/// How often a grant is looked at anew when it changes in the moment that it is to be ended.
const TRIES: usize = 8;

/// What one client may do, by all grants of a person to it that still give something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Which client.
    pub client_id: String,
    /// Each scope of any of the grants, once.
    pub scopes: Vec<String>,
    /// When the first of them was given.
    pub since: UnixTime,
    /// When the last of them ends.
    pub until: UnixTime,
    /// Whether that one ends earlier if it is not renewed.
    pub idles: bool,
    /// When one of them was renewed last.
    pub renewed: Option<UnixTime>,
}

/// One page of them.
#[derive(Debug)]
pub struct Page {
    /// One entry for each client, the latest first. A client may be on more than one page.
    pub granted: Vec<Granted>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<Digest>,
}

/// Gathers a page of what `subject` has allowed and is still good `now`. Refresh tokens live `idle` seconds unused.
///
/// # Errors
/// Those of the store.
pub async fn page<S: Store>(
    store: &S,
    subject: &str,
    after: Option<Digest>,
    now: UnixTime,
    idle: u32,
) -> Result<Page, StoreError> {
    let mut found: BTreeMap<String, Granted> = BTreeMap::new();
    let mut walk = Walk::begin(subject, after);
    let (mut seen, mut last, mut next) = (0, after, None);
    'walk: while let Some(grants) = walk.step(store).await? {
        for (id, grant, _) in grants {
            let is_new = !found.contains_key(&grant.client_id);
            if seen >= PAGE.0 || (is_new && found.len() >= PAGE.1) {
                next = last;
                break 'walk;
            }
            seen += 1;
            last = Some(id);
            gather(&mut found, grant, now, idle);
        }
    }
    let mut granted: Vec<_> = found.into_values().collect();
    granted.sort_by_key(|one| std::cmp::Reverse(one.renewed.unwrap_or(one.since)));
    Ok(Page { granted, next })
}

/// A grant whose code is on its way counts: the person has said yes already.
fn gather(found: &mut BTreeMap<String, Granted>, grant: OwnedGrant, now: UnixTime, idle: u32) {
    let idle_end = grant.rotated_at.plus(idle);
    // What ends by itself before it would idle gives access tokens only.
    let idles = grant.state == GrantState::Live && idle_end < grant.expires_at;
    if grant.state == GrantState::Ended || now >= grant.expires_at || (idles && now >= idle_end) {
        return;
    }
    let renewed = (grant.generation > 0).then_some(grant.rotated_at);
    let one = match found.entry(grant.client_id) {
        Entry::Occupied(entry) => {
            let one = entry.into_mut();
            if grant.expires_at > one.until {
                (one.until, one.idles) = (grant.expires_at, idles);
            }
            one.since = one.since.min(grant.issued_at);
            one.renewed = one.renewed.max(renewed);
            one
        }
        Entry::Vacant(entry) => {
            let client_id = entry.key().clone();
            let (since, until) = (grant.issued_at, grant.expires_at);
            entry.insert(Granted { client_id, scopes: Vec::new(), since, until, idles, renewed })
        }
    };
    for scope in grant.scope.split_whitespace() {
        if !one.scopes.iter().any(|known| known == scope) {
            one.scopes.push(scope.to_owned());
        }
    }
}

/// Ends every grant of `subject` to a client, and says how many. `drawn` gives eight bytes from the operating system.
///
/// # Errors
/// Those of the store, and when there are no random bytes. Some may be ended already; the rest is ended by the next call.
pub async fn end<S: Store>(
    store: &S,
    subject: &str,
    client_id: &str,
    now: UnixTime,
    drawn: impl Fn() -> Result<[u8; 8], StoreError>,
) -> Result<usize, StoreError> {
    let mut ended = 0;
    let mut walk = Walk::begin(subject, None);
    while let Some(grants) = walk.step(store).await? {
        for (id, grant, version) in grants {
            let is_theirs = grant.client_id == client_id && now < grant.expires_at;
            if is_theirs && end_one(store, subject, id, (grant, version), now, &drawn).await? {
                ended += 1;
            }
        }
    }
    Ok(ended)
}

/// Whether there was something to end.
async fn end_one<S: Store>(
    store: &S,
    subject: &str,
    id: Digest,
    mut found: (OwnedGrant, Version),
    now: UnixTime,
    drawn: impl Fn() -> Result<[u8; 8], StoreError>,
) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        let (grant, version) = &found;
        let change = match end_own_grant(drawn()?, now, subject, id, (grant.as_view(), *version)) {
            Ok(change) => change,
            Err(OperateError::Ended) => return Ok(false),
            Err(error) => return Err(StoreError::because("a grant could not be ended", error)),
        };
        match commit(&change, store).await {
            Some(Committed::Applied) => return Ok(true),
            Some(Committed::Conflict) => {}
            None => return Err(StoreError::new("the store did not say whether a grant was ended")),
        }
        // It was refreshed or redeemed in this moment.
        let key = Key { kind: Kind::Grant, id };
        let [now, ..] = in_time(store.load(&[Some(key), None, None, None])).await?;
        match now.map(|(record, version)| (Arc::unwrap_or_clone(record), version)) {
            Some((OwnedRecord::Grant(grant), version)) => found = (grant, version),
            _ => return Ok(false),
        }
    }
    Err(StoreError::new("a grant changed each time that it was to be ended"))
}

/// Goes through the grants of a person in the order of their keys.
struct Walk {
    by: By,
    after: Option<Key>,
}

impl Walk {
    fn begin(subject: &str, after: Option<Digest>) -> Self {
        // Without a beginning: after the last key of the kind before.
        let before = Key { kind: Kind::Account, id: Digest([0xff; 32]) };
        let after = after.map_or(before, |id| Key { kind: Kind::Grant, id });
        Self { by: By::Index(Key::account(subject)), after: Some(after) }
    }

    /// The next few; `None` at the end. What else belongs to the person comes after the grants.
    async fn step<S: Store>(&mut self, store: &S) -> Result<Option<Vec<(Digest, OwnedGrant, Version)>>, StoreError> {
        let Some(after) = self.after else { return Ok(None) };
        let found = in_time(store.scan(self.by, Some(after), STEP)).await?;
        let whole = found.len() == STEP;
        self.after = found.last().map(|(key, ..)| *key).filter(|key| whole && key.kind == Kind::Grant);
        let grants = found.into_iter().filter_map(|(key, record, version)| match record {
            OwnedRecord::Grant(grant) => Some((key.id, grant, version)),
            _ => None,
        });
        Ok(Some(grants.collect()))
    }
}
