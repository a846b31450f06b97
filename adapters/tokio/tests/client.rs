//! The core's client flows over the transport, against the server on loopback; and the transport's duties against
//! servers that behave badly.

mod common;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use base64ct::{Base64UrlUnpadded, Encoding};
use common::{REDIRECT_URI, Running, client, put, start, start_with};
use ed25519_dalek::{Signer, SigningKey};
use reqwest::header::{DATE, LOCATION, RETRY_AFTER};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::SystemTime;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use valetkey::client::{
    Assertion, Authorize, ClientAuth, ClientCredentials, Config, Duties, Error, Outcome, Post, Refresh,
};
use valetkey::jose::{Algorithm, Algorithms, parts};
use valetkey::secret::SecretText;
use valetkey::server::record::{self, Client, GrantTypes};
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_tokio::client::{SendError, Transport, draw};
use valetkey_tokio::server::{Answer, AuthorizationServer, Begun, Owner, router};

const DEVICE: ClientAuth<'_> = ClientAuth::Basic(SecretText::new("device-secret"));

fn transport() -> Transport {
    Transport::new().unwrap()
}

async fn started() -> Running<MemoryStore> {
    start(MemoryStore::new()).await
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself() {
    let run = started().await;
    let endpoint = format!("{}/token", run.url);
    for (id, auth) in [("demo-device", DEVICE), ("demo-device", ClientAuth::Body(SecretText::new("device-secret")))] {
        let config = Config::new(&run.url, &endpoint, id, auth).unwrap();
        let flow = ClientCredentials::new(&config).unwrap();
        let received = transport().send(&flow.request(&mut [0; 1024]).unwrap()).await.unwrap();
        let mut scratch = received.scratch();
        let Outcome::Tokens(tokens) = flow.response(received.response(), &mut scratch).unwrap() else { panic!() };
        assert_eq!(tokens.scope, "telemetry:write");
        assert_eq!(run.introspect(tokens.access_token.expose()).await["active"], true);
    }
}

#[tokio::test]
async fn a_client_with_a_key_pair_gets_tokens_by_what_it_signs() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let x = Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes());
    let jwks = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1"}]}).to_string();
    let set = |server: AuthorizationServer<_>| {
        server.with_client_keys(Algorithms::of(&[Algorithm::EdDsa]), parts::verify).unwrap()
    };
    let run = start_with(MemoryStore::new(), set, router).await;
    let grant_types = GrantTypes { client_credentials: true, ..GrantTypes::default() };
    let auth = record::ClientAuth::PrivateKeyJwt;
    put(run.server.store(), &Client { auth, jwks: &jwks, grant_types, ..client("keyed", "", "read") }).await;

    let endpoint = format!("{}/token", run.url);
    let config = Config::new(&run.url, &endpoint, "keyed", ClientAuth::PrivateKeyJwt).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut buf = [0; 2048];
    for _ in 0..2 {
        let assertion = Assertion::new(Algorithm::EdDsa, "1", UnixTime(now), draw().unwrap()).unwrap();
        let need = flow.sign(&assertion, &mut buf).unwrap();
        let signature = key.sign(need.message()).to_bytes();
        let request = need.resume(&signature).unwrap();
        let received = transport().send(&request).await.unwrap();
        let mut scratch = received.scratch();
        let Outcome::Tokens(tokens) = flow.response(received.response(), &mut scratch).unwrap() else { panic!() };
        assert_eq!(tokens.scope, "read");
        let again = transport().send(&request).await.unwrap();
        assert_eq!(again.response().status, 401, "an assertion is good once");
    }
}

