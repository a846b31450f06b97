//! What a request may be, what is told of it, and what is refused before anything is sent.

use crate::proxy::Fault;
use crate::{World, stop_time};
use reqwest::{Body, Method, Request};
use std::sync::atomic::Ordering::SeqCst;
use valetkey::client::ConfigError;
use valetkey::client::keeper::State;
use valetkey_tokio::client::{ApiError, ClientCredentials, SendError, SetupError, Transport};

fn post(world: &World, body: impl Into<Body>) -> Request {
    let mut request = Request::new(Method::POST, world.url().parse().unwrap());
    *request.body_mut() = Some(body.into());
    request
}

#[tokio::test]
async fn a_body_goes_along_and_a_second_time_with_a_new_token() {
    let world = World::start().await;
    let answer = world.client.send(post(&world, "a note")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "demo-device a note"));
    world.revoke().await;
    let answer = world.client.send(post(&world, "another")).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "demo-device another");
    assert_eq!((world.tokens.came(), world.api.came(), world.taken.load(SeqCst)), (2, 3, 2));
    assert_eq!(world.client.state(), State::Fresh);
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_asked_twice_and_its_answer_handed_on() {
    let world = World::start().await;
    world.api.all(Fault::said(401, "", "revoked"));
    for calls in 0..10 {
        let answer = world.client.get(&world.url()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (401, "revoked"));
        // The second token replaced a refused one: that a third would do better is not to be expected.
        assert_eq!((world.tokens.came(), world.api.came()), (2, 2 + calls));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_does_not_end_is_dropped_before_a_new_token_is_asked_for() {
    let _still = stop_time();
    let world = World::start().await;
    world.tokens.once(Fault::None);
    let (held, gate) = Fault::held();
    world.tokens.once(held);
    world.api.once(Fault::Begun("HTTP/1.1 401 -\r\nContent-Length: 1000\r\n\r\nrevo".to_owned(), gate));
    assert_eq!(world.get().await.unwrap(), 200);
    assert_eq!((world.tokens.came(), world.api.came()), (2, 2));
}

#[tokio::test]
async fn an_api_that_breaks_off_is_not_asked_again() {
    let world = World::start().await;
    for fault in [Fault::Cut, Fault::Lost, Fault::Said("garbage".to_owned())] {
        world.api.once(fault);
        let error = world.client.send(post(&world, "once")).await.unwrap_err();
        assert!(matches!(error, ApiError::Send(SendError::Broken(_))), "{error:?}");
    }
    assert_eq!((world.api.came(), world.taken.load(SeqCst)), (3, 1));
    assert_eq!(world.client.state(), State::Fresh, "an API says nothing of a token by being away");
}

#[tokio::test]
async fn what_is_not_in_order_is_told_before_anything_is_sent() {
    let new = |endpoint: &str, id: &str, secret: &str| ClientCredentials::new(endpoint, id, secret);
    let good = || new("https://as.example/token", "reporter", "s3cret");
    let two =
        |credentials: ClientCredentials| credentials.for_api("https://api.example").for_api("http://127.0.0.1:8081");
    assert!(two(good()).with_transport(Transport::new().unwrap()).into_client().is_ok());
    let with = good().with_transport(Transport::new().unwrap()).for_api("https://api.example");
    assert!(with.with_scope("a b").with_resource("https://api.example").with_audience("api").into_client().is_ok());
    assert_eq!(good().into_client().unwrap_err(), SetupError::Api);
    assert_eq!(
        good().for_api("https://api.example").for_api("http://api.example").into_client().unwrap_err(),
        SetupError::Api
    );
    for (credentials, why) in [
        (new("http://as.example/token", "reporter", "s3cret"), ConfigError::TokenEndpoint),
        (new("https://as.example/token", "", "s3cret"), ConfigError::ClientId),
        (new("https://as.example/token", "reporter", ""), ConfigError::ClientSecret),
        (good().with_scope("a  b"), ConfigError::Scope),
    ] {
        assert_eq!(credentials.for_api("https://api.example").into_client().unwrap_err(), SetupError::Config(why));
    }
}

#[tokio::test]
async fn no_debug_or_error_shows_a_secret_or_a_token() {
    let world = World::start().await;
    let credentials = ClientCredentials::new(format!("{}/token", world.tokens.origin), "demo-device", "device-secret");
    let mut shown = format!("{credentials:?}");
    let response = world.client.get(&world.url()).await.unwrap();
    shown += &format!("{:?} {response:?}", world.client);
    world.api.once(Fault::Cut);
    for url in [format!("{}?key=hush-in-url", world.url()), "https://api.example/?key=hush-in-url".to_owned()] {
        let error = world.client.get(&url).await.unwrap_err();
        shown += &format!("{error:?} {error} {:?}", std::error::Error::source(&error));
    }
    assert!(shown.contains("demo-device"), "{shown}");
    for secret in ["device-secret", "hush-in-url", &world.api.token()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn https_without_tls_is_told_before_anything_is_sent() {
    for (endpoint, api) in
        [("https://as.example/token", "http://127.0.0.1:8081"), ("http://127.0.0.1:8080/token", "https://api.example")]
    {
        let credentials = || ClientCredentials::new(endpoint, "reporter", "s3cret").for_api(api);
        let expected = (!cfg!(feature = "rustls")).then_some(SetupError::NoTls);
        assert_eq!(credentials().into_client().err(), expected, "{endpoint} {api}");
        // A transport of the program's own may have TLS from elsewhere.
        assert!(credentials().with_transport(Transport::new().unwrap()).into_client().is_ok());
    }
    assert!(SetupError::NoTls.to_string().contains("feature `rustls`"));
}
