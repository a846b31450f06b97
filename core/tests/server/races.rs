//! Several requests at once, step by step: whatever the order, one wins.

use crate::world::{Done, World, credentials, form, query, redemption};
use valetkey::server::fault::Fault;
use valetkey::server::{AuthorizeRequest, FormRequest, SCRATCH, Step, authorize, reopen, revoke, token};
use valetkey::wire::header::Header;

/// Every sequence over `width` requests in which each is advanced `length` times.
pub(crate) fn interleavings(width: usize, length: usize) -> Vec<Vec<usize>> {
    fn extend(left: &mut Vec<usize>, so_far: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left.iter().all(|n| *n == 0) {
            all.push(so_far.clone());
        }
        for i in 0..left.len() {
            if left[i] > 0 {
                left[i] -= 1;
                so_far.push(i);
                extend(left, so_far, all);
                so_far.pop();
                left[i] += 1;
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut vec![length; width], &mut Vec::new(), &mut all);
    all
}

/// Opens the token requests, advances them in the given order, then finishes them.
fn run(w: &mut World, requests: &[(&str, Vec<(&str, &str)>)], order: &[usize]) -> Vec<Done> {
    let mut rooms = vec![[0; SCRATCH]; requests.len()];
    let mut steps: Vec<Option<Step<'_>>> = Vec::new();
    for ((client, params), room) in requests.iter().zip(&mut rooms) {
        let (header, body) = credentials(client, params);
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        let content_type = Header::One(crate::world::FORM);
        let seed = w.entropy();
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        steps.push(Some(token(w.server, &request, w.now(), seed, room)));
    }
    for i in order {
        let step = steps[*i].take().unwrap();
        steps[*i] = Some(w.advance(step));
    }
    steps.into_iter().map(|step| w.finish(step.unwrap())).collect()
}

#[test]
fn rfc6749_4_1_2_04_rfc9700_4_2_4_02_of_two_redemptions_one_wins_and_the_grant_ends_in_every_order() {
    for order in interleavings(2, 3) {
        let mut w = World::new();
        let code = w.code("app");
        let request = ("app", redemption("app", &code).to_vec());
        let done = run(&mut w, &[request.clone(), request], &order);
        let won: Vec<_> = done.iter().filter(|d| d.status == 200).collect();
        assert_eq!(won.len(), 1, "{order:?}");
        assert!(done.iter().any(|d| d.fault == Some(Fault::SpentCode)), "{order:?}");
        assert!(!w.active(&won[0].access()), "the second use was valid, so the grant ended");
    }
}

#[test]
fn of_three_redemptions_one_wins_in_every_order() {
    for order in interleavings(3, 3) {
        let mut w = World::new();
        let code = w.code("app");
        let request = ("app", redemption("app", &code).to_vec());
        let done = run(&mut w, &[request.clone(), request.clone(), request], &order);
        let won: Vec<_> = done.iter().filter(|d| d.status == 200).collect();
        assert_eq!(won.len(), 1, "{order:?}");
        assert!(!w.active(&won[0].access()));
    }
}

#[test]
fn rfc9700_4_14_2_02_of_three_refreshes_all_get_the_one_successor_in_every_order() {
    for order in interleavings(3, 3) {
        let mut w = World::new();
        let refresh = w.tokens("app").refresh();
        let request = ("app", vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())]);
        let done = run(&mut w, &[request.clone(), request.clone(), request], &order);
        assert!(done.iter().all(|d| d.status == 200 && d.refresh() == done[0].refresh()), "{order:?} {done:?}");
        assert_eq!(w.store.grant().1.generation, 1);
    }
}

#[test]
fn of_two_different_refreshes_one_wins_and_the_other_is_reuse() {
    for order in interleavings(2, 3) {
        let mut w = World::new();
        let refresh = w.tokens("app").refresh();
        let plain = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let narrow = [plain.clone(), vec![("scope", "read")]].concat();
        let done = run(&mut w, &[("app", plain), ("app", narrow)], &order);
        let won: Vec<_> = done.iter().filter(|d| d.status == 200).collect();
        assert_eq!(won.len(), 1, "{order:?}");
        assert!(done.iter().any(|d| d.fault == Some(Fault::SpentRefreshToken)));
        assert!(!w.active(&won[0].access()));
    }
}

