//! The authorization server: the core's endpoints over a store, as methods and as an axum [`Router`](axum::Router).
//!
//! ```no_run
//! # use valetkey::secret::Secret;
//! # use valetkey_tokio::server::{AuthorizationServer, Policy, ServerKey, router};
//! # use valetkey_tokio::store::Store;
//! # async fn run(store: impl Store) -> Result<(), Box<dyn std::error::Error>> {
//! let key = ServerKey::new(1, Secret::new([7; 32])); // in earnest: 32 bytes from the operating system, kept
//! let server = AuthorizationServer::new("http://127.0.0.1:8080", Policy::OAUTH21, vec![key], store)?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, router(server.into())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What happened is told to `tracing` with target `valetkey::audit`, ids and reasons and never a secret: what is issued at
//! level debug, as a store that keeps events has it too; what is ended at level info; what is replayed or refused at level
//! warn. Limits on connections and on how slowly a request may come are the
//! program's to set.

mod authorize;
mod drive;
mod entropy;
mod router;
mod signing;

pub use authorize::{Answer, Begun, Pages, Pending, authorize_router};
pub use drive::{DEADLINE, End, Verifier, commit, drive};
pub use router::{metadata_router, read, route, router};
pub use signing::{Signer, Signing};
pub use valetkey::server::fault::Fault;
pub use valetkey::server::{AssertionAudience, BadServer, Owner, Policy, ServerKey};
pub use valetkey_std::published::SigningKey;

use crate::http::{now, once};
use crate::store::Store;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use entropy::Drawn;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use valetkey::error::TooSmall;
use valetkey::jose::{Algorithms, Key, VerifyBy};
use valetkey::secret::Entropy;
use valetkey::server::record::Digest;
use valetkey::server::{
    ENTROPY, FormRequest, Issuer, OwnedIssuer, Reply, SCRATCH, Server, Step, introspect, revoke, token, write_metadata,
};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// An authorization server over a store: issuer, policy, keys.
pub struct AuthorizationServer<S> {
    issuer: OwnedIssuer,
    policy: Policy,
    keys: RwLock<Arc<[ServerKey]>>,
    signing: RwLock<Option<Arc<Signing>>>,
    default_audience: Option<String>,
    scopes: String,
    acr_values: String,
    verifier: Option<Verifier>,
    client_keys: Option<(Algorithms, VerifyBy)>,
    store: S,
    /// Where requests were worked on, zeroed.
    rooms: Mutex<Vec<Box<[u8]>>>,
    drawn: Mutex<Drawn>,
}

/// How many rooms are kept, at most: one is needed for each request that waits for the store.
const ROOMS: usize = 64;

impl<S> fmt::Debug for AuthorizationServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.issuer.as_view().as_str()).finish_non_exhaustive()
    }
}

impl<S> AuthorizationServer<S> {
    /// The endpoints lie under `issuer`. The first of `keys` is current; the others still recognise what they made.
    ///
    /// # Errors
    /// [`BadServer`].
    pub fn new(issuer: impl Into<String>, policy: Policy, keys: Vec<ServerKey>, store: S) -> Result<Self, BadServer> {
        let issuer = OwnedIssuer::from(Issuer::new(&issuer.into())?);
        Server::new(issuer.as_view(), policy, &keys)?;
        let keys = RwLock::new(keys.into());
        Ok(Self {
            issuer,
            policy,
            keys,
            signing: RwLock::default(),
            default_audience: None,
            scopes: String::new(),
            acr_values: String::new(),
            verifier: None,
            client_keys: None,
            store,
            rooms: Mutex::default(),
            drawn: Mutex::default(),
        })
    }

    /// The scopes that the metadata names, space-separated; none without it.
    #[must_use]
    pub fn with_scopes(self, scopes: impl Into<String>) -> Self {
        Self { scopes: scopes.into(), ..self }
    }

    /// The classes of logins that the metadata names, space-separated; none without it. See [`Server::with_acr_values`].
    #[must_use]
    pub fn with_acr_values(self, acr_values: impl Into<String>) -> Self {
        Self { acr_values: acr_values.into(), ..self }
    }

    /// How secrets of clients are checked that a person chose
    /// ([`ClientAuth::Chosen`](valetkey::server::record::ClientAuth::Chosen)).
    #[must_use]
    pub fn with_verifier(self, verifier: Verifier) -> Self {
        Self { verifier: Some(verifier), ..self }
    }

    /// Takes clients that prove who they are by an assertion (`private_key_jwt`), signed by one of these algorithms. See
    /// [`Server::with_client_keys`]; `verify` is best `valetkey_aws_lc::verify`.
    ///
    /// # Errors
    /// [`BadServer::ClientKeys`].
    pub fn with_client_keys(self, algorithms: Algorithms, verify: VerifyBy) -> Result<Self, BadServer> {
        Server::new(self.issuer.as_view(), self.policy, &self.keys())?.with_client_keys(algorithms, verify)?;
        Ok(Self { client_keys: Some((algorithms, verify)), ..self })
    }

