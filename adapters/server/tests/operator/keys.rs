//! `valetkey keys`, and what a server does with the keys: one that looks at them when the test says so.

use crate::Folder;
use crate::common::Program;
use serde_json::Value;
use std::fs;
use valetkey::text::base64;
use valetkey::time::UnixTime;
use valetkey_memory::MemoryStore;
use valetkey_server::cli::Options;
use valetkey_server::config::Config;
use valetkey_server::database::Database;
use valetkey_server::keys::Keys;
use valetkey_server::signing_keys::Following;
use valetkey_server::{program, run, serve};
use valetkey_tokio::store::Store;

/// The same at each start, as tokens name it.
const ISSUER: &str = "http://127.0.0.1:1";

/// A server on the database of a folder.
pub(crate) struct Here<'f> {
    folder: &'f Folder,
    http: Program,
    whole: program::Program<Database>,
    following: Following<Database>,
    database: Database,
}

impl<'f> Here<'f> {
    pub(crate) async fn start(folder: &'f Folder) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let db = Some(folder.path().join("valetkey.db"));
        let config = Config::load(&Options { db, ..Options::default() }).unwrap();
        let database = Database::open(&config.db).unwrap();
        let keys = run::keys(&config, &database).await.unwrap();
        let whole = program::assemble(&config, ISSUER, database.clone(), &keys).await.unwrap();
        tokio::spawn(serve::run(listener, whole.app.clone(), std::future::pending(), serve::GRACE));
        let following = whole.following_signing_keys();
        Self { folder, http: Program::at(url, MemoryStore::new()), whole, following, database }
    }

    async fn look(&mut self) {
        self.following.look().await.unwrap();
    }

    /// As on SIGHUP, and the look after that.
    async fn reload(&mut self) {
        self.whole.replace_keys(&Keys::read(&key_file(self.folder)).unwrap()).unwrap();
        self.look().await;
    }

