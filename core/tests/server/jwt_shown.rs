//! Signed access tokens that come back: to be introspected, and to be revoked.

use crate::jwt::{claims, signing};
use crate::world::{Done, START, World};
use proptest::prelude::*;
use valetkey::jose::Algorithm;
use valetkey::server::change::EventKind;
use valetkey::server::fault::Fault;
use valetkey::server::record::{AccessTokenFormat, GrantState, OwnedRecord};

const INACTIVE: &str = r#"{"active":false}"#;
const OWN: [(&str, &str); 1] = [("grant_type", "client_credentials")];

fn told(w: &mut World, api: &str, token: &str) -> serde_json::Value {
    let done = w.introspect(api, token);
    assert_eq!(done.status, 200, "{done:?}");
    done.json()
}

#[test]
fn introspection_tells_the_same_of_both_kinds() {
    let mut w = signing(Algorithm::Es256);
    let signed = w.tokens("web").access();
    let told_of_it = told(&mut w, "rs", &signed);
    let expected = serde_json::json!({
        "active": true, "iss": "https://as.example", "client_id": "web", "sub": "alice", "scope": "read write",
        "token_type": "Bearer", "aud": "https://as.example", "iat": START, "exp": START + 600, "auth_time": START - 5,
    });
    assert_eq!(told_of_it, expected);
    w.store.change_client("web", |client| client.access_token = AccessTokenFormat::Opaque);
    let opaque = w.tokens("web").access();
    let mut told_of_it = told(&mut w, "rs", &opaque);
    told_of_it["aud"] = "https://as.example".into(); // it names none, which means the same
    assert_eq!(told_of_it, expected);
}

#[test]
fn rfc9068_5_02_a_token_is_active_only_where_it_is_meant_for() {
    let mut w = signing(Algorithm::Es256);
    let own = |w: &mut World, resource: &str| w.token("web", &[OWN[0], ("resource", resource)]).access();
    let api = own(&mut w, "https://api.example/");
    let files = own(&mut w, "https://files.example/");
    let anywhere = w.token("web", &OWN).access();
    for (caller, token, active) in [
        ("rs", &api, true),
        ("rs", &files, false),
        ("rs2", &api, false),
        ("rs2", &files, true),
        ("rs", &anywhere, true),
        ("rs2", &anywhere, true),
    ] {
        assert_eq!(told(&mut w, caller, token)["active"], active, "{caller}");
    }
}

#[test]
fn a_token_ends_with_its_time_and_with_its_grant() {
    for how in ["time", "grant", "client", "swept"] {
        let mut w = signing(Algorithm::EdDsa);
        let tokens = w.tokens("web");
        w.now += 599;
        assert!(w.active(&tokens.access()));
        match how {
            "time" => w.now += 1,
            "client" => drop(w.revoke("web", &tokens.refresh())),
            "swept" => w.store.remove(w.store.grant().0),
            _ => {
                let (key, mut grant) = w.store.grant();
                grant.state = GrantState::Ended;
                w.store.put(key, OwnedRecord::Grant(grant));
            }
        }
        assert!(!w.active(&tokens.access()), "{how}");
        assert_eq!(w.introspect("rs", &tokens.access()).body, INACTIVE);
    }
}

#[test]
fn a_token_signed_for_a_grant_that_did_not_come_to_be_is_not_active() {
    let mut w = signing(Algorithm::Es256);
    let tokens = w.tokens("web");
    let (key, mut grant) = w.store.grant();
    grant.state = GrantState::Pending; // as it stood when its token was signed, before the commit
    w.store.put(key, OwnedRecord::Grant(grant));
    assert!(!w.active(&tokens.access()));
}

#[test]
fn a_signed_token_goes_alone_and_is_remembered_until_it_would_have_expired() {
    let mut w = signing(Algorithm::Es256);
    let first = w.tokens("web");
    let second = w.refresh("web", &first.refresh());
    assert_eq!(w.revoke("web", &first.access()).status, 200);
    assert_eq!(w.store.events.last(), Some(&EventKind::Revoked));
    assert!(!w.active(&first.access()) && w.active(&second.access()));
    assert_eq!(w.introspect("rs", &first.access()).body, INACTIVE);
    w.now += 599;
    w.store.sweep(w.now);
    for back in [0, 100, 599] {
        w.now -= back;
        assert!(!w.active(&first.access()), "{back}");
        w.now += back;
    }
    assert_eq!(w.refresh("web", &second.refresh()).status, 200);
}

