//! The router over loopback HTTP: what a client sees of the endpoints.

mod common;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use common::{Running, basic, parameters, start, start_with};
use serde_json::json;
use std::sync::Arc;
use valetkey::secret::Secret;
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_tokio::server::{
    Answer, BadServer, Begun, Fault, Owner, Pages, Pending, ServerKey, Verifier, authorize_router, router,
};

async fn started() -> Running<MemoryStore> {
    start(MemoryStore::new()).await
}

#[tokio::test]
async fn rfc6749_2_3_1_01_client_credentials_by_basic() {
    let run = started().await;
    let answer = run.client_credentials().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["scope"], "telemetry:write");
    let seen = run.introspect(&answer.text("access_token")).await;
    assert_eq!((&seen["active"], &seen["client_id"]), (&json!(true), &json!("demo-device")));
}

#[tokio::test]
async fn keys_are_replaced_while_the_server_runs() {
    let run = started().await;
    let key = |id| ServerKey::new(id, Secret::new([id; 32]));
    let first = run.redeem(&run.code().await).await.text("refresh_token");
    run.server.replace_keys(vec![key(2), ServerKey::new(1, Secret::new([7; 32]))]).unwrap();
    let second = run.refresh(&first).await.text("refresh_token");
    assert_eq!(run.server.replace_keys(Vec::new()).unwrap_err(), BadServer::Keys);
    run.server.replace_keys(vec![key(2)]).unwrap();
    assert_eq!(run.refresh(&second).await.status, 200, "it bears the second key");
    run.server.replace_keys(vec![key(3)]).unwrap();
    assert_eq!(run.refresh(&second).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn client_credentials_by_body() {
    let run = started().await;
    let body = "grant_type=client_credentials&client_id=demo-device&client_secret=device-secret";
    assert_eq!(run.post("/token", "", body).await.status, 200);
    let twice = run.post("/token", &basic("demo-device", "device-secret"), body).await;
    assert_eq!((twice.status, twice.text("error").as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn rfc6749_5_2_02_a_wrong_secret_is_answered_with_401_and_a_challenge() {
    let run = started().await;
    let answer = run.post("/token", &basic("demo-device", "wrong"), "grant_type=client_credentials").await;
    assert_eq!((answer.status, answer.text("error").as_str()), (401, "invalid_client"));
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Basic realm="), "{challenge}");
}

#[tokio::test]
async fn rfc6749_3_2_02_only_post_is_allowed_at_the_token_endpoint() {
    let run = started().await;
    for path in ["/token", "/revoke", "/introspect"] {
        let body = "grant_type=client_credentials&client_id=demo-device&client_secret=device-secret";
        for request in [run.http.get(format!("{}{path}?{body}", run.url)), run.http.put(format!("{}{path}", run.url))] {
            let answer = run.send(request).await;
            assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "POST"), "{path}");
            assert!(!answer.body.contains("access_token"));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_in_json() {
    let run = started().await;
    for length in [8192, 8193, 20_000] {
        let body = format!("grant_type=client_credentials&x={}", "a".repeat(length));
        let answer = run.post("/token", &basic("demo-device", "device-secret"), &body).await;
        assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_request"));
        assert!(answer.text("error_description").contains("too long"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_header_that_came_twice_is_refused() {
    let run = started().await;
    let request = |url: &str| {
        let request = run.http.post(format!("{url}/token")).body("grant_type=client_credentials");
        request.header("content-type", "application/x-www-form-urlencoded")
    };
    let once = basic("demo-device", "device-secret");
    let answer = run.send(request(&run.url).header("authorization", &once).header("authorization", &once)).await;
    assert_eq!((answer.status, answer.text("error").as_str()), (401, "invalid_client"));
    let answer = run.send(request(&run.url).header("authorization", once).header("content-type", "text/plain")).await;
    assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn rfc8414_3_2_01_the_metadata_name_the_endpoints() {
    let run = start_with(MemoryStore::new(), |server| server.with_scopes("read write"), router).await;
    let url = format!("{}/.well-known/oauth-authorization-server", run.url);
    let metadata = run.send(run.http.get(url)).await;
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.text("issuer"), run.url);
    assert_eq!(metadata.text("token_endpoint"), format!("{}/token", run.url));
    assert_eq!(metadata.json()["scopes_supported"], json!(["read", "write"]));
    assert_eq!(metadata.json()["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn rfc7009_2_1_04_a_revoked_token_is_good_for_nothing() {
    let run = started().await;
    let tokens = run.redeem(&run.code().await).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(run.introspect(&access).await["sub"], "alice");
    let revoked = run.post("/revoke", &basic("demo-web", "web-secret"), &format!("token={refresh}")).await;
    assert_eq!((revoked.status, revoked.body.as_str()), (200, ""));
    assert_eq!(run.introspect(&access).await, json!({"active": false}));
    assert_eq!(run.refresh(&refresh).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn a_chosen_secret_is_checked_by_the_verifier() {
    let busy = started().await;
    let body = "grant_type=client_credentials";
    let answer = busy.post("/token", &basic("demo-chosen", "a good one"), body).await;
    assert_eq!((answer.status, answer.text("error").as_str()), (503, "temporarily_unavailable"));

    let verifier = Verifier::new(|secret, hash| {
        let fits = secret.ct_eq("a good one") && hash == "$argon2id$hash";
        async move { Some(fits) }
    });
    let run = start_with(MemoryStore::new(), |server| server.with_verifier(verifier), router).await;
    assert_eq!(run.post("/token", &basic("demo-chosen", "a good one"), body).await.status, 200);
    assert_eq!(run.post("/token", &basic("demo-chosen", "a bad one"), body).await.status, 401);
}

struct Plain;

impl Pages for Plain {
    fn browser(&self, headers: &HeaderMap) -> Option<String> {
        Some(headers.get("cookie").map_or("drawn", |cookie| cookie.to_str().unwrap()).to_owned())
    }

    async fn ask(&self, pending: Pending, browser: String, _: HeaderMap) -> Response {
        ([("set-cookie", browser)], pending.sealed).into_response()
    }

    fn refuse(&self, fault: Fault) -> Response {
        (axum::http::StatusCode::from_u16(fault.page_status()).unwrap(), fault.description()).into_response()
    }
}

async fn with_pages() -> Running<MemoryStore> {
    let routes = |server: Arc<_>| router(Arc::clone(&server)).merge(authorize_router(server, Arc::new(Plain)));
    start_with(MemoryStore::new(), |server| server, routes).await
}

const ASK: &str = "response_type=code&client_id=demo-spa&scope=read&state=s%20t\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[tokio::test]
async fn rfc6749_3_1_03_get_and_post_reach_the_authorization_endpoint() {
    let run = with_pages().await;
    let url = format!("{}/authorize", run.url);
    let get = run.send(run.http.get(format!("{url}?{ASK}"))).await;
    let posted = run.send(run.http.post(url).body(ASK)).await;
    assert_eq!((posted.status, posted.headers.get("set-cookie")), (303, None));
    let post = run.send(run.http.get(posted.headers["location"].to_str().unwrap())).await;
    for page in [get, post] {
        assert_eq!((page.status, &page.headers["set-cookie"]), (200, &"drawn".parse().unwrap()));
        let Begun::Ask(again) = run.server.reopen(&page.body, "drawn").await else { panic!("nobody was asked") };
        assert_eq!((again.client_id.as_str(), again.scope.as_str()), ("demo-spa", "read"));
        assert_eq!(again.redirect_uri, common::REDIRECT_URI);
        let owner = Owner::Approved { subject: "alice", auth_time: UnixTime(1), acr: "", amr: "", scope: "read" };
        let Answer::Redirect(response) = run.server.answer(&again.sealed, "drawn", owner).await else { panic!() };
        assert_eq!(response.status(), 303);
        let second = run.server.answer(&page.body, "drawn", owner).await;
        assert!(matches!(second, Answer::Page(Fault::AlreadyAnswered)), "one consent gave two codes");
    }
}

#[tokio::test]
async fn rfc6749_3_1_2_4_01_a_bad_redirect_uri_gets_a_page_and_no_redirect() {
    let run = with_pages().await;
    let page = run.send(run.http.get(format!("{}/authorize?{ASK}&redirect_uri=https://evil.example/", run.url))).await;
    assert_eq!(page.status, 400);
    assert!(page.headers.get("location").is_none() && page.body.contains("redirect_uri"));
    let long = format!("{}/authorize?{ASK}&redirect_uri={}", run.url, "a".repeat(9000));
    assert_eq!(run.send(run.http.get(long)).await.status, 400);
}

#[tokio::test]
async fn what_is_posted_to_the_authorization_endpoint_leads_nowhere_else() {
    let run = with_pages().await;
    let url = format!("{}/authorize", run.url);
    for body in [&b"a=b\r\nset-cookie: c=d"[..], b"a b", b"a#b", b"a=\xff", b"\0", &[b'a'; 9000]] {
        let page = run.send(run.http.post(&url).body(body.to_vec())).await;
        assert_eq!((page.status, page.headers.get("location")), (400, None), "{body:?}");
    }
    let posted = run.send(run.http.post(&url).body("//evil.example/?a=%0D%0A")).await;
    assert_eq!(posted.headers["location"], format!("{url}?//evil.example/?a=%0D%0A"));
}

#[tokio::test]
async fn rfc9207_2_01_an_error_goes_back_with_state_and_iss() {
    let run = with_pages().await;
    let answer = run.send(run.http.get(format!("{}/authorize?{ASK}&prompt=x&response_mode=fragment", run.url))).await;
    assert_eq!(answer.status, 303);
    let sent = parameters(answer.headers["location"].to_str().unwrap());
    assert_eq!((sent["error"].as_str(), sent["state"].as_str()), ("invalid_request", "s t"));
    assert_eq!(sent["iss"], run.url);

    let page = run.send(run.http.get(format!("{}/authorize?{ASK}", run.url))).await;
    let answer = run.server.answer(&page.body, "drawn", Owner::Denied).await;
    let Answer::Redirect(response) = answer else { panic!("no redirect") };
    assert_eq!(parameters(response.headers()["location"].to_str().unwrap())["error"], "access_denied");
}

#[tokio::test]
async fn a_pending_request_is_of_no_use_in_another_browser() {
    let run = with_pages().await;
    let page = run.send(run.http.get(format!("{}/authorize?{ASK}", run.url))).await;
    let answer = run.server.answer(&page.body, "another", Owner::Denied).await;
    assert!(matches!(answer, Answer::Page(Fault::OtherBrowser)));
    assert!(matches!(run.server.reopen("damaged", "drawn").await, Begun::Done(Answer::Page(Fault::BadPending))));
}

#[tokio::test]
async fn futures_can_move_between_threads() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let run = started().await;
    let headers = HeaderMap::new();
    assert_eq!(send(run.server.token(&headers, b"")).await.status(), 400);
    assert_eq!(send(run.server.revoke(&headers, b"")).await.status(), 400);
    assert_eq!(send(run.server.introspect(&headers, b"")).await.status(), 400);
    assert!(matches!(send(run.server.begin("", "")).await, Begun::Done(Answer::Page(_))));
    assert!(matches!(send(run.server.answer("", "", Owner::Denied)).await, Answer::Page(_)));
}
