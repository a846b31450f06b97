//! The demo's endpoints for programs: a token is got, opens the API, is introspected, and is taken back.

mod common;

use common::{Answered, Program};
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};

async fn token(program: &Program, id: &str, secret: &str, scope: &str) -> String {
    let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", scope)];
    program.post("/token", &fields).await.json()["access_token"].as_str().unwrap().to_owned()
}

async fn data(program: &Program, token: &str) -> Answered {
    program.get("/api/data", HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])).await
}

#[tokio::test]
async fn a_good_token_opens_the_api_until_it_is_revoked() {
    let program = Program::start().await;
    let read = token(&program, "demo-web", "web-secret", "read").await;
    let opened = data(&program, &read).await;
    assert_eq!((opened.status, &*opened.body), (200, r#"{"data":"This is protected data."}"#));
    let revoke = [("client_id", "demo-web"), ("client_secret", "web-secret"), ("token", &*read)];
    assert_eq!(program.post("/revoke", &revoke).await.status, 200);
    let closed = data(&program, &read).await;
    assert_eq!(closed.status, 401);
    assert!(closed.header(WWW_AUTHENTICATE).contains("error=\"invalid_token\""), "{closed:?}");
    let introspect = [("client_id", "demo-api"), ("client_secret", "api-secret"), ("token", &*read)];
    assert_eq!(program.post("/introspect", &introspect).await.json(), serde_json::json!({ "active": false }));
}

#[tokio::test]
async fn a_token_without_the_scope_and_no_token_get_their_own_challenges() {
    let program = Program::start().await;
    let write = token(&program, "demo-web", "web-secret", "write").await;
    let refused = data(&program, &write).await;
    assert_eq!(refused.status, 403);
    let challenge = refused.header(WWW_AUTHENTICATE);
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"read\""), "{challenge}");
    let bare = program.get("/api/data", HeaderMap::new()).await;
    assert_eq!(bare.status, 401);
    assert!(bare.header(WWW_AUTHENTICATE).starts_with("Bearer ") && !bare.header(WWW_AUTHENTICATE).contains("error"));
}

const ENDPOINTS: [&str; 3] = ["/token", "/revoke", "/introspect"];

fn guess<'a>(id: &'a str, secret: &'a str) -> [(&'a str, &'a str); 4] {
    [("grant_type", "x"), ("token", "x"), ("client_id", id), ("client_secret", secret)]
}

#[tokio::test]
async fn rfc6749_2_3_1_07_guessing_a_clients_secret_is_slowed_down_at_every_endpoint_and_for_that_client_only() {
    for path in ENDPOINTS {
        let program = Program::start_at_a_standstill().await;
        for _ in 0..20 {
            assert_eq!(program.post(path, &guess("demo-api", "guessed")).await.status, 401);
        }
        for other in ENDPOINTS {
            // Not even the right secret is compared now, or the answers would tell it from a wrong one.
            for secret in ["guessed", "api-secret"] {
                let told = program.post(other, &guess("demo-api", secret)).await;
                assert_eq!((told.status, told.header(RETRY_AFTER)), (429, "1"), "{path} {other} {told:?}");
                assert_eq!(told.json()["error"], "temporarily_unavailable");
            }
        }
        token(&program, "demo-device", "device-secret", "telemetry:write").await;
    }
}

#[tokio::test]
async fn rfc6749_2_3_1_07_the_program_slows_guesses_down() {
    let program = Program::start().await;
    let mut answers = Vec::new();
    // Each of the later waits is twice as long as the one before, so a slow machine sees one of them too.
    while answers.last() != Some(&429) && answers.len() < 40 {
        answers.push(program.post("/token", &guess("demo-web", "guessed")).await.status);
    }
    assert!(answers.len() > 20 && answers[..20].iter().all(|status| *status == 401), "{answers:?}");
    assert_eq!(answers.last(), Some(&429));
}

#[tokio::test]
async fn a_client_is_never_held_back_for_what_it_may_do() {
    let program = Program::start().await;
    for _ in 0..50 {
        token(&program, "demo-device", "device-secret", "telemetry:write").await;
        let bad = [("client_id", "demo-spa"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
        assert_eq!(program.post("/token", &bad).await.status, 400);
    }
}

#[tokio::test]
async fn each_client_of_the_demo_does_what_it_is_for() {
    let program = Program::start().await;
    token(&program, "demo-device", "device-secret", "telemetry:write").await;
    let other = token(&program, "demo-other", "other-secret", "read write").await;
    let introspect = [("client_id", "demo-api"), ("client_secret", "api-secret"), ("token", &*other)];
    let answer = program.post("/introspect", &introspect).await.json();
    assert_eq!((&answer["active"], &answer["client_id"]), (&true.into(), &"demo-other".into()));
    let web = [("client_id", "demo-web"), ("client_secret", "web-secret"), ("token", &*other)];
    assert_eq!(program.post("/introspect", &web).await.status, 401, "only the API may introspect");
}

#[tokio::test]
async fn the_demo_answers_to_names_of_this_machine_only() {
    let program = Program::start().await;
    let url = program.authorize_url();
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.0.2.1", "127.0.0.1@evil.example"] {
        for path in ["/", "/healthz", "/nothing", &url[program.url.len()..]] {
            let refused = program.get(path, HeaderMap::from_iter([(HOST, host.parse().unwrap())])).await;
            assert_eq!((refused.status, refused.headers.get(SET_COOKIE)), (421, None), "{host} {path}");
            assert!(refused.body.contains("127.0.0.1 or localhost"));
        }
    }
    for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"] {
        assert_eq!(program.get("/", HeaderMap::from_iter([(HOST, host.parse().unwrap())])).await.status, 200, "{host}");
    }
}
