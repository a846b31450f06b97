//! The authorization server: the core's endpoints over a store, from values to values. HTTP is yours.
//!
//! ```
//! use valetkey::secret::Secret;
//! use valetkey::wire::header::Header;
//! use valetkey_blocking::server::{AuthorizationServer, Policy, Request, ServerKey};
//! # let store = valetkey_memory::MemoryStore::new();
//!
//! let key = ServerKey::new(1, Secret::new([7; 32])); // in earnest: 32 bytes from the operating system, kept
//! let server = AuthorizationServer::new("https://as.example", Policy::OAUTH21, vec![key], store)?;
//!
//! // For each request, on whatever thread:
//! let request = Request {
//!     method: "POST",
//!     path: "/token",
//!     authorization: Header::One("Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA=="),
//!     content_type: Header::One("application/x-www-form-urlencoded"),
//!     body: b"grant_type=client_credentials",
//! };
//! let response = server.handle(&request).unwrap(); // `None`: the path is not one of its own
//! assert_eq!((response.status, response.body.contains("invalid_client")), (401, true));
//! # Ok::<(), valetkey_blocking::server::BadServer>(())
//! ```
//!
//! What happened is told to `tracing` with target `valetkey::audit`, ids and reasons and never a secret: what is issued at
//! level debug, what is ended at level info, what is replayed or refused at level warn. Limits on connections and on how
//! slowly a request may come are the program's to set.

mod authorize;
mod drive;
mod http;
mod signing;

pub use authorize::Answer;
pub use drive::{DEADLINE, End, Verify, commit, drive};
pub use http::{Request, Response, header};
pub use signing::{Sign, Signing};
pub use valetkey::server::fault::Fault;
pub use valetkey::server::{AssertionAudience, BadServer, FormRequest, NeedOwner, Owner, Policy, ServerKey};
pub use valetkey_std::published::SigningKey;

use crate::store::Store;
use http::respond;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::jose::{Algorithms, Key, VerifyBy};
use valetkey::secret::{Entropy, SecretText};
use valetkey::server::{
    ENTROPY, Issuer, OwnedIssuer, SCRATCH, Server, Step, introspect, revoke, token, write_metadata,
};
use valetkey::time::UnixTime;

/// An authorization server over a store: issuer, policy, keys. For other keys, build another one over the same store.
pub struct AuthorizationServer<S> {
    issuer: OwnedIssuer,
    policy: Policy,
    keys: Vec<ServerKey>,
    signing: Option<Signing>,
    default_audience: Option<String>,
    scopes: String,
    verify: Option<Box<Verify>>,
    client_keys: Option<(Algorithms, VerifyBy)>,
    store: S,
}

impl<S> fmt::Debug for AuthorizationServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.issuer.as_view().as_str()).finish_non_exhaustive()
    }
}

impl<S: Store> AuthorizationServer<S> {
    /// The endpoints lie under `issuer`. The first of `keys` is current; the others still recognise what they made.
    ///
    /// # Errors
    /// [`BadServer`].
    pub fn new(issuer: impl Into<String>, policy: Policy, keys: Vec<ServerKey>, store: S) -> Result<Self, BadServer> {
        let issuer = OwnedIssuer::from(Issuer::new(&issuer.into())?);
        Server::new(issuer.as_view(), policy, &keys)?;
        let (signing, default_audience, scopes, verify, client_keys) = (None, None, String::new(), None, None);
        Ok(Self { issuer, policy, keys, signing, default_audience, scopes, verify, client_keys, store })
    }

    /// The scopes that the metadata names, space-separated; none without it.
    #[must_use]
    pub fn with_scopes(self, scopes: impl Into<String>) -> Self {
        Self { scopes: scopes.into(), ..self }
    }

