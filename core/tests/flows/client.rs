//! The flows, from the client's first call to the resource server's decision.

use super::{Answered, CALLBACK, HUSH, ISSUER, NOW, RESOURCE, SIGNATURE, Watch, World, hush, must};
use valetkey::client::{
    Assertion, Authorize, ClientAuth, ClientCredentials, Config, EXPORTED, NeedSign, Outcome, Post, Refresh, Rejected,
    Response, Tokens,
};
use valetkey::error::ErrorCode;
use valetkey::jose::Algorithm;
use valetkey::resource::{Audience, Check, Issuer, Policy, check};
use valetkey::secret::{Entropy, SecretText};
use valetkey::server::write_metadata;
use valetkey::wire::header::Header;

const BASIC: ClientAuth<'_> = ClientAuth::Basic(SecretText::new(HUSH));

/// What a client keeps of a grant.
struct Kept {
    access: String,
    refresh: String,
}

fn config<'c, W: Watch>(w: &mut W, client_id: &'c str, auth: ClientAuth<'c>) -> Config<'c> {
    w.show(&auth);
    let config = w.call(|| {
        Config::new(ISSUER, "https://as.example/token", client_id, auth)?
            .with_redirect("https://as.example/authorize", CALLBACK)?
            .with_scope("read")?
            .with_resource(RESOURCE)
    });
    let config = must(config).expecting_iss();
    w.show(&config);
    config
}

/// What the transport received.
fn response<'b, W: Watch>(w: &mut W, answered: &'b Answered) -> Response<'b> {
    let (status, body) = (answered.status, answered.body.as_bytes());
    let response = Response { status, content_type: Some("application/json"), retry_after: None, date: None, body };
    w.show(&response);
    response
}

fn keep<W: Watch>(w: &mut W, outcome: Outcome<'_>) -> Kept {
    w.show(&outcome);
    let Outcome::Tokens(tokens) = outcome else { panic!("no tokens") };
    w.show(&tokens);
    let Tokens { access_token, refresh_token, .. } = tokens;
    let refresh = refresh_token.map_or("", SecretText::expose);
    w.hide(access_token.expose().as_bytes());
    w.hide(refresh.as_bytes());
    Kept { access: access_token.expose().into(), refresh: refresh.into() }
}

/// Which code the server refused with.
fn refused<W: Watch>(w: &mut W, outcome: &Outcome<'_>) -> Option<ErrorCode> {
    w.show(outcome);
    let Outcome::Denied { error, .. } = outcome else { panic!("not refused") };
    w.show(error);
    error.code()
}

/// A client with a drawn secret and one with a chosen secret get tokens for themselves and use them.
pub(crate) fn client_credentials<W: Watch>(w: &mut W) {
    for (client_id, auth) in [("web", BASIC), ("api", ClientAuth::Body(SecretText::new(HUSH)))] {
        let (mut world, cfg) = (World::new(w), config(w, client_id, auth));
        let flow = must(w.call(|| ClientCredentials::new(&cfg)));
        w.show(&flow);
        let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
        let post = must(w.call(|| flow.request(&mut buf)));
        world.conflicts = 1;
        let answered = world.token(w, &post);
        let received = response(w, &answered);
        let outcome = must(w.call(|| flow.response(received, &mut scratch)));
        let kept = keep(w, outcome);
        resource_check(w, &mut world, &kept.access);
        assert!(world.introspect(w, &kept.access).body.contains("\"active\":true"));
        assert_eq!(world.revoke(w, &kept.access).status, 200);
        let active = world.introspect(w, &kept.access).body.contains("\"active\":true");
        assert_eq!(active, client_id != "web", "a client revokes what is its own");
    }
}

