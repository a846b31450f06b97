//! What a client and an API see of the endpoints.

mod common;

use common::{basic, client, client_credentials, code, field, get, introspect, json, post, put, redeem, start, text};
use std::sync::Arc;
use valetkey::jose::Algorithm;
use valetkey::resource::{Audience, Issuer, Policy};
use valetkey::server::record::{AccessTokenFormat, Client};
use valetkey::server::secret_digest;
use valetkey::wire::header::Header;
use valetkey_aws_lc::{self as aws_lc, PublicKey};
use valetkey_blocking::resource::{Presented, check};
use valetkey_blocking::server::{
    Answer, AuthorizationServer, BadServer, Fault, Owner, Request, Response, Signing, SigningKey,
};
use valetkey_memory::MemoryStore;

fn started() -> AuthorizationServer<MemoryStore> {
    start(MemoryStore::new())
}

#[test]
fn rfc6749_2_3_1_01_client_credentials_by_basic() {
    let server = started();
    let answer = client_credentials(&server);
    assert_eq!((answer.status, field(&answer, "Cache-Control")), (200, Some("no-store")));
    assert_eq!((&json(&answer)["token_type"], &json(&answer)["scope"]), (&"Bearer".into(), &"telemetry:write".into()));
    let seen = introspect(&server, &text(&answer, "access_token"));
    assert_eq!((&seen["active"], &seen["client_id"]), (&true.into(), &"demo-device".into()));
}

#[test]
fn rfc6749_5_2_02_a_wrong_secret_is_answered_with_401_and_a_challenge() {
    let answer = post(&started(), "/token", &basic("demo-device", "wrong"), "grant_type=client_credentials");
    assert_eq!((answer.status, text(&answer, "error").as_str()), (401, "invalid_client"));
    assert!(field(&answer, "WWW-Authenticate").unwrap().starts_with("Basic realm="));
    assert_eq!(answer.fault, Some(Fault::WrongSecret));
}

#[test]
fn rfc6749_3_2_02_only_post_is_allowed_at_the_token_endpoint() {
    let server = started();
    for path in ["/token", "/revoke", "/introspect"] {
        let answer = get(&server, path).unwrap();
        assert_eq!((answer.status, field(&answer, "Allow")), (405, Some("POST")), "{path}");
    }
    for path in ["/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(post(&server, path, "", "").status, 405, "{path}");
    }
}

#[test]
fn what_is_no_endpoint_for_clients_is_the_programs_own() {
    let server = started();
    for path in ["", "/", "/authorize", "/tokens", "/token/", "//token", "/x/token"] {
        assert_eq!(get(&server, path), None, "{path}");
    }
}

#[test]
fn rfc8414_3_01_endpoints_lie_under_the_issuer_and_the_metadata_say_so() {
    let keys = || vec![valetkey::server::ServerKey::new(1, valetkey::secret::Secret::new([7; 32]))];
    for issuer in ["https://as.example/one", "https://as.example/one/"] {
        let policy = valetkey::server::Policy::OAUTH21;
        let server = AuthorizationServer::new(issuer, policy, keys(), MemoryStore::new()).unwrap();
        let server = server.with_scopes("read write");
        let metadata = get(&server, "/.well-known/oauth-authorization-server/one").unwrap();
        assert_eq!((text(&metadata, "issuer").as_str(), metadata.status), (issuer, 200));
        assert_eq!(text(&metadata, "token_endpoint"), "https://as.example/one/token");
        assert_eq!(json(&metadata)["scopes_supported"], serde_json::json!(["read", "write"]));
        assert_eq!(get(&server, "/one/token").map(|answer| answer.status), Some(405));
        assert_eq!(get(&server, "/token"), None);
    }
}

