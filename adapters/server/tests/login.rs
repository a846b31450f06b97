//! A person logs in and consents, over HTTP through the whole program; and what must not get through does not.

mod common;

use common::{Answered, Program};
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, LOCATION, RETRY_AFTER};
use valetkey::jose::Algorithm;
use valetkey::server::change::{Change, Committed, Expect, Key, Put, Version};
use valetkey::server::change_client;
use valetkey::server::record::{AccessTokenFormat, Account, Client, OwnedRecord, Record};
use valetkey::time::UnixTime;
use valetkey_tokio::store::Store;

const ALLOW: &[(&str, &str)] = &[("scope", "read"), ("scope", "write"), ("decision", "allow")];

fn is_login_page(page: &Answered) -> bool {
    page.body.contains("action=\"/login\"")
}

fn is_consent_page(page: &Answered) -> bool {
    page.body.contains("value=\"allow\"")
}

#[tokio::test]
async fn a_person_logs_in_consents_and_the_client_gets_tokens() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.get(&program.authorize_url()).await;
    assert_eq!(page.status, 200);
    assert!(is_login_page(&page) && page.body.contains("Demo web"));
    let page = browser.log_in(&page, "alice", "wonderland").await;
    assert!(is_consent_page(&page) && page.body.contains("Read your data") && page.body.contains("Change your data"));
    assert!(page.body.contains("10 minutes at a time, renewed without asking you for up to 90 days."));
    assert!(page.header(CONTENT_SECURITY_POLICY).contains("form-action 'self' https: http:;"));
    let back = browser.submit(&page, "/consent", ALLOW).await;
    assert_eq!(back.status, 303, "{back:?}");
    assert_eq!(back.redirected("state"), "demo");
    let tokens = program.redeem(&back.redirected("code")).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(tokens.json()["scope"], "read write");
    assert!(tokens.json()["refresh_token"].is_string());
}

#[tokio::test]
async fn login_and_logout_lead_back_to_the_same_request_so_that_loading_again_sends_no_form() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let asked = program.authorize_url().replace(&program.url, "");
    let page = browser.get(&program.authorize_url()).await;
    let (pending, csrf) = (page.hidden("pending"), page.hidden("csrf"));
    let fields = [("pending", &*pending), ("csrf", &*csrf), ("username", "alice"), ("password", "wonderland")];
    let answered = browser.post("/login", &fields).await;
    assert_eq!((answered.status, answered.header(LOCATION)), (303, &*asked));
    assert_eq!(answered.header(CACHE_CONTROL), "no-store");
    let page = browser.get(&program.authorize_url()).await;
    assert!(is_consent_page(&page));
    let (pending, csrf) = (page.hidden("pending"), page.hidden("csrf"));
    let fields = [("pending", &*pending), ("csrf", &*csrf), ("decision", "switch")];
    let answered = browser.post("/consent", &fields).await;
    assert_eq!((answered.status, answered.header(LOCATION)), (303, &*asked));
}

#[tokio::test]
async fn a_part_of_the_scopes_can_be_allowed_but_not_none_of_them() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    let again = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("Leave at least one box ticked") && !again.body.contains(" checked"));
    let back = browser.submit(&again, "/consent", &[("scope", "read"), ("decision", "allow")]).await;
    let tokens = program.redeem(&back.redirected("code")).await;
    assert_eq!(tokens.json()["scope"], "read");
}

#[tokio::test]
async fn a_scope_that_was_not_asked_for_cannot_be_slipped_in() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    for slipped in ["telemetry:write", "", "read write", "read\n"] {
        let fields = [("scope", "read"), ("scope", slipped), ("decision", "allow")];
        let refused = browser.submit(&page, "/consent", &fields).await;
        assert_eq!((refused.status, refused.header(LOCATION)), (400, ""), "{slipped:?}");
    }
    let twice = [("scope", "read"), ("scope", "read"), ("scope", "read"), ("decision", "allow")];
    let back = browser.submit(&page, "/consent", &twice).await;
    assert_eq!(program.redeem(&back.redirected("code")).await.json()["scope"], "read");
}

#[tokio::test]
async fn a_no_reaches_the_client() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    let back = browser.submit(&page, "/consent", &[("decision", "deny")]).await;
    assert_eq!((back.status, back.redirected("error")), (303, "access_denied".to_owned()));
    assert_eq!(back.redirected("code"), "");
}

