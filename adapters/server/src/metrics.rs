//! What whoever watches the server counts on: requests, refusals, the store, queues. As text in the format of OpenMetrics,
//! which Prometheus reads. <https://prometheus.io/docs/specs/om/open_metrics_spec/>
//!
//! The words of each label are a list in this program: nothing that came with a request becomes one, so that neither a
//! secret nor a name gets out here, and nobody can make the lists grow.

use crate::config::metadata_url;
use crate::limits::Limits;
use crate::pages::Site;
use crate::proxies::Proxies;
use crate::serve;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use valetkey::server::change::EventKind;
use valetkey_tokio::server::Fault;

/// Bounds in seconds: of requests up to the ten in which a person gives up, of the store from what stays in memory.
const OF_REQUESTS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const OF_THE_STORE: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5];

/// Those who watch are few. As everywhere, a newcomer gets the place of whoever has waited the longest.
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(64).unwrap();

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Label = (&'static str, &'static str);
type Durations = Family<[Label; 1], Histogram, fn() -> Histogram>;

/// Counters and durations by two labels: how many by both, how long by the first. Each is looked up in its family once, as
/// that costs several times what counting does, and is shown from when it first happened.
struct Table<const A: usize, const B: usize> {
    names: [&'static str; 2],
    counts: Family<[Label; 2], Counter>,
    seconds: Durations,
    known_counts: [[OnceLock<Counter>; B]; A],
    known_seconds: [OnceLock<Histogram>; A],
}

impl<const A: usize, const B: usize> Table<A, B> {
    fn new(names: [&'static str; 2], histogram: fn() -> Histogram) -> Self {
        let (counts, seconds) = (Family::default(), Durations::new_with_constructor(histogram));
        let known_counts = std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new()));
        Self { names, counts, seconds, known_counts, known_seconds: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// Each word comes with its place among those of its label.
    fn count(&self, first: (usize, &'static str), second: (usize, &'static str), took: Duration) {
        let [a, b] = self.names;
        let count = || self.counts.get_or_create_owned(&[(a, first.1), (b, second.1)]);
        self.known_counts[first.0][second.0].get_or_init(count).inc();
        let seconds = || self.seconds.get_or_create_owned(&[(a, first.1)]);
        self.known_seconds[first.0].get_or_init(seconds).observe(took.as_secs_f64());
    }
}

/// The words of a label, each with its place among them.
macro_rules! words {
    ($(#[$meta:meta])* $label:ident: $($variant:ident = $word:literal),*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum $label { $($variant),* }

        impl $label {
            const ALL: &[&str] = &[$($word),*];

            const fn word(self) -> (usize, &'static str) {
                (self as usize, Self::ALL[self as usize])
            }
        }
    };
}

words! {
    /// What is asked of a store.
    Verb: Load = "load", Commit = "commit", Scan = "scan", Sweep = "sweep"
}
words! {
    /// What a store answers; nothing where nobody waited any more.
    Answer: None = "none", Error = "error", Ok = "ok", Applied = "applied", Conflict = "conflict"
}
words! {
    /// The endpoints.
    At: Metadata = "metadata", Jwks = "jwks", Authorize = "authorize", Login = "login", Consent = "consent", Token = "token",
        Revoke = "revoke", Introspect = "introspect", Account = "account", Other = "other"
}
words! {
    /// The first digit of a status; none where nobody waited any more.
    Status: None = "none", Informed = "1xx", Good = "2xx", Redirected = "3xx", Wrong = "4xx", Broken = "5xx"
}

/// All that is counted. Nothing is global: each server has its own.
pub struct Metrics {
    registry: RwLock<Registry>,
    requests: Table<{ At::ALL.len() }, { Status::ALL.len() }>,
    refusals: Family<[Label; 2], Counter>,
    store: Table<{ Verb::ALL.len() }, { Answer::ALL.len() }>,
    events: Vec<(EventKind, Counter)>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("valetkey");
        registry.register("build", "Which program this is", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let requests = Table::new(["endpoint", "status"], || Histogram::new(OF_REQUESTS));
        registry.register("requests", "Requests, by the first digit of their status", requests.counts.clone());
        let until = "Seconds until a request was answered";
        registry.register("request_duration_seconds", until, requests.seconds.clone());
        let refusals = Family::default();
        registry.register("refusals", "Requests that were refused, by reason", refusals.clone());
        let store = Table::new(["verb", "answer"], || Histogram::new(OF_THE_STORE));
        registry.register("store_answers", "What the store answered", store.counts.clone());
        registry.register("store_duration_seconds", "Seconds until the store answered", store.seconds.clone());
        let events = Family::<[Label; 1], Counter>::default();
        // Seen at zero from the start, so that the first replay is an increase to who watches for one.
        let from_zero = |what: &EventKind| (*what, events.get_or_create_owned(&[("what", what.name())]));
        let known = EventKind::COMMITTED.iter().map(from_zero).collect();
        registry.register("events", "What was committed", events);
        Self { registry: RwLock::new(registry), requests, refusals, store, events: known }
    }

    /// A number that goes up and down, such as the length of a queue: read whenever somebody asks, so `value` must not wait.
    pub fn gauge(&self, name: &'static str, help: &'static str, value: impl Fn() -> usize + Send + Sync + 'static) {
        let value = Box::new(move || u64::try_from(value()).unwrap_or(u64::MAX));
        self.ask(Asked { name, help, kind: MetricType::Gauge, value });
    }

    /// The same for a count that only grows. Its name is shown with `_total` at its end.
    pub fn counter(&self, name: &'static str, help: &'static str, value: impl Fn() -> u64 + Send + Sync + 'static) {
        self.ask(Asked { name, help, kind: MetricType::Counter, value: Box::new(value) });
    }

    fn ask(&self, asked: Asked) {
        self.registry.write().unwrap_or_else(PoisonError::into_inner).register_collector(Box::new(asked));
    }

    /// Counts an answer of the store, or that nobody waited for one any more.
    pub(crate) fn store(&self, verb: Verb, answer: Answer, took: Duration) {
        self.store.count(verb.word(), answer.word(), took);
    }

    /// Counts what was committed.
    pub(crate) fn event(&self, what: EventKind) {
        if let Some((_, count)) = self.events.iter().find(|(known, _)| *known == what) {
            count.inc();
        }
    }

    fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.read().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

/// What is asked for when it is shown.
struct Asked {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Collector for Asked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let value = (self.value)();
        let shown = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        match self.kind {
            MetricType::Counter => ConstCounter::new(value).encode(shown),
            _ => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(shown),
        }
    }
}

/// `/metrics`, for a listener of its own that strangers cannot reach: it tells nobody's secrets, but how busy the server is.
pub fn router(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(show(&metrics))))
}

/// Serves [`router`] at `address` for as long as what it gives is run.
///
/// # Errors
/// When it cannot listen there.
pub async fn serve(address: SocketAddr, metrics: Arc<Metrics>) -> Result<impl Future<Output = ()> + Send, String> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("cannot listen for metrics on {address}: {error}"))?;
    tracing::info!(address = %listener.local_addr().unwrap_or(address), "metrics are shown at /metrics");
    Ok(serve_on(listener, metrics))
}

