//! A code is redeemed once, by its client, with its verifier and redirect URI.

use crate::world::{OTHER_VERIFIER, START, VERIFIER, WEB_CB, World, query, redemption, secret_of};
use valetkey::server::change::{EventKind, Key};
use valetkey::server::fault::Fault;
use valetkey::server::record::{GrantState, OwnedRecord};
use valetkey::server::{Policy, ServerKey};

/// The plain redemption with some parameters changed; an empty value leaves one out.
fn redeem(w: &mut World, client: &str, code: &str, changed: &[(&str, &str)]) -> crate::world::Done {
    let mut params = redemption(client, code).to_vec();
    for (name, value) in changed {
        params.retain(|(n, _)| n != name);
        if !value.is_empty() {
            params.push((name, value));
        }
    }
    w.token(client, &params)
}

#[test]
fn rfc6749_5_1_01_rfc6749_5_1_03_a_code_gives_tokens() {
    let mut w = World::new();
    let done = w.tokens("web");
    let json = done.json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 600);
    assert_eq!(json["scope"], "read write");
    assert_eq!((done.access().len(), done.refresh().len()), (64, 71));
    assert_eq!(done.header("Content-Type"), Some("application/json"));
    assert!(w.active(&done.access()));
    assert_eq!(w.store.events, [EventKind::CodeIssued, EventKind::CodeRedeemed]);
}

#[test]
fn rfc6749_4_1_2_04_rfc6749_4_1_2_05_rfc6749_10_5_01_rfc9700_4_2_4_02_oauth21_4_1_3_01_a_second_use_ends_the_grant() {
    let mut w = World::new();
    let code = w.code("web");
    let first = w.redeem("web", &code);
    let rotated = w.refresh("web", &first.refresh());
    let second = w.redeem("web", &code);
    assert_eq!((second.status, second.error().as_str()), (400, "invalid_grant"));
    assert_eq!(second.fault, Some(Fault::SpentCode));
    for done in [&first, &rotated] {
        assert!(!w.active(&done.access()));
        assert_eq!(w.refresh("web", &done.refresh()).error(), "invalid_grant");
    }
    assert_eq!(w.store.events.last(), Some(&EventKind::CodeReplayed));
    assert_eq!(w.redeem("web", &code).error(), "invalid_grant");
}

#[test]
fn a_replay_in_the_same_second_or_with_the_clock_set_back_is_a_replay() {
    for later in [0_i64, -1, -10, -86_400 * 365] {
        let mut w = World::new();
        let code = w.code("app");
        let first = w.redeem("app", &code);
        w.now = w.now.checked_add_signed(later).unwrap();
        assert_eq!(w.redeem("app", &code).error(), "invalid_grant", "{later}");
        assert!(!w.active(&first.access()), "{later}");
    }
}

