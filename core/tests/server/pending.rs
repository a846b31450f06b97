//! A paused authorization request: sealed, bound to its browser, short-lived, answered once.

use crate::world::{BROWSER, Person, World, query, server};
use valetkey::server::fault::Fault;
use valetkey::server::{AuthorizeRequest, Policy, SCRATCH, Step, authorize, reopen};

#[test]
fn a_pause_goes_on_where_it_stopped_and_stores_nothing() {
    let mut w = World::new();
    let rows = w.store.len();
    let sealed = w.pause(&query("web", &[("state", "s & t")]));
    assert_eq!(w.store.len(), rows);
    let done = w.answer(&sealed, BROWSER);
    assert_eq!(done.param("state").as_deref(), Some("s & t"));
    assert_eq!(w.redeem("web", &done.param("code").unwrap()).status, 200);
}

#[test]
fn rfc6749_10_12_03_another_browser_cannot_answer() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    for browser in ["", "other", &BROWSER.to_uppercase(), &format!("{BROWSER} ")] {
        let done = w.answer(&sealed, browser);
        assert_eq!((done.fault, done.page), (Some(Fault::OtherBrowser), true), "{browser}");
    }
    assert_eq!(w.answer(&sealed, BROWSER).status, 303);
}

#[test]
fn a_browser_without_a_cookie_is_no_browser() {
    let mut w = World::new();
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let query = query("web", &[]);
    let step = authorize(w.server, &AuthorizeRequest { query: &query }, w.now(), seed, &mut room);
    let Step::Owner(need) = w.advance(step) else { panic!("nobody is asked") };
    let sealed = need.export("", &mut [0; 9000]).unwrap().to_owned();
    assert_eq!(w.answer(&sealed, "").fault, Some(Fault::OtherBrowser));
}

#[test]
fn rfc9700_2_1_02_a_changed_request_is_refused_whatever_was_changed() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    for i in 0..sealed.len() {
        let other = if &sealed[i..=i] == "A" { "B" } else { "A" };
        let edited = format!("{}{other}{}", &sealed[..i], &sealed[i + 1..]);
        let done = w.answer(&edited, BROWSER);
        assert_eq!((done.fault, done.page), (Some(Fault::BadPending), true), "{i}");
    }
    let (seal, request) = sealed.split_once('.').unwrap();
    for edited in [
        String::new(),
        ".".into(),
        seal.into(),
        format!("{seal}."),
        format!("{seal}.{request}&scope=admin"),
        format!("{seal}.{}", query("web", &[("scope", "admin")])),
        format!("{seal}.{}", query("app", &[])),
        format!(".{request}"),
        format!("{seal}{seal}.{request}"),
    ] {
        assert_eq!(w.answer(&edited, BROWSER).fault, Some(Fault::BadPending), "{edited}");
    }
    assert_eq!(w.answer(&sealed, BROWSER).status, 303);
}

#[test]
fn a_pending_request_expires() {
    for (after, fault) in [(599, None), (600, Some(Fault::ExpiredPending)), (86_400, Some(Fault::ExpiredPending))] {
        let mut w = World::new();
        let sealed = w.pause(&query("web", &[]));
        w.now += after;
        assert_eq!(w.answer(&sealed, BROWSER).fault, fault, "{after}");
    }
}

#[test]
fn a_pending_request_is_answered_once() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    let first = w.answer(&sealed, BROWSER);
    for person in [Person::Approves("alice"), Person::Approves("bob"), Person::Denies] {
        w.person = person;
        let again = w.answer(&sealed, BROWSER);
        assert_eq!((again.fault, again.page), (Some(Fault::AlreadyAnswered), true));
        assert!(again.gives_nothing());
    }
    assert_eq!(w.redeem("web", &first.param("code").unwrap()).status, 200, "the first answer stands");
}

#[test]
fn a_pending_request_that_was_sealed_again_is_still_the_same() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    w.now += 300;
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let step = reopen(w.server, &sealed, BROWSER, w.now(), seed, &mut room);
    let Step::Owner(need) = w.advance(step) else { panic!("nobody is asked") };
    let again = need.export(BROWSER, &mut [0; 9000]).unwrap().to_owned();
    drop(need);
    assert_eq!(again, sealed, "neither its id nor its end changed");
    assert_eq!(w.answer(&again, BROWSER).status, 303);
    assert_eq!(w.answer(&sealed, BROWSER).fault, Some(Fault::AlreadyAnswered));
}

#[test]
fn two_pending_requests_of_one_query_are_two() {
    let mut w = World::new();
    let (a, b) = (w.pause(&query("web", &[])), w.pause(&query("web", &[])));
    assert!(a != b);
    assert_eq!((w.answer(&a, BROWSER).status, w.answer(&b, BROWSER).status), (303, 303));
}

#[test]
fn client_redirect_uri_and_policy_are_checked_again() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    w.store.change_client("web", |client| client.scope = "read".into());
    assert_eq!(w.answer(&sealed, BROWSER).error(), "invalid_scope");
    w.store.change_client("web", |client| client.redirect_uris = "https://web.example/new".into());
    assert!(w.answer(&sealed, BROWSER).page);
    w.store.change_client("web", |client| client.live = false);
    assert_eq!(w.answer(&sealed, BROWSER).fault, Some(Fault::UnknownClient));
}

#[test]
fn a_seal_of_a_removed_server_key_is_refused_and_of_an_old_one_good() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    w.server = server(Policy::OAUTH21, &[2]);
    assert_eq!(w.answer(&sealed, BROWSER).fault, Some(Fault::BadPending));
    w.server = server(Policy::OAUTH21, &[2, 1]);
    assert_eq!(w.answer(&sealed, BROWSER).status, 303);
}

#[test]
fn the_seal_needs_as_much_room_as_it_says() {
    let mut w = World::new();
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let long = query("web", &[("x", &"x".repeat(7800))]);
    let step = authorize(w.server, &AuthorizeRequest { query: &long }, w.now(), seed, &mut room);
    let Step::Owner(need) = w.advance(step) else { panic!("nobody is asked") };
    let needed = need.export(BROWSER, &mut []).unwrap_err().needed;
    assert!(needed <= long.len() + 200);
    assert_eq!(need.export(BROWSER, &mut vec![0; needed - 1]).unwrap_err().needed, needed);
    assert_eq!(need.export(BROWSER, &mut vec![0; needed]).unwrap().len(), needed);
}
