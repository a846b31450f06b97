//! The authorization server: each endpoint is a function from a request to a [`Step`].
//!
//! ```text
//!                 .----------------------- Conflict: look again, decide again ------------.
//!                 v                                                                       |
//!  request -> Client -> (Verify) -> (Owner) -> Load -> (Sign) -> (nothing to change) -> Reply
//!                                                         '----> Commit -- Applied ---> Reply
//!                                                                  |                      |
//!                                                                  '----------------------'
//! ```
//!
//! | endpoint | function | needs besides `Client` |
//! |---|---|---|
//! | authorization | [`authorize()`], and [`reopen`] after a pause | `Owner`, `Load`, `Commit` |
//! | token | [`token()`] | `Verify`, `Load`, `Sign`, `Commit` |
//! | revocation | [`revoke()`] | `Verify`, `Load`, `Commit` |
//! | introspection | [`introspect()`]; [`introspect_local`] for an API in the same program (no `Client`) | `Verify`, `Load`; `Commit` for a client with a key pair, or to end a grace window |
//! | metadata, key set | [`write_metadata`], [`write_jwks`] | none: they are plain functions |
//!
//! A driver is a loop that answers needs; [`change`] is the contract of the store that it asks, [`record`] what that store
//! keeps. This one serves a client-credentials request from a map:
//!
//! ```
//! use std::collections::HashMap;
//! use valetkey::secret::{Entropy, Secret};
//! use valetkey::server::change::Committed;
//! use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
//! use valetkey::server::{ENTROPY, FormRequest, Issuer, Policy, SCRATCH, Server, ServerKey, Step, secret_digest, token};
//! use valetkey::time::UnixTime;
//! use valetkey::wire::header::Header;
//!
//! let keys = [ServerKey::new(1, Secret::new([7; 32]))]; // in earnest: 32 bytes that live outside the store
//! let server = Server::new(Issuer::new("https://as.example")?, Policy::OAUTH21, &keys)?;
//! let digest = secret_digest("device-secret").to_string(); // what is kept of a secret that we drew
//! let device = Client {
//!     client_id: "demo-device",
//!     name: "A device",
//!     auth: ClientAuth::Drawn,
//!     secret: &digest,
//!     jwks: "",
//!     redirect_uris: "",
//!     grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
//!     scope: "telemetry:write",
//!     resource: "",
//!     access_token: AccessTokenFormat::Opaque,
//!     may_introspect: false,
//!     live: true,
//! };
//!
//! let request = FormRequest {
//!     authorization: Header::One("Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA=="),
//!     content_type: Header::One("application/x-www-form-urlencoded"),
//!     body: b"grant_type=client_credentials",
//! };
//! let (mut scratch, mut out, mut stored) = ([0; SCRATCH], [0; 1024], HashMap::new());
//! let (now, seed) = (UnixTime(1_700_000_000), Entropy::new([5; ENTROPY])); // in earnest: the clock's, and drawn
//! let mut step = token(&server, &request, now, seed, &mut scratch);
//! let reply = loop {
//!     step = match step {
//!         Step::Client(need) => {
//!             let found = (need.id() == device.client_id).then_some((&device, None));
//!             need.resume(found)
//!         }
//!         Step::Commit(need) => {
//!             for put in need.change().puts.iter().flatten() {
//!                 stored.insert(put.key, need.change().id); // in earnest: in one transaction, expectations tested
//!             }
//!             need.resume(Committed::Applied)
//!         }
//!         Step::Reply(reply) => break reply,
//!         _ => unreachable!("this grant needs no more"),
//!     };
//! };
//! let response = reply.write(&mut out)?;
//! assert_eq!(response.status(), 200);
//! assert!(response.body().starts_with("{\"access_token\":\"") && stored.len() == 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assertion;
mod authorize;
mod caller;
pub mod change;
mod commit;
mod credential;
pub mod fault;
mod introspect;
mod issuer;
mod jwt;
mod kept;
mod metadata;
mod operate;
mod params;
mod pending;
mod policy;
pub mod record;
mod register;
mod reply;
mod revoke;
mod sign;
mod signing_key;
mod step;
mod token;

pub use assertion::MAX_CLIENT_JWKS;
pub use authorize::{AuthorizeRequest, NeedOwner, Owner, authorize};
pub use commit::NeedCommit;
pub use credential::ServerKey;
pub use introspect::{introspect, introspect_local};
pub use issuer::Issuer;
#[cfg(feature = "alloc")]
pub use issuer::OwnedIssuer;
pub use metadata::{Endpoint, write_jwks, write_metadata};
pub use operate::{
    OperateError, change_client, change_password, end_grant, end_logins, end_own_grant, lock_account, remove_client,
    unlock_account,
};
pub use params::{FormRequest, MAX_PARAMETER, MAX_REQUEST};
pub use pending::reopen;
pub use policy::{AssertionAudience, Policy};
pub use register::{RegisterError, register_account, register_client};
pub use reply::{Reply, Response};
pub use revoke::revoke;
pub use sign::NeedSign;
pub use signing_key::{add_signing_key, reseal_signing_key, retire_signing_key, withdraw_signing_key};
pub use step::{NeedClient, NeedLoad, NeedVerify, Step};
pub use token::token;

