//! Issuers found by their metadata, and those that are not.

use crate::api::{Api, Instead, TestIssuer, document};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use valetkey::wire::server_metadata::Fault;
use valetkey_tokio::client::{SendError, Transport};
use valetkey_tokio::resource::{DiscoverError, Guard, Issuer};

fn json(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The metadata with one member changed.
fn but(url: &str, name: &str, value: Value) -> Response {
    let mut document = document(url);
    document[name] = value;
    json(document.to_string())
}

/// What becomes of an issuer that answers so at its three places: RFC 8414, OpenID, keys.
async fn discovered(instead: [Option<Instead>; 3]) -> Result<Issuer, DiscoverError> {
    let issuer = TestIssuer::start().await;
    *issuer.said.instead.lock().unwrap() = instead;
    Issuer::discover(&issuer.url, Transport::new().unwrap()).await
}

async fn refused(instead: [Option<Instead>; 3]) -> DiscoverError {
    let error = discovered(instead).await.expect_err("it was found");
    assert!(error.to_string().contains("http"), "it says where: {error}");
    error
}

#[tokio::test]
async fn rfc8414_3_3_01_metadata_of_another_issuer_are_refused() {
    let others: [Instead; 3] = [
        |url| but(url, "issuer", format!("{url}/").into()),
        |url| but(url, "issuer", "https://other.example".into()),
        |url| but(url, "issuer", Value::Null),
    ];
    for other in others {
        let error = refused([Some(other), None, None]).await;
        assert!(matches!(error, DiscoverError::Metadata { fault: Fault::Issuer, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn openid_discovery_serves_where_rfc_8414_is_not_there() {
    let not_there: Instead = |_| StatusCode::NOT_FOUND.into_response();
    let openid: Instead = |url| json(document(url).to_string());
    assert!(discovered([Some(not_there), Some(openid), None]).await.is_ok());
    let broken: Instead = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    let error = refused([Some(broken), Some(openid), None]).await;
    assert!(matches!(error, DiscoverError::Status { status: 500, .. }), "{error:?}");
    let error = refused([Some(not_there), Some(not_there), None]).await;
    assert!(matches!(&error, DiscoverError::Status { status: 404, url } if url.ends_with("openid-configuration")));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let away: Instead =
        |url| (StatusCode::FOUND, [(LOCATION, format!("{url}/.well-known/openid-configuration"))]).into_response();
    let openid: Instead = |url| json(document(url).to_string());
    let error = refused([Some(away), Some(openid), None]).await;
    assert!(matches!(error, DiscoverError::Status { status: 302, .. }), "{error:?}");
    let error = refused([None, None, Some(away)]).await;
    assert!(matches!(error, DiscoverError::Status { status: 302, .. }), "{error:?}");
}

#[tokio::test]
async fn documents_beyond_their_bounds_are_refused() {
    let long: Instead = |_| json(format!("{{\"issuer\":\"{}\"}}", "a".repeat(64 * 1024)));
    let error = refused([Some(long), None, None]).await;
    assert!(matches!(error, DiscoverError::Send { error: SendError::TooLong, .. }), "{error:?}");
    let long: Instead = |_| json(format!("{{\"keys\":[\"{}\"]}}", "a".repeat(256 * 1024)));
    let error = refused([None, None, Some(long)]).await;
    assert!(matches!(error, DiscoverError::Send { error: SendError::TooLong, .. }), "{error:?}");
    let many: Instead = |_| json(format!("{{\"keys\":[{}{{}}]}}", "{},".repeat(64)));
    assert!(matches!(refused([None, None, Some(many)]).await, DiscoverError::Keys { .. }));
    let many: Instead =
        |_| json(format!("{{{}\"a\":1}}", (0..128).map(|i| format!("\"a{i}\":1,")).collect::<String>()));
    let error = refused([Some(many), None, None]).await;
    assert!(matches!(error, DiscoverError::Metadata { fault: Fault::Json(_), .. }), "{error:?}");
}

#[tokio::test]
async fn rfc8414_2_08_keys_are_fetched_over_tls_or_on_loopback_alone() {
    let plain: Instead = |url| but(url, "jwks_uri", "http://as.example/keys".into());
    let error = refused([Some(plain), None, None]).await;
    assert!(matches!(error, DiscoverError::Metadata { fault: Fault::Endpoint("jwks_uri"), .. }), "{error:?}");
    for bad in [
        "http://as.example",
        "https://as.example?x=1",
        "https://as.example/#x",
        "https://u@as.example",
        "as.example",
        "",
    ] {
        let error = Guard::discover(bad, "https://api.example").await.unwrap_err();
        assert!(matches!(error, DiscoverError::Url(_)), "{bad}: {error:?}");
    }
    let transport = Transport::new().unwrap();
    assert!(Issuer::with_keys_at("https://as.example", "http://as.example/keys", transport).is_err());
}

#[tokio::test]
async fn what_is_not_said_to_be_json_or_names_no_keys_is_refused() {
    let html: Instead = |url| ([(CONTENT_TYPE, "text/html")], document(url).to_string()).into_response();
    assert!(matches!(refused([Some(html), None, None]).await, DiscoverError::ContentType { .. }));
    let keyless: Instead = |url| json(format!("{{\"issuer\":\"{url}\"}}"));
    let error = discovered([Some(keyless), None, None]).await.unwrap_err();
    assert!(matches!(error, DiscoverError::Without("jwks_uri")), "{error:?}");
    let issuer = TestIssuer::start().await;
    issuer.said.instead.lock().unwrap()[0] =
        Some(|url| json(format!("{{\"issuer\":\"{url}\",\"introspection_endpoint\":\"{url}/introspect\"}}")));
    let error = Guard::discover(&issuer.url, "https://api.example").await.unwrap_err();
    assert!(matches!(error, DiscoverError::Without("jwks_uri")), "its tokens can only be asked about: {error:?}");
    let jwk_set: Instead = |_| ([(CONTENT_TYPE, "application/jwk-set+json")], "{\"keys\":[]}").into_response();
    assert!(discovered([None, None, Some(jwk_set)]).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_told_at_the_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Guard::discover(&url, "https://api.example").await.unwrap_err();
    assert!(matches!(error, DiscoverError::Send { error: SendError::Unreachable(_), .. }), "{error:?}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_passed_over() {
    let issuer = TestIssuer::start().await;
    issuer.said.instead.lock().unwrap()[2] = Some(|_| {
        json(concat!(
            r#"{"keys":[{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8","alg":"XX"},{"kty":"future"},"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"weak"},"#,
            // The public half of the seed of `FIRST`.
            r#"{"kty":"OKP","crv":"Ed25519","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w","kid":"first"}]}"#,
        )
        .into())
    });
    let api = Api::of([issuer.found().await]).await;
    assert_eq!(api.status(&issuer.token()).await, 200);
}
