//! Pages of other origins: those of registered clients may call what they need, all others and all else stay shut.

mod common;

use axum::http::HeaderName;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use common::{Program, http};
use reqwest::{Method, RequestBuilder, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use valetkey::secret::Secret;
use valetkey::server::change::{Change, Committed, Key, Keys, OwnedFound, Version};
use valetkey::server::record::{AccessTokenFormat, ClientAuth, GrantTypes, OwnedRecord};
use valetkey::server::{register_client, remove_client};
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_server::app::App;
use valetkey_server::cors::{FRESH_SECONDS, Sharing};
use valetkey_server::serve;
use valetkey_tokio::server::{AuthorizationServer, Policy, ServerKey, router};
use valetkey_tokio::store::{By, Store, StoreError};

const DEMO: &str = "http://127.0.0.1:9099";
const METADATA: &str = "/.well-known/oauth-authorization-server";
const SHARED: [(&str, &str); 4] = [("/token", "POST"), ("/revoke", "POST"), (METADATA, "GET"), ("/jwks.json", "GET")];

fn preflight(url: &str, path: &str, method: &str, origin: &str) -> RequestBuilder {
    http()
        .build()
        .unwrap()
        .request(Method::OPTIONS, format!("{url}{path}"))
        .header(ORIGIN, origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type,dpop")
}

async fn ask(url: &str, path: &str, method: &str, origin: &str) -> Response {
    preflight(url, path, method, origin).send().await.unwrap()
}

/// The request itself, of a client that nobody knows.
async fn call(url: &str, path: &str, method: &str, origin: &str) -> Response {
    let client = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.request(method.parse().unwrap(), format!("{url}{path}")).header(ORIGIN, origin);
    let form = request.header("content-type", "application/x-www-form-urlencoded");
    form.body("client_id=nobody&token=x&grant_type=x").send().await.unwrap()
}

fn header(response: &Response, name: HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn is_shut(response: &Response) -> bool {
    response.headers().keys().all(|name| !name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn rfc7009_2_3_01_a_registered_page_may_ask_and_call_and_read_the_answer() {
    let program = Program::start().await;
    for (path, method) in SHARED {
        let told = ask(&program.url, path, method, DEMO).await;
        assert_eq!((told.status().as_u16(), header(&told, ACCESS_CONTROL_ALLOW_ORIGIN)), (204, DEMO), "{path}");
        assert_eq!(header(&told, ACCESS_CONTROL_ALLOW_METHODS), method);
        assert_eq!(header(&told, ACCESS_CONTROL_ALLOW_HEADERS), "authorization, content-type, dpop");
        assert_eq!((header(&told, ACCESS_CONTROL_MAX_AGE), header(&told, VARY)), ("3600", "origin"));
        assert!(!told.headers().contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));

        let called = call(&program.url, path, method, DEMO).await;
        assert_eq!(called.status().as_u16(), if method == "GET" { 200 } else { 401 }, "{path}");
        assert_eq!((header(&called, ACCESS_CONTROL_ALLOW_ORIGIN), header(&called, VARY)), (DEMO, "origin"));
        let exposed = header(&called, ACCESS_CONTROL_EXPOSE_HEADERS);
        assert!(
            ["DPoP", "DPoP-Nonce", "WWW-Authenticate"].iter().all(|name| exposed.split(", ").any(|it| it == *name))
        );
        assert!(!called.headers().contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(call(&program.url, path, "PUT", DEMO).await.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn a_page_reads_that_it_is_made_to_wait() {
    let program = Program::start().await;
    let guess = "client_id=demo-web&client_secret=guessed&grant_type=client_credentials";
    let client = http().build().unwrap();
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 40 {
        let request = client.post(format!("{}/token", program.url)).header(ORIGIN, DEMO).body(guess);
        let told = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(header(&told, ACCESS_CONTROL_ALLOW_ORIGIN), DEMO);
        statuses.push(told.status().as_u16());
    }
    assert_eq!(statuses.last(), Some(&429));
}

#[tokio::test]
async fn no_other_origin_is_let_in_however_like_it_is() {
    let program = Program::start().await;
    let strangers = [
        "null",
        "*",
        "",
        "https://evil.example",
        "https://127.0.0.1:9099",
        "http://127.0.0.1",
        "http://127.0.0.1:9098",
        "http://127.0.0.1:90990",
        "http://localhost:9099",
        "http://127.0.0.1:9099/",
        "http://127.0.0.1:9099.evil.example",
        "HTTP://127.0.0.1:9099",
        "http://127.0.0.1:9099 https://evil.example",
    ];
    for origin in strangers {
        for (path, method) in SHARED {
            let told = ask(&program.url, path, method, origin).await;
            assert!(is_shut(&told) && told.status() == 405, "{origin} {path} {told:?}");
            let called = call(&program.url, path, method, origin).await;
            assert!(is_shut(&called) && header(&called, VARY) == "origin", "{origin} {path} {called:?}");
        }
    }
    let two = preflight(&program.url, "/token", "POST", DEMO).header(ORIGIN, DEMO).send().await.unwrap();
    assert!(is_shut(&two), "{two:?}");
}

#[tokio::test]
async fn rfc9700_2_6_03_oauth21_3_1_01_nothing_else_is_shared_with_anyone() {
    let program = Program::start().await;
    let authorize = program.authorize_url()[program.url.len()..].to_owned();
    for path in [&*authorize, "/authorize", "/introspect", "/login", "/consent", "/", "/healthz", "/token/", "/nothing"]
    {
        for method in ["GET", "POST"] {
            assert!(is_shut(&ask(&program.url, path, method, DEMO).await), "{method} {path}");
            assert!(is_shut(&call(&program.url, path, method, DEMO).await), "{method} {path}");
        }
    }
}

/// Counts how often the clients are walked over.
#[derive(Clone, Default)]
struct Counted {
    inner: MemoryStore,
    walks: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

impl Store for Counted {
    async fn load(&self, keys: &Keys) -> Result<OwnedFound, StoreError> {
        self.inner.load(keys).await
    }

    async fn commit(&self, change: &Change<'_>) -> Result<Committed, StoreError> {
        self.inner.commit(change).await
    }

    async fn scan(
        &self,
        by: By,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<(Key, OwnedRecord, Version)>, StoreError> {
        self.walks.fetch_add(usize::from(after.is_none()), Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::new("the disk is gone"));
        }
        self.inner.scan(by, after, limit).await
    }

    async fn sweep(&self, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(now, limit).await
    }
}

struct Standstill {
    url: String,
    store: Counted,
    clock: Arc<AtomicU64>,
}

impl Standstill {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (store, clock) = (Counted::default(), Arc::new(AtomicU64::new(100)));
        let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
        let server = Arc::new(AuthorizationServer::new(&url, Policy::OAUTH21, keys, store.clone()).unwrap());
        let ticks = Arc::clone(&clock);
        let sharing = Sharing::new(Arc::clone(&server), move || ticks.load(Ordering::SeqCst));
        let app = App::from(router(server)).shared(sharing);
        tokio::spawn(serve::run(listener, app, std::future::pending(), serve::GRACE));
        Self { url, store, clock }
    }

    async fn lets_in(&self, origin: &str) -> bool {
        ask(&self.url, "/token", "POST", origin).await.status() == 204
    }

    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    fn walks(&self) -> usize {
        self.store.walks.load(Ordering::SeqCst)
    }

    async fn register(&self, client_id: &str, redirect_uris: &str) {
        let change = register_client([7; 8], UnixTime(1), client(client_id, redirect_uris)).unwrap();
        assert_eq!(self.store.commit(&change).await.unwrap(), Committed::Applied);
    }

    async fn remove(&self, client_id: &str) {
        let [found, ..] = self.store.load(&[Some(Key::client(client_id)), None, None, None]).await.unwrap();
        let (found, at) = found.unwrap();
        let OwnedRecord::Client(client) = &*found else { panic!("{found:?}") };
        let change = remove_client([8; 8], UnixTime(100), (client.as_view(), at)).unwrap();
        assert_eq!(self.store.commit(&change).await.unwrap(), Committed::Applied);
    }
}

fn client<'a>(client_id: &'a str, redirect_uris: &'a str) -> valetkey::server::record::Client<'a> {
    valetkey::server::record::Client {
        client_id,
        name: "An app",
        auth: ClientAuth::Public,
        secret: "",
        jwks: "",
        redirect_uris,
        grant_types: GrantTypes { authorization_code: true, client_credentials: false, refresh_token: false },
        scope: "",
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    }
}

#[tokio::test]
async fn a_client_is_known_and_forgotten_within_the_time_that_origins_hold() {
    let server = Standstill::start().await;
    let (app, uris) = ("https://app.example", "com.example.app:/cb https://app.example/cb https://app.example:8443/x");
    assert!(!server.lets_in(app).await);
    server.register("app", uris).await;
    assert!(!server.lets_in(app).await, "it was read just now");
    server.pass(FRESH_SECONDS);
    assert!(server.lets_in(app).await && server.lets_in("https://app.example:8443").await);
    assert!(!server.lets_in("com.example.app:").await && !server.lets_in("com.example.app").await);
    server.remove("app").await;
    server.pass(FRESH_SECONDS);
    assert!(!server.lets_in(app).await);
}

#[tokio::test]
async fn each_of_many_clients_is_found() {
    let server = Standstill::start().await;
    for n in 0..450 {
        server.register(&format!("app-{n}"), &format!("https://app-{n}.example/cb")).await;
    }
    for n in 0..450 {
        assert!(server.lets_in(&format!("https://app-{n}.example")).await, "{n}");
    }
    assert_eq!(server.walks(), 1);
}

#[tokio::test]
async fn strangers_cannot_make_the_clients_be_read_more_often() {
    let server = Standstill::start().await;
    server.register("app", "https://app.example/cb").await;
    let asked = (0..100).map(|n| preflight(&server.url, "/token", "POST", &format!("https://{n}.example")).send());
    let asked: Vec<_> = asked.map(tokio::spawn).collect();
    for answer in asked {
        assert!(is_shut(&answer.await.unwrap().unwrap()));
    }
    assert_eq!(server.walks(), 1, "all at once");
    server.pass(FRESH_SECONDS - 1);
    assert!(server.lets_in("https://app.example").await);
    assert_eq!(server.walks(), 1);
    server.pass(1);
    assert!(server.lets_in("https://app.example").await);
    assert_eq!(server.walks(), 2);
}

#[tokio::test]
async fn while_the_store_is_broken_nobody_new_is_let_in_and_it_is_not_asked_more_often() {
    let server = Standstill::start().await;
    server.register("app", "https://app.example/cb").await;
    server.store.broken.store(true, Ordering::SeqCst);
    assert!(!server.lets_in("https://app.example").await && !server.lets_in("https://app.example").await);
    assert_eq!(server.walks(), 1);
    server.store.broken.store(false, Ordering::SeqCst);
    server.pass(FRESH_SECONDS);
    assert!(server.lets_in("https://app.example").await);
    server.store.broken.store(true, Ordering::SeqCst);
    server.pass(FRESH_SECONDS);
    assert!(server.lets_in("https://app.example").await, "it would be told that the server cannot answer");
}
