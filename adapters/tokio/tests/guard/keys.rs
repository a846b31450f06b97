//! Keys that are turned over, unknown, or not to be had.

use crate::api::{Api, EAGER, FIRST, Instead, Pair, SECOND, TestIssuer};
use axum::response::{IntoResponse, Response};
use std::sync::atomic::Ordering::SeqCst;
use valetkey_tokio::resource::Timing;

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_is_gone_then() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.found().await.with_timing(EAGER)]).await;
    assert_eq!(api.status(&FIRST.token(&issuer.claims())).await, 200);
    issuer.publish(&[FIRST, SECOND]);
    assert_eq!(api.status(&SECOND.token(&issuer.claims())).await, 200);
    assert_eq!(api.status(&FIRST.token(&issuer.claims())).await, 200);
    assert_eq!(issuer.key_fetches(), 2);
    issuer.publish(&[SECOND]);
    // Something unknown makes it look again.
    assert_eq!(api.status(&Pair("third", 3).token(&issuer.claims())).await, 401);
    assert_eq!(api.status(&FIRST.token(&issuer.claims())).await, 401);
}

#[tokio::test]
async fn rfc8725_3_10_01_a_flood_of_unknown_keys_does_not_reach_the_issuer() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.found().await]).await;
    assert_eq!(issuer.key_fetches(), 1);
    let kids = ["x", "../../etc/passwd", "' OR 1=1 --", "http://127.0.0.1/", "FIRST", "first ", "\u{fe}irst"];
    for kid in kids.into_iter().cycle().take(50) {
        api.refuses(&Pair(kid, 1).token(&issuer.claims()), kid).await;
    }
    assert_eq!(issuer.key_fetches(), 1, "it was fetched a moment ago");
    assert_eq!(api.status(&issuer.token()).await, 200, "and the good ones are not held up");
}

#[tokio::test]
async fn many_at_once_share_one_fetch() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.unfetched()]).await;
    let token = issuer.token();
    let mut statuses = Vec::new();
    let calls: Vec<_> = (0..32).map(|_| api.status(&token)).collect();
    for call in futures(calls).await {
        statuses.push(call);
    }
    assert_eq!((statuses, issuer.key_fetches()), (vec![200; 32], 1));
}

/// Polls all at once, in one task.
async fn futures<F: Future>(calls: Vec<F>) -> Vec<F::Output> {
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (call, done) in calls.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = call.as_mut().poll(cx) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn while_the_issuer_is_away_its_keys_serve_and_what_is_unknown_is_503() {
    let issuer = TestIssuer::start().await;
    let always_ageing = Timing { pause: 0, fresh: 0, usable: 3_600 };
    let api = Api::of([issuer.found().await.with_timing(always_ageing)]).await;
    issuer.said.away.store(true, SeqCst);
    for _ in 0..5 {
        assert_eq!(api.status(&issuer.token()).await, 200);
    }
    let answer = api.get("/", &SECOND.token(&issuer.claims())).await;
    assert_eq!((answer.status, answer.challenge.as_str()), (503, ""), "nobody knows whether it is good");
    issuer.publish(&[SECOND]);
    issuer.said.away.store(false, SeqCst);
    assert_eq!(api.status(&SECOND.token(&issuer.claims())).await, 200);
}

#[tokio::test]
async fn keys_that_are_too_old_are_not_used_any_more() {
    let issuer = TestIssuer::start().await;
    let never_usable = Timing { pause: 0, fresh: 0, usable: 0 };
    let api = Api::of([issuer.found().await.with_timing(never_usable)]).await;
    issuer.said.away.store(true, SeqCst);
    assert_eq!(api.status(&issuer.token()).await, 503);
}

#[tokio::test]
async fn an_api_starts_while_its_issuer_is_away() {
    let issuer = TestIssuer::start().await;
    issuer.said.away.store(true, SeqCst);
    let api = Api::of([issuer.unfetched().with_timing(EAGER)]).await;
    assert_eq!(api.status(&issuer.token()).await, 503);
    issuer.said.away.store(false, SeqCst);
    assert_eq!(api.status(&issuer.token()).await, 200);
}

fn json(body: &'static str) -> Response {
    ([("content-type", "application/json")], body).into_response()
}

#[tokio::test]
async fn a_key_set_that_is_refused_leaves_the_old_one_in_place() {
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.found().await.with_timing(Timing { pause: 0, fresh: 0, usable: 3_600 })]).await;
    let broken: [Instead; 4] = [
        |_| json("[]"),
        |_| json("{\"keys\":{}}"),
        |_| json("{\"keys\":[]} x"),
        |_| "{\"keys\":[]}".into_response(), // it does not say that it is JSON
    ];
    for broken in broken {
        issuer.said.instead.lock().unwrap()[2] = Some(broken);
        assert_eq!(api.status(&issuer.token()).await, 200);
        assert_eq!(api.status(&SECOND.token(&issuer.claims())).await, 503);
    }
    // An empty one is a word: the issuer has withdrawn all.
    issuer.said.instead.lock().unwrap()[2] = None;
    issuer.publish(&[]);
    assert_eq!(api.status(&SECOND.token(&issuer.claims())).await, 401);
    assert_eq!(api.status(&issuer.token()).await, 401);
}
