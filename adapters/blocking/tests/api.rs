//! A client that keeps its token: against the example's server, and against servers that refuse, fail or lead elsewhere.

#[allow(dead_code, reason = "nobody runs the example itself here")]
#[path = "../examples/blocking_server/main.rs"]
mod blocking_server;
mod common;

use blocking_server::http::{Request, serve, text};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;
use valetkey::client::ConfigError;
use valetkey::client::keeper::{State, Trouble};
use valetkey::error::ErrorCode;
use valetkey::jose::{Algorithm, Algorithms};
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
use valetkey::wire::header::Header;
use valetkey_aws_lc::SigningKey;
use valetkey_blocking::client::{
    ApiClient, ApiError, ClientCredentials, ClientKey, NoToken, RefreshToken, SetupError, Transport,
};
use valetkey_blocking::server::Response;

const AT_ONCE: usize = 64;

/// Serves on a free port until this program ends, and says at which origin.
fn served(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || serve(&listener, answer));
    origin
}

/// A server of its own with an API: the token endpoint gives `token-1`, `token-2` and so on, and what is at `/notes` takes
/// those from a certain one on.
#[derive(Default)]
struct Made {
    asked: AtomicUsize,
    called: AtomicUsize,
    refused: AtomicUsize,
    /// Tokens before this one are revoked.
    good_from: AtomicUsize,
}

