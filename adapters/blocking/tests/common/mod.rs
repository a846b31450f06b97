//! A server over a store, asked without HTTP, and a few clients.
#![allow(dead_code, reason = "each test uses a part")]

use base64ct::{Base64, Encoding};
use serde_json::Value;
use std::collections::HashMap;
use valetkey::secret::Secret;
use valetkey::server::change::{Change, Committed, Expect, Key, Put, Version};
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes, Record};
use valetkey::server::secret_digest;
use valetkey::text::buf::Writer;
use valetkey::text::form::Form;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;
use valetkey_blocking::server::{Answer, AuthorizationServer, Owner, Policy, Request, Response, ServerKey, header};
use valetkey_blocking::store::Store;

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9099/cb";
/// The verifier of RFC 7636 appendix B, and its challenge.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn start<S: Store>(store: S) -> AuthorizationServer<S> {
    start_at(ISSUER, store)
}

pub(crate) fn start_at<S: Store>(issuer: &str, store: S) -> AuthorizationServer<S> {
    let digest = |secret| secret_digest(secret).to_string();
    let (device, web, api) = (digest("device-secret"), digest("web-secret"), digest("api-secret"));
    put(&store, &client("demo-device", &device, "telemetry:write"));
    put(&store, &client("demo-web", &web, "read write"));
    put(&store, &Client { may_introspect: true, ..client("demo-api", &api, "") });
    put(&store, &Client { auth: ClientAuth::Chosen, ..client("demo-chosen", "$argon2id$hash", "read") });
    let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
    AuthorizationServer::new(issuer, Policy::OAUTH21, keys, store).unwrap()
}

pub(crate) fn client<'a>(client_id: &'a str, secret: &'a str, scope: &'a str) -> Client<'a> {
    Client {
        client_id,
        name: "A client",
        auth: ClientAuth::Drawn,
        secret,
        jwks: "",
        redirect_uris: REDIRECT_URI,
        grant_types: GrantTypes { authorization_code: true, client_credentials: true, refresh_token: true },
        scope,
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    }
}

pub(crate) fn put<S: Store>(store: &S, client: &Client<'_>) {
    let record = Put {
        key: Key::client(client.client_id),
        expect: Expect::Absent,
        keep_until: UnixTime(u64::MAX),
        index: [None, None],
        record: Record::Client(*client),
    };
    let puts = [Some(record), None, None, None, None, None];
    let change = Change { id: Version::new(1).unwrap(), puts, holds: [None, None], event: None };
    assert_eq!(store.commit(&change).unwrap(), Committed::Applied);
}

/// As RFC 6749 section 2.3.1 says; these ids and secrets need no form-encoding.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{id}:{secret}").as_bytes()))
}

pub(crate) fn json(response: &Response) -> Value {
    assert_eq!(field(response, "Content-Type"), Some("application/json"), "{}", response.body);
    serde_json::from_str(&response.body).unwrap()
}

pub(crate) fn text(response: &Response, name: &str) -> String {
    json(response)[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", response.body)).to_owned()
}

pub(crate) fn field<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    let mut named = response.headers.iter().filter(|(other, _)| *other == name);
    named.next().map(|(_, value)| value.as_str())
}

/// What follows the `?`, decoded.
pub(crate) fn parameters(url: &str) -> HashMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    let decoded = |text: valetkey::text::form::Encoded<'_>| {
        let mut buf = vec![0; query.len()];
        let mut w = Writer::new(&mut buf);
        text.decode(&mut w).unwrap();
        w.finish().unwrap().to_owned()
    };
    Form::new(query, &[]).unwrap().pairs().map(|(name, value)| (decoded(name), decoded(value))).collect()
}

pub(crate) fn post<S: Store>(server: &AuthorizationServer<S>, path: &str, basic: &str, body: &str) -> Response {
    let authorization = if basic.is_empty() { Header::Absent } else { header([basic.as_bytes()]) };
    let content_type = Header::One("application/x-www-form-urlencoded");
    let request = Request { method: "POST", path, authorization, content_type, body: body.as_bytes() };
    server.handle(&request).unwrap()
}

pub(crate) fn get<S: Store>(server: &AuthorizationServer<S>, path: &str) -> Option<Response> {
    let (authorization, content_type) = (Header::Absent, Header::Absent);
    server.handle(&Request { method: "GET", path, authorization, content_type, body: b"" })
}

/// A code for demo-web, to which alice consented.
pub(crate) fn code<S: Store>(server: &AuthorizationServer<S>) -> String {
    let query = format!(
        "response_type=code&client_id=demo-web&redirect_uri={REDIRECT_URI}&scope=read&state=xyz\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let sealed = server.begin(&query, "a browser", |_, sealed| sealed.to_owned()).unwrap();
    let owner = Owner::Approved { subject: "alice", auth_time: UnixTime(1), acr: "", amr: "", scope: "read" };
    let Answer::Redirect(response) = server.answer(&sealed, "a browser", owner) else { panic!("no redirect") };
    let parameters = parameters(field(&response, "Location").unwrap());
    assert_eq!((parameters["state"].as_str(), parameters["iss"].as_str()), ("xyz", ISSUER));
    parameters["code"].clone()
}

pub(crate) fn redeem<S: Store>(server: &AuthorizationServer<S>, code: &str) -> Response {
    let body =
        format!("grant_type=authorization_code&code={code}&redirect_uri={REDIRECT_URI}&code_verifier={VERIFIER}");
    post(server, "/token", &basic("demo-web", "web-secret"), &body)
}

pub(crate) fn refresh<S: Store>(server: &AuthorizationServer<S>, token: &str) -> Response {
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    post(server, "/token", &basic("demo-web", "web-secret"), &body)
}

pub(crate) fn client_credentials<S: Store>(server: &AuthorizationServer<S>) -> Response {
    post(server, "/token", &basic("demo-device", "device-secret"), "grant_type=client_credentials")
}

pub(crate) fn introspect<S: Store>(server: &AuthorizationServer<S>, token: &str) -> Value {
    let answer = post(server, "/introspect", &basic("demo-api", "api-secret"), &format!("token={token}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    json(&answer)
}