    /// How secrets of clients are checked that a person chose
    /// ([`ClientAuth::Chosen`](valetkey::server::record::ClientAuth::Chosen)): see [`Verify`].
    #[must_use]
    pub fn with_verifier(self, verify: impl Fn(SecretText<'_>, &str) -> Option<bool> + Send + Sync + 'static) -> Self {
        Self { verify: Some(Box::new(verify)), ..self }
    }

    /// Takes clients that prove who they are by an assertion (`private_key_jwt`), signed by one of these algorithms. See
    /// [`Server::with_client_keys`].
    ///
    /// # Errors
    /// [`BadServer::ClientKeys`].
    pub fn with_client_keys(self, algorithms: Algorithms, verify: VerifyBy) -> Result<Self, BadServer> {
        Server::new(self.issuer.as_view(), self.policy, &self.keys)?.with_client_keys(algorithms, verify)?;
        Ok(Self { client_keys: Some((algorithms, verify)), ..self })
    }

    /// By which keys the access tokens of those clients are signed whose records say so.
    ///
    /// # Errors
    /// [`BadServer::SigningKeys`].
    pub fn with_signing(self, signing: Signing) -> Result<Self, BadServer> {
        Server::new(self.issuer.as_view(), self.policy, &self.keys)?.with_signing_keys(&signing.keys())?;
        Ok(Self { signing: Some(signing), ..self })
    }

    /// The `aud` of signed access tokens for which no resource was asked for; the issuer without this. See
    /// [`Server::with_default_audience`].
    ///
    /// # Errors
    /// [`BadServer::Audience`].
    pub fn with_default_audience(self, audience: impl Into<String>) -> Result<Self, BadServer> {
        let audience = audience.into();
        Server::new(self.issuer.as_view(), self.policy, &self.keys)?.with_default_audience(&audience)?;
        Ok(Self { default_audience: Some(audience), ..self })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        self.issuer.as_view().as_str()
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// A request to the token endpoint by POST.
    pub fn token(&self, request: &FormRequest<'_>) -> Response {
        self.run(|server, now, seed, scratch| token(server, request, now, seed, scratch))
    }

    /// A request to the revocation endpoint by POST.
    pub fn revoke(&self, request: &FormRequest<'_>) -> Response {
        self.run(|server, now, seed, scratch| revoke(server, request, now, seed, scratch))
    }

    /// A request to the introspection endpoint by POST.
    pub fn introspect(&self, request: &FormRequest<'_>) -> Response {
        self.run(|server, now, seed, scratch| introspect(server, request, now, seed, scratch))
    }

    /// The public keys that check signed access tokens; 404 without any.
    /// <https://www.rfc-editor.org/rfc/rfc7517#section-8.5>
    pub fn jwks(&self) -> Response {
        let set = |signing: &Signing| Response::json("application/jwk-set+json", signing.jwks().to_owned());
        self.signing.as_ref().map_or(Response::bare(404), set)
    }

    /// The metadata document. <https://www.rfc-editor.org/rfc/rfc8414#section-3>
    pub fn metadata(&self) -> Response {
        let mut buf = vec![0; 4096 + 8 * self.issuer().len() + 4 * self.scopes.len()];
        match write_metadata(&self.view(&self.signing_keys()), &self.scopes, &mut buf) {
            Ok(json) => Response::json("application/json", json.to_owned()),
            Err(error) => Response::broken(&error),
        }
    }

    fn run(
        &self,
        begin: impl for<'r> FnOnce(&'r Server<'r>, UnixTime, Entropy<ENTROPY>, &'r mut [u8]) -> Step<'r>,
    ) -> Response {
        let (now, seed) = match edge() {
            Ok(edge) => edge,
            Err(error) => return Response::broken(&error),
        };
        let signing_keys = self.signing_keys();
        let (server, mut scratch) = (self.view(&signing_keys), vec![0; SCRATCH]);
        match self.drive(begin(&server, now, seed, &mut scratch)) {
            End::Reply(reply) => respond(&reply),
            End::Owner(_) => Response::broken(&"an endpoint for clients asked for a person"),
        }
    }

    pub(crate) fn drive<'r>(&self, step: Step<'r>) -> End<'r> {
        drive(step, &self.store, self.verify.as_deref(), self.signing.as_ref().map(Signing::signer))
    }

    /// As the core takes them.
    pub(crate) fn signing_keys(&self) -> Vec<Key<'_>> {
        self.signing.as_ref().map(Signing::keys).unwrap_or_default()
    }

    pub(crate) fn view<'r>(&'r self, signing_keys: &'r [Key<'r>]) -> Server<'r> {
        Server::new(self.issuer.as_view(), self.policy, &self.keys)
            .and_then(|server| server.with_signing_keys(signing_keys))
            .and_then(|server| server.with_default_audience(self.default_audience.as_deref().unwrap_or(self.issuer())))
            .and_then(|server| match self.client_keys {
                Some((algorithms, verify)) => server.with_client_keys(algorithms, verify),
                None => Ok(server),
            })
            .expect("it was checked when it was given")
    }
}

/// The time, and bytes that are drawn for one request and never used again.
fn edge<const N: usize>() -> Result<(UnixTime, Entropy<N>), String> {
    let mut seed = [0; N];
    getrandom::fill(&mut seed).map_err(|error| format!("the operating system gives no random bytes: {error}"))?;
    let now = now().ok_or("the system's clock stands before 1970; set it")?;
    Ok((now, Entropy::new(seed)))
}

/// The system's clock. `None` if it stands before 1970: nothing can be issued by such a clock.
pub(crate) fn now() -> Option<UnixTime> {
    Some(UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs()))
}
