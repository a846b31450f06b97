//! The grace window that waits: a device that lost its answer gets it hours later, and who holds an old refresh token whose
//! successor was used gets nothing and ends the grant.

use crate::world::{Done, World, credentials, server};
use valetkey::server::change::EventKind;
use valetkey::server::fault::Fault;
use valetkey::server::record::{AccessTokenFormat, GrantState};
use valetkey::server::{FormRequest, Policy, SCRATCH, Step, introspect, token};
use valetkey::wire::header::Header;

const HOUR: u64 = 3_600;
const FORM: Header<'static> = Header::One("application/x-www-form-urlencoded");

fn world() -> World {
    let mut w = World::new();
    w.server = server(Policy::EMBEDDED, &[1]);
    w
}

/// A grant of this client that was refreshed a moment ago: the tokens before and after.
fn rotated(w: &mut World, client: &str) -> (Done, Done) {
    let first = w.tokens(client);
    w.now += 5 * HOUR;
    let second = w.refresh(client, &first.refresh());
    assert_eq!(second.status, 200);
    (first, second)
}

fn ends_the_grant(w: &mut World, client: &str, token: &str) {
    assert_eq!(w.refresh(client, token).fault, Some(Fault::SpentRefreshToken));
    assert_eq!(w.store.grant().1.state, GrantState::Ended);
    assert_eq!(w.store.events.last(), Some(&EventKind::RefreshReplayed));
}

#[test]
fn a_device_whose_answer_got_lost_gets_it_whenever_it_comes_back() {
    for client in ["web", "chosen"] {
        for minutes in [0, 1, 60, 79] {
            let mut w = world();
            let (first, second) = rotated(&mut w, client);
            let commits = w.counts.commits;
            for _ in 0..3 {
                w.now += minutes * 60;
                let again = w.refresh(client, &first.refresh());
                assert_eq!((again.access(), again.refresh()), (second.access(), second.refresh()), "{minutes}");
            }
            assert_eq!(w.counts.commits, commits, "nothing is written");
            assert_eq!(w.refresh(client, &second.refresh()).status, 200);
        }
    }
}

#[test]
fn an_answer_that_was_lost_for_long_brings_a_new_access_token_and_the_same_successor() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt(valetkey::jose::Algorithm::Es256)] {
        for hours in [5, 8, 24 * 365] {
            let mut w = world();
            w.store.change_client("web", |client| client.access_token = format);
            let (first, second) = rotated(&mut w, "web");
            w.now += hours * HOUR;
            let again = w.refresh("web", &first.refresh());
            assert_eq!((again.json()["expires_in"].as_u64(), again.refresh()), (Some(8 * HOUR), second.refresh()));
            assert!(again.access() != second.access() && w.active(&again.access()));
            // As if this answer were lost as well, or another copy of the request came.
            let commits = w.counts.commits;
            w.now += 1;
            let copy = w.refresh("web", &first.refresh());
            assert_eq!((copy.refresh(), w.counts.commits), (second.refresh(), commits));
            assert_eq!(copy.access() == again.access(), format == AccessTokenFormat::Opaque, "a signature is drawn");
            // The window ends as ever.
            assert_eq!(w.introspect("rs", &again.access()).json()["active"], true);
            w.now += 60;
            ends_the_grant(&mut w, "web", &first.refresh());
            assert!(!w.active(&again.access()) && !w.active(&second.access()));
        }
    }
}

#[test]
fn no_new_access_token_is_issued_for_a_locked_account_or_beyond_the_end_of_the_grant() {
    let mut w = world();
    let (first, _) = rotated(&mut w, "web");
    w.now += 24 * HOUR;
    w.store.change_account("alice", |account| account.live = false);
    assert_eq!(w.refresh("web", &first.refresh()).fault, Some(Fault::LockedAccount));

    let mut w = world();
    let mut last = w.tokens("web");
    let (_, grant) = w.store.grant();
    while w.now + 365 * 24 * HOUR < grant.expires_at.0 {
        w.now += 365 * 24 * HOUR;
        last = w.refresh("web", &last.refresh());
    }
    w.now = grant.expires_at.0 - 60;
    w.refresh("web", &last.refresh());
    let commits = w.counts.commits;
    w.now += 40;
    let again = w.refresh("web", &last.refresh());
    assert_eq!((again.json()["expires_in"].as_u64(), w.counts.commits), (Some(20), commits), "no more is to be had");
}

