//! The guard of an API whose authorization server is another program: before this crate's own server, and before an issuer
//! that turns its keys over and goes away.

#[allow(dead_code, reason = "nobody runs the example itself here")]
#[path = "../examples/blocking_server/main.rs"]
mod blocking_server;
mod common;

use base64ct::{Base64UrlUnpadded, Encoding};
use blocking_server::http::{Request, serve, text};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::jose::{Algorithm, Algorithms};
use valetkey::resource::{Audience, Issuer, Policy, Timing};
use valetkey::server::record::{AccessTokenFormat, Client};
use valetkey::server::secret_digest;
use valetkey::wire::header::Header;
use valetkey_aws_lc::{PublicKey, SigningKey};
use valetkey_blocking::client::Transport;
use valetkey_blocking::resource::{DiscoverError, Presented, RemoteKeys, check_signed};
use valetkey_blocking::server::{self, Response, Signing};
use valetkey_memory::MemoryStore;

const API: &str = "https://api.example";
const AT_ONCE: usize = 32;

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

fn json(body: &Value) -> Response {
    Response { headers: vec![("Content-Type", "application/json".to_owned())], ..text(200, &body.to_string()) }
}

/// An issuer, and what it has been asked.
struct Said {
    origin: String,
    keys: Mutex<Vec<Arc<SigningKey>>>,
    fetches: AtomicUsize,
    away: AtomicBool,
    /// How the metadata name the issuer.
    named: Mutex<String>,
}

impl Said {
    fn start(keys: &[&Arc<SigningKey>]) -> Arc<Self> {
        let (listener, origin) = listen();
        let keys = keys.iter().map(|key| Arc::clone(key)).collect();
        let (keys, named) = (Mutex::new(keys), Mutex::new(origin.clone()));
        let said = Self { origin, keys, fetches: AtomicUsize::new(0), away: AtomicBool::new(false), named };
        let said = Arc::new(said);
        let serving = Arc::clone(&said);
        thread::spawn(move || serve(&listener, |request| serving.answer(request)));
        said
    }

    fn answer(&self, request: &Request) -> Response {
        match request.path() {
            "/keys" => {
                self.fetches.fetch_add(1, SeqCst);
                if self.away.load(SeqCst) {
                    return text(503, "away");
                }
                let keys = self.keys.lock().unwrap();
                let keys: Vec<Value> =
                    keys.iter().map(|key| serde_json::from_str(&key.public_json()).unwrap()).collect();
                json(&json!({ "keys": keys }))
            }
            // Elsewhere first: it is one of OpenID.
            "/.well-known/openid-configuration" => {
                json(&json!({"issuer": *self.named.lock().unwrap(), "jwks_uri": format!("{}/keys", self.origin)}))
            }
            _ => text(404, "nothing is here"),
        }
    }

    fn discover(&self) -> RemoteKeys {
        RemoteKeys::discover(&self.origin, Transport::new()).unwrap()
    }

    /// Told where they are, and not fetched yet.
    fn unfetched(&self) -> RemoteKeys {
        RemoteKeys::at(&self.origin, &format!("{}/keys", self.origin), Transport::new()).unwrap()
    }

    fn token(&self, key: &SigningKey) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"typ": "at+jwt", "alg": key.algorithm().as_str(), "kid": key.kid()});
        let claims = json!({
            "iss": self.origin, "aud": API, "sub": "alice", "client_id": "web", "jti": "1", "scope": "read",
            "iat": now, "exp": now + 300,
        });
        let part = |json: &Value| Base64UrlUnpadded::encode_string(json.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = Base64UrlUnpadded::encode_string(&key.sign(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    }
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(Algorithm::EdDsa).unwrap())
}

/// The subject of a good token, or the status of the refusal.
fn asked(keys: &RemoteKeys, issuer: &str, token: &str, scope: &str, query: &str) -> Result<String, u16> {
    let issuers = [Issuer::jwt(issuer, Algorithms::ASYMMETRIC)];
    let policy = Policy::new(&issuers, Audience::Required(API), scope);
    let bearer = format!("Bearer {token}");
    let presented = Presented { authorization: Header::One(&bearer), query, form: "" };
    let keys = std::slice::from_ref(keys);
    check_signed(keys, &policy, &presented, |access| access.subject.to_owned()).map_err(|response| response.status)
}

fn subject(keys: &RemoteKeys, said: &Said, token: &str) -> Result<String, u16> {
    asked(keys, &said.origin, token, "read", "")
}

