//! The whole program on loopback, and a browser without a screen. Both end with their test.

#![allow(dead_code, reason = "each test program uses a part of it")]

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use valetkey::secret::Secret;
use valetkey_memory::MemoryStore;
use valetkey_server::app::App;
use valetkey_server::cli::Options;
use valetkey_server::config::Config;
use valetkey_server::demo::{CODE_VERIFIER, Guide, REDIRECT_URI};
use valetkey_server::keys::Keys;
use valetkey_server::passwords::Passwords;
use valetkey_server::proxies::Proxies;
use valetkey_server::{guesses, program, seed, serve};
use valetkey_tokio::server::{AuthorizationServer, Policy, ServerKey};

pub(crate) struct Program {
    pub(crate) url: String,
    pub(crate) store: MemoryStore,
    http: reqwest::Client,
}

/// What was logged, kept to be looked at.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn header(&self, name: impl reqwest::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a hidden field of the first form that has it.
    pub(crate) fn hidden(&self, name: &str) -> String {
        self.maybe_hidden(name).unwrap_or_else(|| panic!("no {name} in {}", self.body))
    }

    fn maybe_hidden(&self, name: &str) -> Option<String> {
        let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
        let value = self.body.split_once(&start)?.1;
        Some(value.split_once('"').unwrap().0.replace("&#38;", "&"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A parameter of the redirect's target; empty if there is none.
    pub(crate) fn redirected(&self, name: &str) -> String {
        let location = self.header(LOCATION);
        assert!(location.starts_with(REDIRECT_URI), "{self:?}");
        let mut pairs = location.split(['?', '&']).filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

/// A client of plain HTTP, which wants to know by whom its TLS is as soon as the program has some.
pub(crate) fn http() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

impl Program {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// By these settings, as they would stand in the file.
    pub(crate) async fn start_with(settings: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), settings).unwrap();
        let config = Some(file.path().to_owned());
        let config = Config::load(&Options { config, ..Options::default() }).unwrap();
        let url = config.issuer(listener.local_addr().unwrap());
        let store = MemoryStore::new();
        let keys = Keys::draw(0).unwrap();
        let program = program::assemble(&config, &url, store.clone(), &keys).await.unwrap();
        tokio::spawn(serve::run(listener, program.app, std::future::pending(), serve::GRACE));
        Self::at(url, store)
    }

    /// The demo's endpoints for clients, where no time passes between requests.
    pub(crate) async fn start_at_a_standstill() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = MemoryStore::new();
        seed::demo(&store, &Passwords::for_this_machine()).await.unwrap();
        let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
        let server = Arc::new(AuthorizationServer::new(&url, Policy::OAUTH21, keys, store.clone()).unwrap());
        let (routes, token) = guesses::endpoints(server, Proxies::default(), || 100);
        let app = App::from(routes).with_token(token);
        tokio::spawn(serve::run(listener, app, std::future::pending(), serve::GRACE));
        Self::at(url, store)
    }

    /// What serves at `url` already.
    pub(crate) fn at(url: String, store: MemoryStore) -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url, store, http }
    }

    pub(crate) fn authorize_url(&self) -> String {
        Guide { issuer: &self.url, code_seconds: 60 }.authorize_url()
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { program: self, cookies: BTreeMap::new(), headers: HeaderMap::new() }
    }

    pub(crate) async fn get(&self, path: &str, headers: HeaderMap) -> Answered {
        send(self.http.get(format!("{}{path}", self.url)).headers(headers)).await
    }

    /// A request by a client that authenticates in the body.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answered {
        let request = self.http.post(format!("{}{path}", self.url)).body(form(fields));
        send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    /// Redeems a code of the demo's ready-made login.
    pub(crate) async fn redeem(&self, code: &str) -> Answered {
        self.post(
            "/token",
            &[
                ("client_id", "demo-web"),
                ("client_secret", "web-secret"),
                ("grant_type", "authorization_code"),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", CODE_VERIFIER),
                ("code", code),
            ],
        )
        .await
    }
}

/// Keeps cookies as a browser does, and sends `headers` with each request.
pub(crate) struct Browser<'p> {
    program: &'p Program,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, url: &str) -> Answered {
        let request = self.program.http.get(url);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answered {
        let request = self.program.http.post(format!("{}{path}", self.program.url)).body(form(fields));
        self.send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    /// Fills in and sends the form of a page: its hidden fields go along. Goes on to where the server sends it, as long as
    /// that is a page of its own.
    pub(crate) async fn submit(&mut self, page: &Answered, path: &str, fields: &[(&str, &str)]) -> Answered {
        let hidden: Vec<_> = ["pending", "csrf", "subject"]
            .into_iter()
            .filter_map(|name| Some((name, page.maybe_hidden(name)?)))
            .collect();
        let hidden: Vec<_> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answered = self.post(path, &[&hidden, fields].concat()).await;
        if answered.header(LOCATION).starts_with('/') {
            assert_eq!(answered.status, 303, "the form must not be sent again: {answered:?}");
            return self.get(&format!("{}{}", self.program.url, answered.header(LOCATION))).await;
        }
        answered
    }

    pub(crate) async fn log_in(&mut self, page: &Answered, username: &str, password: &str) -> Answered {
        self.submit(page, "/login", &[("username", username), ("password", password)]).await
    }

    /// Opens the demo's ready-made login and signs in as alice: gives the consent page.
    pub(crate) async fn reach_consent(&mut self) -> Answered {
        let page = self.get(&self.program.authorize_url()).await;
        let consent = self.log_in(&page, "alice", "wonderland").await;
        assert_eq!(consent.status, 200, "{consent:?}");
        consent
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answered {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answered = send(request.headers(self.headers.clone()).header(COOKIE, cookies.join("; "))).await;
        for cookie in answered.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answered
    }
}

async fn send(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answered { status, headers, body: response.text().await.unwrap() }
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() {
                encoded.push(byte.into())
            } else {
                encoded += &format!("%{byte:02X}")
            }
            encoded
        })
    };
    fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}
