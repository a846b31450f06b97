//! However many call at once, one renewal comes of it, and nobody who goes away takes it along.

use crate::proxy::Fault;
use crate::{AGEING, World, pass, stop_time};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};
use valetkey::client::keeper::State;

const AT_ONCE: usize = 1_000;

/// Each holds four sockets in this program, and the limit is often 1,024.
fn allow_sockets() {
    rlimit::increase_nofile_limit(12_000).unwrap();
}

/// Calls from as many tasks, which begin at the same moment, and all get an answer.
async fn race(world: &World, callers: usize) {
    let start = Arc::new(Barrier::new(callers));
    let mut racing = JoinSet::new();
    for _ in 0..callers {
        let (start, client, url) = (start.clone(), world.client.clone(), world.url());
        racing.spawn(async move {
            start.wait().await;
            client.get(&url).await.unwrap().status().as_u16()
        });
    }
    assert_eq!(racing.join_all().await, vec![200; callers]);
}

/// A fresh client's first token, and the one after that was revoked.
async fn two_tokens_for(callers: usize) {
    let world = World::start().await;
    race(&world, callers).await;
    assert_eq!((world.tokens.came(), world.api.came()), (1, callers));

    world.revoke().await;
    race(&world, callers).await;
    assert_eq!(world.tokens.came(), 2, "renewals of a token that all found refused");
    assert_eq!(world.taken.load(SeqCst), 2 * callers, "a request was lost, or taken twice");
    assert!(world.api.came() > 2 * callers, "none was refused");
}

/// With time standing still no request runs out of it, however busy the machine is.
#[tokio::test(start_paused = true)]
async fn a_thousand_callers_ask_for_one_token_and_for_one_that_was_revoked_once_more() {
    allow_sockets();
    let _still = stop_time();
    two_tokens_for(AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_do_callers_on_several_threads() {
    two_tokens_for(100).await;
}

/// One thread, so that all have begun when the last one has.
#[tokio::test(start_paused = true)]
async fn a_thousand_callers_of_an_ageing_token_wait_for_nothing_and_renew_it_once() {
    allow_sockets();
    let _still = stop_time();
    let world = World::start().await;
    assert_eq!(world.get().await.unwrap(), 200);
    let old = world.api.token();
    pass(AGEING).await;
    assert_eq!(world.client.state(), State::Ageing);
    let (held, gate) = Fault::held();
    world.tokens.once(held);
    race(&world, AT_ONCE).await;
    world.tokens.has_come(2).await;
    assert_eq!((world.tokens.came(), world.api.token()), (2, old.clone()));

    gate.add_permits(1);
    world.until(State::Fresh).await;
    race(&world, AT_ONCE).await;
    assert_eq!(world.tokens.came(), 2);
    assert_ne!(world.api.token(), old);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_in_mid_renewal_takes_nothing_from_the_others() {
    let _still = stop_time();
    let world = World::start().await;
    let (held, gate) = Fault::held();
    world.tokens.once(held);
    let (client, url) = (world.client.clone(), world.url());
    let first = tokio::spawn(async move { client.get(&url).await });
    world.tokens.has_come(1).await;

    let begun = Arc::new(AtomicUsize::new(0));
    let mut others = JoinSet::new();
    for _ in 0..100 {
        let (begun, client, url) = (begun.clone(), world.client.clone(), world.url());
        others.spawn(async move {
            begun.fetch_add(1, SeqCst);
            client.get(&url).await.unwrap().status().as_u16()
        });
    }
    while begun.load(SeqCst) < 100 {
        yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(others.join_all().await, [200; 100]);
    assert_eq!(world.tokens.came(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_nobody_waits_for_any_more_is_there_for_the_next() {
    let _still = stop_time();
    let world = World::start().await;
    let (held, gate) = Fault::held();
    world.tokens.once(held);
    let (client, url) = (world.client.clone(), world.url());
    let only = tokio::spawn(async move { client.get(&url).await });
    world.tokens.has_come(1).await;
    only.abort();
    assert!(only.await.unwrap_err().is_cancelled());
    assert_eq!((world.client.state(), world.api.came()), (State::Empty, 0));
    gate.add_permits(1);
    world.until(State::Fresh).await;
    assert_eq!(world.get().await.unwrap(), 200);
    assert_eq!(world.tokens.came(), 1);
}