#[test]
fn a_signed_token_that_is_revoked_twice_is_written_once_and_an_expired_one_never() {
    let mut w = signing(Algorithm::Es256);
    let (one, two) = (w.tokens("web").access(), w.tokens("web").access());
    w.revoke("web", &one);
    let commits = w.counts.commits;
    assert_eq!(w.revoke("web", &one).status, 200);
    w.now += 600;
    assert_eq!(w.revoke("web", &two).status, 200);
    assert_eq!(w.counts.commits, commits);
}

#[test]
fn a_signed_token_for_a_client_itself_takes_its_grant_along() {
    let mut w = signing(Algorithm::Es256);
    let access = w.token("web", &OWN).access();
    assert!(w.active(&access));
    w.revoke("web", &access);
    assert!(!w.active(&access));
    assert_eq!(w.store.grant().1.state, GrantState::Ended);
}

#[test]
fn rfc7009_2_1_02_another_clients_signed_token_stays() {
    let mut w = signing(Algorithm::Es256);
    let (code, own) = (w.tokens("web").access(), w.token("web", &OWN).access());
    for thief in ["other", "app", "spa"] {
        for token in [&code, &own] {
            assert_eq!(w.revoke(thief, token).status, 200);
            assert!(w.active(token));
        }
    }
}

#[test]
fn a_signed_token_is_neither_code_nor_refresh_token_nor_is_its_jti() {
    let mut w = signing(Algorithm::Es256);
    let tokens = w.tokens("web");
    let jti = claims(&tokens.access())["jti"].as_str().unwrap().to_owned();
    for text in [tokens.access(), jti] {
        assert_eq!(w.redeem("web", &text).fault, Some(Fault::UnknownCode));
        assert_eq!(w.refresh("web", &text).fault, Some(Fault::UnknownRefreshToken));
    }
    let jti = claims(&tokens.access())["jti"].as_str().unwrap().to_owned();
    assert_eq!(w.introspect("rs", &jti).body, INACTIVE);
    assert_eq!(w.revoke("web", &jti).status, 200);
    assert!(w.active(&tokens.access()));
}

#[test]
fn no_edited_signed_token_is_active_or_revokes() {
    let mut w = signing(Algorithm::Es256);
    let access = w.tokens("web").access();
    for i in 0..access.len() {
        let other = if &access[i..=i] == "A" { "B" } else { "A" };
        let edited = format!("{}{other}{}", &access[..i], &access[i + 1..]);
        if edited != access {
            assert!(!w.active(&edited), "{i}");
            assert_eq!(w.revoke("web", &edited).status, 200);
        }
    }
    assert!(w.active(&access));
}

/// Signs what a server with other names signs, by the same key.
fn forged(access: &str, header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let base64 = |bytes: &[u8]| {
        let mut room = vec![0; bytes.len() * 2];
        valetkey::text::base64::encode(bytes, &mut room).unwrap().to_owned()
    };
    assert!(access.contains('.'));
    let message = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = base64(&crate::world::PAIRS[0].sign(1, message.as_bytes()));
    format!("{message}.{signature}")
}

/// Whoever holds a token by ECDSA can write another signature of the same text (`-s` for `s`), which is as good.
#[test]
fn a_token_is_revoked_by_its_jti_however_its_signature_is_written() {
    type Issue = fn(&mut World) -> Done;
    let issue: [Issue; 2] = [|w| w.tokens("web"), |w| w.token("web", &OWN)];
    for (issue, shown) in issue.into_iter().flat_map(|issue| [(issue, 0), (issue, 1)]) {
        let mut w = signing(Algorithm::Es256);
        let first = issue(&mut w).access();
        let second = forged(&first, &crate::jwt::header(&first), &claims(&first));
        assert_ne!(first.rsplit('.').next(), second.rsplit('.').next());
        let both = [first, second];
        assert!(both.iter().all(|token| w.active(token)));
        assert_eq!(w.revoke("web", &both[shown]).status, 200);
        assert!(!both.iter().any(|token| w.active(token)));
    }
}