use crate::jose::{Algorithm, Algorithms, Key, VerifyBy};
use crate::text::uri;
use assertion::ClientKeys;
use core::fmt;
use record::AccessTokenFormat;

/// Bytes of [`Entropy`](crate::secret::Entropy) that a request to the token, revocation or introspection endpoint takes, drawn
/// for that request alone: `Entropy::<ENTROPY>::new(drawn)`.
pub const ENTROPY: usize = 56;

/// The same for a request to the authorization endpoint, and for one that is reopened.
pub const AUTHORIZE_ENTROPY: usize = 120;

/// Bytes of scratch that suffice for the default budgets: the request as it came and decoded, at most [`MAX_REQUEST`]; an
/// assertion of [`MAX_PARAMETER`] and the keys of [`MAX_CLIENT_JWKS`] that check it, which are taken apart beside that; and 4 KiB
/// of scope and resources in the client's record. For short requests and records 2 KiB are enough; with too little the reply is
/// `server_error`, and [`Fault::Scratch`](fault::Fault::Scratch) tells why.
pub const SCRATCH: usize = MAX_REQUEST + assertion::KEPT + assertion::ROOM + 4 * 1024;

/// Which bytes of the entropy serve what; each serves one purpose.
mod seed {
    pub(super) const LOCATOR: usize = 0;
    pub(super) const SECRET: usize = 16;
    pub(super) const CHANGE: usize = 48;
    // Of the authorization endpoint only.
    pub(super) const SALT: usize = 56;
    pub(super) const PENDING: usize = 88;
}

/// What every endpoint is given: the issuer, the policy and the keys.
#[derive(Debug)]
pub struct Server<'r> {
    issuer: Issuer<'r>,
    policy: Policy,
    keys: &'r [ServerKey],
    signing_keys: &'r [Key<'r>],
    default_audience: &'r str,
    acr_values: &'r str,
    client_keys: Option<ClientKeys>,
}

/// Why a [`Server`] cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadServer {
    /// The issuer is not https (or http on loopback), or has a query or fragment.
    Issuer,
    /// There is no server key, or two of one id.
    Keys,
    /// A signing key has no `kid`, or one that another has, or its algorithm is one with a shared secret.
    SigningKeys,
    /// The default audience is no absolute URI without fragment.
    Audience,
    /// No algorithm for the assertions of clients, or one with a shared secret.
    ClientKeys,
}

impl fmt::Display for BadServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "the issuer must be an https URL (http on loopback only) without query and fragment",
            Self::Keys => "the server needs at least one key, each with an id of its own",
            Self::SigningKeys => "each signing key needs a kid of its own and an algorithm with a public key",
            Self::Audience => "the default audience must be an absolute URI without fragment",
            Self::ClientKeys => "assertions of clients need algorithms, each with a public key",
        })
    }
}

impl core::error::Error for BadServer {}

impl<'r> Server<'r> {
    /// The first of `keys` is current; the others still recognise what they made.
    ///
    /// # Errors
    /// [`BadServer::Keys`].
    pub fn new(issuer: Issuer<'r>, policy: Policy, keys: &'r [ServerKey]) -> Result<Self, BadServer> {
        let twice = |(i, key): (usize, &ServerKey)| keys.iter().take(i).any(|other| other.id() == key.id());
        if keys.is_empty() || keys.iter().enumerate().any(twice) {
            return Err(BadServer::Keys);
        }
        let (signing_keys, default_audience) = (&[], issuer.as_str());
        Ok(Self { issuer, policy, keys, signing_keys, default_audience, acr_values: "", client_keys: None })
    }

