//! Introspection: only what is good now, only for whom it is meant, and nothing of the rest.

use crate::world::{ISSUER, START, World, query};
use valetkey::wire::header::Header;

const INACTIVE: &str = r#"{"active":false}"#;

fn tokens_for(w: &mut World, resource: &str) -> crate::world::Done {
    let query = query("web", &[("resource", resource)]);
    let code = w.authorize(&query).param("code").unwrap();
    w.redeem("web", &code)
}

#[test]
fn rfc7662_2_2_01_rfc7662_2_2_06_rfc6750_5_3_05_an_active_token_is_described() {
    let mut w = World::new();
    let tokens = tokens_for(&mut w, "https://api.example/");
    w.now += 100;
    let done = w.introspect("rs", &tokens.access());
    let expected = serde_json::json!({
        "active": true, "iss": ISSUER, "client_id": "web", "sub": "alice", "scope": "read write", "token_type": "Bearer",
        "aud": "https://api.example/", "iat": START, "exp": START + 600, "auth_time": START - 5,
    });
    assert_eq!((done.status, done.json()), (200, expected));
    assert_eq!(done.header("Content-Type"), Some("application/json"));
}

#[test]
fn rfc9700_4_15_1_01_rfc9700_2_6_04_a_clients_own_token_has_no_subject() {
    let mut w = World::new();
    let access = w.token("web", &[("grant_type", "client_credentials"), ("scope", "read")]).access();
    let json = w.introspect("rs", &access).json();
    assert_eq!((json["active"].as_bool(), json.get("sub"), json.get("auth_time")), (Some(true), None, None));
    assert_eq!((&json["client_id"], &json["scope"]), (&"web".into(), &"read".into()));
}

#[test]
fn rfc7662_2_2_02_rfc7662_2_2_03_rfc7662_4_01_what_is_not_good_now_is_inactive_and_no_more_is_said() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let pending_code = w.code("web");
    let edited = format!("{}{}", &pending_code[..22], &tokens.access()[22..]);
    let bad = ["x".into(), "A".repeat(64), pending_code, edited, tokens.refresh(), tokens.access()[..63].into()];
    for token in bad {
        let done = w.introspect("rs", &token);
        assert_eq!((done.status, done.body.as_str()), (200, INACTIVE), "{token}");
        assert!(!w.active(&token));
    }
    w.now += 599;
    assert!(w.introspect("rs", &tokens.access()).body.starts_with(r#"{"active":true"#));
    w.now += 1;
    assert_eq!(w.introspect("rs", &tokens.access()).body, INACTIVE);
    w.now -= 1;
    w.revoke("web", &tokens.access());
    assert_eq!(w.introspect("rs", &tokens.access()).body, INACTIVE);
}

#[test]
fn a_refresh_token_never_passes_for_an_access_token() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    for hint in ["", "refresh_token", "access_token"] {
        let (header, _) = crate::world::credentials("rs", &[]);
        let body = format!("token={}&token_type_hint={hint}", tokens.refresh());
        assert_eq!(w.post_introspect(Header::One(header.as_deref().unwrap()), &body).body, INACTIVE);
    }
}

#[test]
fn rfc9700_2_3_01_rfc8707_2_04_rfc7662_5_01_a_token_is_active_only_where_it_is_meant_for() {
    let mut w = World::new();
    let api = tokens_for(&mut w, "https://api.example/").access();
    let files = tokens_for(&mut w, "https://files.example/").access();
    let anywhere = w.tokens("web").access();
    for (caller, token, active) in [
        ("rs", &api, true),
        ("rs", &files, false),
        ("rs2", &api, false),
        ("rs2", &files, true),
        ("rs", &anywhere, true),
        ("rs2", &anywhere, true),
    ] {
        let done = w.introspect(caller, token);
        assert_eq!(done.json()["active"], active, "{caller}");
        assert!(active || done.body == INACTIVE);
    }
}

#[test]
fn rfc7662_2_01_rfc7662_2_1_03_rfc7662_2_3_01_a_caller_that_may_not_ask_learns_nothing() {
    let mut w = World::new();
    let access = w.tokens("web").access();
    for caller in ["web", "other", "app"] {
        let done = w.introspect(caller, &access);
        assert_eq!((done.status, done.error().as_str()), (401, "unauthorized_client"), "{caller}");
        assert!(!done.body.contains("alice"));
    }
    for header in
        [Header::Absent, Header::Many, Header::One("Bearer x"), Header::One(&crate::world::basic("rs", "wrong"))]
    {
        let done = w.post_introspect(header, &format!("token={access}"));
        assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"), "{header:?}");
        assert!(done.header("WWW-Authenticate").unwrap().starts_with("Basic realm="));
    }
    // A public client may not, whatever its record says.
    w.store.change_client("app", |client| client.may_introspect = true);
    assert_eq!(w.introspect("app", &access).status, 401);
    w.store.change_client("rs", |client| client.live = false);
    assert_eq!(w.introspect("rs", &access).status, 401);
}

#[test]
fn rfc7662_2_1_02_a_hint_that_is_wrong_is_passed_over() {
    let mut w = World::new();
    let access = w.tokens("web").access();
    let (header, _) = crate::world::credentials("rs", &[]);
    let header = Header::One(header.as_deref().unwrap());
    for hint in ["refresh_token", "nonsense"] {
        assert_eq!(w.post_introspect(header, &format!("token={access}&token_type_hint={hint}")).json()["active"], true);
    }
    assert_eq!(w.post_introspect(header, "token_type_hint=x").error(), "invalid_request");
}

#[test]
fn rfc7662_4_03_rfc6749_10_3_02_no_edited_access_token_is_active() {
    let mut w = World::new();
    let access = w.tokens("web").access();
    for i in 0..access.len() {
        let other = if &access[i..=i] == "A" { "B" } else { "A" };
        let edited = format!("{}{other}{}", &access[..i], &access[i + 1..]);
        assert!(edited == access || !w.active(&edited), "{i}");
    }
}

#[test]
fn a_token_of_a_grant_that_was_ended_by_an_operator_is_inactive() {
    let mut w = World::new();
    let access = w.tokens("web").access();
    let (key, mut grant) = w.store.grant();
    grant.state = valetkey::server::record::GrantState::Ended;
    w.store.put(key, valetkey::server::record::OwnedRecord::Grant(grant));
    assert!(!w.active(&access));
    assert_eq!(w.introspect("rs", &access).body, INACTIVE);
}

#[test]
fn introspection_writes_nothing_and_counts_one_load() {
    let mut w = World::new();
    let access = w.tokens("web").access();
    let (rows, commits, loads) = (w.store.len(), w.counts.commits, w.counts.loads);
    w.introspect("rs", &access);
    assert_eq!((w.store.len(), w.counts.commits, w.counts.loads), (rows, commits, loads + 1));
}
