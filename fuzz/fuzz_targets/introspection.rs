//! The resource server. The input is seven lines: `Authorization`, the scope that is needed, the token's audience, issuer,
//! scope and subject, and three letters (`a` active, `r` an audience is required, `e` expired). Asserts: a token is taken from
//! the `Bearer` scheme alone and as it stands; access is given only to an active, unexpired token of the issuer, for this
//! audience, with each scope; a challenge is one line of whole quoted strings; what is said of a token is read back by
//! serde_json.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::HashSet;
use valetkey::resource::{Audience, Check, Policy, check};
use valetkey::text::buf::Writer;
use valetkey::time::UnixTime;
use valetkey::wire::{challenge::Challenge, header::Header, introspection::Introspection};

const API: &str = "https://api.example";
const ISSUER: &str = "https://as.example";
const NOW: UnixTime = UnixTime(1_700_000_000);

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(7, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (header, needed, audience, issuer, scope, subject, letters) =
        (line(), line(), line(), line(), line(), line(), line());
    let is = |letter| letters.contains(letter);
    let answer = Introspection {
        active: is('a'),
        issuer,
        client_id: "web",
        subject,
        scope,
        audience,
        issued_at: NOW,
        expires_at: if is('e') { NOW } else { NOW.plus(1) },
        auth_time: is('r').then_some(NOW),
    };
    read_back(&answer);
    let for_us = if is('r') { Audience::Required(API) } else { Audience::IfNamed(API) };
    let policy = Policy::new(ISSUER, for_us, needed);
    for twice_or_never in [Header::Many, Header::Absent] {
        let Check::Done(challenge) = check(twice_or_never, &policy, NOW) else { panic!("there is no one token") };
        whole(&challenge);
    }
    let need = match check(Header::One(header), &policy, NOW) {
        Check::Done(challenge) => return whole(&challenge),
        Check::Introspect(need) => need,
    };
    let token = need.token().expose();
    let (scheme, rest) = header.split_once(' ').expect("a scheme, a space, a token");
    assert!(scheme.eq_ignore_ascii_case("bearer") && rest.trim_start_matches(' ') == token);
    assert!(token.bytes().all(|b| b.is_ascii_graphic()) && !token.contains([',', '"', '\\']));
    let words = |list| -> HashSet<&str> { str::split(list, ' ').filter(|word| !word.is_empty()).collect() };
    let good = is('a')
        && !is('e')
        && (issuer.is_empty() || issuer == ISSUER)
        && (words(audience).contains(API) || audience.is_empty() && !is('r'));
    match need.resume(&answer) {
        Ok(access) => {
            assert!(good && words(needed).is_subset(&words(scope)));
            assert_eq!((access.scope, access.subject), (scope, subject));
        }
        Err(challenge) => {
            assert!(!good || !words(needed).is_subset(&words(scope)));
            assert_eq!(challenge.status(), if good { 403 } else { 401 });
            whole(&challenge);
        }
    }
});

fn whole(challenge: &Challenge<'_>) {
    assert!(matches!(challenge.status(), 400 | 401 | 403));
    let mut room = vec![0; 512 + challenge.scope.len()];
    let value = challenge.write(&mut room).expect("there is room");
    let pairs = value.strip_prefix("Bearer ").expect("the scheme comes first");
    for pair in pairs.split("\", ") {
        let (name, quoted) = pair.split_once("=\"").expect("name and value");
        assert!(["realm", "error", "error_description", "scope"].contains(&name));
        let inner = quoted.strip_suffix('"').unwrap_or(quoted);
        assert!(inner.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'));
    }
    assert!(value.ends_with('"'));
}

fn read_back(answer: &Introspection<'_>) {
    let mut room = vec![
        0;
        512 + 6 * (answer.issuer.len() + answer.subject.len() + answer.scope.len())
            + 9 * answer.audience.len()
    ];
    let mut w = Writer::new(&mut room);
    answer.write(&mut w);
    let json: Value = serde_json::from_str(w.finish().expect("there is room")).expect("it is JSON");
    assert_eq!(json["active"], answer.active);
    if !answer.active {
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "nothing else is said");
        return;
    }
    for (name, value) in [("iss", answer.issuer), ("sub", answer.subject), ("scope", answer.scope)] {
        assert_eq!(json.get(name).and_then(Value::as_str), Some(value).filter(|value| !value.is_empty()));
    }
    let audience: Vec<&str> = match &json["aud"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().flat_map(|one| one.split(' ')).filter(|word| !word.is_empty()).collect(),
    };
    assert_eq!(audience, answer.audience.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>());
    assert_eq!(json["exp"], answer.expires_at.0);
}
