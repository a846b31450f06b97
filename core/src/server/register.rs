//! Registering a client or an account: a checked record becomes the change that a store commits.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2>

use super::assertion::are_client_keys;
use super::change::{Change, Event, EventKind, Expect, Key, Put, Version};
use super::jwt::is_clients;
use super::record::{AccessTokenFormat, Account, Client, ClientAuth, Digest, Record};
use crate::text::{grammar, scope, uri};
use crate::time::UnixTime;
use core::fmt;

/// What is wrong with a record that is to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// `client_id` is empty or holds more than printable ASCII.
    ClientId,
    /// `secret` is not what `auth` says: nothing, 64 hexadecimal digits, or a hash in PHC form.
    Secret,
    /// `jwks` is not what `auth` says: nothing, or a set of public keys, each for one algorithm and, where there are several,
    /// of a `kid`; at most [`MAX_CLIENT_JWKS`](super::MAX_CLIENT_JWKS) bytes.
    Jwks,
    /// A redirect URI is none ([`is_redirect_uri`](crate::text::uri::is_redirect_uri)), or there is none for codes to go to.
    RedirectUri,
    /// A public client asks for client credentials, which prove nothing of it.
    ClientCredentials,
    /// The scope is malformed.
    Scope,
    /// A resource is no absolute URI without fragment.
    Resource,
    /// Signed access tokens by an algorithm with a shared secret: whoever checks them could make them.
    AccessToken,
    /// The account has no subject, or one that begins with `client:`, as clients' do in signed access tokens.
    Subject,
    /// The account's password is no hash.
    Password,
    /// The signing key has no `kid`, no sealed half, or no public one of its `kid` and algorithm.
    SigningKey,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientId => "the client_id must be printable ASCII, and not empty",
            Self::Secret => {
                "the secret must be empty for a public client, a SHA-256 in hexadecimal or an Argon2id hash"
            }
            Self::Jwks => {
                "the jwks of a client with a key pair must be a JWK Set of at most 2560 bytes with public keys, each with \
                 its alg, and its kid where there are several; of any other client they must be empty"
            }
            Self::RedirectUri => {
                "a client of authorization_code needs a redirect URI, and each must be https, http on loopback, or of a scheme \
                 with a period"
            }
            Self::ClientCredentials => "a public client cannot use client credentials",
            Self::Scope => "the scope must be words separated by single spaces",
            Self::Resource => "each resource must be an absolute URI without fragment",
            Self::AccessToken => "access tokens must be signed by an algorithm with a public key",
            Self::Subject => "the subject must not be empty, and not begin with client:",
            Self::Password => "the password must be kept as its Argon2id hash in PHC form",
            Self::SigningKey => "the signing key needs a kid, a public JWK as it is published, and its sealed half",
        })
    }
}

impl core::error::Error for RegisterError {}