/// A wrong secret, a secret for a client that is not there, and one for a client that has none.
pub(crate) fn refusals<W: Watch>(w: &mut W) {
    let wrong = format!("{HUSH}-wrong");
    w.hide(wrong.as_bytes());
    let wrong = SecretText::new(&wrong);
    for (client_id, auth) in [
        ("web", ClientAuth::Basic(wrong)),
        ("api", ClientAuth::Body(wrong)),
        ("app", ClientAuth::Body(wrong)),
        ("nobody", BASIC),
    ] {
        let (mut world, cfg) = (World::new(w), config(w, client_id, auth));
        let flow = must(w.call(|| ClientCredentials::new(&cfg)));
        let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
        let post = must(w.call(|| flow.request(&mut buf)));
        let answered = world.token(w, &post);
        let received = response(w, &answered);
        let outcome = must(w.call(|| flow.response(received, &mut scratch)));
        assert_eq!(refused(w, &outcome), Some(ErrorCode::InvalidClient));
    }
}

/// A client with a key pair signs each request, and goes through every grant; then it is a replay, or not its signature.
pub(crate) fn signed_requests<W: Watch>(w: &mut W) {
    let (mut world, cfg) = (World::new(w), config(w, "keyed", ClientAuth::PrivateKeyJwt));
    let own = must(w.call(|| ClientCredentials::new(&cfg)));
    let (mut buf, mut scratch) = ([0; 2048], [0; 1024]);
    let assertion = assertion(w, 1);
    let need = must(w.call(|| own.sign(&assertion, &mut buf)));
    let post = signature(w, need);
    world.conflicts = 1;
    let answered = world.token(w, &post);
    assert_eq!((answered.status, world.token(w, &post).status), (200, 401), "it is good once");
    let received = response(w, &answered);
    let outcome = must(w.call(|| own.response(received, &mut scratch)));
    keep(w, outcome);

    let mut world = World::new(w);
    let flow = must(w.call(|| Authorize::new(&cfg, Entropy::new(hush()))));
    let query = consent(w, &mut world, &flow, false);
    let exchange = must(w.call(|| flow.callback(&query)));
    let assertion = self::assertion(w, 2);
    let need = must(w.call(|| exchange.sign(&assertion, &mut buf)));
    let post = signature(w, need);
    let answered = world.token(w, &post);
    let received = response(w, &answered);
    let outcome = must(w.call(|| exchange.response(received, &mut scratch)));
    let kept = keep(w, outcome);

    let refresh = must(w.call(|| Refresh::new(&cfg, SecretText::new(&kept.refresh), "")));
    let assertion = self::assertion(w, 3);
    let need = must(w.call(|| refresh.sign(&assertion, &mut buf)));
    let post = signature(w, need);
    assert_eq!(world.token(w, &post).status, 200);

    let need = must(w.call(|| refresh.sign(&assertion, &mut buf)));
    let error = w.call(|| need.resume(&hush::<70>())).unwrap_err();
    w.show(&error);
    let wrong = w.call(|| Assertion::new(Algorithm::Hs256, "1", NOW, Entropy::new(hush()))).unwrap_err();
    w.show(&wrong);
}

fn assertion<W: Watch>(w: &mut W, drawn: u8) -> Assertion<'static> {
    let assertion =
        must(w.call(|| Assertion::new(Algorithm::Es256, "1", NOW, Entropy::new([drawn; Assertion::ENTROPY]))));
    w.show(&assertion);
    assertion
}

fn signature<'b, W: Watch>(w: &mut W, need: NeedSign<'b>) -> Post<'b> {
    w.show(&need);
    w.hide(need.message());
    w.call(|| assert!(need.algorithm() == Algorithm::Es256 && need.digest() != [0; 32]));
    must(w.call(|| need.resume(&SIGNATURE)))
}

