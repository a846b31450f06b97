//! The resource server. The input is three lines and a body: `Authorization`, the scope that is needed, `r` if an audience
//! is required, and what the authorization server says. Asserts: never a panic; a token is taken from the `Bearer` scheme
//! alone and as it stands; access is given only to an active token, bound to no key, within its time, of the issuer, for
//! this audience, with each scope, as serde_json reads the body; twice the body is scratch enough; what was read is the
//! same when written and read again; a challenge is one line of whole quoted strings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use std::collections::HashSet;
use valetkey::resource::{Audience, Check, Issuer, Policy, check};
use valetkey::text::buf::Writer;
use valetkey::time::UnixTime;
use valetkey::wire::introspection::{Fault, Introspection};
use valetkey::wire::{challenge::Challenge, header::Header};

const API: &str = "https://api.example";
const ISSUER: &str = "https://as.example";
const NOW: UnixTime = UnixTime(1_700_000_000);

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (header, needed, required, body) = (line(), line(), line() == "r", line());
    let mut scratch = vec![0; body.len() * 2];
    let answer = Introspection::read(body.as_bytes(), &mut scratch);
    if let Ok(answer) = &answer {
        read_again(answer);
    }
    let audience = if required { Audience::Required(API) } else { Audience::IfNamed(API) };
    let issuers = [Issuer::opaque(ISSUER)];
    let policy = Policy::new(&issuers, audience, needed);
    for twice_or_never in [Header::Many, Header::Absent] {
        let Check::Done(refused) = check(twice_or_never, &policy, NOW, &mut []) else {
            panic!("there is no one token")
        };
        whole(&refused.challenge);
    }
    let need = match check(Header::One(header), &policy, NOW, &mut []) {
        Check::Done(refused) => return whole(&refused.challenge),
        Check::Introspect(need) => need,
        Check::Key(_) => panic!("no issuer has signed tokens"),
    };
    let token = need.token().expose();
    let (scheme, rest) = header.split_once(' ').expect("a scheme, a space, a token");
    assert!(scheme.eq_ignore_ascii_case("bearer") && rest.trim_start_matches(' ') == token);
    assert!(token.bytes().all(|b| b.is_ascii_graphic()) && !token.contains([',', '"', '\\']));
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => {
            assert!(fault != Fault::Scratch, "twice the body suffices");
            return whole(&need.fail().challenge);
        }
    };
    match need.resume(&answer) {
        Ok(access) => {
            let said: Said = serde_json::from_str(body).expect("what is accepted is JSON");
            assert!(said.is_good(required, needed), "access only by what was said");
            assert_eq!(said.scope.unwrap_or_default(), access.scope);
            assert_eq!(said.sub.unwrap_or_default(), access.subject);
            assert_eq!(said.client_id.unwrap_or_default(), access.client_id);
        }
        Err(refused) => whole(&refused.challenge),
    }
});

/// What the authorization server said, as serde_json reads it.
#[derive(serde::Deserialize)]
struct Said {
    active: bool,
    iss: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    token_type: Option<String>,
    cnf: Option<IgnoredAny>,
    aud: Option<Aud>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Aud {
    One(String),
    Many(Vec<String>),
}

impl Said {
    fn is_good(&self, required: bool, needed: &str) -> bool {
        let words = |list| -> HashSet<&str> { str::split(list, ' ').filter(|word| !word.is_empty()).collect() };
        let for_us = match &self.aud {
            None => !required,
            Some(Aud::One(one)) => one == API,
            Some(Aud::Many(many)) => many.iter().any(|one| one == API),
        };
        let in_time = self.nbf.is_none_or(|at| at <= NOW.0) && self.exp.is_none_or(|at| NOW.0 < at);
        let bearer = self.token_type.as_ref().is_none_or(|word| word.eq_ignore_ascii_case("bearer"));
        let of_issuer = self.iss.as_ref().is_none_or(|iss| iss == ISSUER);
        let scope = words(needed).is_subset(&words(self.scope.as_deref().unwrap_or_default()));
        self.active && self.cnf.is_none() && for_us && in_time && bearer && of_issuer && scope
    }
}

fn whole(challenge: &Challenge<'_>) {
    assert!(matches!(challenge.status(), 400 | 401 | 403 | 503));
    let mut room = vec![0; 512 + challenge.scope.len()];
    let value = challenge.write(&mut room).expect("there is room");
    let mut rest = value.strip_prefix("Bearer ").expect("the scheme comes first");
    // Pair by pair, as a value may itself look like the end of one.
    loop {
        let (name, quoted) = rest.split_once("=\"").expect("name and value");
        assert!(["realm", "error", "error_description", "scope"].contains(&name));
        let (inner, after) = quoted.split_once('"').expect("a closing quote");
        assert!(inner.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'\\'));
        if after.is_empty() {
            break;
        }
        rest = after.strip_prefix(", ").expect("a comma between pairs");
    }
}

fn read_again(answer: &Introspection<'_>) {
    let text = [answer.issuer, answer.client_id, answer.subject, answer.scope, answer.audience];
    let mut room = vec![0; 512 + text.iter().map(|text| 6 * text.len()).sum::<usize>()];
    let mut w = Writer::new(&mut room);
    answer.write(&mut w);
    let written = w.finish().expect("there is room");
    let mut scratch = vec![0; written.len() * 2];
    match Introspection::read(written.as_bytes(), &mut scratch) {
        Ok(again) => assert_eq!(again, *answer),
        Err(fault) => panic!("{fault:?}"),
    }
}
