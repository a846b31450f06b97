//! A client of a person's grant, by threads: its refresh token rotates, and is kept in two phases so that no fault and no
//! restart loses the grant.

use super::super::*;
use super::{request, respond, respond_at, timed};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, SystemTime};
use valetkey::client::keeper::Trouble;
use valetkey::jose::Algorithm;
use valetkey_std::kept::ClientKey;

/// A server of one grant. Its refresh tokens are `refresh-0`, `refresh-1` and so on, each good once; the one before may come
/// again while the newest was not used, and with any other the grant ends.
#[derive(Default)]
struct Server {
    newest: AtomicUsize,
    ended: AtomicBool,
    asked: AtomicUsize,
    /// It is too busy for the next request.
    is_busy: AtomicBool,
    /// The next answer gets lost in a proxy, after the server has rotated.
    loses: AtomicBool,
    /// Access tokens before this one are refused by the API.
    good_from: AtomicUsize,
}

impl Server {
    fn serve(&self, stream: &TcpStream) {
        let mut requests = BufReader::new(stream);
        while let Some((path, bearer, form)) = request(&mut requests) {
            let (status, body) = if path == "/token" { self.token(&form) } else { self.notes(&bearer) };
            respond(stream, status, &body);
        }
    }

    /// Says which token came.
    fn notes(&self, bearer: &str) -> (u16, String) {
        let number: usize = bearer.strip_prefix("access-").unwrap().parse().unwrap();
        (if number >= self.good_from.load(SeqCst) { 200 } else { 401 }, number.to_string())
    }

    fn token(&self, form: &str) -> (u16, String) {
        self.asked.fetch_add(1, SeqCst);
        if self.is_busy.swap(false, SeqCst) {
            return (503, String::new());
        }
        assert!(form.starts_with("grant_type=refresh_token&client_id=notes-app&"), "{form}");
        let came: usize = form.split_once("refresh_token=refresh-").unwrap().1.parse().unwrap();
        let newest = self.newest.load(SeqCst);
        if self.ended.load(SeqCst) || !(came == newest || came + 1 == newest) {
            self.ended.store(true, SeqCst);
            return (400, r#"{"error":"invalid_grant"}"#.to_owned());
        }
        let number = came + 1;
        self.newest.store(number, SeqCst);
        if self.loses.swap(false, SeqCst) {
            return (502, "bad gateway".to_owned());
        }
        let access = format!(r#""access_token":"access-{number}","token_type":"Bearer","expires_in":3600"#);
        (200, format!(r#"{{{access},"refresh_token":"refresh-{number}"}}"#))
    }
}

fn started() -> (Arc<Server>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::new(Server::default());
    let serving = Arc::clone(&server);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serving = Arc::clone(&serving);
            thread::spawn(move || serving.serve(&stream));
        }
    });
    (server, origin)
}

/// What a program kept, from the first to the last, and for which writes it is broken.
#[derive(Clone)]
struct Kept(Arc<Mutex<Vec<(String, bool)>>>, Arc<AtomicUsize>);

/// No write is refused.
const WHOLE: usize = 0;
const REFUSES_ALL: usize = 1;
const REFUSES_SUCCESSORS: usize = 2;

impl Kept {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(vec![("refresh-0".to_owned(), false)])), Arc::new(AtomicUsize::new(WHOLE)))
    }

    fn keep(&self, token: &RefreshToken) -> bool {
        match self.1.load(SeqCst) {
            REFUSES_ALL => return false,
            REFUSES_SUCCESSORS if !token.is_in_use() => return false,
            _ => self.0.lock().unwrap().push((token.expose().to_owned(), token.is_in_use())),
        }
        true
    }

    fn written(&self) -> Vec<(String, bool)> {
        self.0.lock().unwrap().clone()
    }

    /// The program begins anew.
    fn client(&self, origin: &str, has_grace_window: bool) -> (ApiClient, Arc<AtomicU64>) {
        let ((text, in_use), kept) = (self.written().pop().unwrap(), self.clone());
        let credentials = Credentials::public(format!("{origin}/token"), "notes-app")
            .with_refresh_token(RefreshToken::new(text, in_use), move |token| kept.keep(token))
            .for_api(origin);
        timed(if has_grace_window { credentials.with_grace_window() } else { credentials })
    }
}