#[test]
fn what_our_key_signed_for_another_purpose_is_no_token_of_ours() {
    let mut w = signing(Algorithm::Es256);
    let access = w.tokens("web").access();
    let (head, said) = (crate::jwt::header(&access), claims(&access));
    assert!(w.active(&forged(&access, &head, &said)), "unchanged it is one");
    let change = |of: &serde_json::Value, name: &str, value: serde_json::Value| {
        let mut changed = of.clone();
        changed[name] = value;
        changed
    };
    let mut bad = Vec::new();
    for typ in ["JWT", "logout+jwt", ""] {
        bad.push(forged(&access, &change(&head, "typ", typ.into()), &said));
    }
    for kid in ["ed", "none", ""] {
        bad.push(forged(&access, &change(&head, "kid", kid.into()), &said));
    }
    for (name, value) in [
        ("iss", "https://other.example".into()),
        ("client_id", "app".into()),
        ("exp", START.into()),
        ("jti", "AAAA".into()),
        ("jti", "A".repeat(43).into()),
        ("aud", serde_json::json!(["https://api.example/"])),
    ] {
        bad.push(forged(&access, &head, &change(&said, name, value)));
    }
    for token in bad {
        assert!(!w.active(&token), "{token}");
        assert_eq!(w.revoke("web", &token).status, 200);
    }
    assert!(w.active(&access), "and none of them revoked it");
}

#[test]
fn introspecting_a_signed_token_takes_one_load_and_writes_nothing() {
    let mut w = signing(Algorithm::Es256);
    let access = w.tokens("web").access();
    let (rows, commits, loads) = (w.store.len(), w.counts.commits, w.counts.loads);
    w.introspect("rs", &access);
    assert_eq!((w.store.len(), w.counts.commits, w.counts.loads), (rows, commits, loads + 1));
}

proptest! {
    /// Whatever happens to a grant, introspection says of its newest token what it would say of an opaque one.
    #[test]
    fn signed_and_opaque_tokens_live_and_die_alike(steps in prop::collection::vec(0..6u8, 1..12)) {
        let mut worlds = [World::new(), signing(Algorithm::Es256)];
        let seen = worlds.each_mut().map(|w| {
            let (mut last, mut seen) = (w.tokens("web"), Vec::new());
            let mut access = vec![last.access()];
            for step in &steps {
                let done: Option<Done> = match step {
                    0 => Some(w.refresh("web", &last.refresh())),
                    1 => { w.now += 250; None }
                    2 => Some(w.revoke("web", access.last().unwrap())),
                    3 => Some(w.revoke("other", access.last().unwrap())),
                    4 => { w.store.sweep(w.now); None }
                    _ => Some(w.revoke("web", &access[0])),
                };
                if let Some(done) = done.filter(|done| *step == 0 && done.status == 200) {
                    access.push(done.access());
                    last = done;
                }
                seen.push(access.iter().map(|token| w.active(token)).collect::<Vec<_>>());
            }
            seen
        });
        prop_assert_eq!(&seen[0], &seen[1]);
    }
}

/// Two servers' clocks differ by a little, and the faster one sweeps.
#[test]
fn a_revoked_token_stays_revoked_where_the_clock_is_behind_the_one_that_swept() {
    let mut w = signing(Algorithm::Es256);
    let tokens = w.tokens("web");
    assert_eq!(w.revoke("web", &tokens.access()).status, 200);
    w.store.sweep(w.now + 660);
    for back in [1, 30, 599] {
        w.now += 600 - back;
        assert!(!w.active(&tokens.access()), "{back}");
        w.now -= 600 - back;
    }
}

#[test]
fn what_is_issued_can_be_introspected_and_revoked() {
    let scope: Vec<_> = (10..42).map(|n| format!("{n}{}", "x".repeat(100))).collect();
    for (words, issued) in [(24, true), (32, false)] {
        let mut w = signing(Algorithm::Es256);
        w.store.change_client("web", |client| client.scope = scope[..words].join(" "));
        let done = w.token("web", &OWN);
        assert_eq!(done.status == 200, issued, "{words}: {done:?}");
        if issued {
            assert!(w.active(&done.access()));
            assert_eq!(w.revoke("web", &done.access()).status, 200);
            assert!(!w.active(&done.access()));
        }
    }
}