    /// By which keys the access tokens of those clients are signed whose records say so.
    ///
    /// # Errors
    /// [`BadServer::SigningKeys`].
    pub fn with_signing(self, signing: Signing) -> Result<Self, BadServer> {
        self.replace_signing(signing)?;
        Ok(self)
    }

    /// The `aud` of signed access tokens for which no resource was asked for; the issuer without this. See
    /// [`Server::with_default_audience`].
    ///
    /// # Errors
    /// [`BadServer::Audience`].
    pub fn with_default_audience(self, audience: impl Into<String>) -> Result<Self, BadServer> {
        let audience = audience.into();
        Server::new(self.issuer.as_view(), self.policy, &self.keys())?.with_default_audience(&audience)?;
        Ok(Self { default_audience: Some(audience), ..self })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        self.issuer.as_view().as_str()
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Puts other keys in place of those that serve, as of the next request. Keep those that made tokens which are
    /// still in use.
    ///
    /// # Errors
    /// [`BadServer::Keys`]; then the old ones stay.
    pub fn replace_keys(&self, keys: Vec<ServerKey>) -> Result<(), BadServer> {
        Server::new(self.issuer.as_view(), self.policy, &keys)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
        Ok(())
    }

    /// Puts other signing keys in place of those that serve, as of the next request.
    ///
    /// # Errors
    /// [`BadServer::SigningKeys`]; then the old ones stay.
    pub fn replace_signing(&self, signing: Signing) -> Result<(), BadServer> {
        Server::new(self.issuer.as_view(), self.policy, &self.keys())?.with_signing_keys(&signing.keys())?;
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signing));
        Ok(())
    }

    /// The keys that sign and recognise access tokens, if there are any.
    pub(crate) fn signing(&self) -> Option<Arc<Signing>> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys that serve one request from its beginning to its end.
    pub(crate) fn keys(&self) -> Arc<[ServerKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn view<'r>(&'r self, keys: &'r [ServerKey], signing: &'r [Key<'r>]) -> Server<'r> {
        let server =
            Server::new(self.issuer.as_view(), self.policy, keys).and_then(|server| server.with_signing_keys(signing));
        let server = match &self.default_audience {
            None => server,
            Some(audience) => server.and_then(|server| server.with_default_audience(audience)),
        };
        let server = match self.client_keys {
            None => server,
            Some((algorithms, verify)) => server.and_then(|server| server.with_client_keys(algorithms, verify)),
        };
        server.expect("it was checked when it was given").with_acr_values(&self.acr_values)
    }

    /// The public keys that check signed access tokens. <https://www.rfc-editor.org/rfc/rfc7517#section-8.5>
    pub fn jwks(&self) -> Response {
        match self.signing() {
            Some(signing) => ([(CONTENT_TYPE, "application/jwk-set+json")], signing.jwks().to_owned()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// The metadata document. <https://www.rfc-editor.org/rfc/rfc8414#section-3>
    pub fn metadata(&self) -> Response {
        let said = self.scopes.len() + self.acr_values.len();
        let mut buf = vec![0; 4096 + 8 * self.issuer().len() + 4 * said];
        let (keys, signing) = (self.keys(), self.signing());
        let signing_keys = signing_keys(signing.as_deref());
        match write_metadata(&self.view(&keys, &signing_keys), &self.scopes, &mut buf) {
            Ok(json) => ([(CONTENT_TYPE, "application/json")], json.to_owned()).into_response(),
            Err(error) => broken(&error),
        }
    }
}

impl<S> AuthorizationServer<S> {
    /// SHA-256 of the `client_id` that a request to the token, revocation or introspection endpoint names, for a limit on
    /// guesses; see [`FormRequest::client`]. What came of the request tells the [`Fault`] in its response's extensions.
    pub fn client(&self, headers: &HeaderMap, body: &[u8]) -> Option<Digest> {
        let (authorization, content_type) = (header(headers, AUTHORIZATION), header(headers, CONTENT_TYPE));
        FormRequest { authorization, content_type, body }.client(&mut [0; SCRATCH])
    }
}

impl<S: Store> AuthorizationServer<S> {
    /// A request to the token endpoint by POST. Hand on no more than
    /// [`MAX_REQUEST`](valetkey::server::MAX_REQUEST) and one bytes of a longer body: it is refused all the same.
    pub async fn token(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let (authorization, content_type) = (header(headers, AUTHORIZATION), header(headers, CONTENT_TYPE));
        let request = FormRequest { authorization, content_type, body };
        self.run(|server, now, seed, scratch| token(server, &request, now, seed, scratch)).await
    }

    /// A request to the revocation endpoint by POST, with its body as for [`Self::token`].
    pub async fn revoke(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let (authorization, content_type) = (header(headers, AUTHORIZATION), header(headers, CONTENT_TYPE));
        let request = FormRequest { authorization, content_type, body };
        self.run(|server, now, seed, scratch| revoke(server, &request, now, seed, scratch)).await
    }

    /// A request to the introspection endpoint by POST, with its body as for [`Self::token`].
    pub async fn introspect(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let (authorization, content_type) = (header(headers, AUTHORIZATION), header(headers, CONTENT_TYPE));
        let request = FormRequest { authorization, content_type, body };
        self.run(|server, now, seed, scratch| introspect(server, &request, now, seed, scratch)).await
    }

    async fn run(
        &self,
        begin: impl for<'r> FnOnce(&'r Server<'r>, UnixTime, Entropy<ENTROPY>, &'r mut [u8]) -> Step<'r>,
    ) -> Response {
        let (now, seed) = match self.edge() {
            Ok(edge) => edge,
            Err(error) => return broken(&error),
        };
        let (keys, signing) = (self.keys(), self.signing());
        let signing_keys = signing_keys(signing.as_deref());
        let (server, mut scratch) = (self.view(&keys, &signing_keys), self.room());
        let signer = signing.as_deref().map(Signing::signer);
        let step = begin(&server, now, seed, &mut scratch);
        let response = match drive(step, &self.store, self.verifier.as_ref(), signer).await {
            End::Reply(reply) => respond(&reply),
            End::Owner(_) => broken(&"an endpoint for clients asked for a person"),
        };
        let mut rooms = self.rooms();
        if rooms.len() < ROOMS {
            rooms.push(scratch);
        }
        response
    }

    /// The same as [`edge`], of bytes that were drawn for several requests.
    fn edge(&self) -> Result<(UnixTime, Entropy<ENTROPY>), String> {
        let now = clock()?;
        let seed = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        Ok((now, seed.map_err(|error| no_bytes(&error))?))
    }

    /// Scratch for a request: that of an earlier one, which the core has zeroed, as to allocate, zero and free so much each
    /// time takes longer than to use it.
    fn room(&self) -> Box<[u8]> {
        let kept = self.rooms().pop();
        kept.unwrap_or_else(|| vec![0; SCRATCH].into())
    }

    fn rooms(&self) -> MutexGuard<'_, Vec<Box<[u8]>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the core takes them.
pub(crate) fn signing_keys(signing: Option<&Signing>) -> Vec<Key<'_>> {
    signing.map(Signing::keys).unwrap_or_default()
}

fn header(headers: &HeaderMap, name: HeaderName) -> Header<'_> {
    once(headers.get_all(name))
}

/// The time, and bytes that are drawn for one request and never used again.
fn edge<const N: usize>() -> Result<(UnixTime, Entropy<N>), String> {
    let mut seed = [0; N];
    getrandom::fill(&mut seed).map_err(|error| no_bytes(&error))?;
    Ok((clock()?, Entropy::new(seed)))
}

fn no_bytes(error: &getrandom::Error) -> String {
    format!("the operating system gives no random bytes: {error}")
}

fn clock() -> Result<UnixTime, &'static str> {
    now().ok_or("the system's clock stands before 1970; set it")
}

/// The reply over HTTP; why it refuses, if it does, tells the [`Fault`] in its extensions.
fn respond(reply: &Reply<'_>) -> Response {
    let mut response = written(reply);
    if let Some(fault) = reply.fault() {
        response.extensions_mut().insert(fault);
    }
    response
}

fn written(reply: &Reply<'_>) -> Response {
    let needed = match reply.write(&mut [0; 1024]) {
        Ok(response) => return to_http(&response),
        Err(TooSmall { needed }) => needed,
    };
    reply.write(&mut vec![0; needed]).map_or_else(|error| broken(&error), |response| to_http(&response))
}

fn to_http(response: &valetkey::server::Response<'_>) -> Response {
    built(response).unwrap_or_else(|error| broken(&error))
}

fn built(response: &valetkey::server::Response<'_>) -> Result<Response, axum::http::Error> {
    let mut http = Response::new(Body::from(response.body().to_owned()));
    *http.status_mut() = StatusCode::from_u16(response.status())?;
    for (name, value) in response.headers() {
        let (name, value) = named(name, value)?;
        http.headers_mut().insert(name, value);
    }
    Ok(http)
}

/// Those that most replies have are ready: to make them of text would take longer than all the rest of a reply.
fn named(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), axum::http::Error> {
    Ok(match (name, value) {
        ("Cache-Control", "no-store") => (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ("Pragma", "no-cache") => (PRAGMA, HeaderValue::from_static("no-cache")),
        ("Content-Type", "application/json") => (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        _ => (name.parse()?, value.parse()?),
    })
}

/// What is wrong with this machine or program is told to its operator only.
fn broken(why: &dyn fmt::Display) -> Response {
    tracing::error!(%why, "a request could not be served");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
