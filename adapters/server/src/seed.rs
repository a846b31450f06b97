//! Puts the demo's account and clients into an empty store.

use crate::demo::{CLIENTS, DemoClient, PASSWORD, USERNAME};
use crate::passwords::{Password, Passwords};
use valetkey::server::change::{Change, Committed, Expect, Key, Put, Version};
use valetkey::server::record::{Account, Client, ClientAuth, GrantTypes, Record};
use valetkey::server::secret_digest;
use valetkey::time::UnixTime;
use valetkey_tokio::store::{Store, StoreError};

/// Never to be forgotten; the last second that fits a signed 64-bit column.
const FOR_EVER: UnixTime = UnixTime(i64::MAX as u64);

/// Puts the demo in. What is there already stays as it is.
///
/// # Errors
/// Those of the store, and when the operating system gives no random bytes.
pub async fn demo<S: Store>(store: &S, passwords: &Passwords) -> Result<(), StoreError> {
    for client in &CLIENTS {
        let digest = client.secret.map(|secret| secret_digest(secret).to_string());
        let record = record(client, digest.as_deref());
        put(store, Key::client(client.id), Record::Client(record)).await?;
    }
    let hash = passwords.hash(Password::new(PASSWORD.to_owned())).await.ok().flatten();
    let hash = hash.ok_or_else(|| StoreError::new("the demo's password could not be hashed"))?;
    let account = Account { subject: USERNAME, name: USERNAME, password: &hash, live: true };
    put(store, Key::account(USERNAME), Record::Account(account)).await
}

fn record<'a>(client: &DemoClient, digest: Option<&'a str>) -> Client<'a> {
    let may = |grant_type| client.grant_types.split(' ').any(|one| one == grant_type);
    Client {
        client_id: client.id,
        name: client.name,
        auth: if digest.is_some() { ClientAuth::Drawn } else { ClientAuth::Public },
        secret: digest.unwrap_or_default(),
        redirect_uris: client.redirect_uris,
        grant_types: GrantTypes {
            authorization_code: may("authorization_code"),
            client_credentials: may("client_credentials"),
            refresh_token: may("refresh_token"),
        },
        scope: client.scopes,
        resource: "",
        may_introspect: client.may_introspect,
        live: true,
    }
}

async fn put<S: Store>(store: &S, key: Key, record: Record<'_>) -> Result<(), StoreError> {
    let id = getrandom::u64().ok().and_then(|drawn| Version::new(drawn >> 1));
    let id = id.ok_or_else(|| StoreError::new("the operating system gives no random bytes"))?;
    let put = Put { key, expect: Expect::Absent, keep_until: FOR_EVER, index: [None, None], record };
    let change = Change { id, puts: [Some(put), None, None, None, None, None], holds: [None, None], event: None };
    match store.commit(&change).await? {
        Committed::Applied | Committed::Conflict => Ok(()),
    }
}