/// The number of the token that the API took.
fn get(api: &ApiClient, origin: &str) -> Result<String, NoToken> {
    match api.get(&format!("{origin}/notes")) {
        Ok(mut answer) => Ok(answer.body_mut().read_to_string().unwrap()),
        Err(ApiError::NoToken(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

/// Sets the clock to when the server is asked again.
fn pass(clock: &AtomicU64, why: NoToken) {
    clock.fetch_add(why.retry_in.unwrap().as_millis().try_into().unwrap(), SeqCst);
}

fn written(entries: &[(usize, bool)]) -> Vec<(String, bool)> {
    entries.iter().map(|(number, in_use)| (format!("refresh-{number}"), *in_use)).collect()
}

#[test]
fn however_many_threads_call_one_renews_and_keeps_what_it_sends_and_what_comes() {
    let ((server, origin), kept) = (started(), Kept::new());
    let (api, _) = kept.client(&origin, false);
    for renewals in 1..=2 {
        let start = Barrier::new(32);
        thread::scope(|scope| {
            let call = || {
                start.wait();
                get(&api, &origin).unwrap()
            };
            let racing: Vec<_> = (0..32).map(|_| scope.spawn(call)).collect();
            for thread in racing {
                assert_eq!(thread.join().unwrap(), renewals.to_string());
            }
        });
        assert_eq!(server.asked.load(SeqCst), renewals);
        server.good_from.store(2, SeqCst);
    }
    assert_eq!(kept.written(), written(&[(0, false), (0, true), (1, false), (1, true), (2, false)]));
}

#[test]
fn what_cannot_be_kept_is_not_sent() {
    let ((server, origin), kept) = (started(), Kept::new());
    let (api, clock) = kept.client(&origin, false);
    kept.1.store(REFUSES_ALL, SeqCst);
    let why = get(&api, &origin).unwrap_err();
    assert_eq!((why.trouble, server.asked.load(SeqCst)), (Trouble::NotKept, 0));
    kept.1.store(WHOLE, SeqCst);
    pass(&clock, why);
    assert_eq!(get(&api, &origin).unwrap(), "1");
}

#[test]
fn what_comes_and_cannot_be_kept_is_not_used_and_the_grant_goes_on() {
    let ((server, origin), kept) = (started(), Kept::new());
    let (api, clock) = kept.client(&origin, false);
    kept.1.store(REFUSES_SUCCESSORS, SeqCst);
    let why = get(&api, &origin).unwrap_err();
    assert_eq!((why.trouble, server.asked.load(SeqCst)), (Trouble::NotKept, 1));
    kept.1.store(WHOLE, SeqCst);
    pass(&clock, why);
    assert_eq!(get(&api, &origin).unwrap(), "2", "the token that came with what could not be kept was used");
    assert_eq!(kept.written(), written(&[(0, false), (0, true), (1, true), (2, false)]));
}

#[test]
fn without_a_grace_window_a_lost_answer_means_log_in_and_nothing_is_sent_twice() {
    let ((server, origin), kept) = (started(), Kept::new());
    server.loses.store(true, SeqCst);
    // In the program that asked, and in the next.
    for _ in 0..2 {
        let (api, clock) = kept.client(&origin, false);
        for _ in 0..3 {
            clock.fetch_add(3_600_000, SeqCst);
            let why = get(&api, &origin).unwrap_err();
            assert_eq!((why.trouble, why.retry_in, api.state()), (Trouble::GrantEnded, None, State::LoggedOut));
        }
        assert_eq!((server.asked.load(SeqCst), kept.written().pop().unwrap().1), (1, true));
    }
}

#[test]
fn under_a_grace_window_a_lost_answer_is_given_once_more() {
    for restarts in [false, true] {
        let ((server, origin), kept) = (started(), Kept::new());
        let (api, clock) = kept.client(&origin, true);
        server.loses.store(true, SeqCst);
        let why = get(&api, &origin).unwrap_err();
        assert_eq!(why.trouble, Trouble::Server);
        pass(&clock, why);
        let api = if restarts { kept.client(&origin, true).0 } else { api };
        assert_eq!(get(&api, &origin).unwrap(), "1");
        server.good_from.store(2, SeqCst);
        assert_eq!(get(&api, &origin).unwrap(), "2", "the family lives");
    }
}

#[test]
fn what_was_not_sent_is_not_in_use_after_a_restart() {
    let gone = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let kept = Kept::new();
    let (api, _) = kept.client(&gone, false);
    assert_eq!(get(&api, &gone).unwrap_err().trouble, Trouble::NotSent);
    assert_eq!(kept.written(), written(&[(0, false), (0, true), (0, false)]));
}

/// What keeps a token may take longer than the minute for which a signature is good; and one that is not signed for is good
/// after a restart.
#[test]
fn what_is_signed_is_signed_after_the_token_is_kept() {
    for panics in [false, true] {
        let ((server, origin), kept) = (started(), Kept::new());
        let (keeping, signing) = (kept.clone(), kept.clone());
        let sign = move |_: &[u8]| {
            signing.0.lock().unwrap().push(("signed".to_owned(), true));
            if panics { panic!("the driver of the device is broken") } else { None }
        };
        let key = ClientKey::new(Algorithm::Es256, "", sign);
        let credentials = Credentials::by_key(&origin, format!("{origin}/token"), "notes-app", key)
            .with_refresh_token(RefreshToken::new("refresh-0", false), move |token| keeping.keep(token))
            .for_api(&origin);
        let (api, _) = timed(credentials);
        assert_eq!(get(&api, &origin).unwrap_err().trouble, Trouble::NotSigned);
        let mut written = written(&[(0, false), (0, true), (0, false)]);
        written.insert(2, ("signed".to_owned(), true));
        assert_eq!((kept.written(), server.asked.load(SeqCst)), (written, 0));
    }
}

/// A server of ten minutes ahead: it refuses what is signed by this machine's clock, and takes what is signed by its own.
#[test]
fn what_is_refused_for_its_time_is_signed_once_more_by_the_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (signed, came) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&came);
    let serve = move |stream: TcpStream| {
        let mut requests = BufReader::new(&stream);
        while let Some((path, ..)) = request(&mut requests) {
            if path != "/token" {
                respond(&stream, 200, "3");
            } else if count.fetch_add(1, SeqCst) == 0 {
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
                respond_at(&stream, 401, &date, r#"{"error":"invalid_client"}"#);
            } else {
                respond(&stream, 200, r#"{"access_token":"access-3","token_type":"Bearer","expires_in":60}"#);
            }
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    let sign = {
        let signed = Arc::clone(&signed);
        move |message: &[u8]| {
            signed.lock().unwrap().push(issued_at(message));
            Some(vec![7; 64])
        }
    };
    let key = ClientKey::new(Algorithm::Es256, "", sign);
    let credentials = Credentials::by_key(&origin, format!("{origin}/token"), "reporter", key).for_api(&origin);
    assert_eq!(get(&timed(credentials).0, &origin).unwrap(), "3");
    let signed = signed.lock().unwrap();
    assert!(signed.len() == 2 && (600..660).contains(&(signed[1] - signed[0])), "{signed:?}");
    assert_eq!(came.load(SeqCst), 2);
}

/// When this was signed, in seconds of the Unix epoch.
fn issued_at(message: &[u8]) -> u64 {
    let payload = message.split(|byte| *byte == b'.').nth(1).unwrap();
    let payload = Base64UrlUnpadded::decode_vec(str::from_utf8(payload).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["iat"].as_u64().unwrap()
}

#[test]
fn what_a_busy_server_has_not_spent_needs_no_login_after_a_restart() {
    let ((server, origin), kept) = (started(), Kept::new());
    let (api, _) = kept.client(&origin, false);
    server.is_busy.store(true, SeqCst);
    assert_eq!(get(&api, &origin).unwrap_err().trouble, Trouble::Busy);
    assert_eq!(kept.written(), written(&[(0, false), (0, true), (0, false)]));
    let (api, _) = kept.client(&origin, false);
    assert_eq!(get(&api, &origin).unwrap(), "1");
}

#[test]
fn what_panics_while_it_keeps_loses_no_grant() {
    for successor in [false, true] {
        let ((server, origin), broken) = (started(), Arc::new(AtomicBool::new(true)));
        let breaks = Arc::clone(&broken);
        let keep = move |token: &RefreshToken| {
            assert!(token.is_in_use() == successor || !breaks.load(SeqCst), "the disk is broken");
            true
        };
        let credentials = Credentials::public(format!("{origin}/token"), "notes-app")
            .with_refresh_token(RefreshToken::new("refresh-0", false), keep)
            .for_api(&origin);
        let (api, clock) = timed(credentials);
        let (calling, url) = (api.clone(), origin.clone());
        assert!(thread::spawn(move || get(&calling, &url).is_ok()).join().is_err());
        broken.store(false, SeqCst);
        pass(&clock, get(&api, &origin).unwrap_err());
        assert_eq!(get(&api, &origin).unwrap(), if successor { "2" } else { "1" });
        assert_eq!(server.asked.load(SeqCst), usize::from(successor) + 1);
    }
}