#[test]
fn rfc9700_4_14_2_02_an_old_token_is_reuse_once_its_successor_was_refreshed() {
    let mut w = world();
    let (first, second) = rotated(&mut w, "web");
    let third = w.refresh("web", &second.refresh());
    ends_the_grant(&mut w, "web", &first.refresh());
    assert!(!w.active(&third.access()));
    assert_eq!(w.refresh("web", &third.refresh()).fault, Some(Fault::EndedGrant));
}

#[test]
fn rfc9700_4_14_2_02_an_old_token_is_reuse_once_an_api_was_shown_its_successors_access_token() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt(valetkey::jose::Algorithm::Es256)] {
        let mut w = world();
        w.store.change_client("web", |client| client.access_token = format);
        let (first, second) = rotated(&mut w, "web");
        assert_eq!(w.introspect("rs", &second.access()).json()["active"], true, "{format:?}");
        assert_eq!(w.store.events.last(), Some(&EventKind::GraceEnded));
        let commits = w.counts.commits;
        assert_eq!(w.introspect("rs", &second.access()).json()["active"], true);
        assert_eq!(w.counts.commits, commits, "one commit in each rotation");
        w.now += 60;
        ends_the_grant(&mut w, "web", &first.refresh());
    }
}

#[test]
fn a_thief_that_retries_does_not_keep_the_window_open_beside_a_device_that_uses_what_it_got_first() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt(valetkey::jose::Algorithm::Es256)] {
        for [retried_by, seen_by] in [[&[1][..], &[1]], [&[2, 1], &[2, 1]], [&[2, 1], &[1, 2]]] {
            let mut w = world();
            w.store.change_client("web", |client| client.access_token = format);
            let (stolen, of_the_device) = rotated(&mut w, "web");
            w.server = server(Policy::EMBEDDED, retried_by);
            w.now += 5 * HOUR;
            let of_the_thief = w.refresh("web", &stolen.refresh());
            assert!(of_the_thief.access() != of_the_device.access() && w.active(&of_the_thief.access()));
            // The life of the device's is over only in three hours.
            w.server = server(Policy::EMBEDDED, seen_by);
            assert_eq!(w.introspect("rs", &of_the_device.access()).json()["active"], true);
            assert_eq!(w.store.events.last(), Some(&EventKind::GraceEnded), "{format:?}");
            w.now += 60;
            ends_the_grant(&mut w, "web", &stolen.refresh());
            assert!(!w.active(&of_the_thief.access()));
        }
    }
}

#[test]
fn what_the_device_had_before_proves_nothing() {
    let mut w = world();
    let (first, second) = rotated(&mut w, "web");
    w.now += HOUR;
    assert_eq!(w.introspect("rs", &first.access()).json()["active"], true, "of its eight hours two are left");
    assert_eq!(w.introspect("rs", &first.refresh()).json()["active"], false);
    assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh());
    // Not either where the rotation came within the second in which it was issued.
    let mut w = world();
    let first = w.tokens("web");
    let second = w.refresh("web", &first.refresh());
    assert_eq!(w.introspect("rs", &first.access()).json()["active"], true);
    w.now += HOUR;
    assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh());
}