/// A code is asked for, with a pause and without, and redeemed for tokens, which are used; then it is replayed.
pub(crate) fn code<W: Watch>(w: &mut W) {
    for (client_id, auth, pause) in
        [("web", BASIC, false), ("app", ClientAuth::Public, true), ("signed", ClientAuth::Public, false)]
    {
        let (mut world, cfg) = (World::new(w), config(w, client_id, auth));
        let flow = must(w.call(|| Authorize::new(&cfg, Entropy::new(hush()))));
        let query = consent(w, &mut world, &flow, pause);
        let flow = imported(w, &cfg, flow);
        let flow = forged(w, flow);
        let exchange = must(w.call(|| flow.callback(&query)));
        w.show(&exchange);
        let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
        let post = must(w.call(|| exchange.request(&mut buf)));
        world.conflicts = 1;
        let answered = world.token(w, &post);
        let received = response(w, &answered);
        let outcome = must(w.call(|| exchange.response(received, &mut scratch)));
        let kept = keep(w, outcome);
        resource_check(w, &mut world, &kept.access);
        assert!(world.introspect(w, &kept.access).body.contains("\"sub\":\"alice\""));
        assert!(world.introspect(w, &kept.refresh).body.contains("\"active\":false"));
        assert_eq!(world.token(w, &post).status, 400);
        assert!(world.introspect(w, &kept.access).body.contains("\"active\":false"), "a replay ends the grant");
    }
}

/// The person goes to the server, consents and comes back; the query of the callback.
fn consent<W: Watch>(w: &mut W, world: &mut World, flow: &Authorize<'_>, pause: bool) -> String {
    w.show(flow);
    let mut url = [0; 1024];
    let url = must(w.call(|| flow.url(&mut url)));
    w.hide(url.as_bytes());
    let answered = world.authorize(w, url.split_once('?').unwrap().1, pause);
    let query = answered.location.split_once('?').unwrap().1;
    w.hide(query.as_bytes());
    query.into()
}

/// The flow after the process began anew.
fn imported<'c, W: Watch>(w: &mut W, cfg: &'c Config<'c>, flow: Authorize<'c>) -> Authorize<'c> {
    let mut exported = [0; EXPORTED];
    w.call(|| assert!(flow.export(&mut exported).is_ok()));
    w.hide(&exported);
    must(w.call(|| Authorize::import(cfg, &exported)))
}

/// The flow after a forged callback.
fn forged<'c, W: Watch>(w: &mut W, flow: Authorize<'c>) -> Authorize<'c> {
    let query = format!("code={HUSH}&state={HUSH}");
    let Err(rejected) = w.call(|| flow.callback(&query)) else { panic!("taken for ours") };
    w.show(&rejected);
    let Rejected::NotOurs { flow, why } = rejected else { panic!("taken for ours") };
    w.show(&why);
    flow
}

/// Tokens of the code grant.
fn issued<W: Watch>(w: &mut W, world: &mut World, cfg: &Config<'_>) -> Kept {
    let flow = must(w.call(|| Authorize::new(cfg, Entropy::new(hush()))));
    let query = consent(w, world, &flow, false);
    let exchange = must(w.call(|| flow.callback(&query)));
    let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
    let post = must(w.call(|| exchange.request(&mut buf)));
    let answered = world.token(w, &post);
    let received = response(w, &answered);
    let outcome = must(w.call(|| exchange.response(received, &mut scratch)));
    keep(w, outcome)
}

/// The server says no, and the client hears it.
pub(crate) fn denied<W: Watch>(w: &mut W) {
    let cfg = config(w, "web", BASIC);
    let flow = must(w.call(|| Authorize::new(&cfg, Entropy::new(hush()))));
    let mut url = [0; 1024];
    let url = must(w.call(|| flow.url(&mut url)));
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap();
    w.hide(state.as_bytes());
    let query = format!("error=access_denied&error_description=no&state={state}&iss=https%3A%2F%2Fas.example");
    let Err(rejected) = w.call(|| flow.callback(&query)) else { panic!("taken for a code") };
    w.show(&rejected);
    let Rejected::Denied(denied) = rejected else { panic!("not ours") };
    w.show(&denied);
    let mut buf = [0; 64];
    w.call(|| assert!(denied.error(&mut buf) == Ok("access_denied") && denied.description(&mut [0; 2]) == Ok("no")));
}

