//! What a store keeps: borrowed views of records and, with feature `alloc`, their owned twins.
//!
//! Lists (scopes, redirect URIs, resources) are one space-separated text, as on the wire. A store never sees a secret:
//! what is random is kept as its SHA-256, what a person chose as an Argon2id hash.

use super::change::{Kind, Version};
use crate::jose::Algorithm;
use crate::time::UnixTime;
use core::fmt;

/// A SHA-256, or 32 random bytes. Shown as hexadecimal where people read it.
///
/// What is kept as one is no secret: from the SHA-256 of a drawn secret there is no way back, and salts and identifiers
/// give nothing without a server key. So `Debug` shows it, as it is what records are told apart by in a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a client proves who it is.
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum ClientAuth {
    /// A public client: it has no credentials, and what it presents proves nothing.
    Public,
    /// A secret that we drew: [`Client::secret`] holds its SHA-256 as 64 hexadecimal digits.
    Drawn,
    /// A secret that a person chose: [`Client::secret`] holds an Argon2id hash in PHC form.
    Chosen,
    /// A key pair: the client signs an assertion for each request, and [`Client::jwks`] checks it.
    /// <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
    PrivateKeyJwt,
}

/// Which grants a client may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GrantTypes {
    /// `authorization_code`
    pub authorization_code: bool,
    /// `client_credentials`; never for a public client.
    pub client_credentials: bool,
    /// `refresh_token`
    pub refresh_token: bool,
}

/// What a client's access tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum AccessTokenFormat {
    /// Random text, of which only this server knows what it opens: revoked at once, wherever it is shown.
    #[default]
    Opaque,
    /// Claims that are signed by this algorithm, which is none with a shared secret: an API checks them by itself, and
    /// takes them until they expire. <https://www.rfc-editor.org/rfc/rfc9068>
    Jwt(Algorithm),
}

/// Whether a grant gives anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum GrantState {
    /// Its code was not redeemed yet.
    Pending,
    /// It gives tokens.
    Live,
    /// Revoked: none of its codes and tokens is good any more.
    Ended,
}

/// Defines a view with borrowed text and its owned twin from one list of fields. `text` is text, `hash` is text that
/// `Debug` does not show, other types stand in brackets. A field that rows may lack which were written before there was
/// one is marked `default`.
macro_rules! records {
    ($($(#[$meta:meta])* $name:ident / $twin:ident { $($(#[$field_meta:meta])* $field:ident : $kind:tt $($default:ident)?),* $(,)? })*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a> { $($(#[$field_meta])* pub $field: records!(view 'a $kind)),* }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), records!(shown self $field $kind));)*
                shown.finish()
            }
        }

        #[doc = concat!("The owned twin of [`", stringify!($name), "`].")]
        #[cfg(feature = "alloc")]
        #[derive(Clone, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $twin { $(
            $(#[$field_meta])*
            $(#[cfg_attr(feature = "serde", serde($default))])?
            pub $field: records!(owned $kind)
        ),* }

        #[cfg(feature = "alloc")]
        impl fmt::Debug for $twin {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.as_view(), f)
            }
        }

        #[cfg(feature = "alloc")]
        impl $twin {
            /// The borrowed view.
            pub fn as_view(&self) -> $name<'_> {
                $name { $($field: records!(lend self $field $kind)),* }
            }
        }

        #[cfg(feature = "alloc")]
        impl From<&$name<'_>> for $twin {
            fn from(view: &$name<'_>) -> Self {
                Self { $($field: records!(own view $field $kind)),* }
            }
        }
    )* };
    (shown $self:ident $field:ident hash) => { &format_args!("..") };
    (shown $self:ident $field:ident $kind:tt) => { &$self.$field };
    (view $l:lifetime hash) => { &$l str };
    (view $l:lifetime text) => { &$l str };
    (view $l:lifetime [$t:ty]) => { $t };
    (owned hash) => { alloc::string::String };
    (owned text) => { alloc::string::String };
    (owned [$t:ty]) => { $t };
    (lend $self:ident $field:ident hash) => { &$self.$field };
    (lend $self:ident $field:ident text) => { &$self.$field };
    (lend $self:ident $field:ident [$t:ty]) => { $self.$field };
    (own $view:ident $field:ident hash) => { $view.$field.into() };
    (own $view:ident $field:ident text) => { $view.$field.into() };
    (own $view:ident $field:ident [$t:ty]) => { $view.$field };
}