#[test]
fn oauth21_7_5_2_01_a_replay_with_wrong_parameters_ends_nothing() {
    let mut w = World::new();
    let code = w.code("web");
    let first = w.redeem("web", &code);
    for changed in [
        ("code_verifier", OTHER_VERIFIER),
        ("code_verifier", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/"),
    ] {
        assert!(redeem(&mut w, "web", &code, &[changed]).gives_nothing());
        assert!(w.active(&first.access()), "{changed:?}");
    }
    w.token("other", &redemption("web", &code));
    assert!(w.active(&first.access()));
}

#[test]
fn rfc7636_4_6_01_rfc7636_4_6_02_rfc9700_2_1_1_07_a_wrong_verifier_gets_nothing_and_does_not_burn_the_code() {
    let mut w = World::new();
    let code = w.code("app");
    for wrong in [OTHER_VERIFIER, &VERIFIER.to_lowercase(), &format!("{VERIFIER}a"), crate::world::CHALLENGE] {
        let done = redeem(&mut w, "app", &code, &[("code_verifier", wrong)]);
        assert_eq!((done.status, done.error().as_str()), (400, "invalid_grant"));
        assert_eq!(done.fault, Some(Fault::WrongVerifier));
    }
    assert_eq!(w.redeem("app", &code).status, 200);
}

#[test]
fn rfc7636_4_6_03_oauth21_4_1_3_02_rfc8252_8_1_01_a_verifier_is_always_needed() {
    let mut w = World::new();
    for client in ["web", "app"] {
        let code = w.code(client);
        for bad in ["", "short", &"a".repeat(42), &"a".repeat(129), &format!("{}!", "a".repeat(43))] {
            let done = redeem(&mut w, client, &code, &[("code_verifier", bad)]);
            assert_eq!((done.status, done.error().as_str()), (400, "invalid_request"), "{bad}");
            assert!(done.gives_nothing());
        }
        assert_eq!(w.redeem(client, &code).status, 200);
    }
}

#[test]
fn rfc6749_4_1_2_06_rfc6749_4_1_3_02_rfc6749_3_2_1_03_a_code_is_bound_to_its_client() {
    let mut w = World::new();
    for (owner, thief) in [("web", "other"), ("app", "spa"), ("web", "app"), ("app", "web")] {
        let code = w.code(owner);
        let done = w.token(thief, &redemption(owner, &code));
        assert_eq!((done.error().as_str(), done.fault), ("invalid_grant", Some(Fault::ForeignCode)), "{owner} {thief}");
        assert_eq!(w.redeem(owner, &code).status, 200, "the thief did not burn it");
    }
}

#[test]
fn rfc6749_4_1_3_03_rfc6749_10_6_01_oauth21_10_2_01_the_redirect_uri_is_the_one_that_was_named() {
    let mut w = World::new();
    let code = w.code("web");
    for bad in [
        "",
        "https://web.example/two?tenant=1",
        "https://web.example/cb/",
        "https://web.example/CB",
        "https://web.example",
    ] {
        let done = redeem(&mut w, "web", &code, &[("redirect_uri", bad)]);
        assert_eq!((done.error().as_str(), done.fault), ("invalid_grant", Some(Fault::CodeRedirectUri)), "{bad}");
    }
    assert_eq!(w.redeem("web", &code).status, 200);
    // Left out of the authorization request: it may be left out here too, and must be right if it is not.
    for (sent, status) in [("", 200), ("https://spa.example/cb", 200), (WEB_CB, 400)] {
        let code = w.authorize(&query("spa", &[("redirect_uri", "")])).param("code").unwrap();
        assert_eq!(redeem(&mut w, "spa", &code, &[("redirect_uri", sent)]).status, status, "{sent}");
    }
}

#[test]
fn rfc8252_7_3_01_the_port_of_a_loopback_redirect_is_bound_with_the_code() {
    let mut w = World::new();
    let uri = "http://127.0.0.1:51004/cb";
    let code = w.authorize(&query("app", &[("redirect_uri", uri)])).param("code").unwrap();
    assert_eq!(redeem(&mut w, "app", &code, &[("redirect_uri", "http://127.0.0.1:51005/cb")]).error(), "invalid_grant");
    assert_eq!(redeem(&mut w, "app", &code, &[("redirect_uri", uri)]).status, 200);
}

#[test]
fn rfc6749_4_1_2_01_rfc6749_4_1_2_02_a_code_lives_for_a_minute() {
    assert_eq!(Policy::OAUTH21.code_lifetime, 60);
    for (after, status) in [(59, 200), (60, 400), (61, 400), (86_400, 400)] {
        let mut w = World::new();
        let code = w.code("web");
        w.now += after;
        let done = w.redeem("web", &code);
        assert_eq!(done.status, status, "{after}");
        assert!(status == 200 || done.error() == "invalid_grant");
    }
}

#[test]
fn rfc6749_4_1_3_04_rfc6749_10_3_02_an_edited_code_is_worthless() {
    let mut w = World::new();
    let (a, b) = (w.code("web"), w.code("web"));
    let swapped = format!("{}{}", &a[..22], &b[22..]); // the locator of one, the secret of the other
    let mut candidates =
        vec![swapped, String::new(), a[..63].into(), format!("{a}A"), format!("{a}="), a.to_lowercase()];
    candidates.extend((0..64).map(|i| {
        let other = if &a[i..=i] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &a[..i], &a[i + 1..])
    }));
    for edited in candidates.iter().filter(|edited| **edited != a) {
        assert!(redeem(&mut w, "web", &a, &[("code", edited)]).gives_nothing(), "{edited}");
    }
    let refresh = w.redeem("web", &b).refresh();
    assert_eq!(redeem(&mut w, "web", &a, &[("code", &refresh)]).error(), "invalid_grant");
    assert_eq!(w.redeem("web", &a).status, 200);
}

#[test]
fn an_access_token_is_no_code_and_a_code_no_token() {
    let mut w = World::new();
    let code = w.code("web");
    assert!(!w.active(&code));
    assert_eq!(w.introspect("rs", &code).body, r#"{"active":false}"#);
    assert_eq!(w.refresh("web", &code).error(), "invalid_grant");
    let access = w.redeem("web", &code).access();
    assert_eq!(w.redeem("web", &access).error(), "invalid_grant");
    assert_eq!(w.refresh("web", &access).error(), "invalid_grant");
}

#[test]
fn rfc7636_4_4_01_rfc7636_4_5_02_oauth21_4_1_2_01_the_challenge_is_kept_with_the_code() {
    let mut w = World::new();
    w.code("web");
    let codes = w.store.records().filter_map(|record| match record {
        OwnedRecord::Code(code) => Some(code.challenge),
        _ => None,
    });
    assert_eq!(codes.collect::<Vec<_>>(), [valetkey::server::secret_digest(VERIFIER)]);
}

#[test]
fn rfc7636_4_4_02_rfc6749_10_10_01_rfc6749_10_10_02_oauth21_7_7_01_a_code_is_random_and_shows_nothing() {
    let mut w = World::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let code = w.code("web");
        let mut bytes = [0; 48];
        assert_eq!(valetkey::text::base64::decode(&code, &mut bytes).unwrap().len(), 48);
        assert!(!code.contains(&crate::world::CHALLENGE[..8]));
        assert!(seen.insert(code), "drawn anew for each request");
    }
}