    pub(crate) async fn token(&self, client_id: &str, secret: &str) -> String {
        let fields = [("client_id", client_id), ("client_secret", secret), ("grant_type", "client_credentials")];
        let answered = self.http.post("/token", &fields).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn is_active(&self, secret: &str, token: &str) -> bool {
        let fields = [("client_id", "api"), ("client_secret", secret), ("token", token)];
        self.http.post("/introspect", &fields).await.json()["active"].as_bool().unwrap()
    }

    async fn jwks(&self) -> String {
        let answered = self.http.get("/jwks.json", Default::default()).await;
        assert_eq!((answered.status, answered.header("content-type")), (200, "application/jwk-set+json"));
        answered.body
    }

    async fn published(&self, kid: &str) -> bool {
        self.jwks().await.contains(kid)
    }
}

fn key_file(folder: &Folder) -> std::path::PathBuf {
    folder.path().join("valetkey.key")
}

/// What a part of a token says.
fn part(token: &str, n: usize) -> Value {
    let mut room = vec![0; token.len()];
    let bytes = base64::decode(token.split('.').nth(n).unwrap(), &mut room).unwrap();
    serde_json::from_slice(bytes).unwrap()
}

fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

/// Registers a client with signed tokens and gives its secret.
fn signed(folder: &Folder, algorithm: &str) -> String {
    folder.add_client(&[algorithm, "--token-kind", "jwt", "--token-alg", algorithm])
}

/// Makes a key that signs at once, and gives its id.
fn added(folder: &Folder, algorithm: &str) -> String {
    let told = folder.ok(&["keys", "add", algorithm, "--now"]);
    assert!(told.contains(&format!("signs {algorithm} tokens now")), "{told}");
    told.split(' ').nth(1).unwrap().to_owned()
}

fn states(folder: &Folder, algorithm: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = folder.json(&["keys", "list"]);
    listed.iter().filter(|key| key["alg"] == algorithm).map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

/// What an API says to a token that has this key set.
fn verify(folder: &Folder, jwks: &str, token: &str) -> bool {
    fs::write(folder.path().join("jwks.json"), jwks).unwrap();
    let args = ["token", "verify", "--jwks", "jwks.json", "--issuer", ISSUER, "--audience", ISSUER, "-"];
    folder.run(&args, token).code == Some(0)
}

#[tokio::test]
async fn rfc9068_2_1_02_each_common_algorithm_has_a_key_from_the_first_start_on_which_a_restart_keeps() {
    let folder = Folder::new();
    let api = folder.add_client(&["api", "--may-introspect"]);
    let secrets = ["ES256", "EdDSA", "RS256"].map(|algorithm| (algorithm, signed(&folder, algorithm)));
    let server = Here::start(&folder).await;
    let before = server.jwks().await;
    let keys: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
    let mut tokens = Vec::new();
    for (algorithm, secret) in &secrets {
        let token = server.token(algorithm, secret).await;
        assert_eq!((&part(&token, 0)["alg"], &part(&token, 0)["typ"]), (&Value::from(*algorithm), &"at+jwt".into()));
        tokens.push(token);
    }

    let server = Here::start(&folder).await;
    assert_eq!(server.jwks().await, before);
    for (token, (algorithm, secret)) in tokens.iter().zip(&secrets) {
        assert!(server.is_active(&api, token).await && verify(&folder, &before, token), "{algorithm}");
        assert_eq!(kid(&server.token(algorithm, secret).await), kid(token));
    }
}

#[tokio::test]
async fn a_key_that_is_added_beside_a_server_signs_and_the_one_before_stays_good() {
    let folder = Folder::new();
    let (api, secret) = (folder.add_client(&["api", "--may-introspect"]), signed(&folder, "ES256"));
    let mut server = Here::start(&folder).await;
    let old = server.token("ES256", &secret).await;
    // Several in one second: the last one signs.
    let mut kids = vec![kid(&old)];
    for _ in 0..3 {
        kids.insert(0, added(&folder, "ES256"));
        server.look().await;
        assert_eq!(kid(&server.token("ES256", &secret).await), kids[0]);
    }
    assert!(server.is_active(&api, &old).await && verify(&folder, &server.jwks().await, &old));
    let shown: Vec<_> =
        kids.into_iter().zip(["signs", "replaced", "replaced", "replaced"].map(str::to_owned)).collect();
    assert_eq!(states(&folder, "ES256"), shown);
    assert_eq!(states(&folder, "EdDSA").len(), 1);
}

/// Or an API that keeps the set would have to fetch it anew at the first token, each of them in the same moment.
#[tokio::test]
async fn a_new_key_is_published_an_hour_before_it_signs() {
    let folder = Folder::new();
    let secret = signed(&folder, "ES256");
    let mut server = Here::start(&folder).await;
    let old = server.token("ES256", &secret).await;
    let told = folder.ok(&["keys", "add", "ES256"]);
    let new = told.split(' ').nth(1).unwrap();
    server.look().await;
    assert!(server.published(new).await);
    assert_eq!(kid(&server.token("ES256", &secret).await), kid(&old));
    assert_eq!(states(&folder, "ES256"), [(new.to_owned(), "waits".into()), (kid(&old), "signs".into())]);
    let listed = folder.json(&["keys", "list"]);
    let listed = listed.iter().find(|key| key["kid"] == new).unwrap();
    let seconds = |name: &str| humantime::parse_rfc3339(listed[name].as_str().unwrap()).unwrap();
    // Of one second, the later one is listed as made in the next.
    assert!((3_599..=3_600).contains(&seconds("signs_from").duration_since(seconds("created")).unwrap().as_secs()));
    assert!(told.contains(listed["signs_from"].as_str().unwrap()), "{told}");
    let events = folder.json(&["audit"]);
    assert!(events.iter().any(|event| event["what"] == "signing_key_added" && event["kid"] == new), "{events:?}");

    // Without the other it does not wait, or nothing would be signed.
    folder.ok(&["keys", "remove", "--leaked", &kid(&old)]);
    server.look().await;
    assert_eq!(kid(&server.token("ES256", &secret).await), new);
    assert_eq!(states(&folder, "ES256")[0], (new.to_owned(), "signs".into()));
}

#[tokio::test]
async fn how_long_a_new_key_waits_is_a_setting_and_the_first_of_an_algorithm_waits_for_none() {
    let folder = Folder::new();
    fs::write(folder.path().join("v.toml"), "[signing]\npublish_ahead_seconds = 0\n").unwrap();
    for _ in 0..2 {
        assert!(folder.ok(&["--config", "v.toml", "keys", "add", "ES384"]).contains("now"));
    }
    assert!(folder.ok(&["keys", "add", "PS256"]).contains("signs PS256 tokens now"), "the first");
    assert!(folder.ok(&["keys", "add", "PS256"]).contains("is published now"));
}

#[tokio::test]
async fn a_removed_key_signs_no_more_and_stays_published() {
    let folder = Folder::new();
    let (api, secret) = (folder.add_client(&["api", "--may-introspect"]), signed(&folder, "ES256"));
    let mut server = Here::start(&folder).await;
    let first = server.token("ES256", &secret).await;
    let newer = added(&folder, "ES256");
    server.look().await;
    let second = server.token("ES256", &secret).await;
    assert!(folder.ok(&["keys", "remove", &newer]).contains("stays published until"));
    server.look().await;
    assert_eq!(kid(&server.token("ES256", &secret).await), kid(&first), "the one before signs again");
    assert!(server.is_active(&api, &second).await && verify(&folder, &server.jwks().await, &second));
    assert_eq!(states(&folder, "ES256"), [(newer.clone(), "retired".into()), (kid(&first), "signs".into())]);
    assert!(folder.fails(&["keys", "remove", &newer]).contains("retired"));
    assert!(folder.fails(&["keys", "remove", "none"]).contains("no key `none`"));
}

#[tokio::test]
async fn a_key_that_leaked_is_published_no_more_and_what_it_signed_is_refused() {
    let folder = Folder::new();
    let (api, secret) = (folder.add_client(&["api", "--may-introspect"]), signed(&folder, "ES256"));
    let mut server = Here::start(&folder).await;
    let token = server.token("ES256", &secret).await;
    let newer = added(&folder, "ES256");
    folder.ok(&["keys", "remove", &newer]);
    added(&folder, "ES256");
    for leaked in [&kid(&token), &newer] {
        assert!(folder.ok(&["keys", "remove", "--leaked", leaked]).contains("refuse"), "in use, or retired before");
    }
    // As the server does in the background.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    server.database.sweep(UnixTime(now + 1), 100).await.unwrap();
    server.look().await;
    assert!(!server.published(&kid(&token)).await && !server.is_active(&api, &token).await);
    assert!(!verify(&folder, &server.jwks().await, &token));
    assert_eq!(states(&folder, "ES256").len(), 1);
}

#[tokio::test]
async fn nobody_is_left_without_a_key() {
    let folder = Folder::new();
    let add = ["client", "add", "ES384", "--token-kind", "jwt", "--token-alg", "ES384"];
    assert!(folder.fails(&add).contains("valetkey keys add ES384"));
    let only = added(&folder, "ES384");
    folder.ok(&["keys", "remove", &only]);
    assert_eq!(states(&folder, "ES384"), [(only, "retired".into())], "no client needed it");

    let only = added(&folder, "ES384");
    let secret = signed(&folder, "ES384");
    let server = Here::start(&folder).await;
    let token = server.token("ES384", &secret).await;
    assert_eq!(kid(&token), only, "made before the first start");
    let es256 = states(&folder, "ES256").remove(0).0;
    for kid in [&only, &es256] {
        let told = folder.fails(&["keys", "remove", kid]);
        assert!(told.contains("the only key") && told.contains("valetkey keys add ES"), "{told}");
    }
    added(&folder, "ES384");
    folder.ok(&["keys", "remove", &only]);
}

#[tokio::test]
async fn signing_keys_outlive_the_server_key_that_they_were_sealed_under() {
    let folder = Folder::new();
    let (api, secret) = (folder.add_client(&["api", "--may-introspect"]), signed(&folder, "EdDSA"));
    let mut server = Here::start(&folder).await;
    let (before, token) = (server.jwks().await, server.token("EdDSA", &secret).await);
    assert!(folder.ok(&["keys", "rotate-server"]).contains("SIGHUP"));
    server.reload().await;
    assert_eq!((server.jwks().await, kid(&server.token("EdDSA", &secret).await)), (before.clone(), kid(&token)));

    // The old server key goes, as it does in time.
    let file = fs::read_to_string(key_file(&folder)).unwrap();
    let keys: Vec<_> = file.match_indices("[[key]]").collect();
    assert_eq!(keys.len(), 2);
    fs::write(key_file(&folder), &file[..keys[1].0]).unwrap();
    assert!(folder.ok(&["check"]).contains("3 to sign"));
    let server = Here::start(&folder).await;
    assert_eq!((server.jwks().await, kid(&server.token("EdDSA", &secret).await)), (before, kid(&token)));
    assert!(server.is_active(&api, &token).await);
}

#[tokio::test]
async fn a_start_under_an_older_server_key_seals_anew_as_well() {
    let folder = Folder::new();
    drop(Here::start(&folder).await);
    let first = fs::read_to_string(key_file(&folder)).unwrap();
    folder.ok(&["keys", "rotate-server"]);
    drop(Here::start(&folder).await);
    fs::write(key_file(&folder), first).unwrap();
    let ran = folder.run(&["check"], "");
    assert_eq!((ran.code, ran.err.contains("no server key")), (Some(1), true), "the second is not there: {}", ran.err);
}

#[tokio::test]
async fn a_server_whose_keys_are_all_new_makes_what_signs_and_takes_nothing_that_the_old_ones_signed() {
    let folder = Folder::new();
    let es384 = added(&folder, "ES384");
    let (api, secret) = (folder.add_client(&["api", "--may-introspect"]), signed(&folder, "ES384"));
    let mut server = Here::start(&folder).await;
    let token = server.token("ES384", &secret).await;
    fs::remove_file(key_file(&folder)).unwrap();
    folder.ok(&["keys", "rotate-server"]);
    server.reload().await;
    assert_ne!(kid(&server.token("ES384", &secret).await), es384);
    assert!(!server.is_active(&api, &token).await && !verify(&folder, &server.jwks().await, &token));
    assert_eq!(folder.json(&["keys", "list"]).len(), 8);
    server.look().await;
    assert_eq!(folder.json(&["keys", "list"]).len(), 8, "made once");
}
