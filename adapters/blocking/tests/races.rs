//! What many threads at once may get: on the store in memory, and on the durable one.

mod common;

use common::{code, introspect, json, redeem, refresh, start, text};
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use valetkey_blocking::server::Response;
use valetkey_blocking::store::Store;
use valetkey_memory::MemoryStore;
use valetkey_sqlite::SqliteStore;

const AT_ONCE: usize = 64;

#[test]
fn rfc6749_4_1_2_05_of_64_threads_that_redeem_one_code_one_wins_and_what_it_got_is_revoked() {
    one_redemption_wins(MemoryStore::new(), 100);
}

#[test]
fn rfc6749_4_1_2_05_of_64_threads_that_redeem_one_durable_code_one_wins_and_what_it_got_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    one_redemption_wins(SqliteStore::open(folder.path().join("valetkey.db")).unwrap(), 20);
}

#[test]
fn of_64_threads_that_refresh_one_token_all_get_the_same_successor() {
    one_successor(MemoryStore::new());
}

#[test]
fn of_64_threads_that_refresh_one_durable_token_all_get_the_same_successor() {
    let folder = tempfile::tempdir().unwrap();
    one_successor(SqliteStore::open(folder.path().join("valetkey.db")).unwrap());
}

/// Answers of as many threads, which begin at the same moment.
fn race(ask: impl Fn() -> Response + Sync) -> Vec<Response> {
    let start = Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        let ask = || {
            start.wait();
            ask()
        };
        let racing: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(ask)).collect();
        racing.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn one_redemption_wins(store: impl Store, rounds: usize) {
    let server = start(store);
    for round in 0..rounds {
        let code = code(&server);
        let answers = race(|| redeem(&server, &code));
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, AT_ONCE - 1), "round {round}");
        for answer in lost {
            assert_eq!((answer.status, text(answer, "error").as_str()), (400, "invalid_grant"), "round {round}");
        }
        let seen = introspect(&server, &text(won[0], "access_token"));
        assert_eq!(seen, serde_json::json!({"active": false}), "round {round}");
        let again = refresh(&server, &text(won[0], "refresh_token"));
        assert_eq!(text(&again, "error"), "invalid_grant", "round {round}");
    }
}

fn one_successor(store: impl Store) {
    let server = start(store);
    let mut token = text(&redeem(&server, &code(&server)), "refresh_token");
    for round in 0..10 {
        let mut successors = BTreeSet::new();
        for answer in race(|| refresh(&server, &token)) {
            assert_eq!(answer.status, 200, "round {round}: {}", answer.body);
            successors.insert((text(&answer, "access_token"), text(&answer, "refresh_token")));
        }
        assert_eq!(successors.len(), 1, "round {round}");
        let (access, next) = successors.pop_first().unwrap();
        assert_ne!(next, token);
        assert_eq!(introspect(&server, &access)["active"], true, "round {round}");
        token = next;
    }
    assert_eq!(json(&refresh(&server, &token))["scope"], "read");
}
