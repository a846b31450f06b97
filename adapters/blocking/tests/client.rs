//! The core's client flows over the transport, against the example's server on loopback; and the transport's duties
//! against servers that behave badly.

#[allow(dead_code, reason = "nobody runs the example itself here")]
#[path = "../examples/blocking_server/main.rs"]
mod blocking_server;

use blocking_server::http::{Request, serve, text};
use blocking_server::store::MyStore;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use valetkey::client::{Authorize, ClientAuth, ClientCredentials, Config, Duties, Error, Outcome, Post, Refresh};
use valetkey::error::ErrorCode;
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;
use valetkey_blocking::client::{SendError, Transport, draw};
use valetkey_blocking::server::{Answer, AuthorizationServer, Owner, Response};

const DEVICE: ClientAuth<'_> = ClientAuth::Basic(SecretText::new("device-secret"));

/// Serves on a free port until this program ends, and says at which origin.
fn served(listener: TcpListener, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) {
    thread::spawn(move || serve(&listener, answer));
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

fn started() -> (Arc<AuthorizationServer<MyStore>>, String) {
    let (listener, origin) = listen();
    let server = Arc::new(blocking_server::server(&origin).unwrap());
    let served_too = Arc::clone(&server);
    served(listener, move |request| blocking_server::answer(&served_too, request));
    (server, origin)
}

fn introspect(origin: &str, token: &str) -> String {
    let auth = ClientAuth::Basic(SecretText::new("api-secret"));
    let config = Config::new(origin, origin, "demo-api", auth).unwrap();
    let (endpoint, form) = (format!("{origin}/introspect"), format!("token={token}"));
    let mut buf = [0; 1024];
    let post = ClientCredentials::new(&config).unwrap().request(&mut buf).unwrap();
    let received = Transport::new().send(&Post { url: &endpoint, body: &form, ..post }).unwrap();
    String::from_utf8(received.response().body.to_vec()).unwrap()
}

#[test]
fn a_client_gets_a_token_for_itself() {
    let (_, origin) = started();
    let endpoint = format!("{origin}/token");
    for auth in [DEVICE, ClientAuth::Body(SecretText::new("device-secret"))] {
        let config = Config::new(&origin, &endpoint, "demo-device", auth).unwrap();
        let flow = ClientCredentials::new(&config).unwrap();
        let received = Transport::new().send(&flow.request(&mut [0; 1024]).unwrap()).unwrap();
        let mut scratch = received.scratch();
        let Outcome::Tokens(tokens) = flow.response(received.response(), &mut scratch).unwrap() else { panic!() };
        assert_eq!(tokens.scope, "telemetry:write");
        assert!(introspect(&origin, tokens.access_token.expose()).contains("\"active\":true"));
    }
}

#[test]
fn an_error_status_keeps_its_body() {
    let (_, origin) = started();
    let endpoint = format!("{origin}/token");
    let auth = ClientAuth::Basic(SecretText::new("wrong"));
    let config = Config::new(&origin, &endpoint, "demo-device", auth).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = Transport::new().send(&flow.request(&mut [0; 1024]).unwrap()).unwrap();
    let mut scratch = received.scratch();
    let outcome = flow.response(received.response(), &mut scratch).unwrap();
    let Outcome::Denied { status: 401, error } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code(), Some(ErrorCode::InvalidClient));
}

#[test]
fn a_page_gets_a_code_redeems_it_and_refreshes() {
    let (server, origin) = started();
    let (endpoint, authorization) = (format!("{origin}/token"), format!("{origin}/authorize"));
    let config = Config::new(&origin, &endpoint, "demo-spa", ClientAuth::Public).unwrap();
    let config = config.with_redirect(&authorization, "http://127.0.0.1:9099/cb").unwrap().with_scope("read").unwrap();
    let config = config.expecting_iss();
    let flow = Authorize::new(&config, draw().unwrap()).unwrap();

    let mut buf = [0; 1024];
    let (at, query) = flow.url(&mut buf).unwrap().split_once('?').unwrap();
    assert_eq!(at, authorization);
    let sealed = server.begin(query, "a browser", |_, sealed| sealed.to_owned()).unwrap();
    let owner = Owner::Approved { subject: "alice", auth_time: UnixTime(1), acr: "", amr: "", scope: "read" };
    let Answer::Redirect(response) = server.answer(&sealed, "a browser", owner) else { panic!("no redirect") };
    let location = response.headers.iter().find(|(name, _)| *name == "Location").unwrap();
    let Ok(exchange) = flow.callback(location.1.split_once('?').unwrap().1) else { panic!("it was rejected") };
    let received = Transport::new().send(&exchange.request(&mut [0; 1024]).unwrap()).unwrap();
    let mut scratch = received.scratch();
    let Outcome::Tokens(tokens) = exchange.response(received.response(), &mut scratch).unwrap() else { panic!() };
    assert!(introspect(&origin, tokens.access_token.expose()).contains("\"sub\":\"alice\""));

    let old = tokens.refresh_token.unwrap();
    let flow = Refresh::new(&config, old, tokens.scope).unwrap();
    let received = Transport::new().send(&flow.request(&mut [0; 1024]).unwrap()).unwrap();
    let mut scratch = received.scratch();
    let Outcome::Tokens(renewed) = flow.response(received.response(), &mut scratch).unwrap() else { panic!() };
    assert_ne!(renewed.refresh_token.unwrap().expose(), old.expose());
    assert!(introspect(&origin, renewed.access_token.expose()).contains("\"scope\":\"read\""));
}