records! {
    /// A registered client. [RFC 6749 section 2](https://www.rfc-editor.org/rfc/rfc6749#section-2)
    Client / OwnedClient {
        /// Its public identifier; filed under its SHA-256.
        client_id: text,
        /// What people are shown.
        name: text,
        /// How it proves who it is; also tells public from confidential.
        auth: [ClientAuth],
        /// What `auth` says; empty for a client without a secret.
        secret: hash,
        /// The public keys of a client with a key pair, as a JWK Set of at most
        /// [`MAX_CLIENT_JWKS`](crate::server::MAX_CLIENT_JWKS) bytes; else empty.
        jwks: text default,
        /// Registered redirect URIs, complete.
        redirect_uris: text,
        /// Grants that it may use.
        grant_types: [GrantTypes],
        /// Scopes that it may have.
        scope: text,
        /// Resources (RFC 8707) that it may name.
        resource: text,
        /// What its access tokens are.
        access_token: [AccessTokenFormat] default,
        /// Whether it may introspect tokens, as resource servers do.
        may_introspect: [bool],
        /// `false`: removed. The record stays, so that its id is not used again.
        live: [bool],
    }

    /// A person who can log in.
    Account / OwnedAccount {
        /// The `sub` of tokens; filed under its SHA-256.
        subject: text,
        /// What the pages call this person.
        name: text,
        /// The Argon2id hash of the password, in PHC form.
        password: hash,
        /// `false`: locked or removed.
        live: [bool],
        /// The generation of this person's browser logins: a login holds only while it carries this number, so that
        /// adding one ends every login there is.
        logins: [u32],
    }

    /// What an owner, or a client on its own behalf, may do: every code and token points to one.
    Grant / OwnedGrant {
        /// Who got it.
        client_id: text,
        /// Who gave it; empty for client credentials.
        subject: text,
        /// What was consented to.
        scope: text,
        /// For which resources (RFC 8707); empty for the default.
        resource: text,
        /// Whether it gives anything.
        state: [GrantState],
        /// When it was given.
        issued_at: [UnixTime],
        /// When it ends, whatever is refreshed.
        expires_at: [UnixTime],
        /// When the person logged in; 0 if no person did.
        auth_time: [UnixTime],
        /// How: the authentication context class; empty if unknown.
        acr: text default,
        /// By what means: authentication method references, such as `pwd`; empty if unknown.
        /// <https://www.rfc-editor.org/rfc/rfc8176#section-2>
        amr: text default,
        /// The version of the account that decided last, where accounts are records.
        account: [Option<Version>],
        /// Client credentials: the SHA-256 of its one access token's secret, or of the `jti` of a signed one.
        access: [Option<Digest>],
        /// Goes into each of its tokens' MAC, and was drawn once.
        salt: [Digest],
        /// The id of the server key that made the tokens of the current generation.
        server_key: [u8],
        /// How often it was refreshed.
        generation: [u32],
        /// When the newest tokens of the current generation were made: when it began, or when a late retry got another access
        /// token.
        rotated_at: [UnixTime],
        /// The refresh that made the current generation: SHA-256 over client, token, scope and resource.
        rotated_by: [Option<Digest>],
        /// When introspection first saw an access token of that refresh in use, where the grace window waits for it; where it
        /// does not, when the refresh came.
        seen_at: [Option<UnixTime>] default,
        /// Whether the access token of the current generation was a signed one, so that it has no record.
        signed: [bool] default,
    }

    /// An authorization code. Filed under the SHA-256 of its secret.
    Code / OwnedCode {
        /// The key of its grant.
        grant: [Digest],
        /// Where it was sent.
        redirect_uri: text,
        /// Whether the authorization request named the redirect URI, so that the token request must name it too.
        redirect_uri_named: [bool],
        /// `code_challenge`, S256.
        challenge: [Digest],
        /// Codes live for a minute or so.
        expires_at: [UnixTime],
        /// Redeemed. It stays, so that a second use is recognised.
        spent: [bool],
    }

    /// An access token of a code grant. An opaque one is filed under the SHA-256 of its secret. A signed one has no record
    /// until it is revoked, and then that lies under the SHA-256 of its `jti`.
    Access / OwnedAccess {
        /// The key of its grant.
        grant: [Digest],
        /// Its scope: the grant's, or less.
        scope: text,
        /// Its resources: the grant's, or less.
        resource: text,
        /// When it was issued.
        issued_at: [UnixTime],
        /// When it ends; 0 once it is revoked.
        expires_at: [UnixTime],
    }

    /// A key pair that signs access tokens. Filed under the SHA-256 of its `kid`.
    SigningKey / OwnedSigningKey {
        /// Its id in the published set and in the header of tokens.
        kid: text,
        /// The one algorithm that it serves.
        algorithm: [Algorithm],
        /// The public half as [`PublicJwk::write`](crate::jose::PublicJwk::write) writes it.
        public: text,
        /// The private half, sealed by the program under a key that is not in the store; once it is retired, what shows by
        /// such a key that the program retired it, or nothing.
        sealed: hash,
        /// When it was made.
        created_at: [UnixTime],
        /// From when on it signs. Until then it is published only, so that APIs know it by then; 0 for at once.
        signs_from: [UnixTime] default,
        /// When it ceased to sign. Its public half stays published until what it signed has expired.
        retired_at: [Option<UnixTime>],
    }
}

