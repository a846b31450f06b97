//! The account page, over HTTP through the whole program: what is listed is what is good, and what is ended is over.

mod common;

use common::{Answered, Browser, Program};
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use valetkey::server::change::{Change, Committed, Expect, Key, Kind, Put, Version};
use valetkey::server::record::{Account, Digest, Grant, GrantState, OwnedRecord, Record};
use valetkey::time::UnixTime;
use valetkey_tokio::store::{By, Store};

const ALLOW: &[(&str, &str)] = &[("scope", "read"), ("scope", "write"), ("decision", "allow")];
const END: &[(&str, &str)] = &[("client_id", "demo-web"), ("action", "end")];

fn is_login_page(page: &Answered) -> bool {
    page.body.contains("action=\"/login\"") && page.body.contains("to see which applications may use your account")
}

fn is_account_page(page: &Answered) -> bool {
    page.body.contains("<h1>Your account</h1>")
}

async fn open(program: &Program, browser: &mut Browser<'_>) -> Answered {
    browser.get(&format!("{}/account", program.url)).await
}

/// Signs in as alice on the way to her account.
async fn reach_account<'p>(program: &'p Program) -> (Browser<'p>, Answered) {
    let mut browser = program.browser();
    let login = open(program, &mut browser).await;
    assert!(is_login_page(&login), "{login:?}");
    let page = browser.log_in(&login, "alice", "wonderland").await;
    assert!(is_account_page(&page), "{page:?}");
    (browser, page)
}

/// Allows the demo's web client, signed in already, and gives its tokens.
async fn tokens(program: &Program, browser: &mut Browser<'_>) -> serde_json::Value {
    let consent = browser.get(&program.authorize_url()).await;
    let back = browser.submit(&consent, "/consent", ALLOW).await;
    let tokens = program.redeem(&back.redirected("code")).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    tokens.json()
}

async fn refresh(program: &Program, token: &serde_json::Value) -> Answered {
    let client = [("client_id", "demo-web"), ("client_secret", "web-secret"), ("grant_type", "refresh_token")];
    program.post("/token", &[&client[..], &[("refresh_token", token.as_str().unwrap())]].concat()).await
}

async fn is_active(program: &Program, token: &serde_json::Value) -> bool {
    let client = [("client_id", "demo-api"), ("client_secret", "api-secret")];
    let told = program.post("/introspect", &[&client[..], &[("token", token.as_str().unwrap())]].concat()).await;
    told.json()["active"].as_bool().unwrap()
}

#[tokio::test]
async fn a_person_sees_what_they_allowed_and_ends_it_at_once() {
    let program = Program::start().await;
    let (mut browser, page) = reach_account(&program).await;
    assert!(page.body.contains("None. When you allow one"), "{page:?}");
    let (first, second) = (tokens(&program, &mut browser).await, tokens(&program, &mut browser).await);
    let page = open(&program, &mut browser).await;
    assert_eq!(page.body.matches("<section").count(), 1, "one entry for a client, however often it was allowed");
    for said in
        ["Demo web", "Read your data", "Change your data", "or after 30 days without use", "Not yet", "demo-web"]
    {
        assert!(page.body.contains(said), "{said}: {page:?}");
    }
    assert_eq!(page.header(CACHE_CONTROL), "no-store");
    assert!(page.header(CONTENT_SECURITY_POLICY).contains("form-action 'self';"));

    let renewed = refresh(&program, &first["refresh_token"]).await.json();
    assert!(!open(&program, &mut browser).await.body.contains("Not yet"));
    let page = browser.submit(&page, "/account", END).await;
    assert!(is_account_page(&page) && page.body.contains("Done. That application can no longer use your account."));
    assert!(page.body.contains("None. When you allow one"), "{page:?}");
    for token in [&renewed["access_token"], &second["access_token"]] {
        assert!(!is_active(&program, token).await);
    }
    for token in [&renewed["refresh_token"], &second["refresh_token"]] {
        assert_eq!(refresh(&program, token).await.json()["error"], "invalid_grant");
    }
    let page = open(&program, &mut browser).await;
    assert!(!page.body.contains("role=\"status\""), "it is said once");
}

