//! The authorization endpoint: nothing redirects before client and redirect URI are checked; then everything does.

use crate::world::{CHALLENGE, ISSUER, OTHER_VERIFIER, Person, VERIFIER, WEB_CB, World, query, redirect_uri};
use proptest::prelude::*;
use valetkey::server::fault::Fault;
use valetkey::server::record::GrantTypes;

/// Everything that can be wrong with a request whose client and redirect URI are right, and the error that it leads to.
const WRONG: &[(&str, &str, &str)] = &[
    ("response_type", "", "invalid_request"),
    ("response_type", "token", "unsupported_response_type"),
    ("response_type", "id_token", "unsupported_response_type"),
    ("response_type", "code token", "unsupported_response_type"),
    ("response_type", "code code", "unsupported_response_type"),
    ("response_type", "CODE", "unsupported_response_type"),
    ("response_type", "none", "unsupported_response_type"),
    ("response_mode", "fragment", "invalid_request"),
    ("response_mode", "form_post.jwt", "invalid_request"),
    ("code_challenge", "", "invalid_request"),
    ("code_challenge", "short", "invalid_request"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "invalid_request"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA", "invalid_request"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN", "invalid_request"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "invalid_request"),
    ("code_challenge_method", "", "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("code_challenge_method", "s256", "invalid_request"),
    ("code_challenge_method", "S512", "invalid_request"),
    ("request", "e30.e30.", "invalid_request"),
    ("request_uri", "https://evil.example/r", "invalid_request"),
    ("scope", "read  write", "invalid_scope"),
    ("scope", "re\"ad", "invalid_scope"),
    ("scope", "é", "invalid_scope"),
    ("scope", "root", "invalid_scope"),
    ("scope", "Read", "invalid_scope"),
    ("resource", "api", "invalid_target"),
    ("resource", "https://api.example/#a", "invalid_target"),
    ("resource", "https://unknown.example/", "invalid_target"),
    ("state", "é", "invalid_request"),
    ("state", "a\nb", "invalid_request"),
];

#[test]
fn rfc6749_4_1_1_03_rfc6749_4_1_2_1_02_rfc6749_3_1_1_01_what_is_wrong_is_told_to_the_client() {
    for (name, value, error) in WRONG {
        let mut w = World::new();
        let done = w.authorize(&query("web", &[(name, value)]));
        assert_eq!((done.status, done.error().as_str()), (303, *error), "{name}={value}");
        assert!(done.header("Location").unwrap().starts_with(&format!("{WEB_CB}?")));
        assert_eq!((w.counts.owners, w.counts.loads), (0, 0), "nobody is asked");
    }
}

#[test]
fn rfc6749_3_1_2_4_01_rfc6749_3_1_2_4_02_rfc6749_4_1_2_1_01_rfc6749_10_15_01_nothing_redirects_before_client_and_uri_are_checked()
 {
    let places = [
        ("client_id", ""),
        ("client_id", "unknown"),
        ("client_id", "we\nb"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "javascript:alert(1)"),
    ];
    for place in places {
        let mut w = World::new();
        let done = w.authorize(&query("web", &[place]));
        assert!(done.page && done.header("Location").is_none(), "{place:?}");
        for (name, value, _) in WRONG {
            let done = w.authorize(&query("web", &[place, (name, value)]));
            assert!(done.page && done.header("Location").is_none() && done.status >= 400, "{place:?} {name}={value}");
            assert!(done.body.is_empty(), "the page is the adapter's");
        }
        for (client, repeated) in [("web", "&scope=read"), ("web", "&x=1&x=2")] {
            let done = w.authorize(&format!("{}{repeated}", query(client, &[place])));
            assert!(done.page && done.header("Location").is_none());
        }
    }
}

#[test]
fn rfc6749_3_1_2_3_03_rfc9700_2_1_01_oauth21_2_3_1_01_rfc8252_8_4_03_redirect_uris_match_exactly() {
    let bypasses = [
        "https://web.example/cb/",
        "https://web.example/cb?",
        "https://web.example/cb?x=1",
        "https://web.example/cb#",
        "https://web.example/cb#f",
        "https://web.example:443/cb",
        "https://WEB.example/cb",
        "HTTPS://web.example/cb",
        "http://web.example/cb",
        "https://web.example/CB",
        "https://web.example/c%62",
        "https://web.example/x/../cb",
        "https://web.example/cb/..;/cb",
        "https://web.example/cb%2f..",
        "https://web.example@evil.example/cb",
        "https://user@web.example/cb",
        "https://web.example.evil.example/cb",
        "https://evil.example/https://web.example/cb",
        "https://evil.example\\@web.example/cb",
        "//web.example/cb",
        " https://web.example/cb",
        "https://web.example/cb ",
        "https://web.example/cb\t",
        "https://web.example/cb\0",
        "https://*.example/cb",
        "https://web.example/cb https://web.example/two?tenant=1",
    ];
    let mut w = World::new();
    for uri in bypasses {
        let done = w.authorize(&query("web", &[("redirect_uri", uri)]));
        assert!(done.page && done.header("Location").is_none(), "{uri:?}");
    }
    for uri in [WEB_CB, "https://web.example/two?tenant=1"] {
        assert_eq!(w.authorize(&query("web", &[("redirect_uri", uri)])).status, 303);
    }
}

#[test]
fn rfc8252_7_3_01_rfc8252_8_3_01_only_the_port_of_a_loopback_literal_may_vary() {
    let mut w = World::new();
    for (uri, good) in [
        ("http://127.0.0.1:51004/cb", true),
        ("http://[::1]:1/cb", true),
        ("http://127.0.0.1/cb", true),
        ("http://localhost:51004/cb", false),
        ("http://127.0.0.2/cb", false),
        ("http://127.0.0.1:51004/other", false),
        ("http://127.0.0.1:99999/cb", false),
        ("https://127.0.0.1:1/cb", false),
        ("http://127.0.0.1:1@evil.example/cb", false),
    ] {
        assert_eq!(w.authorize(&query("app", &[("redirect_uri", uri)])).status == 303, good, "{uri}");
    }
}

#[test]
fn rfc8252_8_4_01_rfc6749_3_1_2_1_01_oauth21_2_3_1_02_rfc9700_2_6_02_a_uri_that_should_never_have_been_registered_is_not_used()
 {
    for uri in ["app:/cb", "javascript:alert(1)", "http://web.example/cb", "data:text/html,x", "https://web.example/#f"]
    {
        for named in [uri, ""] {
            let mut w = World::new();
            w.store.change_client("spa", |client| client.redirect_uris = uri.into());
            let done = w.authorize(&query("spa", &[("redirect_uri", named)]));
            assert!(done.page && done.header("Location").is_none(), "{uri} named as {named:?}");
        }
    }
}

#[test]
fn rfc6749_10_2_01_rfc6749_3_1_2_3_01_rfc6749_3_1_2_2_01_rfc6749_3_1_2_2_02_only_a_sole_registered_uri_may_be_left_out()
{
    let mut w = World::new();
    let done = w.authorize(&query("spa", &[("redirect_uri", "")]));
    assert!(done.header("Location").unwrap().starts_with("https://spa.example/cb?code="));
    for client in ["web", "app"] {
        assert_eq!(w.authorize(&query(client, &[("redirect_uri", "")])).fault, Some(Fault::NoRedirectUri));
    }
    w.store.change_client("spa", |client| client.redirect_uris.clear());
    for uri in ["", "https://spa.example/cb"] {
        assert!(w.authorize(&query("spa", &[("redirect_uri", uri)])).page);
    }
}

#[test]
fn rfc6749_4_1_2_07_rfc6749_4_1_2_08_rfc6749_4_1_2_1_04_state_comes_back_as_it_was() {
    let mut w = World::new();
    for state in ["st", "a b&c=d%20+\"'<>\\~", &"s".repeat(1000)] {
        assert_eq!(w.authorize(&query("web", &[("state", state)])).param("state").as_deref(), Some(state));
        let refused = w.authorize(&query("web", &[("state", state), ("response_type", "token")]));
        assert_eq!(refused.param("state").as_deref(), Some(state));
        w.person = Person::Denies;
        assert_eq!(w.authorize(&query("web", &[("state", state)])).param("state").as_deref(), Some(state));
        w.person = Person::Approves("alice");
    }
    for wrong in ["code", "token"] {
        let done = w.authorize(&query("web", &[("state", ""), ("response_type", wrong)]));
        assert_eq!(done.param("state"), None);
    }
}

#[test]
fn rfc9207_2_01_rfc9207_2_02_every_response_says_who_it_is_from() {
    let mut w = World::new();
    let good = w.authorize(&query("web", &[]));
    let names: Vec<String> = good.params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert_eq!(good.param("iss").as_deref(), Some(ISSUER));
    for (name, value, _) in WRONG {
        assert_eq!(w.authorize(&query("web", &[(name, value)])).param("iss").as_deref(), Some(ISSUER));
    }
    w.person = Person::Denies;
    assert_eq!(w.authorize(&query("web", &[])).param("iss").as_deref(), Some(ISSUER));
}

#[test]
fn rfc6749_3_1_06_a_parameter_that_occurs_twice_is_refused() {
    let names =
        ["response_type", "scope", "code_challenge", "code_challenge_method", "response_mode", "state", "nonce"];
    let mut w = World::new();
    for name in names {
        for (a, b) in [("1", "1"), ("1", "2"), ("", "1")] {
            let query = format!("{}&{name}={a}&{name}={b}", query("web", &[(name, "")]));
            let done = w.authorize(&query);
            assert_eq!((done.status, done.error().as_str()), (303, "invalid_request"), "{name} {a} {b}");
        }
        // A name in disguise is the same name.
        let disguised = format!("{}&nonce=1&%6Eonce=1", query("web", &[]));
        assert_eq!(w.authorize(&disguised).error(), "invalid_request");
    }
    for name in ["client_id", "redirect_uri"] {
        let value = if name == "client_id" { "web" } else { redirect_uri("web") };
        let done = w.authorize(&format!("{}&{name}={value}", query("web", &[])));
        assert!(done.page && done.header("Location").is_none(), "where to is not certain");
    }
    let twice = w.authorize(&format!("{}&state=other", query("web", &[])));
    assert_eq!((twice.error().as_str(), twice.param("state")), ("invalid_request", None), "which of them?");
}

#[test]
fn rfc6749_3_1_04_rfc6749_3_1_05_what_is_empty_or_unknown_is_passed_over() {
    let mut w = World::new();
    let query = format!("{}&response_mode=&nonce=n&prompt=none&client_secret=s&resource=&&", query("web", &[]));
    assert!(w.authorize(&query).param("code").is_some());
    assert_eq!(w.authorize(&format!("{query}&request=")).error(), "");
}

#[test]
fn rfc6749_3_1_2_02_rfc6749_3_1_02_the_query_of_the_redirect_uri_stays() {
    let mut w = World::new();
    let done = w.authorize(&query("web", &[("redirect_uri", "https://web.example/two?tenant=1")]));
    assert!(done.header("Location").unwrap().starts_with("https://web.example/two?tenant=1&code="));
}

#[test]
fn rfc6749_10_14_01_oauth21_7_12_01_no_input_breaks_out_of_the_redirect() {
    let mut w = World::new();
    let state = "x\" 'code=evil&iss=https://evil.example#<script>";
    let done = w.authorize(&query("web", &[("state", state)]));
    let location = done.header("Location").unwrap();
    assert!(location.bytes().all(|b| (0x21..0x7f).contains(&b) && !b"\"'<>#\\".contains(&b)), "{location}");
    assert_eq!(done.params().iter().filter(|(name, _)| name == "iss").count(), 1);
    assert_eq!(done.param("state").as_deref(), Some(state));
}

#[test]
fn rfc7636_4_4_1_01_rfc7636_4_4_1_02_rfc7636_4_4_03_rfc7636_4_2_04_rfc7636_7_2_01_rfc8252_6_02_rfc9700_2_1_1_08_every_presence_of_pkce()
 {
    for client in ["web", "app", "spa"] {
        for challenge in ["", CHALLENGE, VERIFIER, "short"] {
            for method in ["", "S256", "plain", "none"] {
                let mut w = World::new();
                let done =
                    w.authorize(&query(client, &[("code_challenge", challenge), ("code_challenge_method", method)]));
                // Every string of 43 base64url characters with zero unused bits may be a SHA-256.
                let good = challenge.len() == 43 && method == "S256";
                assert_eq!(done.param("code").is_some(), good, "{client} {challenge} {method}");
                if !good {
                    assert_eq!(done.error(), "invalid_request");
                    assert_eq!(w.store.events, []);
                }
            }
        }
    }
}

#[test]
fn rfc9700_4_8_2_01_rfc9700_2_1_1_06_rfc9700_2_1_1_08_oauth21_4_1_1_02_oauth21_4_1_2_1_01_pkce_cannot_be_taken_away() {
    let mut w = World::new();
    // A code whose challenge an attacker chose is of no use to the client's own verifier, and the other way round.
    let attackers = valetkey::server::secret_digest(OTHER_VERIFIER).0;
    let mut room = [0; 43];
    let challenge = valetkey::text::base64::encode(&attackers, &mut room).unwrap();
    let code = w.authorize(&query("app", &[("code_challenge", challenge)])).param("code").unwrap();
    assert_eq!(w.redeem("app", &code).fault, Some(Fault::WrongVerifier));
    for method in ["plain", ""] {
        assert_eq!(w.authorize(&query("app", &[("code_challenge_method", method)])).error(), "invalid_request");
    }
    // Nor is there a code without a challenge, for which a verifier could be sent later on.
    let events = w.store.events.len();
    for client in ["app", "web"] {
        let done = w.authorize(&query(client, &[("code_challenge", ""), ("code_challenge_method", "")]));
        assert_eq!((done.error().as_str(), done.param("code")), ("invalid_request", None));
        assert_eq!(w.redeem(client, "").error(), "invalid_request");
    }
    assert_eq!(w.store.events.len(), events);
}

#[test]
fn rfc6749_3_1_01_rfc6749_10_2_02_rfc8252_8_6_01_rfc9700_4_11_2_01_every_request_asks_a_person() {
    let mut w = World::new();
    for n in 1..4 {
        w.code("app");
        assert_eq!(w.counts.owners, n, "consent is never remembered");
    }
    w.person = Person::Denies;
    let done = w.authorize(&query("app", &[]));
    assert_eq!((done.error().as_str(), done.gives_nothing()), ("access_denied", true));
    assert_eq!(w.counts.owners, 4);
}

#[test]
fn rfc6749_3_3_03_without_scope_all_that_the_client_may_have_is_asked() {
    let mut w = World::new();
    let code = w.authorize(&query("web", &[("scope", "")])).param("code").unwrap();
    assert_eq!(w.redeem("web", &code).text("scope"), "read write admin");
    w.store.change_client("spa", |client| client.scope.clear());
    let code = w.authorize(&query("spa", &[("scope", "")])).param("code").unwrap();
    let done = w.redeem("spa", &code);
    assert_eq!((done.status, done.json().get("scope")), (200, None));
}

#[test]
fn rfc6749_3_3_01_order_and_repetition_of_scopes_mean_nothing_and_case_does() {
    let mut w = World::new();
    for scope in ["write read", "read read write"] {
        assert!(w.authorize(&query("web", &[("scope", scope)])).param("code").is_some());
    }
    assert_eq!(w.authorize(&query("web", &[("scope", "READ")])).error(), "invalid_scope");
}

#[test]
fn rfc6749_3_3_04_scopes_and_parameters_have_bounds() {
    let mut w = World::new();
    let many = vec!["read"; 33].join(" ");
    assert_eq!(w.authorize(&query("web", &[("scope", &many)])).error(), "invalid_scope");
    let long = "r".repeat(4097);
    assert_eq!(w.authorize(&query("web", &[("scope", &long)])).error(), "invalid_request");
    assert_eq!(w.authorize(&query("web", &[("state", &long)])).error(), "invalid_request");
    assert_eq!(w.authorize(&query("web", &[("x", &"r".repeat(8192))])).fault, Some(Fault::TooLong));
    let parameters: String = (0..40).map(|i| format!("&x{i}=1")).collect();
    assert!(w.authorize(&format!("{}{parameters}", query("web", &[]))).page);
}

#[test]
fn a_client_that_may_not_use_the_flow_is_told_so() {
    let mut w = World::new();
    w.store.change_client("web", |client| client.grant_types = GrantTypes::default());
    assert_eq!(w.authorize(&query("web", &[])).error(), "unauthorized_client");
    assert_eq!(w.counts.owners, 0);
}

#[test]
fn a_locked_account_gives_no_code() {
    let mut w = World::new();
    w.store.change_account("alice", |account| account.live = false);
    let done = w.authorize(&query("web", &[]));
    assert_eq!((done.error().as_str(), done.fault), ("access_denied", Some(Fault::AccountLocked)));
    w.person = Person::Approves("bob");
    assert!(w.authorize(&query("web", &[])).param("code").is_some());
}

#[test]
fn accounts_that_are_kept_elsewhere_need_no_record() {
    let mut w = World::new();
    w.person = Person::Approves("carol@elsewhere.example");
    let tokens = w.tokens("web");
    assert_eq!(w.refresh("web", &tokens.refresh()).status, 200);
    assert_eq!(w.introspect("rs", &tokens.access()).text("sub"), "carol@elsewhere.example");
}

#[test]
fn rfc6749_1_6_01_rfc9700_4_12_01_a_redirect_is_303() {
    let mut w = World::new();
    assert_eq!(w.authorize(&query("web", &[])).status, 303);
    assert_eq!(w.authorize(&query("web", &[("response_type", "x")])).status, 303);
}

proptest! {
    #[test]
    fn rfc6749_8_4_01_no_response_type_is_taken_but_code(other in prop_oneof!["[a-zA-Z0-9_ ]{1,20}", "code.{1,5}", ".{1,20}"]) {
        prop_assume!(other != "code");
        let mut w = World::new();
        let done = w.authorize(&query("web", &[("response_type", &other)]));
        prop_assert!(done.gives_nothing() && !done.error().is_empty(), "{done:?}");
    }
}

#[test]
fn rfc6749_3_1_1_02_rfc6749_4_2_2_01_oauth21_10_1_01_no_token_is_ever_given_by_the_browser() {
    let mut w = World::new();
    for response_type in ["token", "id_token token", "token id_token", "code token", "token code"] {
        let done = w.authorize(&query("web", &[("response_type", response_type)]));
        assert_eq!(done.error(), "unsupported_response_type");
        assert!(!done.header("Location").unwrap().contains('#'));
    }
}
