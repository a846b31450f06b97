//! What the operator is told: every change and every refusal, and never a secret.
//!
//! The one test of its program: `tracing` asks the listener of the thread that comes first to a message, whoever listens
//! elsewhere.

mod common;

use common::{basic, start};
use std::fmt;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use valetkey_memory::MemoryStore;

/// Keeps the audit trail as lines, and the text of everything else.
#[derive(Clone, Default)]
struct Listener {
    audit: Arc<Mutex<Vec<(Level, String)>>>,
    all: Arc<Mutex<String>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        attributes.record(&mut line);
        *self.all.lock().unwrap() += &line.0;
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        *self.all.lock().unwrap() += &line.0;
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        *self.all.lock().unwrap() += &line.0;
        if event.metadata().target() == "valetkey::audit" {
            self.audit.lock().unwrap().push((*event.metadata().level(), line.0));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn changes_and_refusals_are_told_without_secrets() {
    let listener = Listener::default();
    let _guard = tracing::subscriber::set_default(listener.clone());
    let run = start(MemoryStore::new()).await;
    let code = run.code().await;
    let tokens = run.redeem(&code).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let next = run.refresh(&refresh).await.text("refresh_token");
    let own = run.client_credentials().await.text("access_token");
    run.redeem(&code).await;
    run.post("/token", &basic("demo-device", "guessed-secret"), "grant_type=client_credentials").await;
    run.post("/token", &basic("line\nbreak", "guessed-secret"), "grant_type=client_credentials").await;

    let audit = listener.audit.lock().unwrap();
    let of = |level| audit.iter().filter(move |line| line.0 == level).map(|line| line.1.as_str()).collect::<Vec<_>>();
    let (told, refused) = (of(Level::DEBUG), of(Level::WARN));
    for what in ["code_issued", "code_redeemed", "refreshed", "client_credentials_issued"] {
        assert_eq!(told.iter().filter(|line| line.contains(what)).count(), 1, "{what} in {told:?}");
    }
    assert_eq!(refused.iter().filter(|line| line.contains("code_replayed")).count(), 1, "{refused:?}");
    assert!(told.iter().any(|line| line.contains("client_id=\"demo-web\"") && line.contains("subject=\"alice\"")));
    for why in ["SpentCode", "WrongSecret"] {
        assert_eq!(refused.iter().filter(|line| line.contains(why)).count(), 1, "{why} in {refused:?}");
    }
    assert!(audit.iter().all(|line| !line.1.contains('\n')), "a client breaks lines of the log");
    let all = listener.all.lock().unwrap();
    for secret in [&code, &access, &refresh, &next, &own, "web-secret", "device-secret", "guessed-secret"] {
        assert!(!all.contains(secret.get(..10).unwrap()), "a secret was told");
    }
}
