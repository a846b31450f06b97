//! What callers get while the authorization server is away, and how often it is asked meanwhile.

use crate::proxy::Fault;
use crate::{AGEING, EXPIRED, World, pass, stop_time};
use std::time::Duration;
use tokio::time::Instant;
use valetkey::client::keeper::{State, Trouble};
use valetkey::error::ErrorCode;
use valetkey_tokio::client::{ApiError, NoToken};

/// What a client finds in place of its server, and how it names that.
fn absences() -> [(Fault, Trouble); 9] {
    let html = "Content-Type: text/html\r\n";
    let json = "Content-Type: application/json\r\n";
    [
        (Fault::Cut, Trouble::NoAnswer),
        (Fault::Lost, Trouble::NoAnswer),
        (Fault::Truncated(1), Trouble::NoAnswer),
        (Fault::Truncated(150), Trouble::NoAnswer),
        (Fault::Said("\0garbage".to_owned()), Trouble::NoAnswer),
        (Fault::said(503, "", ""), Trouble::Busy),
        (Fault::said(502, html, "<html>"), Trouble::Server),
        (Fault::said(200, html, "<html>"), Trouble::Server),
        (Fault::said(500, json, r#"{"error":"server_error"}"#), Trouble::Server),
    ]
}

async fn no_token(world: &World) -> NoToken {
    match world.get().await.unwrap_err() {
        ApiError::NoToken(why) => why,
        other => panic!("{other:?}"),
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_used_while_the_server_is_away_and_then_callers_are_told() {
    let _still = stop_time();
    for (fault, trouble) in absences() {
        let world = World::start().await;
        let began = Instant::now();
        assert_eq!(world.get().await.unwrap(), 200);
        let old = world.api.token();
        world.tokens.all(fault.clone());
        pass(AGEING).await;
        while millis(began.elapsed()) < EXPIRED {
            assert_eq!((world.get().await.unwrap(), world.api.token()), (200, old.clone()), "{fault:?}");
            while world.client.state() == State::Ageing {
                tokio::task::yield_now().await;
            }
            assert_eq!(world.client.state(), State::Failing);
            pass(1_000).await;
        }
        // Somebody may have asked a moment before the end: then the pause of that failure is kept to.
        assert_eq!(world.client.state(), State::Expired);
        let (asked, called) = (world.tokens.came(), world.api.came());
        let why = no_token(&world).await;
        assert_eq!((why.trouble, world.api.came()), (trouble, called), "{fault:?}");
        let asked = asked.max(world.tokens.came());

        // The server comes back: nobody asks it before the time that callers are told.
        world.tokens.all(Fault::None);
        let until_retry = millis(why.retry_in.unwrap());
        assert!(until_retry > 0, "{fault:?}");
        pass(until_retry - 1).await;
        let still = no_token(&world).await;
        assert_eq!((still.trouble, still.retry_in), (trouble, Some(Duration::from_millis(1))), "{fault:?}");
        assert_eq!(world.tokens.came(), asked, "{fault:?}");
        pass(1).await;
        assert_eq!(world.get().await.unwrap(), 200, "{fault:?}");
        assert_eq!((world.client.state(), world.tokens.came()), (State::Fresh, asked + 1));
        assert_ne!(world.api.token(), old);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_after_ten_seconds() {
    let _still = stop_time();
    let world = World::start().await;
    world.tokens.once(Fault::Silent);
    let (client, url) = (world.client.clone(), world.url());
    let waiting = tokio::spawn(async move { client.get(&url).await });
    world.tokens.has_come(1).await;
    pass(9_999).await;
    assert!(!waiting.is_finished());
    pass(1).await;
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, ApiError::NoToken(NoToken { trouble: Trouble::NoAnswer, retry_in: Some(_), .. })),
        "{refused:?}"
    );
    let told = "there is no access token: the authorization server did not answer; asked again after ";
    assert!(refused.to_string().starts_with(told), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_where_the_server_was() {
    let _still = stop_time();
    let gone = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let credentials = valetkey_tokio::client::ClientCredentials::new(format!("{gone}/token"), "reporter", "s3cret");
    let api = credentials.for_api(&gone).into_client().unwrap();
    let mut retries = Vec::new();
    for _ in 0..3 {
        let Err(ApiError::NoToken(why)) = api.get(&gone).await else { panic!() };
        assert_eq!(why.trouble, Trouble::NotSent);
        retries.push(why.retry_in.unwrap());
    }
    assert_eq!(retries, [retries[0]; 3], "it was asked again");
    assert_eq!(api.state(), State::Empty);
}

/// A call a second for an hour, and no token in all that time.
#[tokio::test(start_paused = true)]
async fn a_server_that_stays_away_is_asked_ever_more_seldom() {
    let _still = stop_time();
    let world = World::start().await;
    world.tokens.all(Fault::Cut);
    let (began, mut attempts, mut retry) = (Instant::now(), Vec::new(), Instant::now());
    for _ in 0..3_600 {
        let before = world.tokens.came();
        let why = no_token(&world).await;
        let now = Instant::now();
        match world.tokens.came() - before {
            0 => assert_eq!(now + why.retry_in.unwrap(), retry, "the time of the next attempt was moved"),
            1 => {
                assert!(now >= retry, "it was asked in the pause");
                retry = now + why.retry_in.unwrap();
                attempts.push(now);
            }
            more => panic!("{more} attempts for one call"),
        }
        pass(1_000).await;
    }
    let pauses: Vec<_> = attempts.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
    // Evenly anywhere up to a minute once it is away for long, and at most so many.
    assert!(pauses.iter().all(|pause| (1..=62).contains(pause)), "{pauses:?}");
    assert!((58..240).contains(&attempts.len()), "{} attempts in an hour", attempts.len());
    assert!(attempts[0] == began && pauses[0] <= 3, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_to_as_a_number_and_as_a_date() {
    let _still = stop_time();
    let date = "Date: Mon, 10 Nov 2025 08:00:00 GMT\r\nRetry-After: Mon, 10 Nov 2025 08:02:00 GMT\r\n";
    for fields in ["Retry-After: 120\r\n", date] {
        let world = World::start().await;
        world.tokens.once(Fault::said(503, fields, ""));
        let why = no_token(&world).await;
        assert_eq!(why.trouble, Trouble::Busy);
        let retry_in = millis(why.retry_in.unwrap());
        assert!((121_000..=181_000).contains(&retry_in), "{retry_in}");
        pass(120_000).await;
        no_token(&world).await;
        assert_eq!(world.tokens.came(), 1, "it was asked in the pause");
        pass(retry_in - 120_000).await;
        assert_eq!(world.get().await.unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6749_5_2_02_a_client_that_is_refused_is_told_the_word_and_does_not_hammer() {
    let _still = stop_time();
    let world = World::with_secret("wrong").await;
    for _ in 0..3 {
        let why = no_token(&world).await;
        assert_eq!(why.trouble, Trouble::Denied(Some(ErrorCode::InvalidClient)));
        assert!(why.retry_in.unwrap() >= Duration::from_secs(60));
    }
    assert_eq!((world.tokens.came(), world.api.came()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_network_repeats_gives_one_good_token() {
    let _still = stop_time();
    let world = World::start().await;
    world.tokens.once(Fault::Twice);
    assert_eq!(world.get().await.unwrap(), 200);
    assert_eq!(world.tokens.came(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_not_used_again_though_the_server_is_away() {
    let _still = stop_time();
    let world = World::start().await;
    assert_eq!(world.get().await.unwrap(), 200);
    world.revoke().await;
    world.tokens.all(Fault::Cut);
    let why = no_token(&world).await;
    assert_eq!((why.trouble, world.client.state()), (Trouble::NoAnswer, State::Revoked));
    no_token(&world).await;
    assert_eq!(world.api.came(), 2, "a refused token was sent again");
    world.tokens.all(Fault::None);
    pass(millis(why.retry_in.unwrap())).await;
    assert_eq!(world.get().await.unwrap(), 200);
}