#[tokio::test]
async fn who_is_signed_in_is_asked_for_consent_only_and_may_switch() {
    let program = Program::start().await;
    let mut browser = program.browser();
    browser.reach_consent().await;
    let page = browser.get(&program.authorize_url()).await;
    assert!(is_consent_page(&page));
    let page = browser.submit(&page, "/consent", &[("decision", "switch")]).await;
    assert!(is_login_page(&page) && !browser.cookies.contains_key("vk_login"));
    assert!(is_login_page(&browser.get(&program.authorize_url()).await));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_names_look_the_same_and_are_slowed_down() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.get(&program.authorize_url()).await;
    let wrong = browser.log_in(&page, "alice", "Wonderland").await;
    let unknown = browser.log_in(&page, "bob", "Wonderland").await;
    assert_eq!((wrong.status, unknown.status), (403, 403));
    let without = |page: &Answered, name: &str| page.body.replace(&format!("value=\"{name}\""), "");
    assert_eq!(without(&wrong, "alice"), without(&unknown, "bob"));
    assert!(!browser.cookies.contains_key("vk_login"));

    for _ in 0..4 {
        assert_eq!(browser.log_in(&page, "alice", "guess").await.status, 403);
    }
    let waiting = browser.log_in(&page, "alice", "wonderland").await;
    assert_eq!((waiting.status, waiting.header(RETRY_AFTER)), (429, "1"), "{waiting:?}");
}

#[tokio::test]
async fn a_form_of_another_site_or_browser_is_refused() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    let refused = |answered: &Answered| answered.status == 400 && answered.header(LOCATION).is_empty();

    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        browser.headers.insert(name, value.parse().unwrap());
        assert!(refused(&browser.submit(&page, "/consent", ALLOW).await), "{name}: {value}");
        browser.headers.clear();
    }
    let pending = page.hidden("pending");
    for csrf in ["", "AAAA"] {
        let fields = [&[("pending", &*pending), ("csrf", csrf)], ALLOW].concat();
        assert!(refused(&browser.post("/consent", &fields).await), "{csrf}");
    }

    // The victim's browser with an attacker's form, and the attacker's with the victim's.
    let mut other = program.browser();
    let others_page = other.reach_consent().await;
    assert!(refused(&browser.submit(&others_page, "/consent", ALLOW).await));
    let csrf = others_page.hidden("csrf");
    let fields = [&[("pending", &*pending), ("csrf", &*csrf)], ALLOW].concat();
    assert!(refused(&other.post("/consent", &fields).await));

    browser.headers.insert("origin", program.url.parse().unwrap());
    assert_eq!(browser.submit(&page, "/consent", ALLOW).await.status, 303, "the real one still works");
}

#[tokio::test]
async fn a_post_that_another_site_makes_a_browser_send_does_not_sign_it_out() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    // As `SameSite=Lax` has it: no cookie goes along with that post, and every one with the GET that it is sent on by.
    let cookies = std::mem::take(&mut browser.cookies);
    let url = program.authorize_url();
    let fields: Vec<_> = url.split(['?', '&']).skip(1).filter_map(|pair| pair.split_once('=')).collect();
    let decoded = |value: &str| value.replace("%3A", ":").replace("%2F", "/").replace("%20", " ");
    let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, decoded(value))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let posted = browser.post("/authorize", &fields).await;
    let given = std::mem::replace(&mut browser.cookies, cookies);
    browser.cookies.extend(given);
    assert_eq!(browser.submit(&page, "/consent", ALLOW).await.status, 303, "the login still stands");
    assert!(is_consent_page(&browser.get(posted.header(LOCATION)).await));
}

#[tokio::test]
async fn one_consent_gives_one_code() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    assert_eq!(browser.submit(&page, "/consent", ALLOW).await.status, 303);
    let again = browser.submit(&page, "/consent", ALLOW).await;
    assert_eq!(again.header(LOCATION), "");
    assert!(again.body.contains("You have answered this already"), "{again:?}");
}

#[tokio::test]
async fn consent_is_given_by_whom_the_page_named_or_not_at_all() {
    let program = Program::start().await;
    let mut browser = program.browser();
    write_account(&program, Key::account("bob"), |alice| Account { subject: "bob", name: "Bob", ..alice }).await;
    let of_alice = browser.reach_consent().await;
    let login = browser.submit(&of_alice, "/consent", &[("decision", "switch")]).await;
    assert!(is_consent_page(&browser.log_in(&login, "bob", "wonderland").await));
    let of_bob = browser.submit(&of_alice, "/consent", ALLOW).await;
    assert_eq!((of_bob.status, of_bob.header(LOCATION)), (422, ""));
    assert!(of_bob.body.contains("Somebody else has signed in") && of_bob.body.contains("<bdi>Bob</bdi>"));
    assert_eq!(of_bob.body.matches(" checked").count(), 2);
    assert_eq!(browser.submit(&of_bob, "/consent", ALLOW).await.status, 303);
}

#[tokio::test]
async fn consent_without_a_login_asks_for_one() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    browser.cookies.remove("vk_login");
    assert!(is_login_page(&browser.submit(&page, "/consent", ALLOW).await));
}

#[tokio::test]
async fn a_locked_account_can_neither_log_in_nor_consent() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.reach_consent().await;
    lock(&program, "alice").await;
    assert!(is_login_page(&browser.submit(&page, "/consent", ALLOW).await));
    assert_eq!(browser.log_in(&page, "alice", "wonderland").await.status, 403);
}

