//! An authorization server over a store of your own: implement `Store`, show two pages, serve.
//!
//! `cargo run -p valetkey-tokio --example custom_server`, then the `client` and `guard_api` examples.
#![allow(clippy::print_stdout, reason = "it tells what to try")]

mod store;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header::COOKIE};
use axum::response::{Html, IntoResponse, Response};
use axum::{Router, routing::post};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::MyStore;
use valetkey::secret::Secret;
use valetkey::server::change::Committed;
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
use valetkey::server::{register_client, secret_digest};
use valetkey::time::UnixTime;
use valetkey_tokio::server::{
    Answer, AuthorizationServer, Fault, Owner, Pages, Pending, Policy, ServerKey, authorize_router, router,
};
use valetkey_tokio::store::Store;

/// One page with two buttons. There is no login here: whoever sees it is alice.
struct MyPages;

impl Pages for MyPages {
    fn browser(&self, headers: &HeaderMap) -> Option<String> {
        let drawn = || random().map(|bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        cookie(headers).or_else(drawn)
    }

    async fn ask(&self, pending: Pending, browser: String, _: HeaderMap) -> Response {
        let [name, scope, sealed] = [&pending.client_name, &pending.scope, &pending.sealed].map(|text| escape(text));
        let page = format!(
            "<!doctype html><title>Consent</title><p>May {name} have <b>{scope}</b>?<form method=post action=/answer>\
             <input type=hidden name=sealed value=\"{sealed}\"><input type=hidden name=scope value=\"{scope}\">\
             <button name=say value=yes>Yes</button> <button name=say value=no>No</button></form>"
        );
        let cookie = format!("browser={browser}; HttpOnly; SameSite=Lax; Path=/");
        let framing = ("content-security-policy", "frame-ancestors 'none'");
        ([("set-cookie", cookie.as_str()), framing, ("cache-control", "no-store")], Html(page)).into_response()
    }

    fn refuse(&self, fault: Fault) -> Response {
        let status = StatusCode::from_u16(fault.page_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, fault.description()).into_response()
    }
}

/// The form comes from our own page, as its `sealed` is bound to this browser's cookie.
async fn answer(
    State(server): State<Arc<AuthorizationServer<MyStore>>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let field = |name| form.get(name).map_or("", String::as_str);
    let approved = Owner::Approved { subject: "alice", auth_time: now(), acr: "", amr: "pwd", scope: field("scope") };
    let owner = if field("say") == "yes" { approved } else { Owner::Denied };
    match server.answer(field("sealed"), &cookie(&headers).unwrap_or_default(), owner).await {
        Answer::Redirect(response) => response,
        Answer::Page(fault) => MyPages.refuse(fault),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MyStore::default();
    let secrets = ["device-secret", "api-secret"].map(|secret| secret_digest(secret).to_string());
    let own = GrantTypes { client_credentials: true, ..GrantTypes::default() };
    let device = Client {
        client_id: "demo-device",
        name: "A device",
        auth: ClientAuth::Drawn,
        secret: &secrets[0],
        jwks: "",
        redirect_uris: "",
        grant_types: own,
        scope: "telemetry:write",
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    };
    let api = Client { client_id: "demo-api", secret: &secrets[1], scope: "", may_introspect: true, ..device };
    let code = GrantTypes { authorization_code: true, refresh_token: true, ..GrantTypes::default() };
    let spa =
        Client { client_id: "demo-spa", name: "A page", auth: ClientAuth::Public, secret: "", scope: "read", ..device };
    let spa = Client { redirect_uris: "http://127.0.0.1:9099/cb", grant_types: code, ..spa };
    for client in [device, api, spa] {
        let change = register_client(random().ok_or("no random bytes")?, now(), client)?;
        assert_eq!(store.commit(&change).await?, Committed::Applied);
    }
    let key = ServerKey::new(1, Secret::new(random().ok_or("no random bytes")?)); // keep it, or every token dies with it
    let issuer = "http://127.0.0.1:8080";
    let server = Arc::new(AuthorizationServer::new(issuer, Policy::OAUTH21, vec![key], store)?);
    let pages = Router::new().route("/answer", post(answer)).with_state(server.clone());
    let app = router(server.clone()).merge(authorize_router(server, Arc::new(MyPages))).merge(pages);
    println!("curl -u demo-device:device-secret -d grant_type=client_credentials {issuer}/token");
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
    Ok(())
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("browser=")).map(str::to_owned)
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
