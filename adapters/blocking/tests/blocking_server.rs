//! The example's server over its own HTTP, and its store by the laws.

#[allow(dead_code, reason = "nobody runs the example itself here")]
#[path = "../examples/blocking_server/main.rs"]
mod blocking_server;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use valetkey::text::buf::Writer;
use valetkey::text::form;

#[test]
fn the_store_of_the_example_keeps_every_law() {
    valetkey_conformance::laws::blocking_store_laws(blocking_server::store::MyStore::default);
}

/// The example on a free port, until this program ends.
fn started() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let server = blocking_server::server(&format!("http://{at}")).unwrap();
    thread::spawn(move || blocking_server::http::serve(&listener, |request| blocking_server::answer(&server, request)));
    at
}

/// Sends pieces of a request, and gives the whole response.
fn send(at: SocketAddr, pieces: &[&str]) -> String {
    let mut connection = TcpStream::connect(at).unwrap();
    connection.set_nodelay(true).unwrap();
    for piece in pieces {
        connection.write_all(piece.as_bytes()).unwrap();
    }
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}

fn post(at: SocketAddr, path: &str, headers: &str, body: &str) -> String {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let length = body.len();
    send(
        at,
        &[&format!("POST {path} HTTP/1.1\r\nHost: {at}\r\n{form}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")],
    )
}

fn get(at: SocketAddr, target: &str, headers: &str) -> String {
    send(at, &[&format!("GET {target} HTTP/1.1\r\nHost: {at}\r\n{headers}\r\n")])
}

/// demo-device with device-secret.
const DEVICE: &str = "Authorization: Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA==\r\n";

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap()
}

#[test]
fn a_device_gets_a_token_and_the_api_takes_it() {
    let at = started();
    let answer = post(at, "/token", DEVICE, "grant_type=client_credentials");
    assert_eq!(status(&answer), "200", "{answer}");
    let bearer = format!("Authorization: Bearer {}\r\n", between(&answer, "\"access_token\":\"", "\""));
    assert!(get(at, "/telemetry", &bearer).ends_with("\r\n\r\ntaken from demo-device\n"));
    let refused = get(at, "/telemetry", "Authorization: Bearer made-up\r\n");
    assert!(status(&refused) == "401" && refused.contains("WWW-Authenticate: Bearer realm="), "{refused}");
    let metadata = get(at, "/.well-known/oauth-authorization-server", "");
    assert!(metadata.contains(&format!("\"token_endpoint\":\"http://{at}/token\"")), "{metadata}");
    assert_eq!(status(&get(at, "/elsewhere", "")), "404");
}

#[test]
fn a_person_consents_and_the_page_gets_its_tokens() {
    let at = started();
    let query = "response_type=code&client_id=demo-spa&scope=read&state=xyz\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let page = get(at, &format!("/authorize?{query}"), "");
    let cookie = format!("Cookie: {}\r\n", between(&page, "Set-Cookie: ", ";"));
    let sealed = between(&page, "name=sealed value=\"", "\"").replace("&amp;", "&");
    let mut buf = vec![0; 3 * sealed.len()];
    let mut w = Writer::new(&mut buf);
    form::encode(&mut w, &sealed);
    let answer = format!("say=yes&scope=read&sealed={}", w.finish().unwrap());
    let without = post(at, "/answer", "", &answer);
    assert!(!without.contains("Location:"), "an answer without the browser's cookie counts: {without}");
    let back = post(at, "/answer", &cookie, &answer);
    assert_eq!(status(&back), "303", "{back}");
    let location = between(&back, "Location: http://127.0.0.1:9099/cb?", "\r\n");
    assert!(location.contains("state=xyz"), "{location}");
    let code = between(location, "code=", "&");
    let body = format!(
        "grant_type=authorization_code&client_id=demo-spa&code={code}\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let tokens = post(at, "/token", "", &body);
    assert!(status(&tokens) == "200" && tokens.contains("refresh_token"), "{tokens}");
    let nobody = get(at, &format!("/authorize?{}", query.replace("demo-spa", "nobody")), "");
    assert_eq!(status(&nobody), "400", "{nobody}");
}

#[test]
fn a_request_may_come_in_any_pieces_and_within_limits() {
    let at = started();
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: x\r\n{DEVICE}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 29\r\n\r\n"
    );
    let whole = head.clone() + "grant_type=client_credentials";
    for split in [1, 20, head.len() - 1, head.len(), head.len() + 5] {
        let (first, rest) = whole.split_at(split);
        assert_eq!(status(&send(at, &[first, rest])), "200", "split at {split}");
    }
    let long = post(at, "/token", DEVICE, &format!("grant_type=client_credentials&x={}", "a".repeat(20_000)));
    assert!(status(&long) == "400" && long.contains("too long"), "{long}");
    assert_eq!(status(&get(at, "/", &format!("X: {}\r\n", "a".repeat(20_000)))), "431");
    assert_eq!(status(&send(at, &["nonsense\r\n\r\n"])), "400");
    assert_eq!(status(&post(at, "/token", "Transfer-Encoding: chunked\r\n", "")), "411");
    assert_eq!(status(&post(at, "/token", "Content-Length: 7\r\n", "")), "400");
}
