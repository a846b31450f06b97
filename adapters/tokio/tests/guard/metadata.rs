//! The document in which an API describes itself.

use crate::api::{Api, TestIssuer};
use axum::Router;
use serde_json::{Value, json};
use valetkey_tokio::resource::{Audience, BadResource, Description, Guard};

#[tokio::test]
async fn rfc9728_3_01_rfc9728_3_2_01_the_document_is_served_at_its_place() {
    let issuer = TestIssuer::start().await;
    for (resource, path) in [
        ("https://api.example", "/.well-known/oauth-protected-resource"),
        ("https://api.example/notes", "/.well-known/oauth-protected-resource/notes"),
        ("https://api.example/:a/*b?x=1", "/.well-known/oauth-protected-resource/:a/*b?x=1"),
    ] {
        let guard = Guard::of([issuer.found().await], Audience::Required(resource));
        let (guard, route) = guard.described(Description { scopes: "read write", name: "Notes" }).unwrap();
        let api = Api::behind(guard, route).await;
        let answer = api.get(path, "").await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"), "{path}");
        let expected = json!({
            "resource": resource,
            "authorization_servers": [issuer.url],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Notes",
        });
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), expected);
    }
}

#[tokio::test]
async fn rfc9728_5_1_01_each_challenge_names_the_document() {
    let issuer = TestIssuer::start().await;
    let guard = Guard::of([issuer.found().await], Audience::Required("https://api.example/notes"));
    let undescribed = Api::behind(guard.clone(), Router::new()).await;
    let (guard, route) = guard.described(Description::default()).unwrap();
    let described = Api::behind(guard, route).await;
    let named = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/notes\"";
    for token in ["", "unknown"] {
        for path in ["/", "/read", "/login"] {
            let answer = described.get(path, token).await;
            assert_eq!(answer.status, 401);
            assert!(answer.challenge.contains(named), "{}", answer.challenge);
            assert!(!undescribed.get(path, token).await.challenge.contains("resource_metadata"));
        }
    }
}

#[tokio::test]
async fn rfc9728_2_01_an_api_that_is_no_https_url_cannot_describe_itself() {
    let issuer = TestIssuer::start().await;
    for bad in ["http://api.example", "https://api.example/#notes", "notes", "urn:notes", ""] {
        let guard = Guard::of([issuer.found().await], Audience::Required(bad));
        assert_eq!(guard.described(Description::default()).err(), Some(BadResource), "{bad}");
    }
}