#[test]
fn another_copy_of_the_request_harms_nothing_for_a_minute_after_the_use_is_seen() {
    for (lost_for, copy_after, status) in [(0, 59, 200), (HOUR, 0, 200), (HOUR, 59, 200), (HOUR, 60, 400), (0, 60, 400)]
    {
        let mut w = world();
        let (first, second) = rotated(&mut w, "web");
        w.now += lost_for;
        assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh());
        assert_eq!(w.introspect("rs", &second.access()).json()["active"], true);
        w.now += copy_after;
        assert_eq!(w.refresh("web", &first.refresh()).status, status, "{lost_for} {copy_after}");
    }
}

#[test]
fn each_rotation_waits_anew() {
    let mut w = world();
    let (_, second) = rotated(&mut w, "web");
    assert_eq!(w.introspect("rs", &second.access()).json()["active"], true);
    w.now += HOUR;
    let third = w.refresh("web", &second.refresh());
    w.now += HOUR;
    assert_eq!(w.refresh("web", &second.refresh()).refresh(), third.refresh());
}

#[test]
fn oauth21_4_3_1_02_a_public_client_has_a_minute_and_no_more() {
    for (after, status) in [(59, 200), (60, 400)] {
        let mut w = world();
        let (first, _) = rotated(&mut w, "app");
        w.now += after;
        assert_eq!(w.refresh("app", &first.refresh()).status, status, "{after}");
        assert_eq!(w.store.grant().1.state == GrantState::Live, status == 200);
    }
}

#[test]
fn a_thief_without_the_clients_credentials_neither_gets_nor_ends_anything() {
    let mut w = world();
    let (first, second) = rotated(&mut w, "web");
    w.now += HOUR;
    for thief in ["other", "chosen", "app"] {
        assert_eq!(w.refresh(thief, &first.refresh()).fault, Some(Fault::ForeignRefreshToken));
    }
    let body = format!("grant_type=refresh_token&client_id=web&refresh_token={}", first.refresh());
    assert_eq!(w.post_token(Header::Absent, &body).error(), "invalid_client");
    assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh(), "the device does");
}

#[test]
fn whoever_of_thief_and_device_comes_second_ends_the_grant_though_both_have_the_credentials() {
    // The thief copied a token that the device has yet to use, and is first; the device comes when the thief's was seen.
    let mut w = world();
    let (_, stolen) = rotated(&mut w, "web");
    w.now += 3 * HOUR;
    let of_the_thief = w.refresh("web", &stolen.refresh());
    assert_eq!(w.introspect("rs", &of_the_thief.access()).json()["active"], true);
    w.now += 60;
    ends_the_grant(&mut w, "web", &stolen.refresh());
    assert!(!w.active(&of_the_thief.access()));

    // Nobody asks about access tokens here. A thief that follows each rotation is found by the first old token.
    let mut w = world();
    let (mut old, mut new) = rotated(&mut w, "web");
    for _ in 0..5 {
        assert_eq!(w.refresh("web", &old.refresh()).refresh(), new.refresh(), "the thief has what the device has");
        w.now += 5 * HOUR;
        let next = w.refresh("web", &new.refresh());
        (old, new) = (new, next);
    }
    let next = w.refresh("web", &new.refresh());
    ends_the_grant(&mut w, "web", &old.refresh());
    assert!(!w.active(&next.access()));
}

#[test]
fn a_window_is_not_open_for_longer_than_the_successor_may_lie_unused() {
    let idle = u64::from(Policy::EMBEDDED.refresh_idle);
    for (after, fault) in [(idle - 1, None), (idle, Some(Fault::ExpiredGrant))] {
        let mut w = world();
        let (first, _) = rotated(&mut w, "web");
        w.now += after;
        assert_eq!(w.refresh("web", &first.refresh()).fault, fault);
        assert_eq!(w.store.grant().1.state, GrantState::Live, "it is no replay");
    }
}