#[test]
fn a_header_that_came_twice_is_refused() {
    let server = started();
    let (once, form) = (basic("demo-device", "device-secret"), "application/x-www-form-urlencoded");
    let request = |authorization, content_type| {
        let body = b"grant_type=client_credentials";
        let request = Request { method: "POST", path: "/token", authorization, content_type, body };
        server.handle(&request).unwrap()
    };
    let twice = valetkey_blocking::server::header([once.as_bytes(), once.as_bytes()]);
    assert_eq!(request(twice, Header::One(form)).status, 401);
    assert_eq!(text(&request(Header::One(&once), Header::Many), "error"), "invalid_request");
    assert_eq!(request(Header::One(&once), Header::One(form)).status, 200);
}

#[test]
fn a_secret_that_a_person_chose_is_checked_by_the_verifier() {
    let ask = |server: &AuthorizationServer<_>| {
        post(server, "/token", &basic("demo-chosen", "correct horse"), "grant_type=client_credentials").status
    };
    assert_eq!(ask(&started()), 503, "without a verifier nobody can tell");
    for (fits, status) in [(Some(true), 200), (Some(false), 401), (None, 503)] {
        let server = started().with_verifier(move |secret, hash| {
            assert_eq!((secret.expose(), hash), ("correct horse", "$argon2id$hash"));
            fits
        });
        assert_eq!(ask(&server), status);
    }
}

#[test]
fn one_consent_gives_one_code_to_one_browser() {
    let server = started();
    let query = "response_type=code&client_id=demo-web&scope=read&state=x\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let facts = |need: &valetkey::server::NeedOwner<'_>, sealed: &str| {
        assert_eq!((need.client_id(), need.scope(), need.query()), ("demo-web", "read", query));
        sealed.to_owned()
    };
    let sealed = server.begin(query, "a browser", facts).unwrap();
    let again = server.reopen(&sealed, "a browser", facts).unwrap();
    let other = server.reopen(&sealed, "another", facts);
    assert!(matches!(other, Err(Answer::Page(Fault::OtherBrowser))), "{other:?}");
    let denied = server.answer(&sealed, "another", Owner::Denied);
    assert!(matches!(denied, Answer::Page(Fault::OtherBrowser)), "{denied:?}");
    let owner =
        Owner::Approved { subject: "alice", auth_time: valetkey::time::UnixTime(1), acr: "", amr: "", scope: "read" };
    assert!(matches!(server.answer(&again, "a browser", owner), Answer::Redirect(r) if r.status == 303));
    let second = server.answer(&sealed, "a browser", owner);
    assert!(matches!(second, Answer::Page(Fault::AlreadyAnswered)), "one consent gave two codes: {second:?}");
    let unknown = server.begin(&query.replace("demo-web", "nobody"), "a browser", facts);
    assert!(matches!(unknown, Err(Answer::Page(_))), "{unknown:?}");
}

/// What an API that needs `scope` says to these credentials.
fn api(server: &AuthorizationServer<MemoryStore>, authorization: &str, query: &str) -> Result<String, Response> {
    let issuers = [Issuer::opaque(common::ISSUER)];
    let policy = Policy::new(&issuers, Audience::IfNamed("https://api.example"), "read");
    let authorization = if authorization.is_empty() { Header::Absent } else { Header::One(authorization) };
    let presented = Presented { authorization, query, form: "" };
    check(server, &policy, &presented, |access| format!("{} by {}", access.subject, access.client_id))
}

#[test]
fn an_api_beside_the_server_takes_good_tokens_alone() {
    let server = started();
    let tokens = redeem(&server, &code(&server));
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    assert_eq!(api(&server, &bearer, "page=2").unwrap(), "alice by demo-web");
    let told = |authorization: &str, query: &str| {
        let refused = api(&server, authorization, query).unwrap_err();
        (refused.status, field(&refused, "WWW-Authenticate").unwrap().to_owned())
    };
    assert_eq!(told("", ""), (401, "Bearer realm=\"https://api.example\"".to_owned()));
    let (status, challenge) = told("Bearer made-up", "");
    assert!(status == 401 && challenge.contains("error=\"invalid_token\""), "{challenge}");
    let (status, challenge) = told(&bearer, "access_token=another");
    assert!(status == 400 && challenge.contains("error=\"invalid_request\""), "{challenge}");
    let device = format!("Bearer {}", text(&client_credentials(&server), "access_token"));
    let (status, challenge) = told(&device, "");
    assert!(status == 403 && challenge.contains("scope=\"read\""), "{challenge}");

    let revoked = post(&server, "/revoke", &basic("demo-web", "web-secret"), &bearer.replace("Bearer ", "token="));
    assert_eq!((revoked.status, told(&bearer, "").0), (200, 401));
}

