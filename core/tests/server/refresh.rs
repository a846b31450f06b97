//! A refresh token is rotated, bound to its client, and its reuse ends the grant.

use crate::world::{Done, Person, World, query, server};
use valetkey::server::Policy;
use valetkey::server::change::{EventKind, Key};
use valetkey::server::fault::Fault;
use valetkey::server::record::{GrantState, OwnedRecord};

fn refresh_with(w: &mut World, client: &str, token: &str, more: &[(&str, &str)]) -> Done {
    let params = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
    w.token(client, &params)
}

fn is_refused(done: &Done, fault: Fault) {
    assert_eq!((done.status, done.error().as_str(), done.fault), (400, "invalid_grant", Some(fault)));
    assert!(done.gives_nothing());
}

#[test]
fn rfc9700_2_2_2_01_oauth21_4_3_1_02_every_refresh_gives_a_new_refresh_token() {
    let mut w = World::new();
    let mut last = w.tokens("app");
    let mut seen = vec![last.refresh()];
    for _ in 0..5 {
        w.now += 3600;
        let next = w.refresh("app", &last.refresh());
        assert_eq!(next.status, 200);
        assert!(!seen.contains(&next.refresh()) && next.access() != last.access());
        assert!(w.active(&next.access()) && !w.active(&last.access()));
        seen.push(next.refresh());
        last = next;
    }
    assert_eq!(w.store.events.last(), Some(&EventKind::Refreshed));
}

#[test]
fn rfc9700_4_14_2_02_reuse_after_the_grace_window_ends_the_grant() {
    let mut w = World::new();
    let first = w.tokens("app");
    let second = w.refresh("app", &first.refresh());
    w.now += 11;
    is_refused(&w.refresh("app", &first.refresh()), Fault::SpentRefreshToken);
    assert!(!w.active(&second.access()) && !w.active(&first.access()));
    is_refused(&w.refresh("app", &second.refresh()), Fault::EndedGrant);
    assert_eq!(w.store.events.last(), Some(&EventKind::RefreshReplayed));
}

#[test]
fn the_same_request_in_the_grace_window_gets_the_same_successor() {
    let mut w = World::new();
    let first = w.tokens("app");
    let second = w.refresh("app", &first.refresh());
    let rows = w.store.len();
    for after in [0, 3, 9] {
        w.now += after;
        let commits = w.counts.commits;
        let again = w.refresh("app", &first.refresh());
        let left = 600 - (w.now - crate::world::START);
        assert_eq!((again.access(), again.refresh()), (second.access(), second.refresh()));
        assert_eq!(again.json()["expires_in"], left);
        assert_eq!((w.counts.commits, w.store.len()), (commits, rows), "nothing is written");
        w.now -= after;
    }
    assert_eq!(w.refresh("app", &second.refresh()).status, 200);
}

#[test]
fn the_grace_window_is_never_longer_than_it_says() {
    for (apart, same) in [(0, true), (9, true), (10, false), (11, false), (-9, true), (-10, false), (-86_400, false)] {
        let mut w = World::new();
        let first = w.tokens("app");
        w.now += 90_000;
        let second = w.refresh("app", &first.refresh());
        w.now = w.now.checked_add_signed(apart).unwrap();
        let again = w.refresh("app", &first.refresh());
        assert_eq!(again.status == 200 && again.refresh() == second.refresh(), same, "{apart}");
        assert_eq!(w.store.grant().1.state == GrantState::Live, same, "{apart}");
    }
}

#[test]
fn a_grace_window_of_no_seconds_is_none_even_in_the_same_second() {
    let mut w = World::new();
    w.server = server(Policy { refresh_grace: 0, ..Policy::OAUTH21 }, &[1]);
    let first = w.tokens("app");
    assert_eq!(w.refresh("app", &first.refresh()).status, 200);
    is_refused(&w.refresh("app", &first.refresh()), Fault::SpentRefreshToken);
}

#[test]
fn the_grace_window_ends_once_the_successor_was_used() {
    let mut w = World::new();
    let first = w.tokens("app");
    let second = w.refresh("app", &first.refresh());
    let third = w.refresh("app", &second.refresh());
    is_refused(&w.refresh("app", &first.refresh()), Fault::SpentRefreshToken);
    assert!(!w.active(&third.access()));
}

