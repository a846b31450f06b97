//! Puts the demo's account and clients into an empty store, and finds them in one.

use crate::demo::{CLIENTS, DemoClient, PASSWORD, USERNAME};
use crate::passwords::{Password, Passwords};
use crate::system::{CLOCK, drawn, unix_time};
use valetkey::server::change::{Change, Committed, Key, Kind};
use valetkey::server::record::{AccessTokenFormat, Account, Client, ClientAuth, GrantTypes, OwnedRecord};
use valetkey::server::{RegisterError, register_account, register_client, secret_digest};
use valetkey_tokio::store::{By, Store, StoreError};

/// Puts the demo in. What is there already stays as it is.
///
/// # Errors
/// Those of the store, and when the operating system gives no random bytes.
pub async fn demo<S: Store>(store: &S, passwords: &Passwords) -> Result<(), StoreError> {
    let now = unix_time().ok_or_else(|| StoreError::new(CLOCK))?;
    for client in &CLIENTS {
        let digest = client.secret.map(|secret| secret_digest(secret).to_string());
        put(store, register_client(drawn()?, now, record(client, digest.as_deref()))).await?;
    }
    let hash = passwords.hash(Password::new(PASSWORD.to_owned())).await.ok().flatten();
    let hash = hash.ok_or_else(|| StoreError::new("the demo's password could not be hashed"))?;
    let account = Account { subject: USERNAME, name: USERNAME, password: &hash, live: true, logins: 0 };
    put(store, register_account(drawn()?, now, account)).await
}

/// Whether no client and no account was ever put in.
///
/// # Errors
/// Those of the store.
pub async fn is_empty<S: Store>(store: &S) -> Result<bool, StoreError> {
    let clients = store.scan(By::Kind(Kind::Client), None, 1).await?;
    let accounts = store.scan(By::Kind(Kind::Account), None, 1).await?;
    Ok(clients.is_empty() && accounts.is_empty())
}

/// Something in a store whose secret everyone knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A client, by its id.
    Client(&'static str),
    /// An account, by its subject.
    Account(&'static str),
}

/// What of the demo can be used in this store. A client or an account of the same name whose secret is another is none.
///
/// # Errors
/// Those of the store.
pub async fn known<S: Store>(store: &S, passwords: &Passwords) -> Result<Vec<Known>, StoreError> {
    let mut known = Vec::new();
    for demo in &CLIENTS {
        let [found, ..] = store.load(&[Some(Key::client(demo.id)), None, None, None]).await?;
        let digest = demo.secret.map(|secret| secret_digest(secret).to_string()).unwrap_or_default();
        let Some(OwnedRecord::Client(client)) = found.as_ref().map(|(record, _)| &**record) else { continue };
        if client.live && client.secret == digest && client.redirect_uris == demo.redirect_uris {
            known.push(Known::Client(demo.id));
        }
    }
    let [found, ..] = store.load(&[Some(Key::account(USERNAME)), None, None, None]).await?;
    if let Some(OwnedRecord::Account(account)) = found.as_ref().map(|(record, _)| &**record)
        && account.live
        && passwords.verify(Some(account.password.clone()), Password::new(PASSWORD.to_owned())).await.unwrap_or(true)
    {
        known.push(Known::Account(USERNAME));
    }
    Ok(known)
}

fn record<'a>(client: &DemoClient, digest: Option<&'a str>) -> Client<'a> {
    let may = |grant_type| client.grant_types.split(' ').any(|one| one == grant_type);
    Client {
        client_id: client.id,
        name: client.name,
        auth: if digest.is_some() { ClientAuth::Drawn } else { ClientAuth::Public },
        secret: digest.unwrap_or_default(),
        jwks: "",
        redirect_uris: client.redirect_uris,
        grant_types: GrantTypes {
            authorization_code: may("authorization_code"),
            client_credentials: may("client_credentials"),
            refresh_token: may("refresh_token"),
        },
        scope: client.scopes,
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: client.may_introspect,
        live: true,
    }
}

async fn put<S: Store>(store: &S, change: Result<Change<'_>, RegisterError>) -> Result<(), StoreError> {
    let change = change.map_err(|error| StoreError::because("the demo is not as it must be", error))?;
    match store.commit(&change).await? {
        Committed::Applied | Committed::Conflict => Ok(()),
    }
}