#[test]
fn an_introspection_is_answered_though_the_window_cannot_be_ended_now() {
    let mut w = world();
    let (first, second) = rotated(&mut w, "web");
    w.now += HOUR;
    let (header, body) = credentials("rs", &[("token", &second.access())]);
    let authorization = header.as_deref().map_or(Header::Absent, Header::One);
    let (mut scratch, seed) = ([0; SCRATCH], w.entropy());
    let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
    let mut step = introspect(w.server, &request, w.now(), seed, &mut scratch);
    while !matches!(step, Step::Commit(_)) {
        step = w.advance(step);
    }
    let Step::Commit(need) = step else { unreachable!() };
    let done = w.finish(need.fail());
    assert_eq!((done.status, done.json()["active"].as_bool()), (200, Some(true)));
    assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh());
}

#[test]
fn two_apis_that_are_shown_the_token_at_once_are_both_answered() {
    let mut w = world();
    let (_, second) = rotated(&mut w, "web");
    w.now += HOUR;
    let requests = ["rs", "rs2"].map(|api| credentials(api, &[("token", &second.access())]));
    let mut rooms = [[0; SCRATCH]; 2];
    let mut steps = Vec::new();
    for ((header, body), room) in requests.iter().zip(&mut rooms) {
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        let (now, seed) = (w.now(), w.entropy());
        let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
        let mut step = introspect(w.server, &request, now, seed, room);
        while !matches!(step, Step::Commit(_)) {
            step = w.advance(step);
        }
        steps.push(step);
    }
    for step in steps {
        assert_eq!(w.finish(step).json()["active"], true);
    }
    assert_eq!(w.store.events.iter().filter(|event| **event == EventKind::GraceEnded).count(), 1);
}

#[test]
fn the_default_profile_writes_nothing_when_a_token_is_seen() {
    let mut w = World::new();
    let (_, second) = rotated(&mut w, "web");
    w.now += 61;
    let commits = w.counts.commits;
    assert_eq!(w.introspect("rs", &second.access()).json()["active"], true);
    assert_eq!(w.counts.commits, commits);
}

#[test]
fn no_old_token_is_good_beyond_the_window_however_often_it_comes() {
    let short = |policy| Policy { access_lifetime: 15, ..policy };
    for (policy, client) in [(Policy::OAUTH21, "app"), (Policy::OAUTH21, "web"), (Policy::EMBEDDED, "app")] {
        let mut w = world();
        w.server = server(short(policy), &[1]);
        let first = w.tokens(client);
        w.now += 5;
        w.refresh(client, &first.refresh());
        let end = w.now + u64::from(policy.refresh_grace);
        while w.now + 9 < end {
            w.now += 9;
            assert_eq!(w.refresh(client, &first.refresh()).status, 200);
        }
        w.now = end;
        ends_the_grant(&mut w, client, &first.refresh());
    }
}

#[test]
fn a_retry_after_the_use_was_seen_does_not_lengthen_the_window() {
    let mut w = world();
    let (first, second) = rotated(&mut w, "web");
    w.now += 5 * HOUR;
    assert_eq!(w.introspect("rs", &second.access()).json()["active"], true);
    w.now += 59;
    assert_eq!(w.refresh("web", &first.refresh()).status, 200);
    w.now += 1;
    ends_the_grant(&mut w, "web", &first.refresh());
}

#[test]
fn a_window_that_did_not_wait_waits_under_no_later_policy() {
    let mut w = World::new();
    let (first, _) = rotated(&mut w, "web");
    w.server = server(Policy::EMBEDDED, &[1]);
    w.now += 5 * HOUR;
    ends_the_grant(&mut w, "web", &first.refresh());
}

/// What a client's access tokens are, before a rotation and when it is retried.
const KINDS: [[AccessTokenFormat; 2]; 2] = {
    let (opaque, signed) = (AccessTokenFormat::Opaque, AccessTokenFormat::Jwt(valetkey::jose::Algorithm::Es256));
    [[signed, opaque], [opaque, signed]]
};

