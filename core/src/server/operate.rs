//! What operators and owners do to what is kept: each a change, made of the record and its version as they were loaded.
//!
//! A `Conflict` means that the record has moved on: load it anew and make the change of what it is now.
//!
//! One change marks one record, and ending what hangs on it takes more than one. Remove a client or lock an account
//! *first*: from then on nothing new is issued, as each issuing change holds the records of its client and account. Then
//! walk its grants by `scan` and end each that is not ended, until a walk finds none. That may be broken off and begun
//! again at any time.

use super::change::{Change, Event, EventKind, Expect, Key, Kind, Put, Version};
use super::kept;
use super::record::{Account, Client, Digest, Grant, GrantState, Record};
use super::register::{RegisterError, account_change, check_client, client_change, is_hash, one};
use crate::time::UnixTime;
use core::fmt;

/// Why a record cannot be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperateError {
    /// The client was removed; its id is not used again.
    Removed,
    /// The new record is another client's: `client_id` differs.
    OtherClient,
    /// The new record is not one that may be kept.
    Client(RegisterError),
    /// The new password is no Argon2id hash in PHC form.
    Password,
    /// The account's logins were ended 2^32 - 1 times, and cannot be told apart any more.
    Logins,
    /// The grant was ended before; there is nothing left to do.
    Ended,
    /// The grant is another person's.
    OtherOwner,
    /// The signing key was retired before.
    Retired,
}

impl fmt::Display for OperateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "the client was removed, and its client_id is not used again",
            Self::OtherClient => "the new record must have the same client_id",
            Self::Client(error) => return fmt::Display::fmt(error, f),
            Self::Password => "the password must be kept as its Argon2id hash in PHC form",
            Self::Logins => "the logins of this account cannot be ended any more; lock it, and make another",
            Self::Ended => "the grant was ended before",
            Self::OtherOwner => "the grant is another person's",
            Self::Retired => "the signing key was retired before",
        })
    }
}

impl core::error::Error for OperateError {}

/// The change that removes a client: it is not known any more, and nothing is issued to it.
///
/// The record stays for ever, without what was kept of the secret, so that its `client_id` never comes to mean another:
/// grants, consents and the lists of resource servers may name it for longer than anyone remembers. Its grants are to be
/// ended one by one, as this removes only the client itself; until then its access tokens are good.
///
/// # Errors
/// [`OperateError::Removed`] if it was removed before; its grants may still have to be ended.
///
/// ```
/// use valetkey::server::change::{EventKind, Expect, Version};
/// use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes, Record};
/// use valetkey::server::{remove_client, secret_digest};
/// use valetkey::time::UnixTime;
///
/// let digest = secret_digest("device-secret").to_string();
/// let device = Client {
///     client_id: "demo-device",
///     name: "A device",
///     auth: ClientAuth::Drawn,
///     secret: &digest,
///     jwks: "",
///     redirect_uris: "",
///     grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
///     scope: "telemetry:write",
///     resource: "",
///     access_token: AccessTokenFormat::Opaque,
///     may_introspect: false,
///     live: true,
/// };
/// let at = Version::new(7).ok_or("0")?; // both as the store told them
/// let change = remove_client([1; 8], UnixTime(1_700_000_000), (device, at))?;
/// let put = change.puts[0].ok_or("nothing put")?;
/// assert_eq!(put.expect, Expect::At(at));
/// assert_eq!(put.record, Record::Client(Client { secret: "", live: false, ..device }));
/// assert_eq!(change.event.map(|event| event.what), Some(EventKind::ClientRemoved));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_client<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    (client, at): (Client<'a>, Version),
) -> Result<Change<'a>, OperateError> {
    if !client.live {
        return Err(OperateError::Removed);
    }
    let removed = Client { secret: "", jwks: "", live: false, ..client };
    Ok(client_change(drawn, now, EventKind::ClientRemoved, Expect::At(at), removed))
}

/// The change that puts `new` in place of a client's record: other redirect URIs, another secret.
///
/// What is taken away is taken from its grants too, from the next refresh on. `new.live` is not looked at: see
/// [`remove_client`].
///
/// # Errors
/// [`OperateError::Removed`], [`OperateError::OtherClient`], [`OperateError::Client`].
pub fn change_client<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    (client, at): (Client<'_>, Version),
    new: Client<'a>,
) -> Result<Change<'a>, OperateError> {
    if !client.live {
        return Err(OperateError::Removed);
    }
    if new.client_id != client.client_id {
        return Err(OperateError::OtherClient);
    }
    check_client(&new).map_err(OperateError::Client)?;
    let same_secret = (new.auth, new.secret, new.jwks) == (client.auth, client.secret, client.jwks);
    let what = if same_secret { EventKind::ClientChanged } else { EventKind::ClientSecretChanged };
    Ok(client_change(drawn, now, what, Expect::At(at), Client { live: true, ..new }))
}

/// The change that locks an account and ends its logins. Its grants are to be ended one by one; until then its access
/// tokens are good, but nothing is refreshed.
pub fn lock_account<'a>(drawn: [u8; 8], now: UnixTime, (account, at): (Account<'a>, Version)) -> Change<'a> {
    // Nothing keeps an account from being locked: at the end of the numbers its logins fail by the lock alone.
    let locked = Account { live: false, logins: account.logins.saturating_add(1), ..account };
    account_change(drawn, now, EventKind::AccountLocked, Expect::At(at), locked)
}