#[tokio::test]
async fn a_code_on_its_way_is_ended_with_the_rest() {
    let program = Program::start().await;
    let (mut browser, _) = reach_account(&program).await;
    let consent = browser.get(&program.authorize_url()).await;
    let back = browser.submit(&consent, "/consent", ALLOW).await;
    let page = open(&program, &mut browser).await;
    assert!(page.body.contains("Demo web"), "{page:?}");
    browser.submit(&page, "/account", END).await;
    assert_eq!(program.redeem(&back.redirected("code")).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn only_the_own_grants_are_seen_and_ended() {
    let program = Program::start().await;
    let (mut browser, _) = reach_account(&program).await;
    let of_alice = tokens(&program, &mut browser).await;
    write_account(&program, "bob", |alice| Account { subject: "bob", name: "Bob", ..alice }).await;
    let mut other = program.browser();
    let login = open(&program, &mut other).await;
    let page = other.log_in(&login, "bob", "wonderland").await;
    assert!(page.body.contains("<bdi>Bob</bdi>") && !page.body.contains("<section"), "{page:?}");
    other.submit(&page, "/account", END).await;
    assert!(is_active(&program, &of_alice["access_token"]).await);

    // A page of alice's, in a browser where bob has signed in since.
    let of_alice_page = open(&program, &mut browser).await;
    let out = browser.submit(&of_alice_page, "/account", &[("action", "log-out")]).await;
    let of_bob = tokens_of_bob(&program, &mut browser, &out).await;
    let page = browser.submit(&of_alice_page, "/account", END).await;
    assert!(page.body.contains("<bdi>Bob</bdi>") && page.body.contains("Demo web"), "{page:?}");
    assert!(is_active(&program, &of_bob["access_token"]).await && is_active(&program, &of_alice["access_token"]).await);
}

async fn tokens_of_bob(program: &Program, browser: &mut Browser<'_>, login: &Answered) -> serde_json::Value {
    assert!(is_account_page(&browser.log_in(login, "bob", "wonderland").await));
    tokens(program, browser).await
}

#[tokio::test]
async fn other_logins_are_ended_and_this_one_stays() {
    let program = Program::start().await;
    let (mut here, page) = reach_account(&program).await;
    let (mut there, elsewhere) = reach_account(&program).await;
    let kept = tokens(&program, &mut here).await;
    let page = here.submit(&page, "/account", &[("action", "end-logins")]).await;
    assert!(is_account_page(&page) && page.body.contains("Done. You are signed in here only."), "{page:?}");
    assert!(is_login_page(&open(&program, &mut there).await));
    let page = there.submit(&elsewhere, "/account", END).await;
    assert!(is_login_page(&page), "{page:?}");
    let consent = there.get(&program.authorize_url()).await;
    assert!(consent.body.contains("action=\"/login\""), "no consent by a login that was ended: {consent:?}");
    assert!(is_active(&program, &kept["access_token"]).await, "applications keep what they have");
    assert!(refresh(&program, &kept["refresh_token"]).await.status == 200);
}

#[tokio::test]
async fn who_logs_out_is_out() {
    let program = Program::start().await;
    let (mut browser, page) = reach_account(&program).await;
    let out = browser.submit(&page, "/account", &[("action", "log-out")]).await;
    assert!(is_login_page(&out) && out.body.contains("You are signed out."), "{out:?}");
    assert!(!browser.cookies.contains_key("vk_login"));
    let again = open(&program, &mut browser).await;
    assert!(is_login_page(&again) && !again.body.contains("signed out"));
}

#[tokio::test]
async fn a_login_leads_to_the_account_and_nowhere_else() {
    let program = Program::start().await;
    let mut browser = program.browser();
    let login = open(&program, &mut browser).await;
    let wrong = browser.log_in(&login, "alice", "guess").await;
    assert_eq!(wrong.status, 403);
    assert!(is_login_page(&wrong) && wrong.body.contains("do not match"));
    let csrf = login.hidden("csrf");
    for name in ["next", "return_to", "redirect_uri", "location", "query"] {
        let fields =
            [("csrf", &*csrf), ("username", "alice"), ("password", "wonderland"), (name, "https://evil.example/")];
        let answered = browser.post("/login", &fields).await;
        assert_eq!((answered.status, answered.header(LOCATION)), (303, "/account"), "{answered:?}");
    }
    let fields = [("csrf", &*csrf), ("pending", "forged"), ("username", "alice"), ("password", "wonderland")];
    let answered = browser.post("/login", &fields).await;
    assert_eq!((answered.status, answered.header(LOCATION)), (400, ""));
}

#[tokio::test]
async fn a_form_of_another_site_or_browser_changes_nothing() {
    let program = Program::start().await;
    let (mut browser, _) = reach_account(&program).await;
    let kept = tokens(&program, &mut browser).await;
    let page = open(&program, &mut browser).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        browser.headers.insert(name, value.parse().unwrap());
        let refused = browser.submit(&page, "/account", END).await;
        assert_eq!((refused.status, refused.headers.get(SET_COOKIE)), (400, None), "{refused:?}");
        browser.headers.clear();
    }
    let (_, elsewhere) = reach_account(&program).await;
    let csrf = elsewhere.hidden("csrf");
    for (csrf, action) in [("", "end"), ("AAAA", "end-logins"), (&*csrf, "log-out")] {
        let fields = [("csrf", csrf), ("subject", "alice"), ("client_id", "demo-web"), ("action", action)];
        assert_eq!(browser.post("/account", &fields).await.status, 400, "{action}");
    }
    assert_eq!(browser.submit(&page, "/account", &[("action", "buy")]).await.status, 400);
    assert!(is_account_page(&open(&program, &mut browser).await));
    assert!(is_active(&program, &kept["access_token"]).await);
}

#[tokio::test]
async fn a_locked_account_has_no_page() {
    let program = Program::start().await;
    let (mut browser, page) = reach_account(&program).await;
    write_account(&program, "alice", |alice| Account { live: false, ..alice }).await;
    assert!(is_login_page(&open(&program, &mut browser).await));
    assert!(is_login_page(&browser.submit(&page, "/account", &[("action", "end-logins")]).await));
}

#[tokio::test]
async fn what_gives_nothing_any_more_is_not_listed() {
    let program = Program::start().await;
    let (mut browser, _) = reach_account(&program).await;
    let now = now();
    let idle = 31 * 86_400;
    for (at, change) in [
        (1, Grant { client_id: "expired", expires_at: UnixTime(now - 1), ..grant(now) }),
        (2, Grant { client_id: "ended", state: GrantState::Ended, ..grant(now) }),
        (3, Grant { client_id: "unused", rotated_at: UnixTime(now - idle), ..grant(now) }),
        (4, Grant { client_id: "short", rotated_at: UnixTime(now - 60), expires_at: UnixTime(now + 60), ..grant(now) }),
        (5, Grant { client_id: "someone-elses", subject: "bob", ..grant(now) }),
    ] {
        write_grant(&program, [at; 32], change).await;
    }
    let page = open(&program, &mut browser).await;
    assert!(page.body.contains("<code>short</code>"), "{page:?}");
    assert_eq!(page.body.matches("<section").count(), 1, "{page:?}");
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_all_of_a_client_is_ended() {
    let program = Program::start().await;
    let (mut browser, _) = reach_account(&program).await;
    let now = now();
    let names: Vec<_> = (0..120_u8).map(|n| format!("client-{n}")).collect();
    for (n, name) in (0..).zip(&names) {
        write_grant(&program, [n; 32], Grant { client_id: name, ..grant(now) }).await;
        let mut id = [n; 32];
        id[31] = 255;
        write_grant(&program, id, Grant { client_id: "client-7", scope: "write", ..grant(now) }).await;
    }
    let mut page = open(&program, &mut browser).await;
    let (mut pages, mut seen) = (1, String::new());
    loop {
        assert!(page.body.matches("<section").count() <= 50);
        seen += &page.body;
        let Some((_, rest)) = page.body.split_once("/account?after=") else { break };
        let next = format!("{}/account?after={}", program.url, rest.split('"').next().unwrap());
        page = browser.get(&next).await;
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert!(names.iter().all(|name| seen.contains(&format!("<code>{name}</code>"))));

    browser.submit(&page, "/account", &[("client_id", "client-7"), ("action", "end")]).await;
    let index = By::Index(Key::client("client-7"));
    let found = program.store.scan(index, None, 1_000).await.unwrap();
    assert_eq!(found.len(), 121);
    let ended = |record: &OwnedRecord| matches!(record, OwnedRecord::Grant(grant) if grant.state == GrantState::Ended);
    assert!(found.iter().all(|(_, record, _)| ended(record)));
    let others = program.store.scan(By::Index(Key::client("client-8")), None, 10).await.unwrap();
    assert!(!others.iter().any(|(_, record, _)| ended(record)));
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// As a redemption leaves it.
fn grant(now: u64) -> Grant<'static> {
    Grant {
        client_id: "",
        subject: "alice",
        scope: "read",
        resource: "",
        state: GrantState::Live,
        issued_at: UnixTime(now - 40 * 86_400),
        expires_at: UnixTime(now + 40 * 86_400),
        auth_time: UnixTime(now),
        acr: "",
        amr: "",
        account: None,
        access: None,
        salt: Digest([0; 32]),
        server_key: 1,
        generation: 0,
        rotated_at: UnixTime(now - 60),
        rotated_by: None,
        seen_at: None,
        signed: false,
    }
}

async fn write_grant(program: &Program, id: [u8; 32], grant: Grant<'_>) {
    let index = [Some(Key::account(grant.subject)), Some(Key::client(grant.client_id))];
    let key = Key { kind: Kind::Grant, id: Digest(id) };
    let keep_until = UnixTime(u64::MAX);
    commit(program, Put { key, expect: Expect::Absent, keep_until, index, record: Record::Grant(grant) }).await;
}

/// Writes an account that is made of alice's.
async fn write_account(program: &Program, subject: &str, change: impl for<'a> FnOnce(Account<'a>) -> Account<'a>) {
    let keys = [Some(Key::account("alice")), Some(Key::account(subject)), None, None];
    let [alice, there, ..] = program.store.load(&keys).await.unwrap();
    let (alice, _) = alice.unwrap();
    let OwnedRecord::Account(alice) = &*alice else { panic!("no alice") };
    let expect = there.map_or(Expect::Absent, |(_, version)| Expect::At(version));
    let record = Record::Account(change(alice.as_view()));
    let put = Put { key: Key::account(subject), expect, keep_until: UnixTime(u64::MAX), index: [None, None], record };
    commit(program, put).await;
}

async fn commit(program: &Program, put: Put<'_>) {
    let puts = [Some(put), None, None, None, None, None];
    let change = Change { id: Version::new(1).unwrap(), puts, holds: [None, None], event: None };
    assert_eq!(program.store.commit(&change).await.unwrap(), Committed::Applied);
}
