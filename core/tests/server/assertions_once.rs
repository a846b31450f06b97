//! An assertion is good once, whatever comes of its request.

use crate::assertions::{Jwt, OWN, by, good, params, refused};
use crate::world::{Done, FORM, START, World, form, redemption};
use serde_json::json;
use valetkey::server::fault::Fault;
use valetkey::server::{FormRequest, SCRATCH, Step, token};
use valetkey::wire::header::Header;

#[test]
fn rfc7523_3_07_an_assertion_is_good_once_until_it_expires() {
    let mut w = World::new();
    let (assertion, rows) = (good("keyed"), w.store.len());
    assert_eq!(by(&mut w, &assertion).status, 200);
    assert_eq!(w.store.len(), rows + 2, "the grant, and that the assertion was used");
    for now in [START, START + 30, START + 89] {
        w.now = now;
        w.store.sweep(now);
        let done = by(&mut w, &assertion);
        let told = (done.status, done.error(), done.fault);
        assert_eq!(told, (401, "invalid_client".into(), Some(Fault::ReplayedAssertion)));
        assert_eq!(w.store.len(), rows + 2);
    }
    w.now = START + 90;
    assert_eq!(by(&mut w, &assertion).fault, Some(Fault::ExpiredAssertion));
    w.store.sweep(START + 86_400);
    assert_eq!(w.store.len(), rows, "it is not kept for ever");
    refused(&mut w, &Jwt::of("keyed").without("jti").sign(), Fault::NoAssertionId);
}

#[test]
fn the_jti_of_one_client_is_free_for_another() {
    let mut w = World::new();
    let jwt = |client: &str| Jwt::of(client).with("jti", json!("the same")).sign();
    let body = |assertion: &str| form(&[&params(assertion)[..], &[("token", "unknown")]].concat());
    assert_eq!(w.post_revoke(Header::Absent, &body(&jwt("keyed"))).fault, None);
    assert_eq!(w.post_revoke(Header::Absent, &body(&jwt("keyed-rs"))).fault, None);
    assert_eq!(w.post_revoke(Header::Absent, &body(&jwt("keyed"))).fault, Some(Fault::ReplayedAssertion));
    let otherwise = Jwt::of("keyed").with("jti", json!("the same")).with("exp", json!(START + 7)).sign();
    let done = w.post_revoke(Header::Absent, &body(&otherwise));
    assert_eq!(done.fault, Some(Fault::ReplayedAssertion), "the jti decides, and not the text");
}

