//! A client that signs who it is.

use crate::common::{client, put};
use crate::proxy::Fault;
use crate::{AGEING, World, pass, stop_time};
use base64ct::{Base64UrlUnpadded, Encoding};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::task::{JoinSet, yield_now};
use valetkey::client::ConfigError;
use valetkey::client::keeper::{State, Trouble};
use valetkey::error::ErrorCode;
use valetkey::jose::Algorithm;
use valetkey::server::change::{Committed, Key};
use valetkey::server::change_client;
use valetkey::server::record::{Client, ClientAuth, OwnedRecord};
use valetkey::time::UnixTime;
use valetkey_aws_lc::SigningKey;
use valetkey_tokio::client::{ApiError, ClientCredentials, ClientKey, RefreshToken, SetupError, Transport};
use valetkey_tokio::store::Store;

/// A world with a client of that key, which signs as it is told.
async fn world(key: &SigningKey, sign: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> World {
    let client_key = ClientKey::new(key.algorithm(), key.kid(), sign);
    let by_key = |issuer: &str, tokens: &str| {
        ClientCredentials::by_key(issuer, format!("{tokens}/token"), "demo-signer", client_key)
    };
    let world = World::with(by_key).await;
    let jwks = format!(r#"{{"keys":[{}]}}"#, key.public_json());
    let signer = client("demo-signer", "-", "telemetry:write");
    let signer = Client { auth: ClientAuth::PrivateKeyJwt, secret: "", jwks: &jwks, ..signer };
    put(world.server.server.store(), &signer).await;
    world
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(Algorithm::Es256).unwrap())
}

#[tokio::test]
async fn three_lines_call_an_api_by_a_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Ps256] {
        let key = Arc::new(SigningKey::generate(algorithm).unwrap());
        let signer = key.clone();
        let world = world(&key, move |message| signer.sign(message).ok()).await;
        assert_eq!(world.get().await.unwrap(), 200, "{algorithm:?}");
        assert_eq!(world.client.state(), State::Fresh);
    }
}