/// Serves [`router`] on `listener` for as long as this is run: by plain HTTP to whoever can reach it, and on few
/// connections, so that no open file that the endpoints need is held here.
pub async fn serve_on(listener: TcpListener, metrics: Arc<Metrics>) {
    let limits = Limits { connections: CONNECTIONS, ..Limits::default() };
    let options = serve::Options::new(limits, None, Proxies::everyone());
    if let Err(error) = serve::run_with(listener, router(metrics), options, std::future::pending(), serve::GRACE).await
    {
        tracing::error!(%error, "metrics are no longer shown");
    }
}

fn show(metrics: &Metrics) -> Response {
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts each request to the server of an issuer, and how it was answered. One line for each goes to the log at level
/// debug, without its path and query, which may hold what is nobody's business.
pub struct Observer {
    metrics: Arc<Metrics>,
    endpoints: Endpoints,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(..)")
    }
}

impl Observer {
    /// Counts in `metrics`.
    pub fn new(metrics: Arc<Metrics>, issuer: &str) -> Self {
        Self { metrics, endpoints: Endpoints::of(issuer) }
    }

    /// A request to this path begins.
    pub(crate) fn begin(&self, path: &str) -> Running<'_> {
        let at = self.endpoints.at(path);
        Running { metrics: &self.metrics, at, since: Instant::now(), status: Status::None }
    }
}

