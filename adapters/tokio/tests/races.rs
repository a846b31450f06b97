//! What many requests at once may get, over loopback HTTP: on the store in memory, and on the durable one.

mod common;

use base64ct::{Base64UrlUnpadded, Encoding};
use common::{Running, client, put, start, start_with};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task::JoinSet;
use valetkey::jose::{Algorithm, Algorithms, parts};
use valetkey::server::record::{Client, ClientAuth, GrantTypes};
use valetkey_memory::MemoryStore;
use valetkey_sqlite::SqliteStore;
use valetkey_tokio::server::{AuthorizationServer, router};
use valetkey_tokio::store::Store;

const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc6749_4_1_2_05_of_64_redemptions_of_one_code_one_wins_and_what_it_got_is_revoked() {
    one_redemption_wins(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc6749_4_1_2_05_of_64_durable_redemptions_of_one_code_one_wins_and_what_it_got_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    one_redemption_wins(SqliteStore::open(folder.path().join("valetkey.db")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_refreshes_of_one_token_all_get_the_same_successor() {
    one_successor(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_durable_refreshes_of_one_token_all_get_the_same_successor() {
    let folder = tempfile::tempdir().unwrap();
    one_successor(SqliteStore::open(folder.path().join("valetkey.db")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc7523_3_07_of_64_requests_by_one_assertion_one_wins() {
    one_assertion_wins(MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc7523_3_07_of_64_durable_requests_by_one_assertion_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    one_assertion_wins(SqliteStore::open(folder.path().join("valetkey.db")).unwrap()).await;
}

async fn one_redemption_wins<S: Store>(store: S) {
    let run: Arc<Running<S>> = Arc::new(start(store).await);
    for round in 0..100 {
        let code = run.code().await;
        let mut racing = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (run, code) = (Arc::clone(&run), code.clone());
            racing.spawn(async move { run.redeem(&code).await });
        }
        let answers = racing.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, AT_ONCE - 1), "round {round}");
        for answer in lost {
            assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_grant"), "round {round}");
        }
        assert_eq!(run.introspect(&won[0].text("access_token")).await, json!({"active": false}), "round {round}");
        assert_eq!(run.refresh(&won[0].text("refresh_token")).await.text("error"), "invalid_grant", "round {round}");
    }
}

async fn one_successor<S: Store>(store: S) {
    let run: Arc<Running<S>> = Arc::new(start(store).await);
    let mut token = run.redeem(&run.code().await).await.text("refresh_token");
    for round in 0..10 {
        let mut racing = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (run, token) = (Arc::clone(&run), token.clone());
            racing.spawn(async move { run.refresh(&token).await });
        }
        let mut successors = BTreeSet::new();
        for answer in racing.join_all().await {
            assert_eq!(answer.status, 200, "round {round}: {}", answer.body);
            successors.insert((answer.text("access_token"), answer.text("refresh_token")));
        }
        assert_eq!(successors.len(), 1, "round {round}");
        let (access, next) = successors.pop_first().unwrap();
        assert_ne!(next, token);
        assert_eq!(run.introspect(&access).await["active"], true, "round {round}");
        token = next;
    }
}

/// An assertion of the client "keyed" for this server, signed by a key that tests know.
fn assertion(key: &SigningKey, issuer: &str, id: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": "keyed", "sub": "keyed", "aud": issuer, "exp": now + 60, "iat": now, "jti": id});
    let part = |json: serde_json::Value| Base64UrlUnpadded::encode_string(json.to_string().as_bytes());
    let message = format!("{}.{}", part(json!({"alg": "EdDSA", "typ": "client-authentication+jwt"})), part(claims));
    let signature = key.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature))
}

async fn one_assertion_wins<S: Store>(store: S) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let x = Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes());
    let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string();
    let set = |server: AuthorizationServer<S>| {
        server.with_client_keys(Algorithms::of(&[Algorithm::EdDsa]), parts::verify).unwrap()
    };
    let run: Arc<Running<S>> = Arc::new(start_with(store, set, router).await);
    let grant_types = GrantTypes { client_credentials: true, refresh_token: true, ..GrantTypes::default() };
    let keyed = Client { auth: ClientAuth::PrivateKeyJwt, jwks: &jwks, grant_types, ..client("keyed", "", "read") };
    put(run.server.store(), &keyed).await;
    // Where a token is asked for, and where only is read.
    for (path, body, refusal) in [
        ("/token", "grant_type=client_credentials", None),
        ("/token", "grant_type=refresh_token&refresh_token=unknown", Some("invalid_grant")),
        ("/revoke", "token=unknown", None),
        ("/introspect", "token=unknown", Some("unauthorized_client")),
    ] {
        for round in 0..10 {
            let signed = assertion(&key, &run.url, &format!("{path} {body} {round}"));
            let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
            let form = format!("{body}&client_assertion_type={kind}&client_assertion={signed}");
            let mut racing = JoinSet::new();
            for _ in 0..AT_ONCE {
                let (run, form) = (Arc::clone(&run), form.clone());
                racing.spawn(async move { run.post(path, "", &form).await });
            }
            let answers = racing.join_all().await;
            let error = |answer: &common::Answered| (!answer.body.is_empty()).then(|| answer.json()["error"].clone());
            let replays = answers.iter().filter(|answer| error(answer) == Some(json!("invalid_client")));
            assert_eq!(replays.count(), AT_ONCE - 1, "{path} round {round}");
            let taken = answers.iter().find(|answer| error(answer) != Some(json!("invalid_client"))).unwrap();
            match refusal {
                Some(refusal) => assert_eq!(error(taken), Some(json!(refusal)), "{}", taken.body),
                None => assert_eq!(taken.status, 200, "{}", taken.body),
            }
        }
    }
}
