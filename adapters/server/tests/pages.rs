//! What the pages say, and that nothing from outside can break out of them.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use valetkey::time::UnixTime;
use valetkey_server::pages::{
    AccountPage, Allowed, ConsentPage, ErrorPage, LandingPage, LoginError, LoginPage, LoginTo, Notice, ScopeChoice,
    Site, span,
};

fn open(response: Response) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(axum::body::to_bytes(body, usize::MAX)).unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn site() -> Site {
    Site::of("http://127.0.0.1:8080")
}

fn login(site: &Site, error: Option<LoginError>) -> LoginPage<'_> {
    LoginPage { site, csrf: "token", to: LoginTo::Client { pending: "sealed", name: "Demo web" }, username: "", error }
}

fn scopes() -> Vec<ScopeChoice<'static>> {
    vec![
        ScopeChoice { name: "read", description: Some("Read your data"), chosen: true },
        ScopeChoice { name: "odd", description: None, chosen: false },
    ]
}

fn consent<'a>(site: &'a Site, scopes: &'a [ScopeChoice<'a>]) -> ConsentPage<'a> {
    ConsentPage {
        site,
        pending: "sealed",
        csrf: "token",
        client_name: "Demo web",
        client_id: "demo-web",
        redirect_uri: "http://127.0.0.1:9099/cb",
        scopes,
        account: "alice",
        subject: "a1",
        access_seconds: 600,
        grant_seconds: Some(90 * 86_400),
        error: None,
    }
}

/// 23 November 2026, 17:05 UTC.
const NOW: UnixTime = UnixTime(1_795_453_500);

fn allowed() -> Allowed {
    Allowed {
        client_id: "demo-web".to_owned(),
        client_name: "Demo web".to_owned(),
        scopes: vec![("read".to_owned(), Some("Read your data".to_owned())), ("odd".to_owned(), None)],
        since: NOW,
        until: NOW.plus(90 * 86_400),
        idle_seconds: Some(30 * 86_400),
        renewed: None,
    }
}

fn account<'a>(site: &'a Site, allowed: &'a [Allowed]) -> AccountPage<'a> {
    AccountPage {
        site,
        csrf: "token",
        account: "Alice",
        subject: "a1",
        allowed,
        goes_on: false,
        next: None,
        notice: None,
        now: NOW,
    }
}

