//! No token reaches a host that was not named.

use crate::proxy::{Elsewhere, Fault};
use crate::{World, pass, stop_time};
use valetkey::client::keeper::Trouble;
use valetkey_tokio::client::ApiError;

/// Every status that leads away.
const AWAY: [u16; 5] = [301, 302, 303, 307, 308];

#[tokio::test(start_paused = true)]
async fn rfc6750_5_3_02_a_redirect_is_the_caller_s_to_look_at() {
    let _still = stop_time();
    let (world, elsewhere) = (World::start().await, Elsewhere::listen().await);
    for status in AWAY {
        // An authorization server that leads away is none.
        let location = format!("Location: {}/token\r\n", elsewhere.origin);
        world.tokens.once(Fault::said(status, &location, ""));
        let refused = world.get().await.unwrap_err();
        let ApiError::NoToken(why) = refused else { panic!("{refused:?}") };
        assert_eq!(why.trouble, Trouble::Server);
        pass(why.retry_in.unwrap().as_millis().try_into().unwrap()).await;
    }
    for (calls, status) in AWAY.into_iter().enumerate() {
        for place in ["/telemetry", "//127.0.0.1/telemetry"] {
            let location = format!("Location: {}{place}\r\nRefresh: 0; url={0}\r\n", elsewhere.origin);
            world.api.once(Fault::said(status, &location, "gone"));
            assert_eq!(world.get().await.unwrap(), status);
        }
        assert_eq!(world.api.came(), 2 * (calls + 1), "a redirect was followed");
    }
    // What is not to be followed to another host is not followed to another path either.
    world.api.once(Fault::said(307, "Location: /telemetry\r\n", ""));
    assert_eq!(world.get().await.unwrap(), 307);
    elsewhere.reach().await;
}

#[tokio::test(start_paused = true)]
async fn rfc6750_5_3_02_no_url_leads_a_token_to_another_origin() {
    let _still = stop_time();
    let (world, elsewhere) = (World::start().await, Elsewhere::listen().await);
    let (api, other) = (&world.api.origin, &elsewhere.origin);
    let port = other.rsplit(':').next().unwrap();
    for url in [
        format!("{other}/telemetry"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        api.replace("127.0.0.1", "localhost"),
        api.replace("http:", "https:"),
        api.replace("http://", "http://127.0.0.1@"),
        format!("{api}@127.0.0.1:{port}/"),
        format!("{other}#{api}"),
        format!("{other}\\@{}", &api[7..]),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!("\t{other}\n/telemetry"),
        "https://api.example/telemetry".to_owned(),
    ] {
        assert!(matches!(world.client.get(&url).await, Err(ApiError::OtherOrigin)), "{url}");
    }
    for url in ["", "/telemetry", "//127.0.0.1", "127.0.0.1/telemetry", "http://", "http://127.0.0.1:99999"] {
        assert!(matches!(world.client.get(url).await, Err(ApiError::Send(_))), "{url}");
    }
    assert_eq!(world.tokens.came(), 0, "a token was asked for in vain");
    assert_eq!(world.get().await.unwrap(), 200);
    elsewhere.reach().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_request_has_of_its_own_does_not_replace_the_token_or_lead_elsewhere() {
    let _still = stop_time();
    let (world, elsewhere) = (World::start().await, Elsewhere::listen().await);
    let mut request = reqwest::Request::new(reqwest::Method::GET, world.url().parse().unwrap());
    request.headers_mut().append("authorization", "Bearer mine".parse().unwrap());
    request.headers_mut().append("authorization", "Bearer mine too".parse().unwrap());
    request.headers_mut().insert("host", elsewhere.origin[7..].parse().unwrap());
    assert_eq!(world.client.send(request).await.unwrap().status(), 200);
    assert!(!world.api.token().contains("mine"));
    elsewhere.reach().await;
}