/// A refresh token is rotated, used again inside the grace window, and replayed after it.
pub(crate) fn refresh<W: Watch>(w: &mut W) {
    let (mut world, cfg) = (World::new(w), config(w, "web", BASIC));
    let first = issued(w, &mut world, &cfg);
    let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
    let flow = refresher(w, &cfg, &first.refresh);
    let post = must(w.call(|| flow.request(&mut buf)));
    world.conflicts = 1;
    let (rotated, grace) = (world.token(w, &post), world.token(w, &post));
    assert_eq!(rotated.body, grace.body);
    world.now = world.now.plus(60);
    let replayed = world.token(w, &post);
    let received = response(w, &rotated);
    let outcome = must(w.call(|| flow.response(received, &mut scratch)));
    let second = keep(w, outcome);
    let received = response(w, &replayed);
    let outcome = must(w.call(|| flow.response(received, &mut scratch)));
    assert_eq!(refused(w, &outcome), Some(ErrorCode::InvalidGrant));
    assert!(world.introspect(w, &second.access).body.contains("\"active\":false"), "a replay ends the grant");
}

/// An access token is revoked alone, a refresh token with its grant.
pub(crate) fn revoke<W: Watch>(w: &mut W) {
    let (mut world, cfg) = (World::new(w), config(w, "web", BASIC));
    let kept = issued(w, &mut world, &cfg);
    for token in [&kept.access, &kept.refresh, &kept.refresh] {
        assert_eq!(world.revoke(w, token).status, 200);
    }
    let flow = refresher(w, &cfg, &kept.refresh);
    let (mut buf, mut scratch) = ([0; 1024], [0; 1024]);
    let post = must(w.call(|| flow.request(&mut buf)));
    let answered = world.token(w, &post);
    let received = response(w, &answered);
    let outcome = must(w.call(|| flow.response(received, &mut scratch)));
    assert_eq!(refused(w, &outcome), Some(ErrorCode::InvalidGrant));
}

fn refresher<'c, W: Watch>(w: &mut W, cfg: &'c Config<'c>, refresh_token: &'c str) -> Refresh<'c> {
    let flow = must(w.call(|| Refresh::new(cfg, SecretText::new(refresh_token), "read")));
    w.show(&flow);
    flow
}

/// A resource server decides on a token that is good, and refuses what is none.
fn resource_check<W: Watch>(w: &mut W, world: &mut World, access: &str) {
    let audience = Audience::Required(RESOURCE);
    w.show(&audience);
    let issuers = [w.call(|| Issuer::opaque(ISSUER))];
    w.show(&issuers);
    let policy = w.call(|| Policy::new(&issuers, audience, "read"));
    w.show(&policy);
    let authorization = format!("Bearer {access}");
    w.hide(authorization.as_bytes());
    let header = Header::One(authorization.as_str());
    w.show(&header);
    let (now, checked) = (world.now, w.call(|| check(header, &policy, world.now, &mut [])));
    w.show(&checked);
    let Check::Introspect(need) = checked else { panic!("refused as it stands") };
    w.show(&need);
    let token = need.token();
    w.show(&token);
    world.look_up(w, token, |w, answer| {
        let access = must(w.call(|| need.resume(answer)));
        w.show(&access);
    });
    for header in [Header::Absent, Header::Many, Header::One("Basic"), Header::One("Bearer HushHushHushHush HushHush")]
    {
        let Check::Done(refused) = w.call(|| check(header, &policy, now, &mut [])) else { panic!("not refused") };
        w.show(&refused);
        let challenge = refused.challenge;
        w.show(&challenge);
        w.call(|| assert!(challenge.write(&mut [0; 256]).is_ok() && challenge.status() >= 400));
    }
}

/// The metadata document.
pub(crate) fn metadata<W: Watch>(w: &mut W) {
    let (server, mut buf) = (World::new(w).server, [0; 2048]);
    w.call(|| assert!(write_metadata(server, "read write", &mut buf).is_ok_and(|text| text.contains("S256"))));
}