/// The change that registers a client where none of its `client_id` was: `Conflict` means that there was one.
///
/// `drawn` are eight bytes from the operating system, for this change alone. Its event says `now`.
///
/// # Errors
/// [`RegisterError`].
///
/// ```
/// use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
/// use valetkey::server::{RegisterError, register_client};
/// use valetkey::time::UnixTime;
/// let spa = Client {
///     client_id: "spa",
///     name: "A page",
///     auth: ClientAuth::Public,
///     secret: "",
///     jwks: "",
///     redirect_uris: "https://spa.example/cb",
///     grant_types: GrantTypes { authorization_code: true, refresh_token: true, ..GrantTypes::default() },
///     scope: "read",
///     resource: "",
///     access_token: AccessTokenFormat::Opaque,
///     may_introspect: false,
///     live: true,
/// };
/// let now = UnixTime(1_700_000_000); // in earnest: the clock's
/// assert!(register_client([7; 8], now, spa).is_ok());
/// let bad = Client { redirect_uris: "http://spa.example/cb", ..spa };
/// assert_eq!(register_client([7; 8], now, bad).unwrap_err(), RegisterError::RedirectUri);
/// ```
pub fn register_client(drawn: [u8; 8], now: UnixTime, client: Client<'_>) -> Result<Change<'_>, RegisterError> {
    check_client(&client)?;
    Ok(client_change(drawn, now, EventKind::ClientAdded, Expect::Absent, client))
}

/// Whether a client's record is one that may be kept.
pub(super) fn check_client(client: &Client<'_>) -> Result<(), RegisterError> {
    let secret = client.secret;
    let secret_fits = match client.auth {
        ClientAuth::Public | ClientAuth::PrivateKeyJwt => secret.is_empty(),
        ClientAuth::Drawn => Digest::from_hex(secret).is_some(),
        ClientAuth::Chosen => is_hash(secret),
    };
    let jwks_fit = match client.auth {
        ClientAuth::PrivateKeyJwt => are_client_keys(client.jwks),
        ClientAuth::Public | ClientAuth::Drawn | ClientAuth::Chosen => client.jwks.is_empty(),
    };
    let grants = client.grant_types;
    let answers_go_somewhere = !grants.authorization_code || !client.redirect_uris.is_empty();
    let is_shared = matches!(client.access_token, AccessTokenFormat::Jwt(algorithm) if algorithm.is_symmetric());
    let checks = [
        (grammar::is_vschar(client.client_id), RegisterError::ClientId),
        (secret_fits, RegisterError::Secret),
        (jwks_fit, RegisterError::Jwks),
        (
            scope::words(client.redirect_uris).all(uri::is_redirect_uri) && answers_go_somewhere,
            RegisterError::RedirectUri,
        ),
        (client.auth != ClientAuth::Public || !grants.client_credentials, RegisterError::ClientCredentials),
        (client.scope.is_empty() || scope::is_scope(client.scope), RegisterError::Scope),
        (scope::words(client.resource).all(uri::is_resource), RegisterError::Resource),
        (!is_shared, RegisterError::AccessToken),
    ];
    checks.into_iter().find(|(good, _)| !good).map_or(Ok(()), |(_, error)| Err(error))
}

/// Whether what is kept of a secret that a person chose is its hash.
pub(super) fn is_hash(secret: &str) -> bool {
    secret.starts_with("$argon2id$")
}

/// The change that adds an account where none of its `subject` was: `Conflict` means that there was one.
///
/// `drawn` are eight bytes from the operating system, for this change alone. Its event says `now`. The password may be
/// empty, for a person who logs in by other means.
///
/// # Errors
/// [`RegisterError::Subject`] and [`RegisterError::Password`].
pub fn register_account(drawn: [u8; 8], now: UnixTime, account: Account<'_>) -> Result<Change<'_>, RegisterError> {
    if account.subject.is_empty() || is_clients(account.subject) {
        return Err(RegisterError::Subject);
    }
    if !account.password.is_empty() && !is_hash(account.password) {
        return Err(RegisterError::Password);
    }
    Ok(account_change(drawn, now, EventKind::AccountAdded, Expect::Absent, account))
}

/// Clients and accounts are kept for ever: their ids are not used again.
pub(super) fn client_change(
    drawn: [u8; 8],
    now: UnixTime,
    what: EventKind,
    expect: Expect,
    client: Client<'_>,
) -> Change<'_> {
    let put = for_ever(Key::client(client.client_id), expect, Record::Client(client));
    one(drawn, put, Event { at: now, what, client_id: client.client_id, subject: "", grant: None, kid: "" })
}

/// As [`client_change`].
pub(super) fn account_change(
    drawn: [u8; 8],
    now: UnixTime,
    what: EventKind,
    expect: Expect,
    account: Account<'_>,
) -> Change<'_> {
    let put = for_ever(Key::account(account.subject), expect, Record::Account(account));
    one(drawn, put, Event { at: now, what, client_id: "", subject: account.subject, grant: None, kid: "" })
}