/// A request of the device to an endpoint on a server that the test makes up.
fn send(endpoint: &str) -> Result<Result<(), Error>, SendError> {
    let config = Config::new("http://127.0.0.1", endpoint, "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = Transport::new().send(&flow.request(&mut [0; 1024]).unwrap())?;
    let mut scratch = received.scratch();
    Ok(flow.response(received.response(), &mut scratch).map(drop))
}

#[test]
fn rfc6750_5_3_02_no_redirect_is_followed() {
    let (listener, origin) = listen();
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    served(listener, move |request| {
        if request.path() == "/elsewhere" {
            counter.fetch_add(1, SeqCst);
        }
        let status = request.path().trim_start_matches('/').parse().unwrap_or(200);
        Response { headers: vec![("Location", "/elsewhere".to_owned())], ..text(status, "{}") }
    });
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(send(&format!("{origin}/{status}")).unwrap(), Err(Error::Status(status)));
    }
    assert_eq!(reached.load(SeqCst), 0);
}

#[test]
fn no_more_is_read_than_the_cap() {
    let (listener, origin) = listen();
    served(listener, |request| {
        let more = match request.path() {
            "/fits" => 0,
            "/long" => 1,
            _ => 100 * Duties::BODY_CAP,
        };
        text(200, &"a".repeat(Duties::BODY_CAP + more))
    });
    assert!(matches!(send(&format!("{origin}/fits")), Ok(Err(Error::Body { status: 200, .. }))));
    assert!(matches!(send(&format!("{origin}/long")), Err(SendError::TooLong)));
    assert!(matches!(send(&format!("{origin}/endless")), Err(SendError::TooLong)));
}

#[test]
fn rfc6749_4_1_2_03_a_request_without_an_answer_is_not_sent_again() {
    let (listener, origin) = listen();
    let came = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&came);
    thread::spawn(move || {
        for connection in listener.incoming() {
            // Counted before it is closed.
            let mut connection = connection.unwrap();
            if connection.read(&mut [0; 4096]).unwrap() > 0 {
                counter.fetch_add(1, SeqCst);
            }
        }
    });
    assert!(matches!(send(&format!("{origin}/token")), Err(SendError::Broken(_))));
    assert_eq!(came.load(SeqCst), 1);
}

#[test]
fn a_busy_server_s_date_comes_along() {
    let (listener, origin) = listen();
    let (now, then) = ("Mon, 10 Nov 2025 08:00:00 GMT", "Mon, 10 Nov 2025 08:02:00 GMT");
    served(listener, move |_| {
        let headers = vec![("Date", now.to_owned()), ("Retry-After", then.to_owned())];
        Response { headers, ..text(503, "busy") }
    });
    let endpoint = format!("{origin}/token");
    let config = Config::new("http://127.0.0.1", &endpoint, "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let received = Transport::new().send(&flow.request(&mut [0; 1024]).unwrap()).unwrap();
    assert_eq!(received.response().date, Some(now));
    let Outcome::After(said) = flow.response(received.response(), &mut []).unwrap() else { panic!() };
    assert_eq!(said.seconds(), Some(120));
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    use std::io::Write;
    let (listener, origin) = listen();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
            let whole = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{}";
            connection.write_all(whole.as_bytes()).unwrap();
        }
    });
    assert!(matches!(send(&format!("{origin}/token")), Err(SendError::Broken(_))));
}

#[test]
fn rfc6750_5_3_01_nothing_goes_in_clear_beyond_this_machine() {
    let config = Config::new("https://as.example", "https://as.example/token", "demo-device", DEVICE).unwrap();
    let flow = ClientCredentials::new(&config).unwrap();
    let mut buf = [0; 1024];
    let post = Post { url: "http://as.example/token", ..flow.request(&mut buf).unwrap() };
    assert!(matches!(Transport::new().send(&post), Err(SendError::Insecure)));
}

#[test]
fn rfc6750_5_3_01_a_server_without_tls_is_no_peer() {
    let (listener, origin) = listen();
    let endpoint = origin.replace("http:", "https:");
    let first = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).map(|()| byte[0]).ok()
    });
    let error = send(&endpoint).unwrap_err();
    if cfg!(feature = "rustls") {
        assert!(matches!(error, SendError::Broken(_)), "{error:?}");
    } else {
        assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(why, "https takes feature `rustls`");
    }
    // The first byte of a handshake; without the feature there is none, and nothing in its place.
    assert_eq!(first.join().unwrap(), cfg!(feature = "rustls").then_some(22));
}

#[cfg(feature = "rustls")]
#[test]
fn what_went_to_no_address_was_not_sent() {
    // RFC 6761 section 6.4: no such name exists.
    let error = send("https://as.invalid/token").unwrap_err();
    assert!(matches!(error, SendError::Unreachable(_)) && error.is_unsent(), "{error:?}");
}