/// A record of any kind, borrowed. Exhaustive on purpose: a store keeps every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A registered client.
    Client(Client<'a>),
    /// A person who can log in.
    Account(Account<'a>),
    /// A grant.
    Grant(Grant<'a>),
    /// An authorization code.
    Code(Code<'a>),
    /// An access token.
    Access(Access<'a>),
    /// A key pair that signs access tokens.
    SigningKey(SigningKey<'a>),
    /// Says only that an identifier was used: a pending request that was answered, or the `jti` of a client's assertion.
    Used,
}

impl Record<'_> {
    /// What kind of key files it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Client(_) => Kind::Client,
            Self::Account(_) => Kind::Account,
            Self::Grant(_) => Kind::Grant,
            Self::Code(_) => Kind::Code,
            Self::Access(_) => Kind::Access,
            Self::SigningKey(_) => Kind::SigningKey,
            Self::Used => Kind::Used,
        }
    }
}

/// A record of any kind, owned: what a store keeps. With `serde` as JSON that people can read.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum OwnedRecord {
    /// A registered client.
    Client(OwnedClient),
    /// A person who can log in.
    Account(OwnedAccount),
    /// A grant.
    Grant(OwnedGrant),
    /// An authorization code.
    Code(OwnedCode),
    /// An access token.
    Access(OwnedAccess),
    /// A key pair that signs access tokens.
    SigningKey(OwnedSigningKey),
    /// Says only that an identifier was used.
    Used,
}

#[cfg(feature = "alloc")]
impl OwnedRecord {
    /// The borrowed view.
    pub fn as_view(&self) -> Record<'_> {
        match self {
            Self::Client(r) => Record::Client(r.as_view()),
            Self::Account(r) => Record::Account(r.as_view()),
            Self::Grant(r) => Record::Grant(r.as_view()),
            Self::Code(r) => Record::Code(r.as_view()),
            Self::Access(r) => Record::Access(r.as_view()),
            Self::SigningKey(r) => Record::SigningKey(r.as_view()),
            Self::Used => Record::Used,
        }
    }
}

#[cfg(feature = "alloc")]
impl From<&Record<'_>> for OwnedRecord {
    fn from(view: &Record<'_>) -> Self {
        match view {
            Record::Client(r) => Self::Client(r.into()),
            Record::Account(r) => Self::Account(r.into()),
            Record::Grant(r) => Self::Grant(r.into()),
            Record::Code(r) => Self::Code(r.into()),
            Record::Access(r) => Self::Access(r.into()),
            Record::SigningKey(r) => Self::SigningKey(r.into()),
            Record::Used => Self::Used,
        }
    }
}

#[cfg(feature = "serde")]
mod serde_text {
    use super::Digest;
    use core::fmt;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    impl Serialize for Digest {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for Digest {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Hex;
            impl de::Visitor<'_> for Hex {
                type Value = Digest;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("64 hexadecimal digits")
                }
                fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
                    Digest::from_hex(text).ok_or_else(|| E::invalid_length(text.len(), &self))
                }
            }
            deserializer.deserialize_str(Hex)
        }
    }
}

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        if text.len() != 64 {
            return None;
        }
        let mut digits = text.bytes().map(|digit| match digit {
            b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(digit.wrapping_sub(b'a' - 10)),
            b'A'..=b'F' => Some(digit.wrapping_sub(b'A' - 10)),
            _ => None,
        });
        for byte in &mut digest {
            let (high, low) = (digits.next()??, digits.next()??);
            *byte = high << 4 | low;
        }
        Some(Self(digest))
    }
}