#[test]
fn the_account_page_says_who_may_do_what_from_when_to_when() {
    let (site, entries) = (site(), [allowed()]);
    let (status, _, html) = open(account(&site, &entries).respond());
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("<bdi>Alice</bdi>") && html.contains("<bdi>Demo web</bdi></h3>"), "{html}");
    assert!(html.contains("<li>Read your data</li>") && html.contains("<code>odd</code> (no description)"));
    assert!(html.contains("<dt>Since</dt><dd>23 November 2026</dd>"));
    assert!(html.contains("<dt>Until</dt><dd>21 February 2027, or after 30 days without use</dd>"));
    assert!(html.contains("<dt>Last renewed</dt><dd>Not yet</dd>"));
    assert!(html.contains(r#"<input type="hidden" name="client_id" value="demo-web">"#));
    assert!(html.contains(r#"value="end" aria-describedby="client-1">"#) && html.contains(r#"id="client-1""#));
    assert!(html.contains(r#"value="log-out""#) && html.contains(r#"value="end-logins""#));
    assert_eq!(html.matches(r#"name="csrf" value="token""#).count(), 3);
    assert_eq!(html.matches(r#"name="subject" value="a1""#).count(), 3);
    assert!(!html.contains("role=\"status\"") && !html.contains("?after="));
}

#[test]
fn of_what_ends_soon_or_was_renewed_the_hour_is_told() {
    let site = site();
    let soon = Allowed { until: NOW.plus(600), idle_seconds: None, renewed: Some(NOW), ..allowed() };
    let (_, _, html) = open(account(&site, &[soon]).respond());
    assert!(html.contains("<dd>23 November 2026 at 17:15 UTC</dd>"), "{html}");
    assert!(html.contains("<dt>Last renewed</dt><dd>23 November 2026 at 17:05 UTC</dd>"));
    let kept = Allowed { until: UnixTime::FOR_EVER, idle_seconds: None, scopes: Vec::new(), ..allowed() };
    let (_, _, html) = open(account(&site, &[kept]).respond());
    assert!(html.contains("<dd>When you end it</dd>") && html.contains("may do nothing else"));
}

#[test]
fn an_account_without_applications_says_so_and_a_long_list_goes_on() {
    let site = site();
    let (_, _, html) = open(account(&site, &[]).respond());
    assert!(html.contains("None. When you allow one"));
    let page = AccountPage { goes_on: true, next: Some("0a"), ..account(&site, &[]) };
    let (_, _, html) = open(page.respond());
    assert!(html.contains("none on this page") && html.contains(r#"href="/account?after=0a""#));
    assert!(html.contains(r#"<a href="/account">"#));
}

#[test]
fn what_was_done_is_told_once_it_is_done() {
    let site = site();
    for notice in [Notice::Ended, Notice::OtherLoginsEnded, Notice::LoggedOut] {
        assert_eq!(Notice::read(notice.word()), Some(notice));
        let (_, _, html) = open(AccountPage { notice: Some(notice), ..account(&site, &[]) }.respond());
        assert!(html.contains(&format!(r#"role="status">{notice}<"#)), "{html}");
        let to = LoginTo::Account { notice: Some(notice) };
        let (_, _, html) = open(LoginPage { to, ..login(&site, None) }.respond());
        assert!(html.contains(&format!(r#"role="status">{notice}<"#)) && !html.contains("name=\"pending\""));
    }
    assert_eq!(Notice::read("anything else"), None);
}

#[test]
fn the_login_page_can_be_used_by_a_password_manager_and_a_screen_reader() {
    let (status, headers, html) = open(login(&site(), None).respond());
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(html.contains(r#"<html lang="en">"#));
    assert!(html.contains(r#"<form method="post" action="/login">"#));
    assert!(html.contains(r#"<input type="hidden" name="pending" value="sealed">"#));
    assert!(html.contains(r#"<input type="hidden" name="csrf" value="token">"#));
    assert!(html.contains(r#"<label for="username">"#) && html.contains(r#"autocomplete="username""#));
    assert!(html.contains(r#"<label for="password">"#) && html.contains(r#"autocomplete="current-password""#));
    assert!(html.contains("<main") && html.contains("<header") && html.contains("Demo web"));
    assert!(!html.contains("aria-invalid") && !html.contains("role=\"alert\""));
}

#[test]
fn a_failed_login_is_tied_to_its_fields_and_keeps_the_username() {
    let site = site();
    let page = LoginPage { username: "alice", ..login(&site, Some(LoginError::Wrong)) };
    let (status, _, html) = open(page.respond());
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(html.contains("<title>Error: Sign in – Valetkey</title>"));
    assert!(html.contains(r#"id="login-error" role="alert""#));
    assert_eq!(html.matches(r#"aria-describedby="login-error""#).count(), 2);
    assert_eq!(html.matches(r#"aria-invalid="true""#).count(), 2);
    assert!(html.contains(r#"value="alice""#));
}

#[test]
fn a_throttled_or_busy_login_says_when_to_come_back() {
    let (status, headers, html) = open(login(&site(), Some(LoginError::Wait(90))).respond());
    assert_eq!((status, &headers[header::RETRY_AFTER]), (StatusCode::TOO_MANY_REQUESTS, &"90".parse().unwrap()));
    assert!(html.contains("Try again in 90 seconds."));
    assert!(!html.contains("aria-invalid"), "the fields are not what is wrong");
    let (status, headers, _) = open(login(&site(), Some(LoginError::Busy(2))).respond());
    assert_eq!((status, &headers[header::RETRY_AFTER]), (StatusCode::SERVICE_UNAVAILABLE, &"2".parse().unwrap()));
}

#[test]
fn the_consent_page_says_what_who_where_and_for_how_long() {
    let (site, scopes) = (site(), scopes());
    let (status, _, html) = open(consent(&site, &scopes).respond());
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Allow <bdi>Demo web</bdi> to use your account?"));
    assert!(html.contains(r#"name="scope" value="read" checked>"#) && html.contains("Read your data"));
    assert!(html.contains(r#"name="scope" value="odd">"#) && html.contains("<code>odd</code> (no description)"));
    assert!(html.contains("10 minutes at a time, renewed without asking you for up to 90 days."));
    assert!(html.contains("A program on this device (127.0.0.1:9099)"));
    assert!(html.contains("<code>demo-web</code>") && html.contains("<bdi>alice</bdi>"));
    assert!(html.contains(r#"name="decision" value="switch">Not you?"#));
    let (deny, allow) = (html.find("value=\"deny\"").unwrap(), html.find("value=\"allow\"").unwrap());
    assert!(deny < allow, "the Enter key in a box presses the first button, which must not grant anything");
    assert_eq!(html.matches("name=\"pending\" value=\"sealed\"").count(), 2);
    assert_eq!(html.matches("name=\"csrf\" value=\"token\"").count(), 2);
}

#[test]
fn a_single_scope_needs_no_box_and_no_scope_says_so() {
    let site = site();
    let scopes = scopes();
    let (_, _, html) = open(consent(&site, scopes.get(..1).unwrap()).respond());
    assert!(html.contains(r#"<input type="hidden" name="scope" value="read">Read your data"#));
    assert!(!html.contains("checkbox"));
    let (_, _, html) = open(consent(&site, &[]).respond());
    assert!(html.contains("asks for nothing else") && !html.contains("name=\"scope\""));
}

#[test]
fn without_refresh_the_consent_ends_with_the_token() {
    let (site, scopes) = (site(), scopes());
    let (_, _, html) = open(ConsentPage { grant_seconds: None, ..consent(&site, &scopes) }.respond());
    assert!(html.contains("10 minutes. After that it has to ask you again."));
}

#[test]
fn an_empty_choice_is_explained_at_the_boxes() {
    let (site, scopes) = (site(), scopes());
    let page = ConsentPage { error: Some(ConsentPage::NOTHING_CHOSEN), ..consent(&site, &scopes) };
    let (status, _, html) = open(page.respond());
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains(r#"<fieldset aria-describedby="consent-error">"#));
    assert!(html.contains(r#"id="consent-error" role="alert">Leave at least one box ticked"#));
}

#[test]
fn the_place_a_person_goes_to_next_cannot_be_disguised() {
    let (site, scopes) = (site(), scopes());
    for (redirect_uri, said) in [
        ("https://app.example/cb", "<dd>app.example</dd>"),
        ("https://app.example:8443/cb?x=y", "<dd>app.example:8443</dd>"),
        ("https://bank.example@evil.example/cb", "<dd>evil.example</dd>"),
        ("https://evil.example?@bank.example/", "<dd>evil.example</dd>"),
        ("https://evil.example#@bank.example/", "<dd>evil.example</dd>"),
        ("http://[::1]:9099/cb", "<dd>A program on this device ([::1]:9099)</dd>"),
        ("http://localhost/cb", "<dd>A program on this device (localhost)</dd>"),
        ("https://localhost.evil.example/cb", "<dd>localhost.evil.example</dd>"),
        ("com.example.app:/cb", "<dd>The app on this device that opens com.example.app: links</dd>"),
    ] {
        let (_, _, html) = open(ConsentPage { redirect_uri, ..consent(&site, &scopes) }.respond());
        assert!(html.contains(said), "{redirect_uri}: {html}");
    }
}

#[test]
fn rfc9700_4_16_01_every_page_forbids_framing_script_and_storing() {
    let (site, scopes) = (site(), scopes());
    let error = ErrorPage {
        site: &site,
        status: StatusCode::BAD_REQUEST,
        title: "t",
        message: "m",
        what_to_do: "w",
        code: None,
    };
    let landing = LandingPage { site: &site, issuer: "i", metadata: "m", demo: false };
    let to = LoginTo::Account { notice: Some(Notice::LoggedOut) };
    for response in [
        login(&site, None).respond(),
        LoginPage { to, ..login(&site, None) }.respond(),
        consent(&site, &scopes).respond(),
        account(&site, &[allowed()]).respond(),
        error.respond(),
        landing.respond(),
    ] {
        let (_, headers, html) = open(response);
        let csp = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(csp.contains(part), "{csp}");
        }
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains(" onload"), "{html}");
    }
}

#[test]
fn what_came_from_outside_is_escaped() {
    let site = site();
    let evil = r#""><script>alert(1)</script>"#;
    let scopes = [
        ScopeChoice { name: evil, description: None, chosen: true },
        ScopeChoice { name: "b", description: Some(evil), chosen: true },
    ];
    let to = LoginTo::Client { pending: evil, name: evil };
    let page = LoginPage { site: &site, csrf: evil, to, username: evil, error: None };
    let entries = [Allowed {
        client_id: evil.to_owned(),
        client_name: evil.to_owned(),
        scopes: vec![(evil.to_owned(), None), ("b".to_owned(), Some(evil.to_owned()))],
        ..allowed()
    }];
    let account =
        AccountPage { csrf: evil, account: evil, subject: evil, next: Some(evil), ..account(&site, &entries) };
    let consent = ConsentPage {
        pending: evil,
        csrf: evil,
        client_name: evil,
        client_id: evil,
        redirect_uri: evil,
        account: evil,
        subject: evil,
        error: Some(evil),
        ..consent(&site, &scopes)
    };
    let error = ErrorPage {
        site: &site,
        status: StatusCode::BAD_REQUEST,
        title: evil,
        message: evil,
        what_to_do: evil,
        code: Some(evil),
    };
    for response in [page.respond(), consent.respond(), error.respond(), account.respond()] {
        let (_, _, html) = open(response);
        assert!(!html.contains("<script>") && !html.contains(r#""">"#), "{html}");
    }
}

#[test]
fn an_issuer_with_a_path_has_its_pages_under_it() {
    let site = Site::of("https://example.com/tenant/one");
    let (_, _, html) = open(login(&site, None).respond());
    assert!(html.contains(r#"action="/tenant/one/login""#));
    assert!(html.contains(r#"href="/tenant/one/assets/valetkey.css?v="#));
    assert_eq!(Site::of("https://example.com/").base(), "");
}

#[test]
fn spans_read_as_people_say_them_and_never_say_less() {
    for (seconds, said) in [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (600, "10 minutes"),
        (601, "11 minutes"),
        (3_600, "1 hour"),
        (5_400, "90 minutes"),
        (86_400, "1 day"),
        (90 * 86_400, "90 days"),
    ] {
        assert_eq!(span(seconds), said);
    }
}

#[test]
fn rfc9700_4_2_4_01_pages_have_a_strict_referrer_policy_and_nothing_of_third_parties() {
    let (site, scopes) = (site(), scopes());
    for response in [login(&site, None).respond(), consent(&site, &scopes).respond()] {
        let (_, headers, html) = open(response);
        assert_eq!(headers[header::REFERRER_POLICY], "same-origin");
        assert!(!html.contains("src=") && !html.contains("href=\"http") && !html.contains("href=\"//"), "{html}");
    }
}
