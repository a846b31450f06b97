//! The simplest store that keeps the contract, and which asserts that the core keeps its own side of it.

use std::collections::BTreeMap;
use valetkey::server::change::{Change, Committed, Expect, Key, Keys, OwnedFound, Version};
use valetkey::server::record::{Digest, GrantState, OwnedClient, OwnedRecord, Record};

/// Records by key.
#[derive(Clone, Debug, Default)]
pub struct Store {
    rows: BTreeMap<Key, (OwnedRecord, Version)>,
    written: u64,
}

impl Store {
    /// Writes a record as an operator does, past the contract.
    pub fn put(&mut self, key: Key, record: OwnedRecord) {
        self.written += 1;
        // Far from what the core draws for its changes.
        let version = Version::new(self.written).expect("a small number is a version");
        self.rows.insert(key, (record, version));
    }

    /// A client's record.
    pub fn client(&self, client_id: &str) -> Option<(OwnedClient, Version)> {
        match self.rows.get(&Key::client(client_id))? {
            (OwnedRecord::Client(client), version) => Some((client.clone(), *version)),
            _ => None,
        }
    }

    /// Locks or unlocks an account, removes a client or brings it back.
    pub fn set_live(&mut self, key: Key, now_live: bool) {
        let Some((mut record, _)) = self.rows.get(&key).cloned() else { return };
        match &mut record {
            OwnedRecord::Client(client) => client.live = now_live,
            OwnedRecord::Account(account) => account.live = now_live,
            _ => return,
        }
        self.put(key, record);
    }

    /// One snapshot.
    pub fn load(&self, keys: &Keys) -> OwnedFound {
        keys.map(|key| self.rows.get(&key?).map(|(record, version)| (record.clone().into(), *version)))
    }

    /// All or nothing.
    pub fn commit(&mut self, change: &Change<'_>) -> Committed {
        let puts: Vec<_> = change.puts.iter().flatten().collect();
        let first = change.puts[0].expect("a change puts something first");
        let at = |key: &Key| self.rows.get(key).map(|(_, version)| *version);
        if at(&first.key) == Some(change.id) {
            return Committed::Applied;
        }
        for (i, put) in puts.iter().enumerate() {
            assert!(puts[..i].iter().all(|other| other.key != put.key), "a change puts each key once");
            assert_eq!(put.key.kind, put.record.kind(), "a record is filed under a key of its kind");
        }
        let as_expected = puts.iter().all(|put| match put.expect {
            Expect::Absent => at(&put.key).is_none(),
            Expect::At(version) => at(&put.key) == Some(version),
        });
        if !as_expected || change.holds.iter().flatten().any(|(key, version)| at(key) != Some(*version)) {
            return Committed::Conflict;
        }
        for put in puts {
            let old = self.rows.insert(put.key, (OwnedRecord::from(&put.record), change.id));
            never_back(old.map(|(record, _)| record), &put.record);
        }
        Committed::Applied
    }
}

/// What no transition may undo or widen.
fn never_back(old: Option<OwnedRecord>, new: &Record<'_>) {
    match (old, new) {
        (Some(OwnedRecord::Grant(old)), Record::Grant(new)) => {
            assert!(old.state != GrantState::Ended, "an ended grant is never written again");
            assert!(new.state != GrantState::Pending, "a redeemed grant does not wait for its code again");
            assert!(new.generation >= old.generation, "generations count up");
            let fixed = |g: &valetkey::server::record::Grant<'_>| {
                [g.client_id, g.subject, g.scope, g.resource].map(str::to_owned)
            };
            assert_eq!(fixed(&old.as_view()), fixed(new), "what was consented to stays as it was");
        }
        (Some(OwnedRecord::Code(old)), Record::Code(new)) => {
            assert!(!old.spent && new.spent, "a code is written once more, when it is spent");
            assert_eq!((old.grant, old.challenge), (new.grant, new.challenge));
        }
        (Some(OwnedRecord::Access(old)), Record::Access(new)) => {
            assert!(new.expires_at <= old.expires_at, "an access token only ever ends sooner");
        }
        (Some(OwnedRecord::Used), _) => panic!("a pending request is answered once"),
        _ => {}
    }
}

/// The key of the grant that a code or token names: SHA-256 of its first 16 bytes, and of those of a signed one's `jti`.
pub fn grant_of(token: &str) -> Key {
    let mut room = vec![0; token.len()];
    let mut decode = |text: &str| {
        valetkey::text::base64::decode(text, &mut room).expect("what the server issues is base64url").to_vec()
    };
    let bytes = match token.split('.').nth(1) {
        None => decode(token),
        Some(claims) => {
            let claims: serde_json::Value = serde_json::from_slice(&decode(claims)).expect("claims are JSON");
            decode(claims["jti"].as_str().expect("a token has an id"))
        }
    };
    Key { kind: valetkey::server::change::Kind::Grant, id: sha256(&bytes[..16]) }
}

fn sha256(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest(sha2::Sha256::digest(bytes).into())
}