fn signing(key: &Arc<aws_lc::SigningKey>) -> Signing {
    let verifier = Box::new(PublicKey::new(&key.public(), key.algorithm()).unwrap());
    let signer = Arc::clone(key);
    let sign = move |kid: &str, _, message: &[u8]| {
        assert_eq!(kid, signer.kid());
        signer.sign(message).ok()
    };
    Signing::new(vec![SigningKey { public: key.public(), verifier }], sign)
}

#[test]
fn a_signed_token_is_published_introspected_and_taken_by_the_api() {
    let key = Arc::new(aws_lc::SigningKey::generate(Algorithm::Es256).unwrap());
    let server = started().with_signing(signing(&key)).unwrap();
    let server = server.with_default_audience("https://api.example").unwrap();
    let digest = secret_digest("signed-secret").to_string();
    let access_token = AccessTokenFormat::Jwt(Algorithm::Es256);
    put(server.store(), &Client { access_token, ..client("signed", &digest, "read") });
    let answer = post(&server, "/token", &basic("signed", "signed-secret"), "grant_type=client_credentials");
    let token = text(&answer, "access_token");
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(introspect(&server, &token)["aud"], "https://api.example");
    let set = get(&server, "/jwks.json").unwrap();
    assert_eq!(field(&set, "Content-Type"), Some("application/jwk-set+json"));
    assert_eq!(set.body, format!("{{\"keys\":[{}]}}", key.public_json()));
    assert!(api(&server, &format!("Bearer {token}"), "").unwrap().ends_with("by signed"));

    // Checked by the key alone, as a program elsewhere does.
    let issuers = [Issuer::jwt(common::ISSUER, valetkey::jose::Algorithms::ASYMMETRIC)];
    let policy = Policy::new(&issuers, Audience::Required("https://api.example"), "read");
    let authorization = format!("Bearer {token}");
    let presented = Presented { authorization: Header::One(&authorization), query: "", form: "" };
    assert_eq!(check(&server, &policy, &presented, |access| access.client_id.to_owned()).unwrap(), "signed");
    assert_eq!(check(&started(), &policy, &presented, |_| ()).unwrap_err().status, 401, "it has no such key");
}

#[test]
fn a_signer_that_cannot_sign_now_makes_the_client_come_again() {
    let key = Arc::new(aws_lc::SigningKey::generate(Algorithm::Es256).unwrap());
    let verifier = || Box::new(PublicKey::new(&key.public(), Algorithm::Es256).unwrap());
    let published = || SigningKey { public: key.public(), verifier: verifier() };
    let server = started().with_signing(Signing::new(vec![published()], |_, _, _| None)).unwrap();
    let digest = secret_digest("signed-secret").to_string();
    let access_token = AccessTokenFormat::Jwt(Algorithm::Es256);
    put(server.store(), &Client { access_token, ..client("signed", &digest, "read") });
    let answer = post(&server, "/token", &basic("signed", "signed-secret"), "grant_type=client_credentials");
    assert_eq!((answer.status, text(&answer, "error").as_str()), (503, "temporarily_unavailable"));
    let twice = started().with_signing(Signing::new(vec![published(), published()], |_, _, _| None));
    assert_eq!(twice.unwrap_err(), BadServer::SigningKeys);
}

#[test]
fn no_debug_shows_a_token_or_a_code() {
    let server = started();
    let tokens = redeem(&server, &code(&server));
    let shown = format!("{tokens:?} {server:?}");
    for secret in ["access_token", "refresh_token"] {
        assert!(!shown.contains(&text(&tokens, secret)[..10]), "{shown}");
    }
}