#[test]
fn a_token_of_this_crates_server_opens_an_api_elsewhere() {
    let (listener, origin) = listen();
    let key = key();
    let (signer, verifier) = (Arc::clone(&key), Box::new(PublicKey::new(&key.public(), key.algorithm()).unwrap()));
    let published = vec![server::SigningKey { public: key.public(), verifier }];
    let signing = Signing::new(published, move |_, _, message| signer.sign(message).ok());
    let as_ = common::start_at(&origin, MemoryStore::new());
    let as_ = as_.with_signing(signing).unwrap().with_default_audience(API).unwrap();
    let digest = secret_digest("signed-secret").to_string();
    let access_token = AccessTokenFormat::Jwt(Algorithm::EdDsa);
    common::put(as_.store(), &Client { access_token, ..common::client("signed", &digest, "read") });
    let answer =
        common::post(&as_, "/token", &common::basic("signed", "signed-secret"), "grant_type=client_credentials");
    let token = common::text(&answer, "access_token");
    thread::spawn(move || {
        serve(&listener, |request| as_.handle(&request.for_clients()).unwrap_or_else(|| text(404, "nothing is here")))
    });

    let keys = RemoteKeys::discover(&origin, Transport::new()).unwrap();
    assert_eq!(asked(&keys, &origin, &token, "read", "page=2"), Ok("client:signed".to_owned()));
    assert_eq!(asked(&keys, &origin, &token, "write", ""), Err(403));
    assert_eq!(asked(&keys, &origin, &token, "read", "access_token=x"), Err(400));
    assert_eq!(asked(&keys, &origin, &format!("{token}x"), "read", ""), Err(401));
    assert_eq!(asked(&keys, "https://other.example", &token, "read", ""), Err(401));
}

#[test]
fn however_many_threads_come_one_fetches_the_keys() {
    let key = key();
    let said = Said::start(&[&key]);
    let (keys, token, start) = (said.unfetched(), said.token(&key), Barrier::new(AT_ONCE));
    thread::scope(|scope| {
        let call = || {
            start.wait();
            subject(&keys, &said, &token)
        };
        let racing: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(call)).collect();
        for thread in racing {
            assert_eq!(thread.join().unwrap(), Ok("alice".to_owned()));
        }
    });
    assert_eq!(said.fetches.load(SeqCst), 1);
}

#[test]
fn a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_is_gone_then() {
    let (first, second, third) = (key(), key(), key());
    let said = Said::start(&[&first]);
    let keys = said.discover().with_timing(Timing { pause: 0, fresh: 3_600, usable: 3_600 });
    assert_eq!(subject(&keys, &said, &said.token(&first)), Ok("alice".to_owned()));
    *said.keys.lock().unwrap() = vec![Arc::clone(&second)];
    assert_eq!(subject(&keys, &said, &said.token(&first)), Ok("alice".to_owned()), "nothing made it look again");
    assert_eq!(said.fetches.load(SeqCst), 1);
    assert_eq!(subject(&keys, &said, &said.token(&second)), Ok("alice".to_owned()));
    assert_eq!(subject(&keys, &said, &said.token(&first)), Err(401));
    assert_eq!(subject(&keys, &said, &said.token(&third)), Err(401));
}

#[test]
fn rfc8725_3_10_01_a_flood_of_unknown_keys_does_not_reach_the_issuer() {
    let key = key();
    let said = Said::start(&[&key]);
    let keys = said.discover();
    for _ in 0..20 {
        let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
        assert_eq!(subject(&keys, &said, &said.token(&other)), Err(401));
    }
    assert_eq!(said.fetches.load(SeqCst), 1, "it was fetched a moment ago");
    assert_eq!(subject(&keys, &said, &said.token(&key)), Ok("alice".to_owned()));
}

#[test]
fn an_issuer_that_is_away_is_answered_with_503_and_what_is_held_serves_on() {
    let key = key();
    let said = Said::start(&[&key]);
    let token = said.token(&key);
    said.away.store(true, SeqCst);
    assert!(matches!(
        RemoteKeys::discover(&said.origin, Transport::new()).unwrap_err(),
        DiscoverError::Status { status: 503, .. }
    ));
    let keys = said.unfetched();
    assert_eq!(subject(&keys, &said, &token), Err(503));
    let asked = said.fetches.load(SeqCst);
    assert_eq!(subject(&keys, &said, &token), Err(503));
    assert_eq!(said.fetches.load(SeqCst), asked, "it is asked again after a pause");

    // Too old to be used without a thought of another, and good for an hour.
    said.away.store(false, SeqCst);
    let keys = said.discover().with_timing(Timing { pause: 0, fresh: 0, usable: 3_600 });
    said.away.store(true, SeqCst);
    let before = said.fetches.load(SeqCst);
    for _ in 0..10 {
        assert_eq!(subject(&keys, &said, &token), Ok("alice".to_owned()));
    }
    while said.fetches.load(SeqCst) == before {
        thread::yield_now();
    }
    // And not any more.
    let keys = said.unfetched().with_timing(Timing { pause: 0, fresh: 0, usable: 0 });
    assert_eq!(subject(&keys, &said, &token), Err(503));
}

#[test]
fn a_wrong_name_is_noticed_at_the_start() {
    let said = Said::start(&[&key()]);
    let discover = |issuer: &str| RemoteKeys::discover(issuer, Transport::new()).unwrap_err();
    assert!(matches!(discover("http://as.example"), DiscoverError::Url(_)));
    assert!(matches!(discover(&format!("{}?x", said.origin)), DiscoverError::Url(_)));
    *said.named.lock().unwrap() = "https://other.example".to_owned();
    assert!(matches!(discover(&said.origin), DiscoverError::Metadata { .. }));
    let insecure = RemoteKeys::at("https://as.example", "http://as.example/keys", Transport::new());
    assert!(matches!(insecure.unwrap_err(), DiscoverError::Url(_)));
}