async fn lock(program: &Program, subject: &str) {
    write_account(program, Key::account(subject), |account| Account { live: false, ..account }).await;
}

#[tokio::test]
async fn rfc9470_5_01_rfc9470_6_1_01_a_login_is_of_the_class_that_the_settings_name() {
    for (settings, asked, good) in [
        ("[login]\nacr = 'urn:example:password'", "urn:example:mfa%20urn:example:password", true),
        ("[login]\nacr = 'urn:example:password'", "urn:example:mfa", false),
        ("", "urn:example:password", false),
    ] {
        let program = Program::start_with(settings).await;
        let metadata = program.get("/.well-known/oauth-authorization-server", HeaderMap::new()).await.json();
        let class = (!settings.is_empty()).then(|| serde_json::json!(["urn:example:password"]));
        assert_eq!(metadata.get("acr_values_supported"), class.as_ref());
        let mut browser = program.browser();
        sign_tokens_of_the_demo(&program).await;
        let page = browser.get(&format!("{}&acr_values={asked}", program.authorize_url())).await;
        let page = browser.log_in(&page, "alice", "wonderland").await;
        let back = browser.submit(&page, "/consent", ALLOW).await;
        if !good {
            assert_eq!(back.redirected("error"), "unmet_authentication_requirements", "{settings} {asked}");
            continue;
        }
        let token = program.redeem(&back.redirected("code")).await.json()["access_token"].as_str().unwrap().to_owned();
        let payload = token.split('.').nth(1).unwrap();
        let mut room = vec![0; payload.len()];
        let claims = valetkey::text::base64::decode(payload, &mut room).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(claims).unwrap();
        assert_eq!((&claims["acr"], &claims["amr"]), (&"urn:example:password".into(), &serde_json::json!(["pwd"])));
        let api = [("client_id", "demo-api"), ("client_secret", "api-secret"), ("token", &*token)];
        let told = program.post("/introspect", &api).await.json();
        assert_eq!((&told["acr"], &told["auth_time"]), (&claims["acr"], &claims["auth_time"]));
    }
}

async fn sign_tokens_of_the_demo(program: &Program) {
    let key = Key::client("demo-web");
    let [demo, ..] = program.store.load(&[Some(key), None, None, None]).await.unwrap();
    let (demo, version) = demo.unwrap();
    let OwnedRecord::Client(client) = &*demo else { panic!("no demo") };
    let client = Client { access_token: AccessTokenFormat::Jwt(Algorithm::EdDsa), ..client.as_view() };
    let now = UnixTime(1_700_000_000);
    let change = change_client([7; 8], now, (client, version), client).unwrap();
    assert_eq!(program.store.commit(&change).await.unwrap(), Committed::Applied);
}

/// Writes an account that is made of alice's.
async fn write_account(program: &Program, key: Key, change: impl for<'a> FnOnce(Account<'a>) -> Account<'a>) {
    let keys = [Some(Key::account("alice")), Some(key), None, None];
    let [alice, there, ..] = program.store.load(&keys).await.unwrap();
    let (alice, _) = alice.unwrap();
    let OwnedRecord::Account(alice) = &*alice else { panic!("no alice") };
    let expect = there.map_or(Expect::Absent, |(_, version)| Expect::At(version));
    let record = Record::Account(change(alice.as_view()));
    let put = Put { key, expect, keep_until: UnixTime(u64::MAX), index: [None, None], record };
    let puts = [Some(put), None, None, None, None, None];
    let change = Change { id: Version::new(1).unwrap(), puts, holds: [None, None], event: None };
    assert_eq!(program.store.commit(&change).await.unwrap(), Committed::Applied);
}

#[tokio::test]
async fn rfc6749_4_1_2_1_01_a_redirect_uri_that_is_not_registered_gets_a_page_and_no_redirect() {
    let program = Program::start().await;
    let mut browser = program.browser();
    for (from, to) in [("9099%2Fcb", "9099%2Fevil"), ("client_id=demo-web", "client_id=nobody")] {
        let page = browser.get(&program.authorize_url().replace(from, to)).await;
        assert_eq!((page.status, page.header(LOCATION)), (400, ""), "{page:?}");
        assert!(page.body.contains("This link does not work") && page.body.contains("<main"));
        assert!(page.header(CONTENT_SECURITY_POLICY).contains("form-action 'none'"));
    }
}

#[tokio::test]
async fn the_address_of_a_form_is_no_dead_end() {
    let program = Program::start().await;
    for path in ["/login", "/consent"] {
        let page = program.get(path, Default::default()).await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("cannot be opened by itself"));
    }
}

#[tokio::test]
async fn a_form_that_is_too_long_is_refused() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.get(&program.authorize_url()).await;
    assert_eq!(browser.log_in(&page, "alice", &"x".repeat(70_000)).await.status, 400);
}