#[test]
fn a_retry_gives_a_token_that_is_good_though_the_client_has_another_kind_by_now() {
    for (policy, client, after) in [(Policy::OAUTH21, "app", 9), (Policy::EMBEDDED, "web", 3 * HOUR)] {
        for [before, now] in KINDS {
            let mut w = World::new();
            w.server = server(policy, &[1]);
            w.store.change_client(client, |client| client.access_token = before);
            let (first, second) = rotated(&mut w, client);
            w.store.change_client(client, |client| client.access_token = now);
            w.now += after;
            let again = w.refresh(client, &first.refresh());
            assert_eq!((again.status, again.refresh()), (200, second.refresh()), "{before:?}");
            let told = w.introspect("rs", &again.access()).json();
            assert_eq!(told["active"], true, "{before:?}");
            assert_eq!(told["exp"], w.now + again.json()["expires_in"].as_u64().unwrap());
            assert_eq!(again.json()["expires_in"], u64::from(policy.access_lifetime) - after, "it is no newer token");
            // From then on nothing is written, and the window is as long as ever.
            let commits = w.counts.commits;
            assert_eq!(w.refresh(client, &first.refresh()).refresh(), second.refresh());
            assert_eq!(w.counts.commits, commits);
            w.now += if client == "web" { 60 } else { 1 };
            ends_the_grant(&mut w, client, &first.refresh());
            assert!(!w.active(&again.access()) && !w.active(&second.access()));
        }
    }
}

#[test]
fn two_retries_at_once_after_a_change_of_kind_get_the_same_token() {
    let [signed, opaque] = KINDS[0];
    let mut w = world();
    w.store.change_client("web", |client| client.access_token = signed);
    let (first, _) = rotated(&mut w, "web");
    w.store.change_client("web", |client| client.access_token = opaque);
    let (header, body) = credentials("web", &[("grant_type", "refresh_token"), ("refresh_token", &first.refresh())]);
    let mut rooms = [[0; SCRATCH]; 2];
    let mut steps = Vec::new();
    for room in &mut rooms {
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        let (now, seed) = (w.now(), w.entropy());
        let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
        let mut step = token(w.server, &request, now, seed, room);
        while !matches!(step, Step::Commit(_)) {
            assert!(!matches!(step, Step::Reply(_)), "nothing is written");
            step = w.advance(step);
        }
        steps.push(step);
    }
    let [one, other] = [steps.remove(0), steps.remove(0)].map(|step| w.finish(step));
    assert_eq!((one.status, one.access(), one.refresh()), (200, other.access(), other.refresh()));
    assert!(w.active(&one.access()));
}

#[test]
fn a_retry_gives_no_new_life_to_a_token_that_was_revoked_and_forgotten() {
    for (policy, client) in [(Policy::OAUTH21, "app"), (Policy::EMBEDDED, "web")] {
        let mut w = World::new();
        w.server = server(policy, &[1]);
        let (first, second) = rotated(&mut w, client);
        assert_eq!(w.revoke(client, &second.access()).status, 200);
        w.store.sweep(w.now);
        let again = w.refresh(client, &first.refresh());
        assert_eq!((again.status, again.refresh()), (200, second.refresh()));
        assert!(!w.active(&again.access()) && !w.active(&second.access()), "{client}");
    }
}

#[test]
fn a_retry_says_the_scope_of_the_token_that_it_gives_once_more() {
    for format in [AccessTokenFormat::Opaque, KINDS[0][0]] {
        let mut w = world();
        w.store.change_client("web", |client| client.access_token = format);
        let (first, second) = rotated(&mut w, "web");
        assert_eq!(second.text("scope"), "read write");
        w.store.change_client("web", |client| client.scope = "read".into());
        let again = w.refresh("web", &first.refresh());
        assert_eq!((again.status, again.refresh()), (200, second.refresh()));
        assert_eq!(again.text("scope"), w.introspect("rs", &again.access()).text("scope"), "{format:?}");
        assert_eq!(w.refresh("web", &again.refresh()).text("scope"), "read");
    }
}