#[test]
fn another_request_in_the_grace_window_is_reuse() {
    for more in [("scope", "read"), ("resource", "https://api.example/")] {
        let mut w = World::new();
        let query = query("app", &[("resource", "https://api.example/")]);
        let code = w.authorize(&query).param("code").unwrap();
        let first = w.redeem("app", &code);
        assert_eq!(w.refresh("app", &first.refresh()).status, 200);
        is_refused(&refresh_with(&mut w, "app", &first.refresh(), &[more]), Fault::SpentRefreshToken);
    }
}

#[test]
fn another_client_in_the_grace_window_neither_gets_nor_ends_anything() {
    let mut w = World::new();
    let first = w.tokens("app");
    let second = w.refresh("app", &first.refresh());
    is_refused(&w.refresh("spa", &first.refresh()), Fault::ForeignRefreshToken);
    is_refused(&w.refresh("web", &first.refresh()), Fault::ForeignRefreshToken);
    assert!(w.active(&second.access()));
}

#[test]
fn a_locked_account_gets_nothing_in_the_grace_window() {
    let mut w = World::new();
    let first = w.tokens("app");
    assert_eq!(w.refresh("app", &first.refresh()).status, 200);
    w.store.change_account("alice", |account| account.live = false);
    is_refused(&w.refresh("app", &first.refresh()), Fault::LockedAccount);
    w.store.remove(Key::account("alice"));
    is_refused(&w.refresh("app", &first.refresh()), Fault::LockedAccount);
}

#[test]
fn a_changed_account_still_gets_the_same_successor_in_the_grace_window() {
    let mut w = World::new();
    let first = w.tokens("app");
    let second = w.refresh("app", &first.refresh());
    w.store.change_account("alice", |account| account.name = "Alice".into());
    assert_eq!(w.refresh("app", &first.refresh()).refresh(), second.refresh());
}

#[test]
fn rfc6749_6_01_rfc6749_6_02_rfc6749_10_4_01_oauth21_4_3_1_01_a_refresh_token_is_bound_to_its_client() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    for thief in ["other", "app", "spa"] {
        is_refused(&w.refresh(thief, &tokens.refresh()), Fault::ForeignRefreshToken);
    }
    let body = format!("grant_type=refresh_token&client_id=web&refresh_token={}", tokens.refresh());
    let done = w.post_token(valetkey::wire::header::Header::Absent, &body);
    assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"));
    assert_eq!(w.refresh("web", &tokens.refresh()).status, 200);
}

#[test]
fn rfc6749_6_03_oauth21_4_3_1_01_refresh_cannot_widen_the_scope() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    for wider in ["admin", "read write admin", "READ", "read\twrite"] {
        let done = refresh_with(&mut w, "web", &tokens.refresh(), &[("scope", wider)]);
        assert_eq!((done.status, done.error().as_str()), (400, "invalid_scope"), "{wider}");
    }
    assert_eq!(w.refresh("web", &tokens.refresh()).status, 200, "and nothing was spent");
}

#[test]
fn rfc6749_6_04_rfc6749_6_05_rfc6749_3_3_02_oauth21_4_3_3_01_a_narrowed_refresh_keeps_the_scope_of_the_grant() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let narrow = refresh_with(&mut w, "web", &tokens.refresh(), &[("scope", "write")]);
    assert_eq!(narrow.text("scope"), "write");
    assert_eq!(w.introspect("rs", &narrow.access()).text("scope"), "write");
    let full = w.refresh("web", &narrow.refresh());
    assert_eq!(full.text("scope"), "read write");
}

#[test]
fn rfc6749_3_3_02_a_client_that_lost_scope_gets_what_is_left_of_it_and_is_told() {
    for (asked, left) in [("", "write"), ("read write", "write"), ("write", "write"), ("write read", "write")] {
        let mut w = World::new();
        let tokens = w.tokens("web");
        w.store.change_client("web", |client| client.scope = "admin write".into());
        let asked = [("scope", asked)];
        let less = refresh_with(&mut w, "web", &tokens.refresh(), &asked);
        assert_eq!((less.status, less.text("scope").as_str()), (200, left), "{asked:?}");
        assert_eq!(w.introspect("rs", &less.access()).text("scope"), left);
        // The grant is what it was: with the scope back, the client has it again.
        assert_eq!(w.store.grant().1.scope, "read write");
        w.store.change_client("web", |client| client.scope = "read write admin".into());
        assert_eq!(w.refresh("web", &less.refresh()).text("scope"), "read write");
    }
}

