//! An API behind the guard, over loopback HTTP: asking the authorization server of the same program, and asking it over
//! HTTP, which must make no difference.

mod common;

use axum::Router;
use axum::routing::get;
use common::{Answered, Running, basic, put, start_with};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use valetkey::secret::SecretText;
use valetkey::server::record::Client;
use valetkey::server::secret_digest;
use valetkey_memory::MemoryStore;
use valetkey_tokio::client::Transport;
use valetkey_tokio::resource::{Access, Audience, Guard, Introspect, OwnedIntrospection, RemoteIntrospection};
use valetkey_tokio::server::{Answer, AuthorizationServer, Begun, Owner, Verifier, router};

const API: &str = "https://api.example";
const BOTH: [&str; 2] = ["/local", "/remote"];

async fn whose(access: Access) -> String {
    let scopes: Vec<_> = access.scopes().collect();
    format!("{} {} {scopes:?} {}", access.client_id, access.subject, access.allows("write"))
}

fn api(issuer: &str, introspect: Arc<impl Introspect>) -> Router {
    let guard = Guard::new(issuer, Audience::IfNamed(API), introspect.clone());
    let strict = Guard::new(issuer, Audience::Required(API), introspect.clone());
    let foreign = Guard::new("https://other.example", Audience::IfNamed(API), introspect);
    Router::new()
        .route("/any", get(whose).layer(guard.clone()))
        .route("/read", get(whose).layer(guard.needing("read")))
        .route("/strict", get(whose).layer(strict))
        .route("/foreign", get(whose).layer(foreign))
        .route("/unguarded", get(whose))
}

fn remote(issuer: &str, secret: &str) -> Arc<RemoteIntrospection> {
    let endpoint = format!("{issuer}/introspect");
    let transport = Transport::new().unwrap();
    RemoteIntrospection::new(endpoint, "demo-api", SecretText::new(secret), transport).unwrap().into()
}

async fn started() -> Running<MemoryStore> {
    let routes = |server: Arc<AuthorizationServer<_>>| {
        let remote = api(server.issuer(), remote(server.issuer(), "api-secret"));
        let local = api(server.issuer(), server.clone());
        router(server).nest("/local", local).nest("/remote", remote)
    };
    start_with(MemoryStore::new(), |server| server, routes).await
}

impl Running<MemoryStore> {
    async fn call(&self, path: &str, authorization: &[&str]) -> Answered {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(authorization.iter().fold(request, |request, value| request.header("authorization", *value))).await
    }
}

fn challenge(answer: &Answered) -> (u16, &str) {
    assert_eq!(answer.body, "");
    (answer.status, answer.headers["www-authenticate"].to_str().unwrap())
}

#[tokio::test]
async fn a_handler_is_told_client_subject_and_scopes() {
    let run = started().await;
    let person = run.redeem(&run.code().await).await.text("access_token");
    let device = run.client_credentials().await.text("access_token");
    for api in BOTH {
        let answer = run.call(&format!("{api}/read"), &[&format!("Bearer {person}")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "demo-web alice [\"read\"] false"));
        let answer = run.call(&format!("{api}/any"), &[&format!("bearer {device}")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "demo-device  [\"telemetry:write\"] false"));
    }
}

#[tokio::test]
async fn rfc6750_3_1_02_without_credentials_the_challenge_names_no_error() {
    let run = started().await;
    for api in BOTH {
        for authorization in [&[][..], &["Basic YTpi"]] {
            let answer = run.call(&format!("{api}/read"), authorization).await;
            assert_eq!(challenge(&answer), (401, "Bearer realm=\"https://api.example\""));
        }
    }
}

#[tokio::test]
async fn rfc6750_3_1_01_each_refusal_has_its_status_and_error() {
    let run = started().await;
    let device = format!("Bearer {}", run.client_credentials().await.text("access_token"));
    for api in BOTH {
        let read = format!("{api}/read");
        let refused = |answer: &Answered, status, error| {
            let (got, text) = challenge(answer);
            assert_eq!(got, status, "{text}");
            assert!(text.contains(&format!("error=\"{error}\"")), "{text}");
        };
        refused(&run.call(&read, &[&device, &device]).await, 400, "invalid_request");
        refused(&run.call(&read, &["Bearer "]).await, 400, "invalid_request");
        refused(&run.call(&read, &["Bearer a b"]).await, 400, "invalid_request");
        refused(&run.call(&read, &["Bearer unknown"]).await, 401, "invalid_token");
        refused(&run.call(&read, &[&device]).await, 403, "insufficient_scope");
        refused(&run.call(&format!("{api}/foreign"), &[&device]).await, 401, "invalid_token");
    }
}

#[tokio::test]
async fn rfc6750_3_1_03_the_scope_that_is_needed_is_named() {
    let run = started().await;
    let device = format!("Bearer {}", run.client_credentials().await.text("access_token"));
    for api in BOTH {
        let answer = run.call(&format!("{api}/read"), &[&device]).await;
        assert!(challenge(&answer).1.ends_with("scope=\"read\""), "{}", challenge(&answer).1);
    }
}

