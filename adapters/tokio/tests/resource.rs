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
use valetkey_tokio::resource::{
    Access, Audience, Guard, Introspect, OwnedIntrospection, RemoteError, RemoteIntrospection,
};
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
        .route("/echo", axum::routing::post(async |body: axum::body::Bytes| body).layer(guard.clone()))
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
async fn rfc6750_3_1_03_rfc9700_2_3_02_the_scope_that_is_needed_is_named() {
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
async fn rfc6750_5_2_02_rfc9700_2_3_02_rfc9700_4_10_2_01_a_token_for_another_audience_is_refused() {
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
async fn rfc6750_2_02_a_token_in_the_header_and_elsewhere_is_refused() {
    let run = started().await;
    let token = run.client_credentials().await.text("access_token");
    let authorization = format!("Bearer {token}");
    let post = async |path: &str, content_type: &str, body: &str| {
        let request = run.http.post(format!("{}{path}", run.url)).header("authorization", &authorization);
        run.send(request.header("content-type", content_type).body(body.to_owned())).await
    };
    let form = "application/x-www-form-urlencoded";
    for api in BOTH {
        let (any, echo) = (format!("{api}/any"), format!("{api}/echo"));
        let in_query = run.call(&format!("{any}?page=2&access_token={token}"), &[&authorization]).await;
        let in_form = post(&echo, form, &format!("a=1&access_token={token}")).await;
        let in_other_form = post(&echo, "Application/X-WWW-Form-Urlencoded; charset=utf-8", "access%5Ftoken=x").await;
        for answer in [in_query, in_form, in_other_form] {
            let (status, text) = challenge(&answer);
            assert_eq!(status, 400, "{text}");
            assert!(text.contains("error=\"invalid_request\"") && !text.contains(&token), "{text}");
        }
        assert_eq!(run.call(&format!("{any}?page=2&access_token="), &[&authorization]).await.status, 200);
        let json = format!("{{\"access_token\":\"{token}\"}}");
        for (content_type, body) in [(form, "a=1&b=%zz&b=2&\u{e4}"), (form, ""), ("application/json", &json)] {
            let answer = post(&echo, content_type, body).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, body), "handed on as it came");
        }
        let long = post(&echo, form, &"a".repeat(2 * 1024 * 1024 + 1)).await;
        assert_eq!(long.status, 413);
    }
}

/// What an introspection endpoint is sent: method, path with query, authorization, content type, body.
type Sent = (String, String, String, String, String);

#[tokio::test]
async fn rfc7662_2_1_01_rfc6749_2_3_1_04_the_token_goes_in_a_posted_form_and_the_secret_by_basic() {
    let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel::<Sent>();
    let endpoint = move |request: axum::extract::Request| async move {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();
        let (method, path) = (parts.method.to_string(), parts.uri.to_string());
        let body = axum::body::to_bytes(body, 1024).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        sender.send((method, path, header("authorization"), header("content-type"), body)).unwrap();
        ([("content-type", "application/json")], "{\"active\":false}")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    let routes = Router::new().route("/introspect", axum::routing::any(endpoint));
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    let transport = Transport::new().unwrap();
    let remote = RemoteIntrospection::new(url, "demo-api", SecretText::new("api-secret"), transport).unwrap();
    assert!(!remote.look_up(SecretText::new("a+b/c=")).await.unwrap().active);
    let (method, path, authorization, content_type, body) = sent.recv().await.unwrap();
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/introspect"));
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    assert_eq!(authorization, basic("demo-api", "api-secret"));
    assert_eq!(body, "token=a%2Bb%2Fc%3D&token_type_hint=access_token");
}

#[tokio::test]
async fn only_an_answer_that_says_it_is_json_is_believed() {
    let endpoint = async |request: axum::extract::Request| {
        let answer = axum::response::Response::builder();
        let kinds = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        let answer = kinds.fold(answer, |answer, kind| answer.header("content-type", kind));
        answer.body(axum::body::Body::from("{\"active\":true}")).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/", axum::routing::post(endpoint));
    tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    let transport = Transport::new().unwrap();
    for (kinds, believed) in [
        ("?application/json", true),
        ("?Application/JSON;charset=utf-8", true),
        ("?text/html", false),
        ("?application/jsonp", false),
        ("?application/token-introspection+jwt", false),
        ("?application/json&application/json", false),
        ("", false),
    ] {
        let (url, secret) = (format!("{url}/{kinds}"), SecretText::new("api-secret"));
        let remote = RemoteIntrospection::new(url, "demo-api", secret, transport.clone()).unwrap();
        let answer = remote.look_up(SecretText::new("a-token")).await;
        assert_eq!(answer.map(|answer| answer.active), believed.then_some(true), "{kinds}");
    }
}

#[test]
fn where_and_as_whom_to_ask_is_checked_before_anything_is_sent() {
    let transport = Transport::new().unwrap();
    let new = |endpoint: &str, client_id: &str, secret: &str| {
        RemoteIntrospection::new(endpoint, client_id, SecretText::new(secret), transport.clone()).err()
    };
    for good in ["https://as.example/introspect", "https://as.example/i?tenant=a", "http://[::1]:8080/introspect"] {
        assert_eq!(new(good, "demo-api", "a secret of ~!"), None, "{good}");
    }
    for bad in ["http://as.example/i", "https://as.example/i#x", "https://a:b@as.example/i", "/introspect", ""] {
        let error = new(bad, "demo-api", "api-secret").unwrap();
        assert!(error == RemoteError::Endpoint && error.to_string().contains("https"), "{bad}");
    }
    let long = "x".repeat(4096);
    for (client_id, secret) in [("", "s"), ("a", ""), ("a\n", "s"), ("a", "é"), (&*long, "s"), ("a", &*long)] {
        let error = new("https://as.example/introspect", client_id, secret).unwrap();
        assert!(error == RemoteError::Credentials && error.to_string().contains("printable"), "{client_id:.9}");
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
    let transport = Transport::new().unwrap();
    let remote = RemoteIntrospection::new("https://as.example", "a", SecretText::new("a-secret"), transport).unwrap();
    let verifier = Verifier::new(|_, _| async { Some(false) });
    let shown = format!("{:?} {pending:?} {answer:?} {remote:?} {verifier:?}", run.server);
    assert!(!shown.contains("a-secret") && !shown.contains("sealed") && !shown.contains("location"), "{shown}");
    assert!(!shown.contains("Basic") && !shown.contains("YTph"), "{shown}");
}