#[tokio::test]
async fn rfc7523_3_07_each_request_is_signed_anew() {
    let (key, seen) = (key(), Arc::new(Mutex::new(Vec::new())));
    let (signer, keep) = (key.clone(), seen.clone());
    let sign = move |message: &[u8]| {
        keep.lock().unwrap().push(message.to_vec());
        signer.sign(message).ok()
    };
    let world = world(&key, sign).await;
    assert_eq!(world.get().await.unwrap(), 200);
    world.api.once(Fault::said(401, "", "revoked"));
    assert_eq!(world.get().await.unwrap(), 200, "the server takes no assertion twice");
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), world.tokens.came()), (2, 2));
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_make_one_signature() {
    let _still = stop_time();
    let (key, signed) = (key(), Arc::new(AtomicUsize::new(0)));
    let (signer, count) = (key.clone(), signed.clone());
    let sign = move |message: &[u8]| {
        count.fetch_add(1, SeqCst);
        signer.sign(message).ok()
    };
    let world = world(&key, sign).await;
    let mut racing = JoinSet::new();
    for _ in 0..100 {
        let (client, url) = (world.client.clone(), world.url());
        racing.spawn(async move { client.get(&url).await.unwrap().status().as_u16() });
    }
    assert_eq!(racing.join_all().await, [200; 100]);
    assert_eq!((signed.load(SeqCst), world.tokens.came()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_away_is_told_and_tried_again_and_nothing_is_sent_unsigned() {
    let _still = stop_time();
    let key = key();
    let (signer, tries) = (key.clone(), Arc::new(AtomicUsize::new(0)));
    let count = tries.clone();
    // Away, broken, and of another length than the algorithm's.
    let sign = move |message: &[u8]| match count.fetch_add(1, SeqCst) {
        0 => None,
        1 => panic!("the driver of the device is broken"),
        2 => Some(vec![7; 70]),
        _ => signer.sign(message).ok(),
    };
    let world = world(&key, sign).await;
    for tried in 1..=3 {
        let refused = world.get().await.unwrap_err();
        let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
        assert_eq!((why.trouble, tries.load(SeqCst)), (Trouble::NotSigned, tried));
        pass(why.retry_in.unwrap().as_millis().try_into().unwrap()).await;
    }
    assert_eq!(world.tokens.came(), 0);
    assert_eq!(world.get().await.unwrap(), 200);
}

/// The login's client has a key pair from now on, as when its operator changes it.
async fn by_key_from_now_on(world: &World, key: &SigningKey) {
    let store = world.server.server.store();
    let found = store.load(&[Some(Key::client("demo-web")), None, None, None]).await.unwrap();
    let Some((record, at)) = &found[0] else { panic!("{found:?}") };
    let OwnedRecord::Client(before) = &**record else { panic!("{record:?}") };
    let jwks = format!(r#"{{"keys":[{}]}}"#, key.public_json());
    let before = before.as_view();
    let new = Client { auth: ClientAuth::PrivateKeyJwt, secret: "", jwks: &jwks, ..before };
    let change = change_client([7; 8], UnixTime(1), (before, *at), new).unwrap();
    assert_eq!(store.commit(&change).await.unwrap(), Committed::Applied);
}

/// alice has logged in, and this client of hers signs and keeps as it is told; and the refresh token of the login.
async fn person(
    key: &SigningKey,
    sign: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    keep: impl Fn(&RefreshToken) -> bool + Send + Sync + 'static,
) -> (World, ClientCredentials, String) {
    let world = World::start().await;
    let code = world.server.code().await;
    let first = world.server.redeem(&code).await.text("refresh_token");
    by_key_from_now_on(&world, key).await;
    let signing = ClientKey::new(key.algorithm(), key.kid(), sign);
    let endpoint = format!("{}/token", world.tokens.origin);
    let credentials = ClientCredentials::by_key(&world.server.url, endpoint, "demo-web", signing)
        .with_refresh_token(RefreshToken::new(&first, false), keep)
        .for_api(&world.api.origin);
    (world, credentials, first)
}

/// What keeps a token may take longer than the minute for which a signature is good.
#[tokio::test]
async fn what_a_person_is_served_by_is_signed_after_the_refresh_token_is_kept() {
    let (key, (done, doing)) = (key(), channel());
    let (signer, signed) = (key.clone(), done.clone());
    let sign = move |message: &[u8]| {
        signed.send("signed").unwrap();
        signer.sign(message).ok()
    };
    let keep = move |token: &RefreshToken| done.send(if token.is_in_use() { "sending" } else { "kept" }).is_ok();
    let (world, credentials, _) = person(&key, sign, keep).await;
    let api = credentials.into_client().unwrap();
    let notes = format!("{}/notes", world.api.origin);
    assert_eq!(api.get(&notes).await.unwrap().text().await.unwrap(), "alice");
    assert_eq!(doing.try_iter().collect::<Vec<_>>(), ["sending", "signed", "kept"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_was_kept_and_not_signed_for_is_not_in_use_after_a_restart() {
    let _still = stop_time();
    for panics in [false, true] {
        let (key, (write, written)) = (key(), channel());
        let sign = move |_: &[u8]| if panics { panic!("the driver of the device is broken") } else { None };
        let keep = move |token: &RefreshToken| write.send((token.expose().to_owned(), token.is_in_use())).is_ok();
        let (world, credentials, first) = person(&key, sign, keep).await;
        let api = credentials.into_client().unwrap();
        let refused = api.get(&format!("{}/notes", world.api.origin)).await.unwrap_err();
        let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
        assert_eq!((why.trouble, world.tokens.came()), (Trouble::NotSigned, 0));
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [(first.clone(), true), (first, false)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_is_served_by_a_client_with_a_key_and_a_lost_answer_is_asked_for_by_a_new_signature() {
    let _still = stop_time();
    let key = key();
    let signer = key.clone();
    let (world, credentials, _) = person(&key, move |message| signer.sign(message).ok(), |_| true).await;
    let api = credentials.with_grace_window().into_client().unwrap();
    let notes = format!("{}/notes", world.api.origin);
    world.tokens.once(Fault::Lost);
    let refused = api.get(&notes).await.unwrap_err();
    let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
    pass(why.retry_in.unwrap().as_millis().try_into().unwrap()).await;
    assert_eq!(api.get(&notes).await.unwrap().text().await.unwrap(), "alice");
    // Twice the same renewal, and then the next one.
    world.api.once(Fault::said(401, "", "revoked"));
    assert_eq!(api.get(&notes).await.unwrap().text().await.unwrap(), "alice");
    assert_eq!(world.tokens.came(), 3);
}

/// When this was signed, in seconds of the Unix epoch.
fn issued_at(message: &[u8]) -> u64 {
    let payload = message.split(|byte| *byte == b'.').nth(1).unwrap();
    let payload = Base64UrlUnpadded::decode_vec(str::from_utf8(payload).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["iat"].as_u64().unwrap()
}

/// A refusal by a server whose clock is so many seconds ahead.
fn refusal(word: &str, ahead: u64) -> Fault {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(ahead));
    let head = format!("Content-Type: application/json\r\nDate: {date}\r\n");
    Fault::said(401, &head, &format!(r#"{{"error":"{word}"}}"#))
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

const TOKEN: &str = r#"{"access_token":"a","token_type":"Bearer","expires_in":600,"refresh_token":"second"}"#;

/// Once, and not for the next renewal: the clock of this machine may have been set meanwhile.
#[tokio::test(start_paused = true)]
async fn what_is_refused_for_its_time_is_signed_once_more_by_the_servers() {
    let _still = stop_time();
    let (key, (sign, signed), (write, written)) = (key(), channel(), channel());
    let signer = key.clone();
    let sign = move |message: &[u8]| {
        sign.send(issued_at(message)).unwrap();
        signer.sign(message).ok()
    };
    let keep = move |token: &RefreshToken| write.send((token.expose().to_owned(), token.is_in_use())).is_ok();
    let (world, credentials, first) = person(&key, sign, keep).await;
    let (api, notes) = (credentials.into_client().unwrap(), format!("{}/notes", world.api.origin));
    let signed_by_own = |at: u64| UnixTime(at).since(now()) < 60 && now().since(UnixTime(at)) < 60;

    world.tokens.once(refusal("invalid_client", 600));
    world.tokens.once(refusal("invalid_client", 1_200));
    let refused = api.get(&notes).await.unwrap_err();
    let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
    assert_eq!((why.trouble, world.tokens.came()), (Trouble::Denied(Some(ErrorCode::InvalidClient)), 2));
    let at: Vec<_> = signed.try_iter().collect();
    assert!(at.len() == 2 && signed_by_own(at[0]) && signed_by_own(at[1] - 600), "{at:?}");
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [(first.clone(), true), (first.clone(), false)]);

    pass(why.retry_in.unwrap().as_millis().try_into().unwrap()).await;
    world.tokens.once(refusal("invalid_client", 600));
    world.tokens.once(Fault::said(200, "Content-Type: application/json\r\n", TOKEN));
    world.api.once(Fault::said(200, "", "alice"));
    assert_eq!(api.get(&notes).await.unwrap().text().await.unwrap(), "alice");
    let at: Vec<_> = signed.try_iter().collect();
    assert!(at.len() == 2 && signed_by_own(at[0]) && signed_by_own(at[1] - 600), "{at:?}");
    assert_eq!(written.try_iter().collect::<Vec<_>>(), [(first, true), ("second".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_refused_for_its_time_is_not_sent_again() {
    let _still = stop_time();
    for (word, ahead) in [("invalid_client", 0), ("invalid_client", 100_000), ("invalid_grant", 600)] {
        let key = key();
        let signer = key.clone();
        let (world, credentials, _) = person(&key, move |message| signer.sign(message).ok(), |_| true).await;
        world.tokens.once(refusal(word, ahead));
        let api = credentials.into_client().unwrap();
        assert!(api.get(&format!("{}/notes", world.api.origin)).await.is_err());
        assert_eq!(world.tokens.came(), 1, "{word} {ahead}");
    }
    // Nor what was not signed.
    let world = World::start().await;
    world.tokens.once(refusal("invalid_client", 600));
    assert!(world.get().await.is_err());
    assert_eq!(world.tokens.came(), 1);
}

/// One thread, on which nothing would go on if it waited for the device.
#[tokio::test(start_paused = true)]
async fn a_slow_device_holds_nobody_up_while_the_token_is_good() {
    let _still = stop_time();
    let (key, (go, gate)) = (key(), channel());
    let (signer, gate, asked) = (key.clone(), Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let sign = move |message: &[u8]| {
        count.fetch_add(1, SeqCst);
        gate.lock().unwrap().recv_timeout(Duration::from_secs(60)).ok()?;
        signer.sign(message).ok()
    };
    let world = world(&key, sign).await;
    go.send(()).unwrap();
    assert_eq!(world.get().await.unwrap(), 200);
    let old = world.api.token();
    pass(AGEING).await;
    for _ in 0..10 {
        assert_eq!((world.get().await.unwrap(), world.api.token()), (200, old.clone()));
    }
    while asked.load(SeqCst) < 2 {
        yield_now().await;
    }
    go.send(()).unwrap();
    world.until(State::Fresh).await;
    assert_eq!(world.get().await.unwrap(), 200);
    assert_ne!(world.api.token(), old);
}

#[tokio::test]
async fn what_is_not_in_order_of_a_key_is_told_before_anything_is_sent() {
    let key = |algorithm, kid: &str| ClientKey::new(algorithm, kid, |_| None);
    let named = |issuer: &str, key| {
        ClientCredentials::by_key(issuer, "https://as.example/token", "reporter", key).for_api("http://127.0.0.1:8081")
    };
    let new = |issuer, algorithm| named(issuer, key(algorithm, "key-1"));
    let transport = Transport::new().unwrap();
    assert!(new("https://as.example", Algorithm::Es256).with_transport(transport).into_client().is_ok());
    for (credentials, why) in [
        (new("", Algorithm::Es256), ConfigError::Issuer),
        (new("http://as.example", Algorithm::Es256), ConfigError::Issuer),
        (new("https://as.example", Algorithm::Hs256), ConfigError::Algorithm),
        (named("https://as.example", key(Algorithm::Es256, "key-1\n")), ConfigError::Kid),
    ] {
        assert_eq!(credentials.into_client().unwrap_err(), SetupError::Config(why));
    }
    let shown = format!("{:?}", key(Algorithm::Es256, "key-1"));
    assert_eq!(shown, r#"ClientKey { algorithm: Es256, kid: "key-1", .. }"#);
}