/// Endpoint, client, parameters, and why it is refused.
type Sent = (&'static str, &'static str, Vec<(&'static str, String)>, Option<Fault>);

#[test]
fn rfc7523_3_07_an_assertion_is_used_also_where_the_request_reads_only_or_is_refused() {
    let tokens = |w: &mut World| w.tokens("keyed");
    let requests: [Sent; 6] = [
        ("introspect", "keyed-rs", vec![("token", "unknown".into())], None),
        ("introspect", "keyed-rs", vec![], Some(Fault::NoToken)),
        ("revoke", "keyed", vec![("token", "unknown".into())], None),
        ("token", "keyed", vec![], Some(Fault::NoGrantType)),
        (
            "token",
            "keyed",
            vec![("grant_type", "refresh_token".into()), ("refresh_token", "x".into())],
            Some(Fault::UnknownRefreshToken),
        ),
        (
            "token",
            "keyed",
            vec![("grant_type", "client_credentials".into()), ("scope", "too much".into())],
            Some(Fault::ScopeNotAllowed),
        ),
    ];
    for (endpoint, client, extra, fault) in requests {
        let mut w = World::new();
        tokens(&mut w);
        let (assertion, rows, events) = (good(client), w.store.len(), w.store.events.len());
        let mut all: Vec<(&str, &str)> = params(&assertion).to_vec();
        all.extend(extra.iter().map(|(name, value)| (*name, value.as_str())));
        let body = form(&all);
        let send = |w: &mut World| match endpoint {
            "token" => w.post_token(Header::Absent, &body),
            "revoke" => w.post_revoke(Header::Absent, &body),
            _ => w.post_introspect(Header::Absent, &body),
        };
        assert_eq!(send(&mut w).fault, fault, "{endpoint} {extra:?}");
        assert_eq!(
            (w.store.len(), &w.store.events[events..]),
            (rows + 1, &[][..]),
            "it is used, and nothing is to be told"
        );
        let again = send(&mut w);
        assert_eq!((again.status, again.fault), (401, Some(Fault::ReplayedAssertion)), "{endpoint} {extra:?}");
    }
}

#[test]
fn rfc7523_3_07_a_refresh_within_the_grace_window_takes_an_assertion_of_its_own() {
    let mut w = World::new();
    let refresh = w.tokens("keyed").refresh();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let assertion = good("keyed");
    let body = form(&[&params(&assertion)[..], &grant].concat());
    let first = w.post_token(Header::Absent, &body);
    assert_eq!(first.status, 200);
    assert_eq!(w.post_token(Header::Absent, &body).fault, Some(Fault::ReplayedAssertion));
    assert_eq!(w.token("keyed", &grant).refresh(), first.refresh(), "the same request, signed anew");
}

#[test]
fn a_replay_ends_no_grant_and_spends_no_code() {
    let mut w = World::new();
    let (assertion, code) = (good("keyed"), w.code("keyed"));
    assert_eq!(by(&mut w, &assertion).status, 200);
    let body = form(&[&params(&assertion)[..], &redemption("keyed", &code)].concat());
    assert_eq!(w.post_token(Header::Absent, &body).fault, Some(Fault::ReplayedAssertion));
    let tokens = w.redeem("keyed", &code);
    assert_eq!(tokens.status, 200);
    // The code is spent, so that a second redemption would end the grant: not by who replays an assertion.
    assert_eq!(w.post_token(Header::Absent, &body).fault, Some(Fault::ReplayedAssertion));
    assert!(w.active(&tokens.access()));
}

#[test]
fn rfc7523_3_07_of_three_requests_by_one_assertion_one_wins_in_every_order() {
    let assertion = good("keyed");
    let body = form(&[&params(&assertion), &OWN[..]].concat());
    for order in crate::races::interleavings(3, 2) {
        let mut w = World::new();
        let mut rooms = vec![[0; SCRATCH]; 3];
        let request =
            FormRequest { authorization: Header::Absent, content_type: Header::One(FORM), body: body.as_bytes() };
        let mut steps: Vec<Option<Step<'_>>> =
            rooms.iter_mut().map(|room| Some(token(w.server, &request, w.now(), w.entropy(), room))).collect();
        for i in &order {
            let step = steps[*i].take().unwrap();
            steps[*i] = Some(w.advance(step));
        }
        let done: Vec<Done> = steps.into_iter().map(|step| w.finish(step.unwrap())).collect();
        assert_eq!(done.iter().filter(|done| done.status == 200).count(), 1, "{order:?}");
        assert_eq!(done.iter().filter(|d| d.fault == Some(Fault::ReplayedAssertion)).count(), 2, "{order:?}");
    }
}

#[test]
fn after_a_failure_of_the_server_the_same_assertion_is_good_still() {
    let mut w = World::new();
    let assertion = good("keyed");
    let body = form(&[&params(&assertion), &OWN[..]].concat());
    let request = FormRequest { authorization: Header::Absent, content_type: Header::One(FORM), body: body.as_bytes() };
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let step = token(w.server, &request, w.now(), seed, &mut room);
    let Step::Commit(need) = w.advance(step) else { panic!("not yet a commit") };
    let Step::Reply(reply) = need.fail() else { panic!("it goes on") };
    assert_eq!(reply.fault(), Some(Fault::Unavailable));
    assert_eq!(by(&mut w, &assertion).status, 200);
}
