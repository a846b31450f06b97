//! What many requests at once may get, over loopback HTTP: on the store in memory, and on the durable one.

mod common;

use common::{Running, start};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;
use valetkey_memory::MemoryStore;
use valetkey_sqlite::SqliteStore;
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
