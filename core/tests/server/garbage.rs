//! Whatever bytes come, no endpoint panics and none gives a token.

use crate::world::{BROWSER, CHALLENGE, FORM, VERIFIER, World, basic, secret_of};
use proptest::prelude::*;
use valetkey::server::{FormRequest, SCRATCH, introspect, reopen, revoke, token};
use valetkey::wire::header::Header;

/// Bytes, and text that is nearly a good request.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "grant_type",
        "client_id",
        "client_secret",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "resource",
        "token",
        "token_type_hint",
        "response_type",
        "code_challenge",
        "code_challenge_method",
        "state",
        "%",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "authorization_code",
            "refresh_token",
            "app",
            "web",
            "code",
            "S256",
            "read",
            "https://api.example/",
            "com.example.app:/cb",
            VERIFIER,
            CHALLENGE,
            "%00",
            "%e2%82%ac",
            "+",
            "",
        ])
        .prop_map(str::to_owned),
        "[A-Za-z0-9_-]{64}",
        "[A-Za-z0-9_-]{71}",
        ".{0,40}",
    ];
    let near = prop::collection::vec((name, value), 0..12)
        .prop_map(|pairs| pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&").into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), near]
}

fn header() -> impl Strategy<Value = Option<String>> {
    let whole = basic("web", &secret_of("web"));
    prop_oneof![
        Just(None),
        ".{0,60}".prop_map(Some),
        "Basic [A-Za-z0-9+/=]{0,80}".prop_map(Some),
        (0..whole.len()).prop_map(move |end| Some(whole[..end].to_owned())),
    ]
}

proptest! {
    #[test]
    fn rfc6749_b_02_any_request_to_any_endpoint_is_answered_and_gives_nothing(
        body in body(), header in header(), content_type in prop_oneof![Just(FORM.to_owned()), ".{0,40}"],
    ) {
        let mut w = World::new();
        let rows = w.store.len();
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        let content_type = Header::One(content_type.as_str());
        let body = body.as_slice();
        let mut room = [0; SCRATCH];
        let seed = w.entropy();
        let step = token(w.server, &FormRequest { authorization, content_type, body }, w.now(), seed, &mut room);
        let done = w.finish(step);
        prop_assert!(done.gives_nothing() && (400..=401).contains(&done.status), "{:?}", done);
        let seed = w.entropy();
        let step = revoke(w.server, &FormRequest { authorization, content_type, body }, w.now(), seed, &mut room);
        prop_assert!(w.finish(step).status <= 401);
        let request = FormRequest { authorization, content_type, body };
        let step = introspect(w.server, &request, w.now(), w.entropy(), &mut room);
        prop_assert!(!w.finish(step).body.contains("true"));
        prop_assert_eq!(w.store.len(), rows);
    }

    #[test]
    fn any_query_is_answered_and_redirects_only_to_what_is_registered(body in body()) {
        let mut w = World::new();
        let done = w.authorize(&String::from_utf8_lossy(&body));
        match done.header("Location") {
            Some(location) => {
                let registered = ["com.example.app:/cb", "https://spa.example/cb", "https://chosen.example/cb"];
                prop_assert!(registered.iter().any(|uri| location.starts_with(&format!("{uri}?"))), "{}", location);
            }
            None => prop_assert!(done.page && done.status >= 400),
        }
    }

    #[test]
    fn any_sealed_text_is_answered_with_a_page(text in prop_oneof![".{0,200}", "[A-Za-z0-9_-]{142}[.].{0,40}"], browser in ".{0,30}") {
        let mut w = World::new();
        let done = w.answer(&text, &browser);
        prop_assert!(done.page && done.gives_nothing() && w.counts.clients == 0);
    }

    #[test]
    fn any_part_of_a_good_seal_is_refused(at in 0usize..400, with in "[ -~]{0,4}") {
        let mut w = World::new();
        let sealed = w.pause(&crate::world::query("web", &[]));
        let at = at.min(sealed.len());
        let edited = format!("{}{with}{}", &sealed[..at], &sealed[(at + with.len()).min(sealed.len())..]);
        prop_assume!(edited != sealed);
        prop_assert!(w.answer(&edited, BROWSER).page);
    }

    #[test]
    fn any_token_is_inactive(text in prop_oneof!["[A-Za-z0-9_-]{64}", "[A-Za-z0-9_-]{71}", ".{0,80}"]) {
        let mut w = World::new();
        w.tokens("app");
        prop_assert!(!w.active(&text));
    }

    #[test]
    fn any_scratch_is_enough_or_too_small(size in 0usize..6000, body in body()) {
        let mut w = World::new();
        let mut room = vec![0; size];
        let (authorization, content_type, body) = (Header::Absent, Header::One(FORM), body.as_slice());
        let seed = w.entropy();
        let step = token(w.server, &FormRequest { authorization, content_type, body }, w.now(), seed, &mut room);
        prop_assert!(w.finish(step).gives_nothing());
        let seed = w.entropy();
        let step = reopen(w.server, "x.y", "z", w.now(), seed, &mut room);
        prop_assert!(w.finish(step).page);
    }
}
