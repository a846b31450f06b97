//! What replies look like: headers, exact sizes, the same when written twice, words that say nothing of the input.

use crate::world::{Done, FORM, World, basic, form, query, secret_of};
use valetkey::server::fault::Fault;
use valetkey::server::{FormRequest, Reply, SCRATCH, Step, token};
use valetkey::text::grammar::is_nqschar;
use valetkey::wire::header::Header;

/// The last step of a token request.
fn with_reply(w: &mut World, body: &str, check: impl FnOnce(&Reply<'_>)) {
    let header = basic("web", &secret_of("web"));
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let (authorization, content_type) = (Header::One(header.as_str()), Header::One(FORM));
    let request = FormRequest { authorization, content_type, body: body.as_bytes() };
    let mut step = token(w.server, &request, w.now(), seed, &mut room);
    loop {
        step = match step {
            Step::Reply(reply) => return check(&reply),
            step => w.advance(step),
        };
    }
}

fn bodies(w: &mut World) -> Vec<String> {
    let code = w.code("web");
    let refresh = w.tokens("web").refresh();
    vec![
        form(&crate::world::redemption("web", &code)),
        form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]),
        form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]), // from the grace window
        "grant_type=client_credentials".into(),
        "grant_type=x".into(),
        String::new(),
    ]
}

#[test]
fn a_reply_that_is_written_twice_is_the_same() {
    let mut w = World::new();
    for body in bodies(&mut w) {
        with_reply(&mut w, &body, |reply| assert_eq!(Done::read(reply), Done::read(reply)));
    }
}

#[test]
fn a_reply_says_exactly_how_much_room_it_needs_and_leaves_nothing_behind() {
    let mut w = World::new();
    for body in bodies(&mut w) {
        with_reply(&mut w, &body, |reply| {
            let needed = reply.write(&mut []).unwrap_err().needed;
            for size in 0..needed {
                let mut room = vec![0xaa; size];
                assert_eq!(reply.write(&mut room).unwrap_err().needed, needed);
                assert!(room.iter().all(|b| *b == 0));
            }
            let mut room = vec![0; needed];
            let response = reply.write(&mut room).unwrap();
            let variable =
                response.headers().filter(|(n, _)| ["Location", "WWW-Authenticate", "Retry-After"].contains(n));
            assert_eq!(response.body().len() + variable.map(|(_, v)| v.len()).sum::<usize>(), needed);
        });
    }
}

#[test]
fn rfc6749_5_1_02_oauth21_3_2_3_01_nothing_may_be_stored() {
    let mut w = World::new();
    let tokens = w.tokens("web");
    let all = [
        w.authorize(&query("web", &[])),
        w.authorize(&query("nobody", &[])),
        w.token("web", &[]),
        w.introspect("rs", &tokens.access()),
        w.revoke("web", &tokens.access()),
        tokens,
    ];
    for done in all {
        assert_eq!(done.header("Cache-Control"), Some("no-store"));
        assert_eq!(done.header("Pragma"), Some("no-cache"));
        assert_eq!(done.header("Content-Type"), (!done.body.is_empty()).then_some("application/json"));
        let names: std::collections::HashSet<_> = done.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), done.headers.len());
        assert!(done.headers.iter().all(|(_, v)| v.bytes().all(|b| (0x20..0x7f).contains(&b))));
    }
}

#[test]
fn rfc6749_5_2_01_an_error_is_json_with_a_registered_code() {
    let mut w = World::new();
    let done = w.token("web", &[("grant_type", "refresh_token"), ("refresh_token", "x")]);
    assert_eq!(done.status, 400);
    let json = done.json();
    let object = json.as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["error", "error_description"]);
    assert_eq!(done.header("Content-Type"), Some("application/json"));
}

#[test]
fn rfc6749_4_1_2_1_03_rfc6749_a_01_rfc6749_8_5_01_every_fault_speaks_in_the_allowed_characters() {
    for fault in Fault::ALL {
        assert!(is_nqschar(fault.description()), "{fault}");
        assert!(is_nqschar(fault.code().as_str()) && !fault.code().as_str().contains(' '), "{fault}");
        assert!((400..=503).contains(&fault.status()), "{fault}");
        assert_eq!(fault.to_string(), fault.name());
    }
    let names: std::collections::HashSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    assert_eq!(names.len(), Fault::ALL.len());
}

#[test]
fn rfc6749_10_14_01_no_refusal_repeats_the_input() {
    let mut w = World::new();
    let canary = "CANARY-<x>'&";
    for name in
        ["grant_type", "code", "refresh_token", "scope", "resource", "code_verifier", "redirect_uri", "client_id", "x"]
    {
        for grant_type in ["authorization_code", "refresh_token", "client_credentials"] {
            let params = [("grant_type", grant_type), (name, canary)];
            let params = if name == "grant_type" { &params[1..] } else { &params[..] };
            let done = w.token("web", params);
            assert!(!done.body.contains("CANARY") && done.headers.iter().all(|(_, v)| !v.contains("CANARY")), "{name}");
        }
        let done = w.authorize(&query("web", &[("state", ""), (name, canary)]));
        assert!(done.headers.iter().all(|(_, v)| !v.contains("CANARY")), "{name}");
    }
}

#[test]
fn codes_that_are_refused_for_different_reasons_are_refused_alike() {
    use Fault::{EndedGrant, ExpiredCode, ExpiredGrant, ForeignCode, LockedAccount, SpentCode, UnknownCode};
    use Fault::{ForeignRefreshToken, SpentRefreshToken, UnknownRefreshToken};
    for same in [
        &[UnknownCode, ForeignCode, ExpiredCode, SpentCode][..],
        &[UnknownRefreshToken, ForeignRefreshToken, SpentRefreshToken],
        &[EndedGrant, ExpiredGrant, LockedAccount],
    ] {
        assert!(same.iter().all(|f| f.description() == same[0].description() && f.code() == same[0].code()));
    }
}
