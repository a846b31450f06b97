//! Step-up: a client asks for a recent login, or for one of a certain class, and gets it or nothing.

use crate::world::{BROWSER, Done, START, World, query};
use valetkey::server::fault::Fault;
use valetkey::server::{AuthorizeRequest, SCRATCH, Step, authorize};
use valetkey::time::UnixTime;

fn unmet(done: &Done) {
    assert_eq!(
        (done.error().as_str(), done.fault),
        ("unmet_authentication_requirements", Some(Fault::UnmetAuthentication))
    );
    assert!(done.gives_nothing() && !done.page && done.param("state").is_some());
}

#[test]
fn rfc9470_5_01_a_class_that_is_asked_for_is_had_or_refused() {
    for (asked, had, good) in [
        ("urn:mfa", "urn:mfa", true),
        ("urn:hw urn:mfa", "urn:mfa", true),
        ("urn:mfa", "", false),
        ("urn:mfa", "urn:pwd", false),
        ("urn:mfa", "urn:mfa2", false),
        ("urn:hw urn:mfa", "urn:hw urn:mfa", false),
        ("", "urn:pwd", true),
    ] {
        let mut w = World::new();
        w.acr = had;
        let done = w.authorize(&query("web", &[("acr_values", asked)]));
        match good {
            true => assert!(done.param("code").is_some(), "{asked} {had} {done:?}"),
            false => unmet(&done),
        }
    }
}

#[test]
fn rfc9470_5_01_rfc9470_5_02_a_login_that_is_too_old_is_refused_and_a_recent_one_is_told() {
    // The person logged in five seconds ago.
    for (max_age, good) in [("0", false), ("4", false), ("5", true), ("3600", true), ("99999999999999999999", true)] {
        let mut w = World::new();
        let done = w.authorize(&query("web", &[("max_age", max_age)]));
        if !good {
            unmet(&done);
            continue;
        }
        let tokens = w.redeem("web", &done.param("code").unwrap());
        assert_eq!(w.introspect("rs", &tokens.access()).json()["auth_time"], START - 5);
    }
}

#[test]
fn how_old_a_login_may_be_is_counted_from_the_request_and_not_from_the_answer() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[("max_age", "0")]));
    w.now += 5; // the person logs in at once, and reads the page for five seconds
    assert!(w.answer(&sealed, BROWSER).param("code").is_some());
}

#[test]
fn the_page_is_told_what_login_is_asked_for() {
    let mut w = World::new();
    for (max_age, since) in [("", None), ("0", Some(START)), ("60", Some(START - 60)), ("4294967296", None)] {
        let query = query("web", &[("max_age", max_age), ("acr_values", "urn:hw urn:mfa")]);
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let step = authorize(w.server, &AuthorizeRequest { query: &query }, w.now(), seed, &mut room);
        let Step::Owner(need) = w.advance(step) else { panic!("nobody is asked") };
        assert_eq!((need.login_since(), need.acr_values()), (since.map(UnixTime), "urn:hw urn:mfa"), "{max_age}");
    }
}

#[test]
fn a_max_age_that_is_no_number_is_refused() {
    for bad in ["-1", "x", "1.5", "+1", " 1", "1 "] {
        let done = World::new().authorize(&query("web", &[("max_age", bad)]));
        assert_eq!((done.error().as_str(), done.fault), ("invalid_request", Some(Fault::BadMaxAge)), "{bad}");
    }
}
