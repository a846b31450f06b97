//! What whoever watches the server is told: how much of what, why not, and never about whom.

mod common;

use common::{Answered, Program};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use valetkey_memory::MemoryStore;
use valetkey_server::cli::Options;
use valetkey_server::config::Config;
use valetkey_server::keys::Keys;
use valetkey_server::measured::Measured;
use valetkey_server::metrics::{self, Metrics, Observer};
use valetkey_server::{program, serve};

/// The program, and where it is watched.
async fn watched() -> (Program, Program) {
    let counted = Arc::new(Metrics::new());
    let config = Config::load(&Options::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = config.issuer(listener.local_addr().unwrap());
    let store = MemoryStore::new();
    let (measured, keys) = (Measured::new(store.clone(), Arc::clone(&counted)), Keys::draw(0).unwrap());
    let program = program::assemble(&config, &url, measured, &keys).await.unwrap();
    let app = program.app.observed(Observer::new(Arc::clone(&counted), &url));
    tokio::spawn(serve::run(listener, app, std::future::pending(), serve::GRACE));
    let beside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = format!("http://{}", beside.local_addr().unwrap());
    tokio::spawn(metrics::serve_on(beside, counted));
    (Program::at(url, store.clone()), Program::at(there, store))
}

struct Shown(String);

impl Shown {
    async fn read(there: &Program) -> Self {
        let answer = there.get("/metrics", HeaderMap::new()).await;
        assert!(
            answer.status == 200
                && answer.header(CONTENT_TYPE).starts_with("application/openmetrics-text; version=1.0.0")
        );
        Self(answer.body)
    }

    /// The number at a name with its labels; 0 where there is none.
    fn value(&self, series: &str) -> f64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    fn labels(&self) -> BTreeSet<&str> {
        let lists = self.0.lines().filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0));
        lists.flat_map(|list| list.split(',')).filter(|label| !label.starts_with("le=")).collect()
    }
}

async fn ask(program: &Program, secret: &str) -> Answered {
    let id = [("grant_type", "client_credentials"), ("client_id", "demo-web"), ("client_secret", secret)];
    program.post("/token", &id).await
}