/// A request that is counted when it ends, also if that is because nobody waits for the answer any more.
pub(crate) struct Running<'m> {
    metrics: &'m Metrics,
    at: At,
    since: Instant,
    status: Status,
}

impl Running<'_> {
    pub(crate) fn answered(&mut self, response: &Response) {
        self.status = match response.status().as_u16() {
            ..200 => Status::Informed,
            200..300 => Status::Good,
            300..400 => Status::Redirected,
            400..500 => Status::Wrong,
            500.. => Status::Broken,
        };
        let reason = match response.extensions().get::<Fault>() {
            Some(fault) => fault.name(),
            None if response.status() == StatusCode::TOO_MANY_REQUESTS => "Throttled",
            None if response.status() == StatusCode::SERVICE_UNAVAILABLE => "Busy",
            None => return,
        };
        self.metrics.refusals.get_or_create(&[("endpoint", self.at.word().1), ("reason", reason)]).inc();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let (endpoint, status, took) = (self.at.word(), self.status.word(), self.since.elapsed());
        self.metrics.requests.count(endpoint, status, took);
        tracing::debug!(endpoint = endpoint.1, status = status.1, ?took, "a request ended");
    }
}

/// The names of the endpoints, by their paths.
struct Endpoints {
    base: String,
    metadata: String,
}

impl Endpoints {
    fn of(issuer: &str) -> Self {
        let path = |url: &str| Site::of(url).base().to_owned();
        Self { base: path(issuer), metadata: path(&metadata_url(issuer)) }
    }

    fn at(&self, path: &str) -> At {
        if path == self.metadata {
            return At::Metadata;
        }
        match path.strip_prefix(&self.base).unwrap_or_default() {
            "/jwks.json" => At::Jwks,
            "/authorize" => At::Authorize,
            "/login" => At::Login,
            "/consent" => At::Consent,
            "/token" => At::Token,
            "/revoke" => At::Revoke,
            "/introspect" => At::Introspect,
            "/account" => At::Account,
            path if path.starts_with("/account/") => At::Account,
            _ => At::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_under_the_issuer() {
        let endpoints = Endpoints::of("https://as.example/one");
        let name = |path| endpoints.at(path).word().1;
        assert_eq!(name("/one/token"), "token");
        assert_eq!(name("/one/jwks.json"), "jwks");
        assert_eq!(name("/one/account/end"), "account");
        assert_eq!(name("/.well-known/oauth-authorization-server/one"), "metadata");
        for path in ["/token", "/one", "/one/", "/one/accounts", "/one/token/x", "/one/assets/valetkey.css", "/healthz"]
        {
            assert_eq!(name(path), "other", "{path}");
        }
    }

    #[test]
    fn queues_are_asked_when_they_are_shown() {
        let (metrics, waiting) = (Metrics::new(), Arc::new(std::sync::atomic::AtomicUsize::new(3)));
        let (asked, at) = (Arc::clone(&waiting), std::sync::atomic::Ordering::Relaxed);
        metrics.gauge("waiting", "How many wait.", move || asked.load(at));
        metrics.counter("written", "How many were written.", || 7);
        let text = metrics.text().unwrap();
        assert!(text.contains("# TYPE valetkey_waiting gauge\nvaletkey_waiting 3\n"), "{text}");
        assert!(text.contains("# TYPE valetkey_written counter\nvaletkey_written_total 7\n"), "{text}");
        waiting.store(1, at);
        assert!(metrics.text().unwrap().contains("\nvaletkey_waiting 1\n"));
    }

    #[test]
    fn who_hangs_up_is_counted_too() {
        let metrics = Arc::new(Metrics::new());
        drop(Observer::new(Arc::clone(&metrics), "https://as.example").begin("/token"));
        let text = metrics.text().unwrap();
        assert!(text.contains("valetkey_requests_total{endpoint=\"token\",status=\"none\"} 1\n"), "{text}");
        assert!(text.contains("valetkey_request_duration_seconds_count{endpoint=\"token\"} 1\n"), "{text}");
    }
}