/// The change that unlocks an account. What was ended by the lock stays ended: logins, and grants that were ended.
///
/// # Errors
/// [`OperateError::Logins`].
pub fn unlock_account<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    (account, at): (Account<'a>, Version),
) -> Result<Change<'a>, OperateError> {
    let unlocked = Account { live: true, logins: next(account.logins)?, ..account };
    Ok(account_change(drawn, now, EventKind::AccountUnlocked, Expect::At(at), unlocked))
}

/// The change that gives an account another password, of which `hash` is the Argon2id hash in PHC form, and ends its
/// logins. Its grants stay: an application that was let in does not know the password.
///
/// # Errors
/// [`OperateError::Password`] and [`OperateError::Logins`].
pub fn change_password<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    (account, at): (Account<'a>, Version),
    hash: &'a str,
) -> Result<Change<'a>, OperateError> {
    if !is_hash(hash) {
        return Err(OperateError::Password);
    }
    let changed = Account { password: hash, logins: next(account.logins)?, ..account };
    Ok(account_change(drawn, now, EventKind::PasswordChanged, Expect::At(at), changed))
}

/// The change that ends every login of an account. A page that ends the *other* ones gives its own browser a new login,
/// with the new number, once this is applied.
///
/// # Errors
/// [`OperateError::Logins`].
///
/// ```
/// use valetkey::server::change::Version;
/// use valetkey::server::end_logins;
/// use valetkey::server::record::{Account, Record};
/// use valetkey::time::UnixTime;
///
/// let alice = Account { subject: "alice", name: "Alice", password: "", live: true, logins: 3 };
/// let at = Version::new(7).ok_or("0")?; // both as the store told them
/// let change = end_logins([1; 8], UnixTime(1_700_000_000), (alice, at))?;
/// let put = change.puts[0].ok_or("nothing put")?;
/// assert_eq!(put.record, Record::Account(Account { logins: 4, ..alice }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn end_logins<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    (account, at): (Account<'a>, Version),
) -> Result<Change<'a>, OperateError> {
    let ended = Account { logins: next(account.logins)?, ..account };
    Ok(account_change(drawn, now, EventKind::LoginsEnded, Expect::At(at), ended))
}

/// The change by which an operator ends a grant: none of its codes and tokens is good any more.
///
/// `id` is that of its key.
///
/// # Errors
/// [`OperateError::Ended`].
pub fn end_grant<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    id: Digest,
    loaded: (Grant<'a>, Version),
) -> Result<Change<'a>, OperateError> {
    end(drawn, now, id, loaded, EventKind::GrantEndedByOperator)
}

/// The change by which the person `subject`, who must be known by a login, ends a grant that they gave.
///
/// `id` is that of its key.
///
/// # Errors
/// [`OperateError::OtherOwner`] if someone else gave it, or nobody did (client credentials); [`OperateError::Ended`].
///
/// ```
/// use valetkey::server::change::Version;
/// use valetkey::server::record::{Digest, Grant, GrantState, Record};
/// use valetkey::server::{OperateError, end_own_grant};
/// use valetkey::time::UnixTime;
///
/// let grant = Grant {
///     client_id: "spa",
///     subject: "alice",
///     // and so on, as the store told it
/// #   scope: "read", resource: "", state: GrantState::Live, issued_at: UnixTime(0), expires_at: UnixTime(9),
/// #   auth_time: UnixTime(0), acr: "", amr: "", account: None, access: None, salt: Digest([0; 32]), server_key: 1,
/// #   generation: 0, rotated_at: UnixTime(0), rotated_by: None, seen_at: None, signed: false,
/// };
/// let (now, id, at) = (UnixTime(1), Digest([7; 32]), Version::new(7).ok_or("0")?);
/// let change = end_own_grant([1; 8], now, "alice", id, (grant, at))?;
/// let put = change.puts[0].ok_or("nothing put")?;
/// assert_eq!(put.record, Record::Grant(Grant { state: GrantState::Ended, ..grant }));
/// let other = end_own_grant([1; 8], now, "bob", id, (grant, at));
/// assert_eq!(other, Err(OperateError::OtherOwner));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn end_own_grant<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    subject: &str,
    id: Digest,
    loaded: (Grant<'a>, Version),
) -> Result<Change<'a>, OperateError> {
    if subject.is_empty() || subject != loaded.0.subject {
        return Err(OperateError::OtherOwner);
    }
    end(drawn, now, id, loaded, EventKind::GrantEndedByOwner)
}

/// As the endpoints end a grant: the same record, kept as long and found by the same keys.
fn end<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    id: Digest,
    (grant, at): (Grant<'a>, Version),
    what: EventKind,
) -> Result<Change<'a>, OperateError> {
    if grant.state == GrantState::Ended {
        return Err(OperateError::Ended);
    }
    let put = Put {
        key: Key { kind: Kind::Grant, id },
        expect: Expect::At(at),
        keep_until: grant.expires_at,
        index: kept::index(grant.subject, Key::client(grant.client_id)),
        record: Record::Grant(Grant { state: GrantState::Ended, ..grant }),
    };
    let event = Event { at: now, what, client_id: grant.client_id, subject: grant.subject, grant: Some(id), kid: "" };
    Ok(one(drawn, put, event))
}

fn next(logins: u32) -> Result<u32, OperateError> {
    logins.checked_add(1).ok_or(OperateError::Logins)
}
