//! Opaque tokens beside signed ones, and answers that are kept.

use crate::api::{API, Api, TestIssuer, now};
use axum::Router;
use axum::routing::get;
use serde_json::json;
use std::sync::atomic::Ordering::SeqCst;
use valetkey::secret::SecretText;
use valetkey_tokio::resource::{Access, Audience, DiscoverError, Guard, Issuer};

async fn both(issuer: &TestIssuer) -> Issuer {
    issuer.found().await.with_introspection("api", SecretText::new("api-secret")).unwrap()
}

fn good(issuer: &TestIssuer) {
    *issuer.said.answer.lock().unwrap() = json!({
        "active": true, "iss": issuer.url, "client_id": "web", "sub": "alice", "scope": "read", "aud": API,
        "exp": now() + 300, "auth_time": now() - 10, "acr": "urn:mfa", "tenant": {"name": "acme"},
    });
}

#[tokio::test]
async fn both_kinds_of_token_are_taken_and_no_signed_one_costs_a_question() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([both(&issuer).await]).await;
    assert_eq!(api.get("/read", &issuer.token()).await.body, "alice web read acme");
    assert_eq!(issuer.said.questions.load(SeqCst), 0);
    api.refuses("an-opaque-token", "not active").await;
    good(&issuer);
    let answer = api.get("/read", "an-opaque-token").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "alice web read acme"));
    assert_eq!(issuer.said.questions.load(SeqCst), 2, "nothing is kept by default");
}

/// Or the subjects of two issuers could not be told apart.
#[tokio::test]
async fn rfc8725_3_8_01_whose_an_opaque_token_is_is_told_also_if_the_answer_does_not_say() {
    let (asked, other) = (TestIssuer::start().await, TestIssuer::start().await);
    good(&asked);
    let guard = Guard::of([both(&asked).await, other.found().await], Audience::Required(API));
    let issuer = get(async |access: Access| access.issuer).layer(guard.clone());
    let api = Api::behind(guard, Router::new().route("/issuer", issuer)).await;
    assert_eq!(api.get("/issuer", "an-opaque-token").await.body, asked.url);
    asked.said.answer.lock().unwrap().as_object_mut().unwrap().remove("iss");
    assert_eq!(api.get("/issuer", "an-opaque-token").await.body, asked.url);
    asked.said.answer.lock().unwrap()["iss"] = json!(other.url);
    api.refuses("an-opaque-token", "the answer names another issuer").await;
}

#[tokio::test]
async fn without_credentials_an_opaque_token_is_no_token() {
    let issuer = TestIssuer::start().await;
    good(&issuer);
    let api = Api::of([issuer.found().await]).await;
    api.refuses("an-opaque-token", "nobody is asked").await;
    assert_eq!(issuer.said.questions.load(SeqCst), 0);
    let unnamed = issuer.unfetched().with_introspection("api", SecretText::new("api-secret"));
    assert!(matches!(unnamed, Err(DiscoverError::Without("introspection_endpoint"))));
    let credentials = issuer.found().await.with_introspection("", SecretText::new("api-secret"));
    assert!(matches!(credentials, Err(DiscoverError::Introspection(_))));
}

#[tokio::test]
async fn rfc7662_4_02_an_answer_is_kept_for_the_stated_time_but_not_beyond_the_token() {
    let issuer = TestIssuer::start().await;
    good(&issuer);
    let api = Api::of([both(&issuer).await.with_cache(100, 3_600)]).await;
    for _ in 0..3 {
        assert_eq!(api.status("kept").await, 200);
    }
    assert_eq!(issuer.said.questions.load(SeqCst), 1);
    assert_eq!(api.get("/write", "kept").await.status, 403, "what is kept is judged anew");
    assert_eq!(api.status("another").await, 200);
    assert_eq!(issuer.said.questions.load(SeqCst), 2);
    // One that has no time left is not kept at all.
    issuer.said.answer.lock().unwrap()["exp"] = json!(now());
    for _ in 0..2 {
        assert_eq!(api.status("expired").await, 401);
    }
    assert_eq!(issuer.said.questions.load(SeqCst), 4);
}

#[tokio::test]
async fn a_no_is_not_kept_and_drives_nothing_out() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([both(&issuer).await.with_cache(1, 3_600)]).await;
    good(&issuer);
    assert_eq!(api.status("kept").await, 200);
    *issuer.said.answer.lock().unwrap() = json!({"active": false});
    for token in ["one", "two", "three"] {
        assert_eq!(api.status(token).await, 401);
    }
    assert_eq!(api.status("kept").await, 200);
    good(&issuer);
    assert_eq!(api.status("one").await, 200, "it may have been issued since");
}

#[tokio::test]
async fn an_answer_without_a_word_is_never_a_yes() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([both(&issuer).await.with_cache(100, 3_600)]).await;
    issuer.said.away.store(true, SeqCst);
    assert_eq!(api.status("an-opaque-token").await, 503);
    assert_eq!(api.status(&issuer.token()).await, 200, "its keys are still held");
}

#[tokio::test]
async fn rfc9470_6_01_the_login_of_an_opaque_token_counts_too() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([both(&issuer).await]).await;
    good(&issuer);
    assert_eq!(api.get("/login", "an-opaque-token").await.status, 200);
    issuer.said.answer.lock().unwrap()["auth_time"] = json!(now() - 1_000);
    let answer = api.get("/login", "an-opaque-token").await;
    assert_eq!(answer.status, 401);
    assert!(answer.challenge.contains("insufficient_user_authentication"), "{}", answer.challenge);
}