impl Made {
    fn token(&self, expires_in: u32) -> Response {
        let number = self.asked.fetch_add(1, SeqCst) + 1;
        json(200, &format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":{expires_in}}}"#))
    }

    /// Says which token came.
    fn notes(&self, request: &Request) -> Response {
        self.called.fetch_add(1, SeqCst);
        let Header::One(authorization) = request.header("authorization") else { return text(401, "no token") };
        let number: usize = authorization.strip_prefix("Bearer token-").unwrap().parse().unwrap();
        if number >= self.good_from.load(SeqCst) {
            return text(200, &number.to_string());
        }
        self.refused.fetch_add(1, SeqCst);
        text(401, "revoked")
    }
}

fn json(status: u16, body: &str) -> Response {
    Response { headers: vec![("Content-Type", "application/json".to_owned())], ..text(status, body) }
}

fn made() -> (Arc<Made>, String) {
    let made = Arc::new(Made::default());
    let serving = Arc::clone(&made);
    let origin = served(move |request| match request.path() {
        "/token" => serving.token(3600),
        _ => serving.notes(request),
    });
    (made, origin)
}

fn client(origin: &str) -> ApiClient {
    ClientCredentials::new(format!("{origin}/token"), "reporter", "s3cret-of-it").for_api(origin).into_client().unwrap()
}

/// Status and body.
fn get(api: &ApiClient, url: &str) -> (u16, String) {
    let mut response = api.get(url).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn three_lines_call_an_api() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = blocking_server::server(&origin).unwrap();
    thread::spawn(move || serve(&listener, |request| blocking_server::answer(&server, request)));

    let credentials = ClientCredentials::new(format!("{origin}/token"), "demo-device", "device-secret");
    let api = credentials.for_api(&origin).into_client().unwrap();
    assert_eq!(get(&api, &format!("{origin}/telemetry")), (200, "taken from demo-device\n".to_owned()));
    assert_eq!(get(&api, &format!("{origin}/elsewhere")).0, 404);
    assert_eq!(api.state(), State::Fresh);
}

#[test]
fn three_lines_call_an_api_by_a_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let server = blocking_server::server(&origin).unwrap();
    let server = server.with_client_keys(Algorithms::ASYMMETRIC, valetkey_aws_lc::verify).unwrap();
    let signer = Client {
        client_id: "demo-signer",
        name: "A device with a key",
        auth: ClientAuth::PrivateKeyJwt,
        secret: "",
        jwks: &format!(r#"{{"keys":[{}]}}"#, key.public_json()),
        redirect_uris: "",
        grant_types: GrantTypes { client_credentials: true, ..GrantTypes::default() },
        scope: "telemetry:write",
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    };
    common::put(server.store(), &signer);
    thread::spawn(move || serve(&listener, |request| blocking_server::answer(&server, request)));

    let key = ClientKey::new(key.algorithm(), key.kid().to_owned(), move |message| key.sign(message).ok());
    let credentials = ClientCredentials::by_key(&origin, format!("{origin}/token"), "demo-signer", key);
    let api = credentials.for_api(&origin).into_client().unwrap();
    assert_eq!(get(&api, &format!("{origin}/telemetry")), (200, "taken from demo-signer\n".to_owned()));
}

#[test]
fn a_key_that_is_away_is_told_and_nothing_is_sent_unsigned() {
    let (made, origin) = made();
    for signature in [None, Some(vec![7; 70])] {
        let key = ClientKey::new(Algorithm::Es256, "key-1", move |_| signature.clone());
        let credentials = ClientCredentials::by_key(&origin, format!("{origin}/token"), "reporter", key);
        let api = credentials.for_api(&origin).into_client().unwrap();
        for _ in 0..3 {
            let refused = api.get(&origin).unwrap_err();
            let ApiError::NoToken(NoToken { trouble, retry_in, .. }) = refused else { panic!("{refused:?}") };
            assert_eq!(trouble, Trouble::NotSigned);
            assert!(retry_in.unwrap() < Duration::from_secs(2));
        }
    }
    assert_eq!((made.asked.load(SeqCst), made.called.load(SeqCst)), (0, 0));
}

#[test]
fn a_body_goes_along_and_what_is_asked_for_too() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let origin = served(move |request| {
        keep.lock().unwrap().push((request.method.clone(), String::from_utf8(request.body.clone()).unwrap()));
        match request.path() {
            "/token" => json(200, r#"{"access_token":"a","token_type":"Bearer"}"#),
            _ => text(201, ""),
        }
    });
    let credentials = ClientCredentials::new(format!("{origin}/token?tenant=1"), "reporter", "s3cret");
    let credentials = credentials.with_scope("read write").with_resource("https://api.example").with_audience("notes");
    let api = credentials.for_api(&origin).into_client().unwrap();
    let request = ureq::http::Request::post(format!("{origin}/notes")).body(&b"a note"[..]).unwrap();
    assert_eq!(api.send(request).unwrap().status(), 201);
    let form = "grant_type=client_credentials&scope=read+write&resource=https%3A%2F%2Fapi.example&audience=notes";
    let same = |asked: &str| asked.replace("%20", "+") == form;
    let seen = seen.lock().unwrap();
    assert!(same(&seen[0].1), "{seen:?}");
    assert_eq!(seen[1], ("POST".to_owned(), "a note".to_owned()));
}

/// Calls from as many threads, which begin at the same moment.
fn race(api: &ApiClient, url: &str) -> Vec<(u16, String)> {
    let start = Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        let call = || {
            start.wait();
            get(api, url)
        };
        let racing: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(call)).collect();
        racing.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn however_many_threads_call_one_asks_for_a_token() {
    let (made, origin) = made();
    let (api, notes) = (client(&origin), format!("{origin}/notes"));
    assert_eq!(race(&api, &notes), vec![(200, "1".to_owned()); AT_ONCE]);
    assert_eq!(made.asked.load(SeqCst), 1);

    // Of a token that was revoked they make one renewal too.
    made.good_from.store(2, SeqCst);
    assert_eq!(race(&api, &notes), vec![(200, "2".to_owned()); AT_ONCE]);
    assert_eq!(made.asked.load(SeqCst), 2);
    let (called, refused) = (made.called.load(SeqCst), made.refused.load(SeqCst));
    assert_eq!(called, 2 * AT_ONCE + refused, "a request that was not refused was sent again");
}

#[test]
fn an_api_that_refuses_every_token_is_asked_twice_and_its_answer_handed_on() {
    let (made, origin) = made();
    let (api, notes) = (client(&origin), format!("{origin}/notes"));
    made.good_from.store(usize::MAX, SeqCst);
    assert_eq!(get(&api, &notes), (401, "revoked".to_owned()));
    assert_eq!((made.asked.load(SeqCst), made.called.load(SeqCst)), (2, 2));
    // The second token replaced a refused one: that a third would do better is not to be expected.
    for _ in 0..10 {
        assert_eq!(get(&api, &notes), (401, "revoked".to_owned()));
    }
    assert_eq!((made.asked.load(SeqCst), made.called.load(SeqCst)), (2, 12));
}

#[test]
fn rfc6750_5_3_02_no_token_is_sent_to_another_origin() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    let elsewhere = served(move |_| {
        counter.fetch_add(1, SeqCst);
        text(200, "")
    });
    let away = elsewhere.clone();
    let made = Arc::new(Made::default());
    let serving = Arc::clone(&made);
    let origin = served(move |request| match request.path() {
        "/token" => serving.token(3600),
        _ => Response { headers: vec![("Location", format!("{away}/notes"))], ..text(302, "") },
    });
    let api = client(&origin);
    let port = elsewhere.rsplit(':').next().unwrap();
    for url in [
        format!("{elsewhere}/notes"),
        format!("http://localhost:{port}/"),
        origin.replace("http:", "https:"),
        origin.replace("127.0.0.1", "localhost"),
        origin.replace("http://", "http://127.0.0.1@"),
        format!("{origin}@127.0.0.1:{port}/"),
    ] {
        assert!(matches!(api.get(&url), Err(ApiError::OtherOrigin)), "{url}");
    }
    assert_eq!(made.asked.load(SeqCst), 0, "a token was asked for in vain");
    assert_eq!(get(&api, &format!("{origin}/notes")).0, 302, "the redirect is the caller's");
    assert_eq!(reached.load(SeqCst), 0);
}

