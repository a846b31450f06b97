//! Registering a client or an account: a checked record becomes the change that a store commits.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2>

use super::change::{Change, Expect, Key, Put, Version};
use super::record::{Account, Client, ClientAuth, Digest, Record};
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
    /// A redirect URI is none ([`is_redirect_uri`](crate::text::uri::is_redirect_uri)), or there is none for codes to go to.
    RedirectUri,
    /// A public client asks for client credentials, which prove nothing of it.
    ClientCredentials,
    /// The scope is malformed.
    Scope,
    /// A resource is no absolute URI without fragment.
    Resource,
    /// The account has no subject.
    Subject,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientId => "the client_id must be printable ASCII, and not empty",
            Self::Secret => {
                "the secret must be empty for a public client, a SHA-256 in hexadecimal or an Argon2id hash"
            }
            Self::RedirectUri => "each redirect URI must be https, http on loopback, or of a scheme with a period",
            Self::ClientCredentials => "a public client cannot use client credentials",
            Self::Scope => "the scope must be words separated by single spaces",
            Self::Resource => "each resource must be an absolute URI without fragment",
            Self::Subject => "the subject must not be empty",
        })
    }
}

impl core::error::Error for RegisterError {}

/// The change that registers a client where none of its `client_id` was: `Conflict` means that there was one.
///
/// `drawn` are eight bytes from the operating system, for this change alone.
///
/// # Errors
/// [`RegisterError`].
///
/// ```
/// use valetkey::server::record::{Client, ClientAuth, GrantTypes};
/// use valetkey::server::{RegisterError, register_client};
/// let spa = Client {
///     client_id: "spa",
///     name: "A page",
///     auth: ClientAuth::Public,
///     secret: "",
///     redirect_uris: "https://spa.example/cb",
///     grant_types: GrantTypes { authorization_code: true, refresh_token: true, ..GrantTypes::default() },
///     scope: "read",
///     resource: "",
///     may_introspect: false,
///     live: true,
/// };
/// assert!(register_client([7; 8], spa).is_ok());
/// let bad = Client { redirect_uris: "http://spa.example/cb", ..spa };
/// assert_eq!(register_client([7; 8], bad).unwrap_err(), RegisterError::RedirectUri);
/// ```
pub fn register_client(drawn: [u8; 8], client: Client<'_>) -> Result<Change<'_>, RegisterError> {
    let secret = client.secret;
    let secret_fits = match client.auth {
        ClientAuth::Public => secret.is_empty(),
        ClientAuth::Drawn => Digest::from_hex(secret).is_some(),
        ClientAuth::Chosen => secret.starts_with("$argon2id$"),
    };
    let grants = client.grant_types;
    let answers_go_somewhere = !grants.authorization_code || !client.redirect_uris.is_empty();
    let checks = [
        (grammar::is_vschar(client.client_id), RegisterError::ClientId),
        (secret_fits, RegisterError::Secret),
        (
            scope::words(client.redirect_uris).all(uri::is_redirect_uri) && answers_go_somewhere,
            RegisterError::RedirectUri,
        ),
        (client.auth != ClientAuth::Public || !grants.client_credentials, RegisterError::ClientCredentials),
        (client.scope.is_empty() || scope::is_scope(client.scope), RegisterError::Scope),
        (scope::words(client.resource).all(uri::is_resource), RegisterError::Resource),
    ];
    match checks.into_iter().find(|(good, _)| !good) {
        Some((_, error)) => Err(error),
        None => Ok(change(drawn, Key::client(client.client_id), Record::Client(client))),
    }
}

/// The change that adds an account where none of its `subject` was: `Conflict` means that there was one.
///
/// `drawn` are eight bytes from the operating system, for this change alone.
///
/// # Errors
/// [`RegisterError::Subject`].
pub fn register_account(drawn: [u8; 8], account: Account<'_>) -> Result<Change<'_>, RegisterError> {
    if account.subject.is_empty() {
        return Err(RegisterError::Subject);
    }
    Ok(change(drawn, Key::account(account.subject), Record::Account(account)))
}

fn change(drawn: [u8; 8], key: Key, record: Record<'_>) -> Change<'_> {
    let put = Put { key, expect: Expect::Absent, keep_until: UnixTime::FOR_EVER, index: [None, None], record };
    Change {
        id: Version::drawn(drawn),
        puts: [Some(put), None, None, None, None, None],
        holds: [None, None],
        event: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::record::GrantTypes;

    const SPA: Client<'_> = Client {
        client_id: "spa",
        name: "A page",
        auth: ClientAuth::Public,
        secret: "",
        redirect_uris: "https://spa.example/cb http://127.0.0.1/cb com.example.app:/cb",
        grant_types: GrantTypes { authorization_code: true, client_credentials: false, refresh_token: true },
        scope: "read write",
        resource: "https://api.example",
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
        ];
        for (client, error) in cases {
            assert_eq!(register_client([1; 8], client).unwrap_err(), error, "{client:?}");
        }
        let change = register_client([1; 8], SPA).unwrap();
        let put = change.puts[0].unwrap();
        assert_eq!((put.key, put.expect), (Key::client("spa"), Expect::Absent));
    }
}
