//! What many requests at once may get, over loopback HTTP.

mod common;

use common::{Running, start};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;
use valetkey_memory::MemoryStore;

const AT_ONCE: usize = 64;

async fn started() -> Arc<Running<MemoryStore>> {
    Arc::new(start(MemoryStore::new()).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc6749_4_1_2_05_of_64_redemptions_of_one_code_one_wins_and_what_it_got_is_revoked() {
    let run = started().await;
    for round in 0..100 {
        let code = run.code().await;
        let mut racing = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (run, code) = (run.clone(), code.clone());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_refreshes_of_one_token_all_get_the_same_successor() {
    let run = started().await;
    let mut token = run.redeem(&run.code().await).await.text("refresh_token");
    for round in 0..10 {
        let mut racing = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (run, token) = (run.clone(), token.clone());
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
