//! A client of a person's grant: its refresh token rotates, and is kept in two phases so that no fault and no restart loses
//! the grant.

use crate::common::basic;
use crate::proxy::Fault;
use crate::{AGEING, World, pass, stop_time};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use valetkey::client::ConfigError;
use valetkey::client::keeper::{State, Trouble};
use valetkey_tokio::client::{ApiClient, ApiError, ClientCredentials, NoToken, RefreshToken, SetupError};

/// What a program kept, from the first to the last.
#[derive(Clone, Default)]
struct Kept {
    written: Arc<Mutex<Vec<(String, bool)>>>,
    /// Whether the next is refused; of a successor only, if it says so.
    broken: Arc<AtomicBool>,
    only_successors: Arc<AtomicBool>,
}

impl Kept {
    fn keep(&self, token: &RefreshToken) -> bool {
        if self.broken.load(SeqCst) && !(self.only_successors.load(SeqCst) && token.is_in_use()) {
            return false;
        }
        self.written.lock().unwrap().push((token.expose().to_owned(), token.is_in_use()));
        true
    }

    fn written(&self) -> Vec<(String, bool)> {
        self.written.lock().unwrap().clone()
    }

    /// As a program begins with after a restart.
    fn load(&self) -> RefreshToken {
        let (text, in_use) = self.written().pop().unwrap();
        RefreshToken::new(text, in_use)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    None,
    Known,
}

/// A client of the grant that this token is of.
fn client(world: &World, token: RefreshToken, kept: &Kept, grace: Grace) -> ApiClient {
    let kept = kept.clone();
    let credentials = ClientCredentials::new(format!("{}/token", world.tokens.origin), "demo-web", "web-secret")
        .with_refresh_token(token, move |token| kept.keep(token));
    let credentials = if grace == Grace::Known { credentials.with_grace_window() } else { credentials };
    credentials.for_api(&world.api.origin).into_client().unwrap()
}

/// alice has logged in, and the program keeps the refresh token of that.
async fn logged_in(grace: Grace) -> (World, ApiClient, Kept, String) {
    let world = World::start().await;
    let code = world.server.code().await;
    let first = world.server.redeem(&code).await.text("refresh_token");
    let kept = Kept::default();
    kept.written.lock().unwrap().push((first.clone(), false));
    let api = client(&world, kept.load(), &kept, grace);
    (world, api, kept, first)
}

/// In whose name the API was called.
async fn subject(world: &World, api: &ApiClient) -> Result<String, NoToken> {
    match api.get(&format!("{}/notes", world.api.origin)).await {
        Ok(answer) => Ok(answer.text().await.unwrap()),
        Err(ApiError::NoToken(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

/// A call begins a renewal, whose refresh token is being kept while the caller is told that there is no answer, and longer.
async fn a_caller_gives_up(world: &World, api: &ApiClient, writes: &AtomicUsize) {
    let (caller, url) = (api.clone(), format!("{}/notes", world.api.origin));
    let waiting = tokio::spawn(async move { caller.get(&url).await });
    while writes.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    pass(30_000).await;
    let refused = waiting.await.unwrap().unwrap_err();
    let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
    assert_eq!(why.trouble, Trouble::NoAnswer);
    wait(why).await;
}

async fn wait(why: NoToken) {
    pass(why.retry_in.unwrap().as_millis().try_into().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_rotates_is_kept_before_it_is_sent_and_before_its_successor_is_used() {
    let _still = stop_time();
    let (world, api, kept, first) = logged_in(Grace::None).await;
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
    let written = kept.written();
    assert_eq!(written[..2], [(first.clone(), false), (first.clone(), true)]);
    let second = written[2].0.clone();
    assert_eq!(written[2..], [(second.clone(), false)]);
    assert_ne!(first, second);

    // Renewed ahead, by one however many call.
    pass(AGEING).await;
    let mut racing = JoinSet::new();
    for _ in 0..100 {
        let (api, url) = (api.clone(), format!("{}/notes", world.api.origin));
        racing.spawn(async move { api.get(&url).await.unwrap().status().as_u16() });
    }
    assert_eq!(racing.join_all().await, [200; 100]);
    while api.state() != State::Fresh {
        tokio::task::yield_now().await;
    }
    let written = kept.written();
    assert_eq!((written.len(), world.tokens.came()), (5, 2));
    assert_eq!(written[3], (second, true));
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_sent() {
    let _still = stop_time();
    let (world, api, kept, _) = logged_in(Grace::None).await;
    kept.broken.store(true, SeqCst);
    for _ in 0..3 {
        let why = subject(&world, &api).await.unwrap_err();
        assert_eq!((why.trouble, world.tokens.came(), world.api.came()), (Trouble::NotKept, 0, 0));
        wait(why).await;
    }
    kept.broken.store(false, SeqCst);
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
}

#[tokio::test(start_paused = true)]
async fn what_comes_and_cannot_be_kept_is_not_used_and_the_grant_goes_on() {
    let _still = stop_time();
    for grace in [Grace::None, Grace::Known] {
        let (world, api, kept, first) = logged_in(grace).await;
        kept.only_successors.store(true, SeqCst);
        kept.broken.store(true, SeqCst);
        let why = subject(&world, &api).await.unwrap_err();
        assert_eq!((why.trouble, world.tokens.came(), world.api.came()), (Trouble::NotKept, 1, 0), "{grace:?}");
        wait(why).await;
        kept.broken.store(false, SeqCst);
        // The one that came is sent next, and what was spent never again.
        assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{grace:?}");
        let written = kept.written();
        assert_eq!((written.len(), world.tokens.came()), (4, 2), "{written:?}");
        assert_eq!(written[1], (first.clone(), true));
        assert!(written[2].0 != first && written[2].1 && !written[3].1, "{written:?}");
    }
}

/// While the store is broken the token that there is serves on.
#[tokio::test(start_paused = true)]
async fn a_good_token_is_used_while_nothing_can_be_kept() {
    let _still = stop_time();
    let (world, api, kept, _) = logged_in(Grace::None).await;
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
    kept.broken.store(true, SeqCst);
    pass(AGEING).await;
    for _ in 0..5 {
        assert_eq!(subject(&world, &api).await.unwrap(), "alice");
        while api.state() == State::Ageing {
            tokio::task::yield_now().await;
        }
        assert_eq!((api.state(), world.tokens.came()), (State::Failing, 1));
        pass(1_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_window_a_lost_answer_means_log_in_and_nothing_is_sent_twice() {
    let _still = stop_time();
    for fault in [Fault::Lost, Fault::Cut, Fault::Truncated(1), Fault::said(502, "", "<html>")] {
        let (world, api, kept, first) = logged_in(Grace::None).await;
        world.tokens.once(fault.clone());
        for _ in 0..3 {
            let why = subject(&world, &api).await.unwrap_err();
            assert_eq!((why.trouble, why.retry_in), (Trouble::GrantEnded, None), "{fault:?}");
            pass(120_000).await;
        }
        assert_eq!((world.tokens.came(), api.state()), (1, State::LoggedOut), "{fault:?}");
        // Nor is it after a restart.
        assert_eq!(kept.written().pop().unwrap(), (first, true));
        let api = client(&world, kept.load(), &kept, Grace::None);
        assert_eq!(api.state(), State::LoggedOut);
        assert_eq!(subject(&world, &api).await.unwrap_err().trouble, Trouble::GrantEnded);
        assert_eq!(world.tokens.came(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_grace_window_no_fault_of_the_network_loses_the_grant() {
    let _still = stop_time();
    let json = "Content-Type: application/json\r\n";
    for fault in [
        Fault::Lost,
        Fault::Cut,
        Fault::Truncated(1),
        Fault::Twice,
        Fault::said(503, "", ""),
        Fault::said(500, json, r#"{"error":"server_error"}"#),
        Fault::Said("\0garbage".to_owned()),
    ] {
        let (world, api, kept, first) = logged_in(Grace::Known).await;
        world.tokens.once(fault.clone());
        if let Err(why) = subject(&world, &api).await {
            assert_eq!(kept.written().pop().unwrap(), (first, true), "{fault:?}");
            wait(why).await;
        }
        assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{fault:?}");
        // And the family lives.
        world.api.once(Fault::said(401, "", "revoked"));
        assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{fault:?}");
    }
}

/// Whatever was written last before it ended, a program that is started anew goes on.
#[tokio::test(start_paused = true)]
async fn a_program_that_ends_at_any_moment_of_a_renewal_goes_on_after_it() {
    let _still = stop_time();
    for lost in [false, true] {
        for writes in 1..=3 {
            let (world, api, kept, _) = logged_in(Grace::Known).await;
            if lost {
                world.tokens.once(Fault::Lost);
            }
            let came = subject(&world, &api).await;
            assert_eq!(came.is_err(), lost);
            kept.written.lock().unwrap().truncate(writes);
            let api = client(&world, kept.load(), &kept, Grace::Known);
            assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{writes} {lost}");
            world.api.once(Fault::said(401, "", "revoked"));
            assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{writes} {lost}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_not_in_use_after_a_restart() {
    let _still = stop_time();
    let (kept, gone) = (Kept::default(), std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let keep = kept.clone();
    let api = ClientCredentials::public(format!("http://{gone}/token"), "demo-spa")
        .with_refresh_token(RefreshToken::new("first", false), move |token| keep.keep(token))
        .for_api(format!("http://{gone}"))
        .into_client()
        .unwrap();
    let refused = api.get(&format!("http://{gone}/")).await.unwrap_err();
    assert!(matches!(refused, ApiError::NoToken(NoToken { trouble: Trouble::NotSent, .. })), "{refused:?}");
    assert_eq!(kept.written(), [("first".to_owned(), true), ("first".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_rotate_keeps_its_token_in_use_for_no_longer_than_a_renewal() {
    let _still = stop_time();
    let (world, api, kept, first) = logged_in(Grace::None).await;
    let json = "Content-Type: application/json\r\n";
    world.tokens.once(Fault::said(200, json, r#"{"access_token":"a","token_type":"Bearer","expires_in":600}"#));
    world.api.once(Fault::said(200, "", "alice"));
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
    let written = kept.written();
    assert_eq!(written[1..], [(first.clone(), true), (first, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_the_person_has_ended_means_log_in_again() {
    let _still = stop_time();
    let (world, api, kept, _) = logged_in(Grace::Known).await;
    assert_eq!(subject(&world, &api).await.unwrap(), "alice");
    let token = kept.load();
    let body = format!("token={}", token.expose());
    assert_eq!(world.server.post("/revoke", &basic("demo-web", "web-secret"), &body).await.status, 200);
    let why = subject(&world, &api).await.unwrap_err();
    assert_eq!((why.trouble, why.retry_in, api.state()), (Trouble::GrantEnded, None, State::LoggedOut));
}

#[tokio::test]
async fn what_is_not_in_order_of_a_grant_is_told_before_anything_is_sent() {
    let spa = || ClientCredentials::public("http://127.0.0.1:8080/token", "demo-spa").for_api("http://127.0.0.1:8081");
    let with = |text: &str| spa().with_refresh_token(RefreshToken::new(text, false), |_| true);
    assert!(with("tGzv3JOkF0XG5Qx2TlKWIA").into_client().is_ok());
    for (credentials, why) in [
        (spa(), ConfigError::ClientSecret),
        (with(""), ConfigError::RefreshToken),
        (with("a\nb"), ConfigError::RefreshToken),
        (with("good").with_scope("a  b"), ConfigError::Scope),
    ] {
        assert_eq!(credentials.into_client().unwrap_err(), SetupError::Config(why));
    }
    let shown = format!("{:?} {:?}", with("tGzv3JOkF0XG5Qx2TlKWIA"), RefreshToken::new("tGzv3JOkF0XG5Qx2TlKWIA", true));
    assert!(shown.contains("demo-spa") && !shown.contains("tGzv"), "{shown}");
}

/// One thread keeps the token and hangs; its ticket is lost, and those who come later must not send the same token beside it.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_is_not_overtaken_by_another() {
    let _still = stop_time();
    let world = World::start().await;
    let code = world.server.code().await;
    let first = world.server.redeem(&code).await.text("refresh_token");
    let (go, gate) = std::sync::mpsc::channel();
    let (gate, writes) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
    let count = writes.clone();
    let keep = move |_: &RefreshToken| {
        count.fetch_add(1, SeqCst) > 0 || gate.lock().unwrap().recv_timeout(Duration::from_secs(60)).is_ok()
    };
    let api = ClientCredentials::new(format!("{}/token", world.tokens.origin), "demo-web", "web-secret")
        .with_refresh_token(RefreshToken::new(first, false), keep)
        .with_grace_window()
        .for_api(&world.api.origin)
        .into_client()
        .unwrap();
    a_caller_gives_up(&world, &api, &writes).await;
    let why = subject(&world, &api).await.unwrap_err();
    assert_eq!((why.trouble, world.tokens.came()), (Trouble::NotSent, 0));

    // It wakes up, and what it brings is kept, though nobody waits for it any more.
    go.send(()).unwrap();
    while writes.load(SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    wait(why).await;
    while subject(&world, &api).await != Ok("alice".to_owned()) {
        pass(1_000).await;
    }
    assert_eq!(world.tokens.came(), 2);
}

/// As long as it is not known that a renewal failed the grant lives, however long that takes.
#[tokio::test(start_paused = true)]
async fn without_a_grace_window_a_renewal_that_hangs_before_it_is_sent_ends_no_grant() {
    let _still = stop_time();
    for fails in [true, false] {
        let (world, _, _, first) = logged_in(Grace::None).await;
        let (go, gate) = std::sync::mpsc::channel();
        let (gate, writes) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
        let count = writes.clone();
        let keep =
            move |_: &RefreshToken| count.fetch_add(1, SeqCst) > 0 || gate.lock().unwrap().recv().unwrap_or(false);
        let api = ClientCredentials::new(format!("{}/token", world.tokens.origin), "demo-web", "web-secret")
            .with_refresh_token(RefreshToken::new(first, false), keep)
            .for_api(&world.api.origin)
            .into_client()
            .unwrap();
        a_caller_gives_up(&world, &api, &writes).await;
        let why = subject(&world, &api).await.unwrap_err();
        assert_eq!((why.trouble, world.tokens.came()), (Trouble::NoAnswer, 0));
        assert_ne!(api.state(), State::LoggedOut);

        go.send(!fails).unwrap();
        while let Err(why) = subject(&world, &api).await {
            assert_ne!(why.trouble, Trouble::GrantEnded, "{fails}");
            pass(1_000).await;
        }
        assert_eq!(world.tokens.came(), 1, "{fails}");
    }
}

/// A server that is busy or refuses the client has not spent the refresh token: that is known after a restart, too.
#[tokio::test(start_paused = true)]
async fn what_was_refused_without_being_spent_needs_no_login_after_a_restart() {
    let _still = stop_time();
    let json = "Content-Type: application/json\r\n";
    for (fault, trouble) in [
        (Fault::said(503, "", ""), Trouble::Busy),
        (Fault::said(429, "Retry-After: 5\r\n", ""), Trouble::Busy),
        (Fault::said(404, "", "<html>"), Trouble::Server),
        (
            Fault::said(401, json, r#"{"error":"invalid_client"}"#),
            Trouble::Denied(Some(valetkey::error::ErrorCode::InvalidClient)),
        ),
    ] {
        let (world, api, kept, first) = logged_in(Grace::None).await;
        world.tokens.once(fault.clone());
        assert_eq!(subject(&world, &api).await.unwrap_err().trouble, trouble, "{fault:?}");
        assert_eq!(kept.written()[1..], [(first.clone(), true), (first, false)], "{fault:?}");
        let api = client(&world, kept.load(), &kept, Grace::None);
        assert_eq!(subject(&world, &api).await.unwrap(), "alice", "{fault:?}");
    }
}