#[test]
fn rfc7009_2_1_04_a_revocation_beside_a_refresh_leaves_nothing_active_in_every_order() {
    for order in interleavings(2, 3) {
        let mut w = World::new();
        let tokens = w.tokens("app");
        let (mut a, mut b) = ([0; SCRATCH], [0; SCRATCH]);
        let content_type = Header::One(crate::world::FORM);
        let authorization = Header::Absent;
        let refreshing =
            form(&[("client_id", "app"), ("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh())]);
        let revoking = form(&[("client_id", "app"), ("token", &tokens.refresh())]);
        let seeds = (w.entropy(), w.entropy());
        let request = FormRequest { authorization, content_type, body: refreshing.as_bytes() };
        let one = token(w.server, &request, w.now(), seeds.0, &mut a);
        let request = FormRequest { authorization, content_type, body: revoking.as_bytes() };
        let two = revoke(w.server, &request, w.now(), seeds.1, &mut b);
        let mut steps = [Some(one), Some(two)];
        for i in &order {
            let step = steps[*i].take().unwrap();
            steps[*i] = Some(w.advance(step));
        }
        let [refreshed, revoked] = steps.map(|step| w.finish(step.unwrap()));
        assert_eq!(revoked.status, 200);
        assert!(!w.active(&tokens.access()), "{order:?}");
        if refreshed.status == 200 {
            assert!(!w.active(&refreshed.access()), "{order:?}");
            assert_eq!(w.refresh("app", &refreshed.refresh()).error(), "invalid_grant");
        }
    }
}

#[test]
fn rfc6749_10_12_03_one_consent_answered_twice_issues_one_code_in_every_order() {
    for order in interleavings(2, 4) {
        let mut w = World::new();
        let sealed = w.pause(&query("web", &[]));
        let (mut a, mut b) = ([0; SCRATCH], [0; SCRATCH]);
        let seeds = (w.entropy(), w.entropy());
        let one = reopen(w.server, &sealed, crate::world::BROWSER, w.now(), seeds.0, &mut a);
        let two = reopen(w.server, &sealed, crate::world::BROWSER, w.now(), seeds.1, &mut b);
        let mut steps = [Some(one), Some(two)];
        for i in &order {
            let step = steps[*i].take().unwrap();
            steps[*i] = Some(w.advance(step));
        }
        let done = steps.map(|step| w.finish(step.unwrap()));
        assert_eq!(done.iter().filter(|d| d.status == 303).count(), 1, "{order:?}");
        let late = done.iter().find(|d| d.status != 303).unwrap();
        assert!(late.page && late.fault == Some(Fault::AlreadyAnswered), "the first answer is not disturbed");
    }
}

/// An account locked between any two steps of a request that issues something.
#[test]
fn nothing_is_issued_for_an_account_that_was_locked_before_the_commit() {
    for grant_type in ["authorization_code", "refresh_token"] {
        for locked_after in 0..3 {
            let mut w = World::new();
            let (code, refresh) = (w.code("web"), w.tokens("web").refresh());
            let params = match grant_type {
                "refresh_token" => vec![("grant_type", grant_type), ("refresh_token", refresh.as_str())],
                _ => redemption("web", &code).to_vec(),
            };
            let (header, body) = credentials("web", &params);
            let (mut room, seed) = ([0; SCRATCH], w.entropy());
            let authorization = Header::One(header.as_deref().unwrap());
            let content_type = Header::One(crate::world::FORM);
            let request = FormRequest { authorization, content_type, body: body.as_bytes() };
            let mut step = token(w.server, &request, w.now(), seed, &mut room);
            for _ in 0..locked_after {
                step = w.advance(step);
            }
            w.store.change_account("alice", |account| account.live = false);
            let done = w.finish(step);
            assert_eq!(done.fault, Some(Fault::LockedAccount), "{grant_type} {locked_after}");
        }
    }
}

#[test]
fn a_client_that_changed_under_a_request_is_looked_at_again() {
    for changed_after in 0..3 {
        let mut w = World::new();
        let code = w.code("app");
        let (_, body) = credentials("app", &redemption("app", &code));
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let (authorization, content_type) = (Header::Absent, Header::One(crate::world::FORM));
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        let mut step = token(w.server, &request, w.now(), seed, &mut room);
        for _ in 0..changed_after {
            step = w.advance(step);
        }
        w.store.change_client("app", |client| client.live = false);
        assert_eq!(w.finish(step).error(), "invalid_client", "{changed_after}");
    }
}

#[test]
fn rfc6749_4_1_2_1_01_a_client_removed_during_consent_is_not_redirected_to() {
    for removed_after in 0..4 {
        for remove in [true, false] {
            let mut w = World::new();
            let (mut room, seed) = ([0; SCRATCH], w.entropy());
            let query = query("web", &[]);
            let mut step = authorize(w.server, &AuthorizeRequest { query: &query }, w.now(), seed, &mut room);
            for _ in 0..removed_after {
                step = w.advance(step);
            }
            match remove {
                true => w.store.remove(valetkey::server::change::Key::client("web")),
                false => w.store.change_client("web", |client| client.live = false),
            }
            let done = w.finish(step);
            assert!(done.page && done.gives_nothing() && done.header("Location").is_none(), "{removed_after} {done:?}");
        }
    }
}

#[test]
fn an_account_locked_during_consent_gives_no_code() {
    for locked_after in 0..4 {
        let mut w = World::new();
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let query = query("web", &[]);
        let mut step = authorize(w.server, &AuthorizeRequest { query: &query }, w.now(), seed, &mut room);
        for _ in 0..locked_after {
            step = w.advance(step);
        }
        w.store.change_account("alice", |account| account.live = false);
        let done = w.finish(step);
        assert_eq!((done.error().as_str(), done.gives_nothing()), ("access_denied", true), "{locked_after}");
    }
}

#[test]
fn an_answer_that_was_held_while_its_pending_request_was_forgotten_gives_no_second_code() {
    let mut w = World::new();
    let sealed = w.pause(&query("web", &[]));
    w.now += 599;
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let mut held = reopen(w.server, &sealed, crate::world::BROWSER, w.now(), seed, &mut room);
    while !matches!(held, Step::Commit(_)) {
        held = w.advance(held);
    }
    assert_eq!(w.answer(&sealed, crate::world::BROWSER).status, 303);
    w.now += 60;
    w.store.sweep(w.now);
    assert_eq!(w.finish(held).fault, Some(Fault::AlreadyAnswered));
}