#[tokio::test]
async fn rfc6750_2_3_02_a_token_in_the_query_counts_for_nothing() {
    let run = started().await;
    let token = run.client_credentials().await.text("access_token");
    for api in BOTH {
        let answer = run.call(&format!("{api}/any?access_token={token}"), &[]).await;
        assert_eq!(challenge(&answer), (401, "Bearer realm=\"https://api.example\""));
    }
}

#[tokio::test]
async fn rfc6750_5_2_02_a_token_for_another_audience_is_refused() {
    let run = started().await;
    let digest = secret_digest("multi-secret").to_string();
    let named = "https://api.example https://other.example";
    put(run.server.store(), &Client { resource: named, ..common::client("multi", &digest, "read") }).await;
    let token = async |resource: &str| {
        let body = format!("grant_type=client_credentials&resource={resource}");
        run.post("/token", &basic("multi", "multi-secret"), &body).await.text("access_token")
    };
    let (ours, other) = (token("https://api.example").await, token("https://other.example").await);
    let nobodys = run.client_credentials().await.text("access_token");
    for (token, any, strict) in [(ours, 200, 200), (other, 401, 401), (nobodys, 200, 401)] {
        let authorization = format!("Bearer {token}");
        assert_eq!(run.call("/local/any", &[&authorization]).await.status, any);
        assert_eq!(run.call("/local/strict", &[&authorization]).await.status, strict);
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let run = started().await;
    let token = run.client_credentials().await.text("access_token");
    let authorization = format!("Bearer {token}");
    assert_eq!(run.call("/remote/any", &[&authorization]).await.status, 200);
    run.post("/revoke", &basic("demo-device", "device-secret"), &format!("token={token}")).await;
    for api in BOTH {
        assert_eq!(run.call(&format!("{api}/any"), &[&authorization]).await.status, 401);
    }
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let run = started().await;
    let token = run.redeem(&run.code().await).await.text("refresh_token");
    for api in BOTH {
        assert_eq!(run.call(&format!("{api}/any"), &[&format!("Bearer {token}")]).await.status, 401);
    }
}

#[tokio::test]
async fn a_handler_without_a_guard_lets_nobody_in() {
    let run = started().await;
    let device = format!("Bearer {}", run.client_credentials().await.text("access_token"));
    assert_eq!(run.call("/local/unguarded", &[&device]).await.status, 500);
}

/// Cannot tell; and shows whether it was asked.
#[derive(Default)]
struct Silent(AtomicBool);

impl Introspect for Silent {
    async fn look_up(&self, _: SecretText<'_>) -> Option<OwnedIntrospection> {
        self.0.store(true, SeqCst);
        None
    }
}

#[tokio::test]
async fn an_authorization_server_that_cannot_be_asked_is_answered_with_503() {
    let silent = Arc::new(Silent::default());
    let routes = |server: Arc<AuthorizationServer<_>>| {
        let refused = api(server.issuer(), remote(server.issuer(), "a wrong secret"));
        let absent = api(server.issuer(), remote("http://127.0.0.1:1", "api-secret"));
        let silent = api(server.issuer(), silent.clone());
        router(server).nest("/refused", refused).nest("/absent", absent).nest("/silent", silent)
    };
    let run = start_with(MemoryStore::new(), |server| server, routes).await;
    let device = format!("Bearer {}", run.client_credentials().await.text("access_token"));
    assert_eq!(run.call("/silent/any", &[]).await.status, 401);
    assert!(!silent.0.load(SeqCst), "asked about nothing");
    for api in ["/silent", "/refused", "/absent"] {
        let answer = run.call(&format!("{api}/any"), &[&device]).await;
        assert_eq!(answer.status, 503, "{api}");
        assert!(answer.headers.get("www-authenticate").is_none(), "another token would not help");
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let run = common::start(MemoryStore::new()).await;
    let query = format!(
        "response_type=code&client_id=demo-spa&scope=read&state=a-secret&code_challenge={}&code_challenge_method=S256",
        common::CHALLENGE
    );
    let Begun::Ask(pending) = run.server.begin(&query, "a-secret").await else { panic!("nobody was asked") };
    let answer = run.server.answer(&pending.sealed, "a-secret", Owner::Denied).await;
    assert!(matches!(answer, Answer::Redirect(_)));
    let transport = Transport::from_builder(reqwest::Client::builder().no_proxy()).unwrap();
    let remote = RemoteIntrospection::new("https://as.example", "a", SecretText::new("a-secret"), transport).unwrap();
    let verifier = Verifier::new(|_, _| async { Some(false) });
    let shown = format!("{:?} {pending:?} {answer:?} {remote:?} {verifier:?}", run.server);
    assert!(!shown.contains("a-secret") && !shown.contains("sealed") && !shown.contains("location"), "{shown}");
    assert!(!shown.contains("Basic") && !shown.contains("YTph"), "{shown}");
}
