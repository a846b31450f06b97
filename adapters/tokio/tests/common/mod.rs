//! A server on loopback with a few clients in its store, and what tests send to it. It ends with its test.

#![allow(dead_code, reason = "each test program uses a part of it")]

use axum::Router;
use base64ct::{Base64, Encoding};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use valetkey::secret::Secret;
use valetkey::server::change::{Change, Committed, Expect, Key, Put, Version};
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes, Record};
use valetkey::server::secret_digest;
use valetkey::time::UnixTime;
use valetkey_tokio::server::{Answer, AuthorizationServer, Begun, Owner, Policy, ServerKey, router};
use valetkey_tokio::store::Store;

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9099/cb";
/// The verifier of RFC 7636 appendix B, and its challenge.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) struct Running<S> {
    pub(crate) server: Arc<AuthorizationServer<S>>,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }
}

pub(crate) async fn start<S: Store>(store: S) -> Running<S> {
    start_with(store, |server| server, |server| router(server)).await
}

pub(crate) async fn start_with<S: Store>(
    store: S,
    set: impl FnOnce(AuthorizationServer<S>) -> AuthorizationServer<S>,
    routes: impl FnOnce(Arc<AuthorizationServer<S>>) -> Router,
) -> Running<S> {
    seed(&store).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
    let server = Arc::new(set(AuthorizationServer::new(&url, Policy::OAUTH21, keys, store).unwrap()));
    let routes = routes(server.clone());
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    // With feature `rustls` every client of reqwest needs a provider, this plain one too.
    #[cfg(feature = "rustls")]
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
    Running { server, url, http }
}

pub(crate) fn client<'a>(client_id: &'a str, secret: &'a str, scope: &'a str) -> Client<'a> {
    Client {
        client_id,
        name: "A client",
        auth: if secret.is_empty() { ClientAuth::Public } else { ClientAuth::Drawn },
        secret,
        jwks: "",
        redirect_uris: REDIRECT_URI,
        grant_types: GrantTypes {
            authorization_code: true,
            client_credentials: !secret.is_empty(),
            refresh_token: true,
        },
        scope,
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    }
}

async fn seed<S: Store>(store: &S) {
    let digest = |secret| secret_digest(secret).to_string();
    let (device, web, api) = (digest("device-secret"), digest("web-secret"), digest("api-secret"));
    put(store, &client("demo-device", &device, "telemetry:write")).await;
    put(store, &client("demo-web", &web, "read write")).await;
    put(store, &client("demo-spa", "", "read write")).await;
    put(store, &Client { may_introspect: true, ..client("demo-api", &api, "") }).await;
    put(store, &Client { auth: ClientAuth::Chosen, ..client("demo-chosen", "$argon2id$hash", "read") }).await;
}

pub(crate) async fn put<S: Store>(store: &S, client: &Client<'_>) {
    let record = Put {
        key: Key::client(client.client_id),
        expect: Expect::Absent,
        keep_until: UnixTime(u64::MAX),
        index: [None, None],
        record: Record::Client(*client),
    };
    let puts = [Some(record), None, None, None, None, None];
    let change = Change { id: Version::new(1).unwrap(), puts, holds: [None, None], event: None };
    assert_eq!(store.commit(&change).await.unwrap(), Committed::Applied);
}

/// As RFC 6749 section 2.3.1 says; these ids and secrets need no form-encoding.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{id}:{secret}").as_bytes()))
}

impl<S: Store> Running<S> {
    pub(crate) async fn post(&self, path: &str, authorization: &str, body: &str) -> Answered {
        let request = self.http.post(format!("{}{path}", self.url)).body(body.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(if authorization.is_empty() { request } else { request.header("authorization", authorization) }).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answered {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answered { status, headers, body: response.text().await.unwrap() }
    }

    /// A code for demo-web, to which alice consented.
    pub(crate) async fn code(&self) -> String {
        let query = format!(
            "response_type=code&client_id=demo-web&redirect_uri={REDIRECT_URI}&scope=read&state=xyz\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let Begun::Ask(pending) = self.server.begin(&query, "a browser").await else { panic!("nobody was asked") };
        let owner = Owner::Approved { subject: "alice", auth_time: UnixTime(1), acr: "", amr: "", scope: "read" };
        let answer = self.server.answer(&pending.sealed, "a browser", owner).await;
        let Answer::Redirect(response) = answer else { panic!("no redirect: {answer:?}") };
        let location = response.headers()[LOCATION].to_str().unwrap();
        let parameters = parameters(location);
        assert_eq!((parameters["state"].as_str(), parameters["iss"].as_str()), ("xyz", self.url.as_str()));
        parameters["code"].clone()
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answered {
        let body =
            format!("grant_type=authorization_code&code={code}&redirect_uri={REDIRECT_URI}&code_verifier={VERIFIER}");
        self.post("/token", &basic("demo-web", "web-secret"), &body).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answered {
        let body = format!("grant_type=refresh_token&refresh_token={token}");
        self.post("/token", &basic("demo-web", "web-secret"), &body).await
    }

    pub(crate) async fn client_credentials(&self) -> Answered {
        self.post("/token", &basic("demo-device", "device-secret"), "grant_type=client_credentials").await
    }

    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let answer = self.post("/introspect", &basic("demo-api", "api-secret"), &format!("token={token}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

/// The query of a redirect, decoded.
pub(crate) fn parameters(location: &str) -> HashMap<String, String> {
    let url = reqwest::Url::parse(location).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
