//! What the log says of a refusal, and that it never says a token.
//!
//! The one test of its program: `tracing` asks the listener of the thread that comes first to a message, whoever listens
//! elsewhere.

#[path = "guard/api.rs"]
mod api;

use api::{Api, FIRST, TestIssuer, now};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// All events, as target and fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock().unwrap(), " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("valetkey")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let _ = write!(self.0.lock().unwrap(), "\n{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn rfc9700_4_9_3_01_each_refusal_is_told_with_its_reason_and_without_the_token() {
    let log = Log::default();
    // One thread serves all of this test.
    let _until_the_end = tracing::subscriber::set_default(log.clone());
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.found().await]).await;
    let but = |changes| FIRST.token(&issuer.claims_but(changes));
    for (token, path, reason) in [
        (but(json!({"exp": now() - 1})), "/", "expired"),
        (but(json!({"aud": "https://other.example"})), "/", "another audience"),
        (but(json!({"iss": "https://other.example"})), "/", "not trusted here"),
        (but(json!({"jti": null})), "/", "no jti"),
        (issuer.token(), "/write", "lacks a scope"),
        (issuer.token(), "/login", "the login"),
    ] {
        log.0.lock().unwrap().clear();
        assert_ne!(api.get(path, &token).await.status, 200);
        let said = log.0.lock().unwrap().clone();
        assert!(said.contains("INFO valetkey::audit") && said.contains(reason), "{reason}: {said}");
        for part in token.split('.') {
            assert!(!said.contains(part), "{said}");
        }
    }
    log.0.lock().unwrap().clear();
    api.get("/", "").await;
    api.get("/", &issuer.token()).await;
    assert_eq!(*log.0.lock().unwrap(), "", "what is asked for, and what is served, is no event");
}
