//! An authorization server of threads: bring HTTP, a store and pages, and answer requests. No async runtime is in it.
//!
//! `cargo run -p valetkey-blocking --example blocking_server`; it prints what to try with curl.
#![allow(clippy::print_stdout, reason = "it tells what to try")]

pub(crate) mod http;
mod pages;
pub(crate) mod store;

use http::Request;
use std::error::Error;
use std::net::TcpListener;
use store::MyStore;
use valetkey::resource::{Audience, Issuer};
use valetkey::secret::Secret;
use valetkey::server::change::Committed;
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
use valetkey::server::{register_client, secret_digest};
use valetkey_blocking::resource::{Presented, check};
use valetkey_blocking::server::{AuthorizationServer, Policy, Response, ServerKey};
use valetkey_blocking::store::Store;

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:8080")?;
    let issuer = "http://127.0.0.1:8080";
    let server = server(issuer)?;
    println!("curl -u demo-device:device-secret -d grant_type=client_credentials {issuer}/token");
    println!("curl -H \"Authorization: Bearer $TOKEN\" {issuer}/telemetry");
    http::serve(&listener, |request| answer(&server, request));
    Ok(())
}

/// A server with three clients: a device, a page and an API.
pub(crate) fn server(issuer: &str) -> Result<AuthorizationServer<MyStore>, Box<dyn Error>> {
    let store = MyStore::default();
    let secrets = ["device-secret", "api-secret"].map(|secret| secret_digest(secret).to_string());
    let device = Client {
        client_id: "demo-device",
        name: "A device",
        auth: ClientAuth::Drawn,
        secret: &secrets[0],
        jwks: "",
        redirect_uris: "",
        grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
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
        let change = register_client(random()?, pages::now(), client)?;
        assert_eq!(store.commit(&change)?, Committed::Applied);
    }
    let key = ServerKey::new(1, Secret::new(random()?)); // keep it, or every token dies with it
    Ok(AuthorizationServer::new(issuer, Policy::OAUTH21, vec![key], store)?)
}

/// Every request comes here, on one of several threads.
pub(crate) fn answer(server: &AuthorizationServer<MyStore>, request: &Request) -> Response {
    if let Some(response) = server.handle(&request.for_clients()) {
        return response;
    }
    match (request.method.as_str(), request.path()) {
        ("GET", "/authorize") => pages::ask(server, request),
        ("POST", "/answer") => pages::answer(server, request),
        ("POST" | "GET", "/telemetry") => telemetry(server, request),
        _ => http::text(404, "there is nothing here\n"),
    }
}

/// An API in the same program: only a good token with this scope lets a request pass.
fn telemetry(server: &AuthorizationServer<MyStore>, request: &Request) -> Response {
    let issuers = [Issuer::opaque(server.issuer())];
    let policy = valetkey::resource::Policy::new(&issuers, Audience::IfNamed(server.issuer()), "telemetry:write");
    let presented = Presented { authorization: request.header("authorization"), query: request.query(), form: "" };
    check(server, &policy, &presented, |access| http::text(200, &format!("taken from {}\n", access.client_id)))
        .unwrap_or_else(|refused| refused)
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map(|()| bytes)
}
