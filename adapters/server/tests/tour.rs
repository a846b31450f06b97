//! The tour: what it shows of a server that is as it should be, and that it fails at the right step of one that is not.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use std::process::{Command, Stdio};
use valetkey_memory::MemoryStore;
use valetkey_server::app::App;
use valetkey_server::cli::Options;
use valetkey_server::config::Config;
use valetkey_server::keys::Keys;
use valetkey_server::proxies::Proxies;
use valetkey_server::tour::{Failed, run, walk};
use valetkey_server::{program, serve};

#[tokio::test]
async fn every_step_comes_out_as_it_should() {
    let mut text = Vec::new();
    run(&Config::load(&Options::default()).unwrap(), &mut text, false).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut rest = &*text;
    for line in [
        "── 1. Discovery ──",
        "endpoints=/authorize,/token,/introspect,/revoke",
        "── 2. A device gets a token of its own ──",
        "Authorization: Basic demo-device:…",
        "403 Bearer error=\"insufficient_scope\"",
        "── 3. A person logs in and allows an app ──",
        "200 “Sign in to go on to Demo browser app”",
        "403 “That username and password do not match.",
        "Allow Demo browser app to use your account?",
        "refused: the callback's state is missing or not that of this flow",
        "…(A2) refresh_token=",
        "── 4. The app calls the API ──",
        "200 {\"data\":\"This is protected data.\"}",
        "── 5. The API asks what the token is worth ──",
        "200 active=true client_id=demo-spa sub=alice scope=read write",
        "── 6. A thief has the code ──",
        "400 error=invalid_grant",
        "200 {\"data\":\"This is protected data.\"}",
        "── 7. The tokens are renewed ──",
        "── 8. A stolen refresh token is caught ──",
        "400 error=invalid_grant",
        "401 Bearer error=\"invalid_token\"",
        "── 9. The app gives its access back ──",
        "POST /revoke",
        "401 Bearer error=\"invalid_token\"",
        " messages, all as expected.\n",
        "`cargo run`",
    ] {
        rest =
            rest.split_once(line).unwrap_or_else(|| panic!("`{line}` does not come, or not in its order:\n{text}")).1;
    }
    let arrows = text.lines().filter(|line| line.contains('▶') || line.contains('◀')).count();
    assert!(text.contains(&format!("\n{arrows} messages,")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\x1b'), "colour was not asked for");
}

#[tokio::test]
async fn no_secret_is_written_out() {
    let mut text = Vec::new();
    run(&Config::load(&Options::default()).unwrap(), &mut text, true).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\x1b["), "colour was asked for");
    for secret in ["wonderland", "device-secret", "api-secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
    // At most six characters of each, then an ellipsis.
    for name in
        ["code", "code_verifier", "access_token", "refresh_token", "token", "state", "pending", "csrf", "password"]
    {
        for (_, value) in text.match_indices(&format!("{name}=")).map(|(at, found)| text[at..].split_at(found.len())) {
            let value = value.split([' ', '\n']).next().unwrap();
            assert!(value.chars().take(7).any(|c| c == '…'), "{name}={value}");
        }
    }
}

#[test]
fn the_program_ends_well_without_network_and_whatever_is_set() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command.env_clear().env("VALETKEY_ISSUER", "https://id.example").env("HTTP_PROXY", "http://127.0.0.1:1");
    let output = command.arg("tour").stdin(Stdio::null()).output().unwrap();
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{text}");
    assert!(text.contains("all as expected"));
}

#[tokio::test]
async fn a_server_without_the_demo_fails_at_the_device() {
    let mut config = Config::load(&Options::default()).unwrap();
    config.proxies = Proxies::read(["10.0.0.5"]).unwrap();
    let mut text = Vec::new();
    let failed = run(&config, &mut text, false).await.unwrap_err();
    assert_eq!(failed.step, "2. A device gets a token of its own");
    assert!(failed.to_string().contains("401 error=invalid_client"), "{failed}");
    assert!(!String::from_utf8(text).unwrap().contains("all as expected"));
}

/// Walks through a server that answers at one path as `instead` does.
async fn walk_with(path: &str, instead: MethodRouter) -> Failed {
    let layer = |app: App| Router::new().route(path, instead).fallback_service(app);
    walk_through(layer).await
}

async fn walk_through(change: impl FnOnce(App) -> Router) -> Failed {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config::load(&Options::default()).unwrap();
    let issuer = config.issuer(listener.local_addr().unwrap());
    let keys = Keys::draw(0).unwrap();
    let program = program::assemble(&config, &issuer, MemoryStore::new(), &keys).await.unwrap();
    tokio::spawn(serve::run(listener, change(program.app), std::future::pending(), serve::GRACE));
    walk(&issuer, &mut Vec::new(), false).await.unwrap_err()
}

async fn data() -> &'static str {
    r#"{"data":"This is protected data."}"#
}

#[tokio::test]
async fn metadata_of_another_issuer_fail_at_discovery() {
    let other = r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"}"#;
    let failed = walk_with("/.well-known/oauth-authorization-server", get(async move || other)).await;
    assert_eq!(failed.step, "1. Discovery");
    assert!(failed.why.contains("issuer=https://evil.example"), "{failed}");
}

#[tokio::test]
async fn an_api_that_lets_everyone_in_fails_at_the_device() {
    let failed = walk_with("/api/data", get(data)).await;
    assert_eq!(failed.step, "2. A device gets a token of its own");
    assert!(failed.why.contains("expected 403 insufficient_scope from the API, but got 200"), "{failed}");
}

#[tokio::test]
async fn a_login_that_takes_any_password_fails_at_the_login() {
    let page = r#"<form action="/consent"><button name="decision" value="allow">Allow</button></form>"#;
    let failed = walk_with("/login", any(async move || page)).await;
    assert_eq!(failed.step, "3. A person logs in and allows an app");
    assert!(failed.why.contains("expected the login page with status 403"), "{failed}");
}

#[tokio::test]
async fn an_introspection_that_says_no_fails_where_the_api_asks() {
    let failed = walk_with("/introspect", any(async || r#"{"active":false}"#)).await;
    assert_eq!(failed.step, "5. The API asks what the token is worth");
    assert!(failed.why.contains("but got 200 active=false"), "{failed}");
}

/// As a server would be that looks at the API's token once and then never again.
#[tokio::test]
async fn an_api_that_forgets_to_look_again_fails_where_the_thief_is_caught() {
    async fn forgetful(headers: HeaderMap, request: Request, next: Next) -> Response {
        let to_the_api = request.uri().path() == "/api/data" && headers.contains_key("authorization");
        let response = next.run(request).await;
        if to_the_api && response.status() == StatusCode::UNAUTHORIZED {
            data().await.into_response()
        } else {
            response
        }
    }
    let failed = walk_through(|app| Router::new().fallback_service(app).layer(from_fn(forgetful))).await;
    assert_eq!(failed.step, "8. A stolen refresh token is caught");
    assert!(failed.why.contains("expected 401 invalid_token from the API, but got 200"), "{failed}");
}

#[tokio::test]
async fn a_revocation_that_does_nothing_fails_at_the_end() {
    let failed = walk_with("/revoke", any(async || StatusCode::OK)).await;
    assert_eq!(failed.step, "9. The app gives its access back");
    assert!(failed.why.contains("expected 401 invalid_token from the API, but got 200"), "{failed}");
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_at_once() {
    let failed = walk("http://127.0.0.1:1", &mut Vec::new(), false).await.unwrap_err();
    assert_eq!(failed.step, "1. Discovery");
}