#[tokio::test]
async fn requests_refusals_and_the_store_are_counted() {
    let (program, there) = watched().await;
    let before = Shown::read(&there).await;
    assert_eq!(ask(&program, "web-secret").await.status, 200);
    assert_eq!(ask(&program, "web-secret").await.status, 200);
    assert_eq!(ask(&program, "guessed").await.status, 401);
    assert_eq!(program.get("/nothing", HeaderMap::new()).await.status, 404);
    assert_eq!(program.get("/.well-known/oauth-authorization-server", HeaderMap::new()).await.status, 200);
    assert_eq!(program.get("/jwks.json", HeaderMap::new()).await.status, 200);

    let shown = Shown::read(&there).await;
    assert_eq!(shown.value(r#"valetkey_requests_total{endpoint="token",status="2xx"}"#), 2.0, "{}", shown.0);
    assert_eq!(shown.value(r#"valetkey_requests_total{endpoint="token",status="4xx"}"#), 1.0);
    assert_eq!(shown.value(r#"valetkey_requests_total{endpoint="other",status="4xx"}"#), 1.0);
    assert_eq!(shown.value(r#"valetkey_requests_total{endpoint="metadata",status="2xx"}"#), 1.0);
    assert_eq!(shown.value(r#"valetkey_requests_total{endpoint="jwks",status="2xx"}"#), 1.0);
    assert_eq!(shown.value(r#"valetkey_refusals_total{endpoint="token",reason="WrongSecret"}"#), 1.0);
    assert_eq!(shown.value(r#"valetkey_request_duration_seconds_count{endpoint="token"}"#), 3.0);
    assert_eq!(shown.value(r#"valetkey_request_duration_seconds_bucket{le="+Inf",endpoint="token"}"#), 3.0);
    assert_eq!(shown.value(r#"valetkey_events_total{what="client_credentials_issued"}"#), 2.0);
    assert!(shown.0.contains("\nvaletkey_events_total{what=\"refresh_replayed\"} 0\n"), "{}", shown.0);
    for (verb, answer, more) in [("commit", "applied", 2.0), ("load", "ok", 3.0)] {
        let series = format!("valetkey_store_answers_total{{verb=\"{verb}\",answer=\"{answer}\"}}");
        assert_eq!(shown.value(&series) - before.value(&series), more, "{series}");
        let series = format!("valetkey_store_duration_seconds_count{{verb=\"{verb}\"}}");
        assert_eq!(shown.value(&series) - before.value(&series), more, "{series}");
    }
    assert!(shown.0.contains("valetkey_build_info{version=\"") && shown.0.ends_with("# EOF\n"), "{}", shown.0);
}

#[tokio::test]
async fn why_a_person_was_turned_away_is_counted_wherever_the_answer_went() {
    let (program, there) = watched().await;
    let mut browser = program.browser();
    let begin = program.authorize_url();
    assert_eq!(browser.get(&begin.replace("demo-web", "demo-nobody")).await.status, 400);
    assert_eq!(browser.get(&begin.replace("S256", "plain")).await.status, 303);
    assert_eq!(browser.post("/consent", &[("pending", "x")]).await.status, 400);
    let page = browser.get(&begin).await;
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 40 {
        statuses.push(browser.log_in(&page, "alice", "guessed").await.status);
    }
    let shown = Shown::read(&there).await;
    let reasons = [
        ("authorize", "UnknownClient"),
        ("authorize", "ChallengeMethod"),
        ("consent", "OtherBrowser"),
        ("login", "Throttled"),
    ];
    for (endpoint, reason) in reasons {
        let series = format!("valetkey_refusals_total{{endpoint=\"{endpoint}\",reason=\"{reason}\"}}");
        assert_eq!(shown.value(&series), 1.0, "{series} {}", shown.0);
    }
}

#[tokio::test]
async fn nothing_from_outside_becomes_a_label() {
    let (program, there) = watched().await;
    ask(&program, "web-secret").await;
    for path in ["/a", "/token/x", "/%22%0A", "/authorize?client_id=visible", "/account/visible"] {
        program.get(path, HeaderMap::new()).await;
    }
    let calm = Shown::read(&there).await;
    for n in 0..20 {
        program.get(&format!("/visible-{n}"), HeaderMap::new()).await;
        program
            .post("/token", &[("client_id", &*format!("visible-{n}")), ("grant_type", &*format!("visible-{n}"))])
            .await;
        program.post("/token", &[("client_id", &*format!("visible-{n}")), ("client_secret", "web-secret")]).await;
    }
    let shown = Shown::read(&there).await;
    let more: Vec<_> = shown.labels().difference(&calm.labels()).copied().collect();
    assert!(more.iter().all(|label| label.starts_with("reason=") || label.starts_with("status=")), "{more:?}");
    for word in ["visible", "demo-web", "web-secret", "127.0.0.1", "alice"] {
        assert!(!shown.0.contains(word), "{word} in {}", shown.0);
    }
}

#[tokio::test]
async fn only_the_metrics_are_shown_there_and_nowhere_else() {
    let (program, there) = watched().await;
    assert_eq!(program.get("/metrics", HeaderMap::new()).await.status, 404);
    for path in ["/", "/token", "/healthz", "/metrics/"] {
        assert_eq!(there.get(path, HeaderMap::new()).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn idle_connections_to_the_metrics_do_not_pile_up() {
    let (_program, there) = watched().await;
    let address = there.url.strip_prefix("http://").unwrap();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    Shown::read(&there).await;
    // Each is closed, for a newcomer: an end that never comes would hold this test up for ever.
    for mut first in idle.into_iter().take(100) {
        assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
    }
}
