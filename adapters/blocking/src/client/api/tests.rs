//! What is done while a token ages, by a clock that the test sets.

mod grant;

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use valetkey::client::keeper::Trouble;
use valetkey::jose::Algorithm;
use valetkey_std::kept::ClientKey;

/// A server of its own with an API, which says which token came. Its second and later token requests wait for the test to
/// say how they are answered.
struct Server {
    origin: String,
    asked: Arc<AtomicUsize>,
    say: Sender<u16>,
    came: Receiver<()>,
}

fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (say, said) = channel();
    let (come, came) = channel();
    let asked = Arc::new(AtomicUsize::new(0));
    let (said, counter) = (Arc::new(Mutex::new(said)), Arc::clone(&asked));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (said, come, asked) = (Arc::clone(&said), come.clone(), Arc::clone(&counter));
            thread::spawn(move || serve(&stream, &said, &come, &asked));
        }
    });
    Server { origin, asked, say, came }
}

fn serve(stream: &TcpStream, said: &Mutex<Receiver<u16>>, come: &Sender<()>, asked: &AtomicUsize) {
    let mut requests = BufReader::new(stream);
    while let Some((path, bearer, _)) = request(&mut requests) {
        let (status, body) = match asked.load(SeqCst) {
            _ if path != "/token" => (200, bearer),
            0 => (200, token(asked)),
            _ => {
                come.send(()).unwrap();
                match said.lock().unwrap().recv() {
                    Ok(200) => (200, token(asked)),
                    other => (other.unwrap_or(500), r#"{"error":"server_error"}"#.to_owned()),
                }
            }
        };
        respond(stream, status, &body);
    }
}

fn respond(stream: &TcpStream, status: u16, body: &str) {
    respond_at(stream, status, "Mon, 10 Nov 2025 08:00:00 GMT", body);
}

fn respond_at(mut stream: &TcpStream, status: u16, date: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} -\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).unwrap();
}

/// The path, the token that came along, and the body.
fn request(from: &mut impl BufRead) -> Option<(String, String, String)> {
    let line = |from: &mut dyn BufRead| {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim_end().to_owned())
    };
    let path = line(&mut *from)?.split(' ').nth(1)?.to_owned();
    let (mut bearer, mut length) = (String::new(), 0);
    while let Some(field) = line(&mut *from).filter(|line| !line.is_empty()) {
        let (name, value) = field.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "authorization" => bearer = value.strip_prefix("Bearer ").unwrap_or_default().to_owned(),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some((path, bearer, String::from_utf8(body).ok()?))
}

fn token(asked: &AtomicUsize) -> String {
    let number = asked.fetch_add(1, SeqCst) + 1;
    format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600}}"#)
}

/// A client, and its clock in milliseconds.
fn client(origin: &str) -> (ApiClient, Arc<AtomicU64>) {
    timed(Credentials::new(format!("{origin}/token"), "reporter", "s3cret-of-it").for_api(origin))
}

fn timed(credentials: Credentials) -> (ApiClient, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(0));
    let uptime = Arc::clone(&clock);
    let uptime = Box::new(move || Uptime(uptime.load(SeqCst)));
    (ApiClient::with_uptime(Transport::new(), credentials, uptime).unwrap(), clock)
}

fn get(api: &ApiClient, origin: &str) -> (u16, String) {
    let mut response = api.get(&format!("{origin}/notes")).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Waits for the thread that renews.
fn until(api: &ApiClient, wanted: State) {
    while api.state() != wanted {
        thread::yield_now();
    }
}

/// A token is renewed at 13/16 of its life at the latest.
const AGEING: u64 = 3600 * 1000 * 7 / 8;

#[test]
fn nobody_waits_for_a_renewal_while_the_token_is_good() {
    let server = server();
    let (api, clock) = client(&server.origin);
    let first = (200, "token-1".to_owned());
    assert_eq!(get(&api, &server.origin), first);
    clock.store(AGEING, SeqCst);
    assert_eq!(api.state(), State::Ageing);
    assert_eq!(get(&api, &server.origin), first, "the first call of an ageing token waited");
    server.came.recv().unwrap();
    assert_eq!(get(&api, &server.origin), first);
    server.say.send(200).unwrap();
    until(&api, State::Fresh);
    assert_eq!(get(&api, &server.origin), (200, "token-2".to_owned()));
    assert_eq!(server.asked.load(SeqCst), 2);
}

#[test]
fn a_good_token_is_used_while_its_renewal_fails() {
    let server = server();
    let (api, clock) = client(&server.origin);
    let first = (200, "token-1".to_owned());
    assert_eq!(get(&api, &server.origin), first);
    clock.store(AGEING, SeqCst);
    assert_eq!(get(&api, &server.origin), first);
    server.came.recv().unwrap();
    server.say.send(503).unwrap();
    until(&api, State::Failing);
    assert_eq!(get(&api, &server.origin), first);
}

#[test]
fn what_panics_while_it_signs_is_a_key_that_is_broken() {
    let key = ClientKey::new(Algorithm::Es256, "", |_| panic!("the driver of the device is broken"));
    let credentials = Credentials::by_key("https://as.example", "https://as.example/token", "reporter", key);
    let credentials = credentials.for_api("https://api.example");
    let api = ApiClient::with_uptime(Transport::new(), credentials, Box::new(|| Uptime(0))).unwrap();
    let refused = api.get("https://api.example/").unwrap_err();
    assert!(matches!(refused, ApiError::NoToken(NoToken { trouble: Trouble::NotSigned, .. })), "{refused:?}");
}