    /// The keys of signed access tokens: the first of an algorithm signs, by the name of its `kid`, and all recognise what
    /// they signed. Who holds the private halves answers [`Step::Sign`].
    ///
    /// # Errors
    /// [`BadServer::SigningKeys`].
    pub fn with_signing_keys(self, signing_keys: &'r [Key<'r>]) -> Result<Self, BadServer> {
        let bad = |(i, key): (usize, &Key<'_>)| {
            let twice = signing_keys.iter().take(i).any(|other| other.kid() == key.kid());
            twice || key.kid().is_empty() || key.algorithm().is_symmetric()
        };
        if signing_keys.iter().enumerate().any(bad) {
            return Err(BadServer::SigningKeys);
        }
        Ok(Self { signing_keys, ..self })
    }

    /// The `aud` of signed access tokens for which no resource was asked for, unless their client is registered for one
    /// only. It stands for all of this server's resource servers, and is the issuer without this.
    /// <https://www.rfc-editor.org/rfc/rfc9068#section-3>
    ///
    /// # Errors
    /// [`BadServer::Audience`].
    pub fn with_default_audience(self, default_audience: &'r str) -> Result<Self, BadServer> {
        if uri::is_resource(default_audience) {
            Ok(Self { default_audience, ..self })
        } else {
            Err(BadServer::Audience)
        }
    }

    /// The classes (`acr`) of which logins here are, space-separated, for the metadata to name: an API may ask for one of
    /// them. Without this none is named; it changes nothing else.
    /// <https://www.rfc-editor.org/rfc/rfc9470#section-7>,
    /// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>
    ///
    /// ```
    /// use valetkey::secret::Secret;
    /// use valetkey::server::{Issuer, Policy, Server, ServerKey, write_metadata};
    /// let keys = [ServerKey::new(1, Secret::new([7; 32]))];
    /// let server = Server::new(Issuer::new("https://as.example")?, Policy::OAUTH21, &keys)?;
    /// let mut buf = [0; 1024];
    /// let json = write_metadata(&server.with_acr_values("urn:example:password"), "", &mut buf)?;
    /// assert!(json.contains(r#""acr_values_supported":["urn:example:password"]"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_acr_values(mut self, acr_values: &'r str) -> Self {
        self.acr_values = acr_values;
        self
    }

    /// Takes clients that prove who they are by an assertion of theirs ([`record::ClientAuth::PrivateKeyJwt`]), if it is
    /// signed by one of these algorithms; `verify` is [`parts::verify`](crate::jose::parts::verify), or that of
    /// `valetkey-aws-lc`. Without this no such client is let in, and the metadata does not name the method.
    /// <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
    ///
    /// ```
    /// # #[cfg(feature = "ed25519")] {
    /// use valetkey::jose::{Algorithm, Algorithms, parts};
    /// use valetkey::secret::Secret;
    /// use valetkey::server::{BadServer, Issuer, Policy, Server, ServerKey};
    /// let keys = [ServerKey::new(1, Secret::new([7; 32]))];
    /// let issuer = Issuer::new("https://as.example")?;
    /// let server = || Server::new(issuer, Policy::OAUTH21, &keys).unwrap();
    /// assert!(server().with_client_keys(Algorithms::of(&[Algorithm::EdDsa]), parts::verify).is_ok());
    /// let shared = Algorithms::of(&[Algorithm::EdDsa, Algorithm::Hs256]);
    /// assert_eq!(server().with_client_keys(shared, parts::verify).unwrap_err(), BadServer::ClientKeys);
    /// # }
    /// # Ok::<(), valetkey::server::BadServer>(())
    /// ```
    ///
    /// # Errors
    /// [`BadServer::ClientKeys`].
    pub fn with_client_keys(self, algorithms: Algorithms, verify: VerifyBy) -> Result<Self, BadServer> {
        if algorithms.is_empty() || algorithms.iter().any(Algorithm::is_symmetric) {
            return Err(BadServer::ClientKeys);
        }
        Ok(Self { client_keys: Some(ClientKeys { algorithms, verify }), ..self })
    }

    /// The issuer identifier. <https://www.rfc-editor.org/rfc/rfc8414#section-2>
    pub const fn issuer(&self) -> &'r str {
        self.issuer.as_str()
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// See [`Server::with_signing_keys`].
    pub const fn signing_keys(&self) -> &'r [Key<'r>] {
        self.signing_keys
    }

    /// See [`Server::with_default_audience`].
    pub const fn default_audience(&self) -> &'r str {
        self.default_audience
    }

    /// The key that signs tokens of this format.
    fn signing_key(&self, format: AccessTokenFormat) -> Option<Key<'r>> {
        match format {
            AccessTokenFormat::Opaque => None,
            AccessTokenFormat::Jwt(algorithm) => {
                self.signing_keys.iter().copied().find(|key| key.algorithm() == algorithm)
            }
        }
    }

    fn current_key(&self) -> Result<&'r ServerKey, fault::Fault> {
        self.keys.first().ok_or(fault::Fault::NoServerKey)
    }

    fn key(&self, id: u8) -> Option<&'r ServerKey> {
        self.keys.iter().find(|key| key.id() == id)
    }
}

/// What a client's record holds of a secret that we drew ([`record::ClientAuth::Drawn`]): its SHA-256.
///
/// Only for secrets with at least 128 bits of entropy; what a person chose wants Argon2id.
pub fn secret_digest(secret: &str) -> record::Digest {
    change::sha256(&[secret.as_bytes()])
}