#[tokio::test]
async fn a_refusal_is_an_outcome() {
    let run = started().await;
    let endpoint = format!("{}/token", run.url);
    let auth = ClientAuth::Basic(SecretText::new("wrong"));
    let config = Config::new(&run.url, &endpoint, "demo-device", auth).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = transport().send(&flow.request(&mut [0; 1024]).unwrap()).await.unwrap();
    let mut scratch = received.scratch();
    let outcome = flow.response(received.response(), &mut scratch).unwrap();
    assert!(matches!(outcome, Outcome::Denied { status: 401, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_web_client_gets_a_code_redeems_it_and_refreshes() {
    let run = started().await;
    let (endpoint, authorization) = (format!("{}/token", run.url), format!("{}/authorize", run.url));
    let auth = ClientAuth::Basic(SecretText::new("web-secret"));
    let config = Config::new(&run.url, &endpoint, "demo-web", auth).unwrap();
    let config = config.with_redirect(&authorization, REDIRECT_URI).unwrap().with_scope("read write").unwrap();
    let config = config.expecting_iss();
    let flow = Authorize::new(&config, draw().unwrap()).unwrap();

    let mut buf = [0; 1024];
    let (at, query) = flow.url(&mut buf).unwrap().split_once('?').unwrap();
    assert_eq!(at, authorization);
    let Begun::Ask(pending) = run.server.begin(query, "a browser").await else { panic!("nobody was asked") };
    let owner = Owner::Approved { subject: "alice", auth_time: UnixTime(1), acr: "", amr: "", scope: "read" };
    let answer = run.server.answer(&pending.sealed, "a browser", owner).await;
    let Answer::Redirect(response) = answer else { panic!("no redirect: {answer:?}") };
    let location = response.headers()[LOCATION].to_str().unwrap();
    let callback = location.strip_prefix(REDIRECT_URI).unwrap().strip_prefix('?').unwrap();

    let Ok(exchange) = flow.callback(callback) else { panic!("{callback} was rejected") };
    let received = transport().send(&exchange.request(&mut [0; 1024]).unwrap()).await.unwrap();
    let mut scratch = received.scratch();
    let Outcome::Tokens(tokens) = exchange.response(received.response(), &mut scratch).unwrap() else { panic!() };
    assert_eq!((tokens.scope, tokens.is_wider_than("read")), ("read", false));
    assert_eq!(run.introspect(tokens.access_token.expose()).await["sub"], "alice");

    let old = tokens.refresh_token.unwrap();
    let flow = Refresh::new(&config, old, tokens.scope).unwrap();
    let received = transport().send(&flow.request(&mut [0; 1024]).unwrap()).await.unwrap();
    let mut scratch = received.scratch();
    let Outcome::Tokens(renewed) = flow.response(received.response(), &mut scratch).unwrap() else { panic!() };
    assert_ne!(renewed.refresh_token.unwrap().expose(), old.expose());
    assert_eq!(run.introspect(renewed.access_token.expose()).await["scope"], "read");
}

/// A request of the device to an endpoint on a server that the test makes up.
async fn send(endpoint: &str) -> Result<Result<(), Error>, SendError> {
    let config = Config::new("http://127.0.0.1", endpoint, "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = transport().send(&flow.request(&mut [0; 1024]).unwrap()).await?;
    let mut scratch = received.scratch();
    Ok(flow.response(received.response(), &mut scratch).map(drop))
}

#[tokio::test]
async fn rfc6750_5_3_02_no_redirect_is_followed() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = reached.clone();
    let elsewhere = move || {
        counter.fetch_add(1, SeqCst);
        async { "{}" }
    };
    let routes = |_| {
        let away = post(async || Redirect::temporary("/elsewhere"));
        Router::new().route("/token", away).route("/elsewhere", post(elsewhere))
    };
    let run = start_with(MemoryStore::new(), |server| server, routes).await;
    assert_eq!(send(&format!("{}/token", run.url)).await.unwrap(), Err(Error::Status(307)));
    assert_eq!(reached.load(SeqCst), 0);
}

#[tokio::test]
async fn no_more_is_read_than_the_cap() {
    let answer = |length: usize| post(async move || "a".repeat(length));
    let routes = |_| {
        Router::new()
            .route("/fits", answer(Duties::BODY_CAP))
            .route("/long", answer(Duties::BODY_CAP + 1))
            .route("/endless", answer(100 * Duties::BODY_CAP))
    };
    let run = start_with(MemoryStore::new(), |server| server, routes).await;
    let to = async |path| send(&format!("{}{path}", run.url)).await;
    assert!(matches!(to("/fits").await, Ok(Err(Error::Body { status: 200, .. }))));
    assert!(matches!(to("/long").await, Err(SendError::TooLong)));
    assert!(matches!(to("/endless").await, Err(SendError::TooLong)));
}

#[tokio::test]
async fn a_busy_server_s_date_comes_along() {
    let (now, then) = ("Mon, 10 Nov 2025 08:00:00 GMT", "Mon, 10 Nov 2025 08:02:00 GMT");
    let busy = move || async move { (StatusCode::SERVICE_UNAVAILABLE, [(DATE, now), (RETRY_AFTER, then)]) };
    let run = start_with(MemoryStore::new(), |server| server, |_| Router::new().route("/token", post(busy))).await;
    let endpoint = format!("{}/token", run.url);
    let config = Config::new("http://127.0.0.1", &endpoint, "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = transport().send(&flow.request(&mut [0; 1024]).unwrap()).await.unwrap();
    assert_eq!(received.response().date, Some(now));
    let Outcome::After(said) = flow.response(received.response(), &mut []).unwrap() else { panic!() };
    assert_eq!(said.seconds(), Some(120));
}

#[tokio::test]
async fn rfc6749_4_1_2_03_a_request_without_an_answer_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
    let came = Arc::new(AtomicUsize::new(0));
    let counter = came.clone();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            if connection.read(&mut [0; 4096]).await.unwrap() > 0 {
                counter.fetch_add(1, SeqCst);
            }
        }
    });
    assert!(matches!(send(&endpoint).await, Err(SendError::Broken(_))));
    assert_eq!(came.load(SeqCst), 1);
}

#[tokio::test]
async fn rfc6750_5_3_01_nothing_goes_in_clear_beyond_this_machine() {
    let config = Config::new("https://as.example", "https://as.example/token", "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let mut buf = [0; 1024];
    let post = Post { url: "http://as.example/token", ..flow.request(&mut buf).unwrap() };
    assert!(matches!(transport().send(&post).await, Err(SendError::Insecure)));
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn without_tls_it_is_told_what_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}/token", listener.local_addr().unwrap());
    let error = send(&endpoint).await.unwrap_err();
    assert!(error.is_unsent(), "{error:?}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "https takes feature `rustls`");
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn rfc6750_5_3_01_tls_is_there_and_a_server_without_it_is_no_peer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}/token", listener.local_addr().unwrap());
    let first = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).await.unwrap();
        byte[0]
    });
    let config = Config::new("https://127.0.0.1", &endpoint, "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let sent = Transport::new().unwrap().send(&flow.request(&mut [0; 1024]).unwrap()).await;
    assert!(matches!(sent, Err(SendError::Unreachable(_))));
    assert_eq!(first.await.unwrap(), 22, "the first byte is not that of a TLS handshake");
}
