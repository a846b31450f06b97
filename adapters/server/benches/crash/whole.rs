//! Each change is there whole or not at all: records of one change tell the same.

use crate::common::Result;
use std::collections::HashMap;
use valetkey::server::change::{Key, Kind};
use valetkey::server::record::{Digest, GrantState, OwnedRecord};
use valetkey_tokio::store::{By, Store};

const PAGE: usize = 1_000;

/// Compares every grant with its code and its access tokens. Gives what was compared, in words.
///
/// A redemption spends the code, makes the grant live and puts an access token; a refresh raises the grant's generation and
/// puts another one. So a redeemed grant has one access token more than its generation.
pub(crate) async fn check<S: Store>(store: &S) -> Result<String> {
    let mut access: HashMap<Digest, u32> = HashMap::new();
    for (_, record) in all(store, Kind::Access).await? {
        if let OwnedRecord::Access(found) = record {
            *access.entry(found.grant).or_default() += 1;
        }
    }
    let tokens: u32 = access.values().sum();
    let mut spent: HashMap<Digest, bool> = HashMap::new();
    for (_, record) in all(store, Kind::Code).await? {
        if let OwnedRecord::Code(code) = record {
            spent.insert(code.grant, code.spent);
        }
    }
    let grants = all(store, Kind::Grant).await?;
    let mut compared = 0;
    for (key, record) in &grants {
        let OwnedRecord::Grant(grant) = record else { continue };
        if grant.access.is_some() {
            continue; // a client's own: one record, which cannot be in pieces
        }
        compared += 1;
        let (tokens, spent) = (access.remove(&key.id).unwrap_or_default(), spent.get(&key.id).copied());
        let whole = match grant.state {
            GrantState::Pending => tokens == 0 && spent == Some(false),
            GrantState::Live | GrantState::Ended => tokens == grant.generation + 1 && spent != Some(false),
        };
        if !whole {
            let state = grant.state;
            let generation = grant.generation;
            let text =
                format!("{state:?}, of generation {generation}, with {tokens} tokens; its code spent: {spent:?}");
            return Err(format!("a change was written in part: grant {} is {text}", key.id).into());
        }
    }
    if !access.is_empty() {
        return Err(format!("{} access tokens have no grant", access.len()).into());
    }
    Ok(format!("{compared} grants fit their codes and {tokens} access tokens"))
}

async fn all<S: Store>(store: &S, kind: Kind) -> Result<Vec<(Key, OwnedRecord)>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(By::Kind(kind), after, PAGE).await?;
        let last = page.len() < PAGE;
        after = page.last().map(|(key, ..)| *key);
        found.extend(page.into_iter().map(|(key, record, _)| (key, record)));
        if last {
            return Ok(found);
        }
    }
}
