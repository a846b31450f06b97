//! The issuer, the API, and what they say to each other. They end with their test.

#![allow(dead_code, reason = "each test program uses a part of it")]

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey_tokio::client::Transport;
use valetkey_tokio::resource::{Access, Audience, Guard, Issuer, StepUp, Timing};

pub(crate) const API: &str = "https://api.example";
/// Fetch whenever there is a reason, and keep for ever.
pub(crate) const EAGER: Timing = Timing { pause: 0, fresh: 3_600, usable: 3_600 };

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A key pair of a test: its `kid`, and a seed.
#[derive(Clone, Copy)]
pub(crate) struct Pair(pub(crate) &'static str, pub(crate) u8);

pub(crate) const FIRST: Pair = Pair("first", 1);
pub(crate) const SECOND: Pair = Pair("second", 2);

impl Pair {
    fn jwk(self) -> Value {
        let x = base64url(SigningKey::from_bytes(&[self.1; 32]).verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.0, "alg": "EdDSA", "use": "sig"})
    }

    pub(crate) fn sign(self, header: &Value, claims: &Value) -> String {
        let input =
            format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let signature = SigningKey::from_bytes(&[self.1; 32]).sign(input.as_bytes()).to_bytes();
        format!("{input}.{}", base64url(&signature))
    }

    /// A token with these claims, and a header that is right.
    pub(crate) fn token(self, claims: &Value) -> String {
        self.sign(&json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.0}), claims)
    }
}

/// An answer of another kind, by the URL of the issuer.
pub(crate) type Instead = fn(&str) -> Response;

/// What is served at an issuer's metadata, key set and introspection endpoint.
pub(crate) struct Said {
    pub(crate) keys: Mutex<Vec<Pair>>,
    pub(crate) key_fetches: AtomicUsize,
    pub(crate) questions: AtomicUsize,
    pub(crate) away: AtomicBool,
    /// Instead of the well-known document of RFC 8414, of that of OpenID, and of the key set.
    pub(crate) instead: Mutex<[Option<Instead>; 3]>,
    /// What introspection says.
    pub(crate) answer: Mutex<Value>,
}

pub(crate) struct TestIssuer {
    pub(crate) url: String,
    pub(crate) said: Arc<Said>,
}

type Shared = State<(String, Arc<Said>)>;

impl TestIssuer {
    pub(crate) async fn start() -> Self {
        let said = Arc::new(Said {
            keys: Mutex::new(vec![FIRST]),
            key_fetches: AtomicUsize::new(0),
            questions: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            instead: Mutex::new([None; 3]),
            answer: Mutex::new(json!({"active": false})),
        });
        let (listener, url) = listen().await;
        let routes = Router::new().fallback(serve).with_state((url.clone(), said.clone()));
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { url, said }
    }

    /// Found by its metadata.
    pub(crate) async fn found(&self) -> Issuer {
        Issuer::discover(&self.url, Transport::new().unwrap()).await.unwrap()
    }

    /// Told where its keys are, which are not fetched yet.
    pub(crate) fn unfetched(&self) -> Issuer {
        Issuer::with_keys_at(&self.url, &format!("{}/keys", self.url), Transport::new().unwrap()).unwrap()
    }

    pub(crate) fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.url, "aud": API, "sub": "alice", "client_id": "web", "jti": "1", "scope": "read",
            "iat": now, "exp": now + 300, "tenant": {"name": "acme", "seats": 12},
        })
    }

    /// The claims with some changed; `null` takes one out.
    pub(crate) fn claims_but(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    pub(crate) fn token(&self) -> String {
        FIRST.token(&self.claims())
    }

    pub(crate) fn publish(&self, keys: &[Pair]) {
        *self.said.keys.lock().unwrap() = keys.to_vec();
    }

    pub(crate) fn key_fetches(&self) -> usize {
        self.said.key_fetches.load(SeqCst)
    }
}

async fn listen() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

async fn serve(State((url, said)): Shared, request: Request<Body>) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let place = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/keys"];
    let at = place.iter().position(|place| *place == path);
    if at == Some(2) {
        said.key_fetches.fetch_add(1, SeqCst);
    }
    if said.away.load(SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Some(instead) = at.and_then(|at| said.instead.lock().unwrap()[at]) {
        return instead(&url);
    }
    match (path, at) {
        (_, Some(0)) => json_answer(&document(&url)),
        (_, Some(2)) => {
            let keys: Vec<_> = said.keys.lock().unwrap().iter().map(|pair| pair.jwk()).collect();
            json_answer(&json!({ "keys": keys }))
        }
        ("/introspect", _) => {
            said.questions.fetch_add(1, SeqCst);
            json_answer(&said.answer.lock().unwrap())
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn json_answer(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

/// The metadata of an issuer.
pub(crate) fn document(url: &str) -> Value {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/keys"),
        "introspection_endpoint": format!("{url}/introspect"),
        "response_types_supported": ["code"],
    })
}

/// An API behind a guard.
pub(crate) struct Api {
    url: String,
    http: reqwest::Client,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) challenge: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

async fn whose(access: Access) -> String {
    let tenant = access.claims::<Claims>().map_or_else(|error| error.to_string(), |claims| claims.tenant.name);
    format!("{} {} {} {tenant}", access.subject, access.client_id, access.scope)
}

/// Claims of the API's own.
#[derive(serde::Deserialize)]
struct Claims {
    tenant: Tenant,
}

#[derive(serde::Deserialize)]
struct Tenant {
    name: String,
}

impl Api {
    pub(crate) async fn of(issuers: impl IntoIterator<Item = Issuer>) -> Self {
        Self::behind(Guard::of(issuers, Audience::Required(API)), Router::new()).await
    }

    pub(crate) async fn behind(guard: Guard, more: Router) -> Self {
        let login = StepUp { acr_values: "urn:mfa urn:key", max_age: Some(300) };
        let routes = Router::new()
            .without_v07_checks()
            .route("/", get(whose).layer(guard.clone()))
            .route("/read", get(whose).layer(guard.needing("read")))
            .route("/write", get(whose).layer(guard.needing("write")))
            .route("/login", get(whose).layer(guard.needing_login(login)))
            .route("/recent", get(whose).layer(guard.needing_login(StepUp { max_age: Some(0), ..StepUp::default() })))
            .route("/lenient", get(whose).layer(guard.with_leeway(60)))
            .merge(more);
        let (listener, url) = listen().await;
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        #[cfg(feature = "rustls")]
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self { url, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answered {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (challenge, content_type) = (header("www-authenticate"), header("content-type"));
        let status = answer.status().as_u16();
        Answered { status, challenge, content_type, body: answer.text().await.unwrap() }
    }

    pub(crate) async fn status(&self, token: &str) -> u16 {
        self.get("/", token).await.status
    }

    /// It is refused as RFC 9068 section 4 says.
    pub(crate) async fn refuses(&self, token: &str, why: &str) {
        let answer = self.get("/", token).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.body);
        assert!(answer.challenge.contains("error=\"invalid_token\""), "{why}: {}", answer.challenge);
        assert_eq!(answer.body, "", "{why}");
    }
}