#[test]
fn without_a_server_a_request_fails_at_once_and_says_why() {
    // Nobody listens there any more.
    let origin = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let api = client(&origin);
    for _ in 0..3 {
        let Err(ApiError::NoToken(NoToken { trouble, retry_in, .. })) = api.get(&origin) else { panic!() };
        assert_eq!(trouble, Trouble::NotSent);
        assert!(retry_in.is_some());
    }
    assert_eq!(api.state(), State::Empty);
}

#[test]
fn rfc6749_5_2_02_a_client_that_is_refused_is_told_and_does_not_hammer() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let origin = served(move |_| {
        counter.fetch_add(1, SeqCst);
        json(401, r#"{"error":"invalid_client"}"#)
    });
    let api = client(&origin);
    for _ in 0..3 {
        let refused = api.get(&origin).unwrap_err();
        let ApiError::NoToken(NoToken { trouble, retry_in, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(trouble, Trouble::Denied(Some(ErrorCode::InvalidClient)));
        assert!(retry_in.unwrap() > Duration::from_secs(50), "{retry_in:?}");
    }
    assert_eq!(asked.load(SeqCst), 1);
}

#[test]
fn what_is_not_in_order_is_told_before_anything_is_sent() {
    let new = |endpoint: &str, id: &str, secret: &str| ClientCredentials::new(endpoint, id, secret);
    let good = || new("https://as.example/token", "reporter", "s3cret");
    let two =
        |credentials: ClientCredentials| credentials.for_api("https://api.example").for_api("http://127.0.0.1:8081");
    assert!(two(good()).with_transport(Transport::new()).into_client().is_ok());
    assert_eq!(good().into_client().unwrap_err(), SetupError::Api);
    assert_eq!(
        good().for_api("https://api.example").for_api("http://api.example").into_client().unwrap_err(),
        SetupError::Api
    );
    for (credentials, why) in [
        (new("http://as.example/token", "reporter", "s3cret"), ConfigError::TokenEndpoint),
        (new("https://as.example/token", "", "s3cret"), ConfigError::ClientId),
        (new("https://as.example/token", "reporter", ""), ConfigError::ClientSecret),
        (good().with_scope("a  b"), ConfigError::Scope),
    ] {
        assert_eq!(credentials.for_api("https://api.example").into_client().unwrap_err(), SetupError::Config(why));
    }
    for (issuer, algorithm, why) in [
        ("http://as.example", Algorithm::Es256, ConfigError::Issuer),
        ("https://as.example", Algorithm::Hs256, ConfigError::Algorithm),
    ] {
        let key = ClientKey::new(algorithm, "key-1", |_| None);
        let credentials = ClientCredentials::by_key(issuer, "https://as.example/token", "reporter", key);
        assert_eq!(credentials.for_api("https://api.example").into_client().unwrap_err(), SetupError::Config(why));
    }
}

#[test]
fn no_debug_shows_a_secret_or_a_token() {
    let (_, origin) = made();
    let credentials = ClientCredentials::new(format!("{origin}/token"), "reporter", "s3cret-of-it").for_api(&origin);
    let mut shown = format!("{credentials:?}");
    let api = credentials.into_client().unwrap();
    let response = api.get(&origin).unwrap();
    shown += &format!("{api:?} {response:?} {:?}", api.get("https://api.example/"));
    assert!(shown.contains("reporter") && !shown.contains("s3cret") && !shown.contains("token-1"), "{shown}");
}

#[test]
fn https_without_tls_is_told_before_anything_is_sent() {
    for (endpoint, api) in
        [("https://as.example/token", "http://127.0.0.1:8081"), ("http://127.0.0.1:8080/token", "https://api.example")]
    {
        let credentials = || ClientCredentials::new(endpoint, "reporter", "s3cret").for_api(api);
        let expected = (!cfg!(feature = "rustls")).then_some(SetupError::NoTls);
        assert_eq!(credentials().into_client().err(), expected, "{endpoint} {api}");
        // A transport of the program's own may have TLS from elsewhere.
        assert!(credentials().with_transport(Transport::new()).into_client().is_ok());
    }
    assert!(SetupError::NoTls.to_string().contains("feature `rustls`"));
}

#[test]
fn what_is_not_in_order_of_a_grant_is_told_before_anything_is_sent() {
    let public = || ClientCredentials::public("http://127.0.0.1:8080/token", "notes-app").for_api("http://127.0.0.1");
    let with = |text: &str| public().with_refresh_token(RefreshToken::new(text, false), |_| true);
    assert!(with("tGzv3JOkF0XG5Qx2TlKWIA").into_client().is_ok());
    for (credentials, why) in [(public(), ConfigError::ClientSecret), (with(""), ConfigError::RefreshToken)] {
        assert_eq!(credentials.into_client().unwrap_err(), SetupError::Config(why));
    }
    let shown = format!("{:?} {:?}", with("tGzv3JOkF0XG5Qx2TlKWIA"), RefreshToken::new("tGzv3JOkF0XG5Qx2TlKWIA", true));
    assert!(shown.contains("notes-app") && !shown.contains("tGzv"), "{shown}");
}