#[test]
fn a_client_that_lost_all_the_scope_that_is_asked_for_is_refused_and_loses_no_grant() {
    for asked in ["", "read", "read write"] {
        let mut w = World::new();
        let tokens = w.tokens("web");
        w.store.change_client("web", |client| client.scope = "admin".into());
        let done = refresh_with(&mut w, "web", &tokens.refresh(), &[("scope", asked)]);
        assert_eq!((done.status, done.error().as_str()), (400, "invalid_scope"), "{asked}");
        // What was not consented to is not passed over, be it the client's or not.
        let done = refresh_with(&mut w, "web", &tokens.refresh(), &[("scope", "read admin")]);
        assert_eq!(done.error(), "invalid_scope");
        w.store.change_client("web", |client| client.scope = "read write".into());
        assert_eq!(w.refresh("web", &tokens.refresh()).text("scope"), "read write");
    }
}

#[test]
fn rfc9700_4_14_2_01_consent_to_less_is_what_a_refresh_is_bound_to() {
    let mut w = World::new();
    w.person = Person::ApprovesOnly("alice", "read");
    let tokens = w.tokens("web");
    assert_eq!(tokens.text("scope"), "read");
    assert_eq!(refresh_with(&mut w, "web", &tokens.refresh(), &[("scope", "read write")]).error(), "invalid_scope");
    assert_eq!(w.refresh("web", &tokens.refresh()).text("scope"), "read");
}

#[test]
fn rfc9700_4_14_2_03_rfc6749_10_3_02_an_edited_refresh_token_is_worthless_and_ends_nothing() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let token = tokens.refresh();
    for i in 0..token.len() {
        let other = if &token[i..=i] == "A" { "B" } else { "A" };
        let edited = format!("{}{other}{}", &token[..i], &token[i + 1..]);
        if edited != token {
            is_refused(&w.refresh("web", &edited), Fault::UnknownRefreshToken);
        }
    }
    // An older generation than there is, under the MAC of the present one.
    let next = w.refresh("web", &token).refresh();
    let spliced = format!("{}{}", &token[..28], &next[28..]);
    is_refused(&w.refresh("web", &spliced), Fault::UnknownRefreshToken);
    assert_eq!(w.refresh("web", &next).status, 200);
}

#[test]
fn rfc9700_4_14_2_04_an_idle_refresh_token_expires() {
    let idle = u64::from(Policy::OAUTH21.refresh_idle);
    for (after, status) in [(idle - 1, 200), (idle, 400), (idle + 1, 400)] {
        let mut w = World::new();
        let tokens = w.tokens("web");
        w.now += after;
        assert_eq!(w.refresh("web", &tokens.refresh()).status, status, "{after}");
    }
}

#[test]
fn a_grant_ends_whatever_is_refreshed_and_no_access_token_outlives_it() {
    let mut w = World::new();
    let mut last = w.tokens("web");
    let ends = crate::world::START + u64::from(Policy::OAUTH21.grant_lifetime);
    while w.now + 20 * 86_400 < ends {
        w.now += 20 * 86_400;
        last = w.refresh("web", &last.refresh());
        assert_eq!(last.status, 200);
    }
    w.now = ends - 5;
    last = w.refresh("web", &last.refresh());
    assert_eq!(last.json()["expires_in"], 5);
    w.now = ends;
    assert!(!w.active(&last.access()));
    is_refused(&w.refresh("web", &last.refresh()), Fault::ExpiredGrant);
}

#[test]
fn an_old_server_key_still_verifies_and_the_new_one_signs() {
    let mut w = World::new();
    let first = w.tokens("web");
    w.server = server(Policy::OAUTH21, &[2, 1]);
    let second = w.refresh("web", &first.refresh());
    assert_eq!(second.status, 200);
    assert_eq!(w.store.grant().1.server_key, 2);
    // The grace window computes the same text although the current key changed once more.
    w.server = server(Policy::OAUTH21, &[3, 2, 1]);
    assert_eq!(w.refresh("web", &first.refresh()).refresh(), second.refresh());
    w.server = server(Policy::OAUTH21, &[2]);
    assert_eq!(w.refresh("web", &second.refresh()).status, 200);
}

#[test]
fn a_removed_server_key_ends_what_it_made() {
    let mut w = World::new();
    let first = w.tokens("web");
    w.server = server(Policy::OAUTH21, &[2]);
    is_refused(&w.refresh("web", &first.refresh()), Fault::UnknownRefreshToken);
    // The id alone does not make a key the old one: here 1 is another secret.
    let other = valetkey::server::ServerKey::new(1, valetkey::secret::Secret::new([9; 32]));
    let keys = Box::leak(Box::new([other]));
    let server = valetkey::server::Server::new(crate::world::issuer(), Policy::OAUTH21, keys).unwrap();
    w.server = Box::leak(Box::new(server));
    is_refused(&w.refresh("web", &first.refresh()), Fault::UnknownRefreshToken);
}

