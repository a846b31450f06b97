//! The authorization endpoint. The input is a query; or `reopen`, the browser's cookie and a sealed request, a line each.
//! Asserts: never a panic; nothing is redirected to what the client has not registered, whatever else is wrong, and what is
//! redirected says `iss` and the `state` that came; a code comes only of a request with S256 that a person was asked about;
//! a request is reopened only as it was sealed, in its own browser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use valetkey::server::{AuthorizeRequest, Reply, SCRATCH, Step, authorize, reopen};
use valetkey::text::grammar;
use valetkey_fuzz::store::Store;
use valetkey_fuzz::world::{CHALLENGE, CLIENTS, COOKIE, ISSUER, NOW, SERVER, WORLD, answer, entropy, parameter};

fuzz_target!(|input: &str| {
    let mut scratch = vec![0; SCRATCH];
    let sealed = input.strip_prefix("reopen\n").and_then(|rest| rest.split_once('\n'));
    let (step, query) = match sealed {
        Some((cookie, sealed)) => {
            let step = reopen(&SERVER, sealed, cookie, NOW, entropy(99), &mut scratch);
            if cookie != COOKIE || sealed != WORLD.sealed {
                let Step::Reply(reply) = step else { panic!("a seal of its own") };
                return assert!(reply.page().is_some(), "there is nowhere to go");
            }
            (step, sealed.split_once('.').map_or("", |(_, query)| query))
        }
        None => (authorize(&SERVER, &AuthorizeRequest { query: input }, NOW, entropy(99), &mut scratch), input),
    };
    judge(step, query);
});

fn judge(mut step: Step<'_>, query: &str) {
    let mut store: Option<Store> = None;
    let mut asked = false;
    let reply = loop {
        asked |= matches!(step, Step::Owner(_));
        step = match step {
            Step::Reply(reply) => break reply,
            step => answer(step, store.get_or_insert_with(|| WORLD.store.clone())),
        };
    };
    let mut out = vec![0; 4096 + 3 * query.len()];
    let response = reply.write(&mut out).expect("there is room");
    let Some((_, location)) = response.headers().find(|(name, _)| *name == "Location") else {
        assert!(reply.page().is_some() && response.status() >= 400, "a page, or a redirect");
        return;
    };
    assert!(reply.page().is_none() && response.status() == 303);
    assert!(location.bytes().all(|b| (0x21..0x7f).contains(&b)), "one header, one line");
    redirected(&reply, location, query, asked);
}

fn redirected(reply: &Reply<'_>, location: &str, query: &str, asked: bool) {
    let ours = |name: &str| -> Vec<String> {
        let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(n, value)| n == name && !value.is_empty());
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    let [id] = &ours("client_id")[..] else { panic!("one client") };
    let client = CLIENTS.iter().find(|client| client.0 == id).expect("a client that is registered");
    assert!(client.2.split(' ').any(|registered| is_at(location, registered)), "only where the client is at home");
    assert_eq!(parameter(location, "iss").as_deref(), Some(ISSUER));
    let state = ours("state");
    match parameter(location, "state") {
        Some(given) => assert_eq!(state, [given]),
        // What is malformed or came twice is not repeated.
        None => assert!(state.len() != 1 || !grammar::is_vschar(&state[0]) || query.contains('%')),
    }
    match parameter(location, "code") {
        Some(code) => {
            assert!(asked && reply.fault().is_none() && code.len() == 64);
            assert_eq!(
                (&ours("response_type")[..], &ours("code_challenge_method")[..]),
                (&["code".into()][..], &["S256".into()][..])
            );
            assert_eq!(ours("code_challenge").len(), 1, "such as {CHALLENGE}");
        }
        None => {
            let error = parameter(location, "error").expect("a code or an error");
            assert_eq!(reply.fault().map(|fault| fault.code().as_str()), Some(error.as_str()));
        }
    }
}

/// Whether a browser that is sent to `location` arrives where `registered` says, the port of a loopback literal aside.
fn is_at(location: &str, registered: &str) -> bool {
    let (mut to, mut home) = (Url::parse(location).expect("a URL"), Url::parse(registered).expect("a URL"));
    if home.host_str() == Some("127.0.0.1") {
        let _ = (to.set_port(None), home.set_port(None));
    }
    let query = home.query().map(|query| format!("{query}&")).unwrap_or_default();
    let rest = to.query().unwrap_or_default().starts_with(&query);
    to.set_query(None);
    home.set_query(None);
    to == home && rest
}