const fn for_ever(key: Key, expect: Expect, record: Record<'_>) -> Put<'_> {
    Put { key, expect, keep_until: UnixTime::FOR_EVER, index: [None, None], record }
}

/// The change of one put.
pub(super) fn one<'a>(drawn: [u8; 8], put: Put<'a>, event: Event<'a>) -> Change<'a> {
    Change {
        id: Version::drawn(drawn),
        puts: [Some(put), None, None, None, None, None],
        holds: [None, None],
        event: Some(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;
    use crate::server::record::GrantTypes;

    const NOW: UnixTime = UnixTime(1_700_000_000);
    const SPA: Client<'_> = Client {
        client_id: "spa",
        name: "A page",
        auth: ClientAuth::Public,
        secret: "",
        jwks: "",
        redirect_uris: "https://spa.example/cb http://127.0.0.1/cb com.example.app:/cb",
        grant_types: GrantTypes { authorization_code: true, client_credentials: false, refresh_token: true },
        scope: "read write",
        resource: "https://api.example",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    };

    #[test]
    fn rfc8252_8_4_01_rfc9700_2_6_02_what_is_registered_was_checked() {
        let own = GrantTypes { client_credentials: true, ..SPA.grant_types };
        let cases = [
            (Client { client_id: "", ..SPA }, RegisterError::ClientId),
            (Client { client_id: "é", ..SPA }, RegisterError::ClientId),
            (Client { secret: "x", ..SPA }, RegisterError::Secret),
            (Client { auth: ClientAuth::Drawn, secret: "in the clear", ..SPA }, RegisterError::Secret),
            (Client { auth: ClientAuth::Chosen, secret: "in the clear", ..SPA }, RegisterError::Secret),
            (Client { redirect_uris: "http://spa.example/cb", ..SPA }, RegisterError::RedirectUri),
            (Client { redirect_uris: "https://spa.example/cb app:/cb", ..SPA }, RegisterError::RedirectUri),
            (Client { redirect_uris: "", ..SPA }, RegisterError::RedirectUri),
            (Client { grant_types: own, ..SPA }, RegisterError::ClientCredentials),
            (Client { scope: "read  write", ..SPA }, RegisterError::Scope),
            (Client { resource: "api", ..SPA }, RegisterError::Resource),
            (Client { access_token: AccessTokenFormat::Jwt(Algorithm::Hs256), ..SPA }, RegisterError::AccessToken),
        ];
        for (client, error) in cases {
            assert_eq!(register_client([1; 8], NOW, client).unwrap_err(), error, "{client:?}");
        }
        let change = register_client([1; 8], NOW, SPA).unwrap();
        let put = change.puts[0].unwrap();
        assert_eq!((put.key, put.expect), (Key::client("spa"), Expect::Absent));
        let event =
            Event { at: NOW, what: EventKind::ClientAdded, client_id: "spa", subject: "", grant: None, kid: "" };
        assert_eq!(change.event, Some(event));
    }

    #[test]
    fn an_account_is_kept_with_a_hash_or_without_a_password() {
        let alice = Account { subject: "alice", name: "Alice", password: "$argon2id$..", live: true, logins: 0 };
        for account in [alice, Account { password: "", ..alice }] {
            let change = register_account([1; 8], NOW, account).unwrap();
            assert_eq!(change.puts[0].unwrap().key, Key::account("alice"));
            let event =
                Event { at: NOW, what: EventKind::AccountAdded, client_id: "", subject: "alice", grant: None, kid: "" };
            assert_eq!(change.event, Some(event));
        }
        for (account, error) in [
            (Account { subject: "", ..alice }, RegisterError::Subject),
            (Account { subject: "client:spa", ..alice }, RegisterError::Subject),
            (Account { password: "in the clear", ..alice }, RegisterError::Password),
        ] {
            assert_eq!(register_account([1; 8], NOW, account).unwrap_err(), error);
        }
    }
}