#[test]
fn a_locked_account_refreshes_nothing() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    w.store.change_account("alice", |account| account.live = false);
    is_refused(&w.refresh("web", &tokens.refresh()), Fault::LockedAccount);
    assert_eq!(w.store.grant().1.generation, 0);
}

#[test]
fn a_changed_account_refreshes_after_a_second_look_and_the_third_time_without() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    w.store.change_account("alice", |account| account.password = "argon2id, new".into());
    w.counts = crate::world::Counts::default();
    let next = w.refresh("web", &tokens.refresh());
    assert_eq!((next.status, w.counts.loads, w.counts.commits), (200, 2, 2));
    w.counts = crate::world::Counts::default();
    assert_eq!(w.refresh("web", &next.refresh()).status, 200);
    assert_eq!((w.counts.loads, w.counts.commits), (1, 1), "the grant remembers which account decided");
}

#[test]
fn a_client_that_lost_its_grants_or_was_removed_refreshes_nothing() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    w.store.change_client("web", |client| client.grant_types.refresh_token = false);
    assert_eq!(w.refresh("web", &tokens.refresh()).error(), "unauthorized_client");
    w.store.change_client("web", |client| client.live = false);
    assert_eq!(w.refresh("web", &tokens.refresh()).error(), "invalid_client");
}

#[test]
fn rfc6749_5_2_03_what_is_no_refresh_token_is_an_invalid_grant() {
    let mut w = World::new();
    for text in ["x", "..", &"A".repeat(71), &"A".repeat(64), "%00", "=", &"z".repeat(4000)] {
        is_refused(&w.refresh("web", text), Fault::UnknownRefreshToken);
    }
    assert_eq!(w.token("web", &[("grant_type", "refresh_token")]).error(), "invalid_request");
}

#[test]
fn a_pending_grant_has_no_refresh_token_yet() {
    let mut w = World::new();
    let tokens = w.tokens("app");
    let (key, mut grant) = w.store.grant();
    grant.state = GrantState::Pending; // as it stood before its code was redeemed
    w.store.put(key, OwnedRecord::Grant(grant));
    is_refused(&w.refresh("app", &tokens.refresh()), Fault::UnknownRefreshToken);
}

#[test]
fn the_last_generation_is_the_end() {
    let mut w = World::new();
    let tokens = w.tokens("app");
    let (key, mut grant) = w.store.grant();
    grant.generation = u32::MAX;
    grant.rotated_by = None;
    w.store.put(key, OwnedRecord::Grant(grant));
    is_refused(&w.refresh("app", &tokens.refresh()), Fault::SpentRefreshToken);
}

/// How often two holders of one refresh token refresh until it is found out, each somewhere between a half and 13/16 of what
/// it is told that its access token lives, as the keeper does. 200 if it is not.
fn refreshed_by_two(access_lifetime: u32) -> usize {
    let mut w = World::new();
    w.server = server(Policy { access_lifetime, ..Policy::OAUTH21 }, &[1]);
    let first = w.tokens("app").refresh();
    let mut holders = [(w.now, first.clone()), (w.now + 1, first)];
    for refreshed in 0..200 {
        holders.sort();
        let (at, token) = &mut holders[0];
        w.now = *at;
        let done = w.refresh("app", token);
        if done.fault == Some(Fault::SpentRefreshToken) {
            return refreshed;
        }
        let left = done.json()["expires_in"].as_u64().unwrap();
        let place = u64::from(u16::from_be_bytes([w.drawn()[0], w.drawn()[1]]));
        (*at, *token) = (w.now + left / 2 + left * 5 * place / (16 << 16), done.refresh());
    }
    200
}

#[test]
fn rfc9700_4_14_2_02_two_holders_of_a_refresh_token_are_found_out_if_access_tokens_live_for_ten_windows() {
    let grace = Policy::OAUTH21.refresh_grace;
    for lifetime in [10 * grace, Policy::OAUTH21.access_lifetime] {
        let refreshed = refreshed_by_two(lifetime);
        assert!(refreshed <= 20, "{refreshed} times where access tokens live for {lifetime} seconds");
    }
    // What the documentation of the window warns of.
    assert_eq!(refreshed_by_two(2 * grace), 200);
}