#[test]
fn a_locked_account_redeems_nothing() {
    let mut w = World::new();
    let code = w.code("web");
    w.store.change_account("alice", |account| account.live = false);
    let done = w.redeem("web", &code);
    assert_eq!((done.error().as_str(), done.fault), ("invalid_grant", Some(Fault::LockedAccount)));
    // The account is usable again before the code expired: nothing was burnt.
    w.store.change_account("alice", |account| account.live = true);
    assert_eq!(w.redeem("web", &code).status, 200);
}

#[test]
fn an_account_that_is_gone_redeems_and_refreshes_nothing() {
    let mut w = World::new();
    let (code, refresh) = (w.code("web"), w.tokens("web").refresh());
    w.store.remove(Key::account("alice"));
    for done in [w.redeem("web", &code), w.refresh("web", &refresh)] {
        assert_eq!((done.error().as_str(), done.fault), ("invalid_grant", Some(Fault::LockedAccount)));
    }
}

#[test]
fn a_removed_client_redeems_nothing() {
    let mut w = World::new();
    let code = w.code("app");
    w.store.change_client("app", |client| client.live = false);
    assert_eq!(w.redeem("app", &code).error(), "invalid_client");
    w.store.change_client("app", |client| {
        client.live = true;
        client.grant_types.authorization_code = false;
    });
    assert_eq!(w.redeem("app", &code).error(), "unauthorized_client");
}

#[test]
fn rfc6749_3_3_02_oauth21_1_4_1_01_a_redemption_may_narrow_the_scope_and_never_widen_it() {
    let mut w = World::new();
    let code = w.code("web");
    for (wider, error) in [("admin", "invalid_scope"), ("read admin", "invalid_scope"), ("Read", "invalid_scope")] {
        assert_eq!(redeem(&mut w, "web", &code, &[("scope", wider)]).error(), error);
    }
    let narrow = redeem(&mut w, "web", &code, &[("scope", "read")]);
    assert_eq!(narrow.text("scope"), "read");
    assert_eq!(w.introspect("rs", &narrow.access()).text("scope"), "read");
}

#[test]
fn a_scope_that_the_client_lost_is_not_given() {
    let mut w = World::new();
    let code = w.code("web");
    w.store.change_client("web", |client| client.scope = "read".into());
    assert_eq!(redeem(&mut w, "web", &code, &[("scope", "write")]).error(), "invalid_scope");
    assert_eq!(w.redeem("web", &code).text("scope"), "read");
}

#[test]
fn a_client_without_refresh_gets_no_refresh_token() {
    let mut w = World::new();
    let done = w.tokens("short");
    assert_eq!(done.refresh(), "");
    let (_, grant) = w.store.grant();
    assert_eq!((grant.state, grant.expires_at.0), (GrantState::Live, START + 600));
}

#[test]
fn a_spent_code_is_recognised_while_its_first_tokens_are_good_and_unknown_once_swept() {
    let mut w = World::new();
    let code = w.code("web");
    let first = w.redeem("web", &code);
    w.now += 599;
    w.store.sweep(w.now);
    assert!(w.active(&first.access()));
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::SpentCode));
    assert!(!w.active(&first.access()));

    let mut w = World::new();
    let code = w.code("web");
    let refresh = w.redeem("web", &code).refresh();
    w.now += 86_400;
    w.store.sweep(w.now);
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::UnknownCode));
    assert_eq!(w.refresh("web", &refresh).status, 200);
}

#[test]
fn no_secret_reaches_the_store() {
    let mut w = World::new();
    let code = w.code("web");
    let done = w.redeem("web", &code);
    let kept: String = w.store.records().map(|record| format!("{record:?}")).collect();
    let secrets = [code, done.access(), done.refresh(), VERIFIER.into(), secret_of("web")];
    for secret in secrets {
        assert!(!kept.contains(&secret));
        let mut bytes = [0; 64];
        if let Ok(bytes) = valetkey::text::base64::decode(&secret, &mut bytes) {
            let tail: String = bytes[bytes.len() - 16..].iter().map(|b| format!("{b:02x}")).collect();
            assert!(!kept.contains(&tail), "as hexadecimal");
        }
    }
    assert!(format!("{:?}", ServerKey::new(1, valetkey::secret::Secret::new([0xab; 32]))).contains("Secret(..)"));
}
