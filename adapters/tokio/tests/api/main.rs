//! A client that keeps its token, through proxies that delay, cut, repeat, redirect and refuse, before the project's own
//! authorization server and an API that asks it about each token.
//!
//! Where time has to pass, tokio's clock stands still and is set: see [`stop_time`].

mod absence;
mod by_key;
mod callers;
#[path = "../common/mod.rs"]
mod common;
mod elsewhere;
mod grant;
mod proxy;
mod requests;

use axum::Router;
use axum::routing::{any, get};
use common::{Running, start_with};
use proxy::Proxy;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use tokio::task::{spawn_blocking, yield_now};
use valetkey::client::keeper::State;
use valetkey::jose::Algorithms;
use valetkey_memory::MemoryStore;
use valetkey_tokio::client::{ApiClient, ApiError, ClientCredentials};
use valetkey_tokio::resource::{Access, Audience, Guard};
use valetkey_tokio::server::router;

/// Milliseconds that the server's tokens live.
const LIFE: u64 = 600_000;
/// A token is renewed at 13/16 of its life at the latest.
const AGEING: u64 = LIFE * 7 / 8;
/// A 64th of its life is kept back.
const EXPIRED: u64 = LIFE - LIFE / 64;

/// An authorization server and an API, each behind a proxy, and a client of theirs.
struct World {
    server: Running<MemoryStore>,
    tokens: Proxy,
    api: Proxy,
    /// Requests that the API took.
    taken: Arc<AtomicUsize>,
    client: ApiClient,
}

impl World {
    async fn start() -> Self {
        Self::with_secret("device-secret").await
    }

    async fn with_secret(secret: &str) -> Self {
        Self::with(|_, tokens| ClientCredentials::new(format!("{tokens}/token"), "demo-device", secret)).await
    }

    /// `credentials` is given the issuer and the origin of the proxy before it.
    async fn with(credentials: impl FnOnce(&str, &str) -> ClientCredentials) -> Self {
        let set = |server| {
            let server: valetkey_tokio::server::AuthorizationServer<_> = server;
            server.with_client_keys(Algorithms::ASYMMETRIC, valetkey_aws_lc::verify).unwrap()
        };
        let server = start_with(MemoryStore::new(), set, router).await;
        let guard = Guard::new(&server.url, Audience::IfNamed("https://api.example"), server.server.clone());
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        let telemetry = any(async move |access: Access, body: String| {
            counter.fetch_add(1, SeqCst);
            format!("{} {body}", access.client_id)
        });
        let notes = get(async |access: Access| access.subject.to_string()).layer(guard.needing("read"));
        let telemetry = telemetry.layer(guard.needing("telemetry:write"));
        let routes = Router::new().route("/telemetry", telemetry).route("/notes", notes);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Proxy::before(&format!("http://{}", listener.local_addr().unwrap())).await;
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        let tokens = Proxy::before(&server.url).await;
        let credentials = credentials(&server.url, &tokens.origin);
        let client = credentials.for_api(&api.origin).into_client().unwrap();
        Self { server, tokens, api, taken, client }
    }

    fn url(&self) -> String {
        format!("{}/telemetry", self.api.origin)
    }

    /// The status of an answer.
    async fn get(&self) -> Result<u16, ApiError> {
        Ok(self.client.get(&self.url()).await?.status().as_u16())
    }

    /// Waits for the task that renews.
    async fn until(&self, state: State) {
        while self.client.state() != state {
            yield_now().await;
        }
    }

    /// Ends the token that the API was last called with.
    async fn revoke(&self) {
        let basic = common::basic("demo-device", "device-secret");
        let answer = self.server.post("/revoke", &basic, &format!("token={}", self.api.token())).await;
        assert_eq!(answer.status, 200);
    }
}

/// Lets a clock that stands still go only when the test says so: without this it would jump whenever all wait for a socket.
/// What is returned keeps it so.
#[must_use]
fn stop_time() -> Sender<()> {
    let (sender, receiver) = channel();
    spawn_blocking(move || receiver.recv());
    sender
}

async fn pass(millis: u64) {
    tokio::time::advance(std::time::Duration::from_millis(millis)).await;
}
