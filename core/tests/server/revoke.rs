//! Revocation: at once, only by the client that it concerns, and never telling what exists.

use crate::world::{START, World, secret_of};
use valetkey::server::change::EventKind;
use valetkey::server::fault::Fault;
use valetkey::wire::header::Header;

#[test]
fn rfc7009_2_1_04_rfc7009_2_1_05_rfc7009_2_1_06_a_refresh_token_takes_its_grant_along() {
    let mut w = World::new();
    let first = w.tokens("web");
    let second = w.refresh("web", &first.refresh());
    let done = w.revoke("web", &second.refresh());
    assert_eq!((done.status, done.body.as_str()), (200, ""));
    assert!(!w.active(&first.access()) && !w.active(&second.access()));
    assert_eq!(w.refresh("web", &second.refresh()).fault, Some(Fault::EndedGrant));
    assert_eq!(w.store.events.last(), Some(&EventKind::Revoked));
}

#[test]
fn an_old_refresh_token_revokes_the_grant_too() {
    let mut w = World::new();
    let first = w.tokens("web");
    let second = w.refresh("web", &first.refresh());
    w.revoke("web", &first.refresh());
    assert!(!w.active(&second.access()));
}

#[test]
fn an_access_token_goes_alone() {
    let mut w = World::new();
    let first = w.tokens("web");
    let second = w.refresh("web", &first.refresh());
    assert_eq!(w.revoke("web", &first.access()).status, 200);
    assert!(!w.active(&first.access()) && w.active(&second.access()));
    assert_eq!(w.refresh("web", &second.refresh()).status, 200);
}

#[test]
fn a_revoked_access_token_stays_revoked_with_the_clock_set_back_and_after_a_sweep() {
    for back in [0, 1, 100, 86_400] {
        for sweep in [false, true] {
            let mut w = World::new();
            let tokens = w.tokens("web");
            w.now += 50;
            w.revoke("web", &tokens.access());
            if sweep {
                w.store.sweep(w.now);
            }
            w.now -= back;
            assert!(!w.active(&tokens.access()), "{back}");
        }
    }
}

#[test]
fn a_token_that_is_revoked_twice_is_written_once() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    w.revoke("web", &tokens.access());
    let commits = w.counts.commits;
    assert_eq!(w.revoke("web", &tokens.access()).status, 200);
    assert_eq!(w.revoke("web", &tokens.refresh()).status, 200);
    assert_eq!(w.revoke("web", &tokens.refresh()).status, 200);
    assert_eq!(w.counts.commits, commits + 1);
}

#[test]
fn a_client_credentials_token_is_revoked_by_its_client() {
    let mut w = World::new();
    let access = w.token("web", &[("grant_type", "client_credentials")]).access();
    w.revoke("other", &access);
    assert!(w.active(&access));
    w.revoke("web", &access);
    assert!(!w.active(&access));
}

#[test]
fn rfc7009_2_1_02_rfc7009_5_01_another_clients_token_is_answered_like_an_unknown_one_and_stays() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let unknown = w.revoke("other", &"A".repeat(64));
    for thief in ["other", "app", "spa"] {
        for token in [tokens.access(), tokens.refresh()] {
            let done = w.revoke(thief, &token);
            assert_eq!((done.status, &done.body, &done.headers), (200, &unknown.body, &unknown.headers));
            assert!(w.active(&tokens.access()));
        }
    }
    assert_eq!(w.refresh("web", &tokens.refresh()).status, 200);
}

#[test]
fn rfc7009_2_2_01_unknown_tokens_are_answered_with_200() {
    let mut w = World::new();
    for token in ["x", "..", &"A".repeat(71), &"A".repeat(64), "\u{e9}"] {
        assert_eq!(w.revoke("web", token).status, 200, "{token}");
    }
    let code = w.code("web");
    assert_eq!(w.revoke("web", &code).status, 200);
    assert_eq!(w.redeem("web", &code).status, 200, "a code is no token");
}

#[test]
fn rfc7009_2_1_03_a_hint_is_not_needed_and_a_wrong_one_does_no_harm() {
    for hint in ["refresh_token", "access_token", "nonsense", ""] {
        let mut w = World::new();
        let tokens = w.tokens("app");
        let body = format!("client_id=app&token={}&token_type_hint={hint}", tokens.refresh());
        assert_eq!(w.post_revoke(Header::Absent, &body).status, 200);
        assert!(!w.active(&tokens.access()), "{hint}");
    }
}

#[test]
fn the_caller_authenticates_as_at_the_token_endpoint() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let body = format!("client_id=web&token={}", tokens.access());
    let done = w.post_revoke(Header::Absent, &body);
    assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"));
    let basic = crate::world::basic("web", "wrong");
    assert_eq!(w.post_revoke(Header::One(&basic), &body).status, 401);
    assert!(w.active(&tokens.access()));
    let basic = crate::world::basic("web", &secret_of("web"));
    assert_eq!(w.post_revoke(Header::One(&basic), "").error(), "invalid_request");
}

#[test]
fn a_revocation_beside_a_sweep_and_after_the_end_is_quiet() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    w.now = START + 91 * 86_400;
    assert_eq!(w.revoke("web", &tokens.refresh()).status, 200);
    w.store.sweep(w.now);
    assert_eq!(w.revoke("web", &tokens.refresh()).status, 200);
    assert_eq!(w.revoke("web", &tokens.access()).status, 200);
}
