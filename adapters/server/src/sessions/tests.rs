//! Cookies, logins and form tokens: each holds in its own browser, for its time, and unchanged.

use super::*;

fn sessions(secure: bool) -> Sessions {
    Sessions::new(vec![key(7)], secure)
}

fn key(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

fn alice() -> Login {
    Login { subject: "alice".to_owned(), auth_time: 1_000, rests_on: [3; 32] }
}

/// What the browser sends back for a `Set-Cookie`.
fn sent(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_browser_is_known_again_by_its_cookie() {
    let sessions = sessions(false);
    let browser = Browser::draw().unwrap();
    let set_cookie = sessions.browser_cookie(&browser);
    assert!(set_cookie.starts_with("vk_browser=") && set_cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    let cookie = format!("other=1; {}; vk_login=x", sent(&set_cookie));
    assert_eq!(sessions.browser([&*cookie]).unwrap().value(), browser.value());
    assert_eq!(sessions.browser(["a=b", &cookie]).unwrap().value(), browser.value(), "HTTP/2 splits the header");
    for junk in ["", "vk_browser", "vk_browser=", "vk_browser=AAAA", "vk_browser=!", "xvk_browser=AAAA"] {
        assert!(sessions.browser([junk]).is_none(), "{junk}");
    }
    let other = Browser::draw().unwrap();
    assert_ne!(other.value(), browser.value());
}

#[test]
fn over_https_cookies_are_secure_and_host_only() {
    let sessions = sessions(true);
    let browser = Browser::draw().unwrap();
    let set_cookie = sessions.browser_cookie(&browser);
    for cookie in [set_cookie, sessions.login_cookie(&browser, &alice()), sessions.logout_cookie()] {
        assert!(cookie.starts_with("__Host-vk_") && cookie.contains("; Secure"), "{cookie}");
        assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    }
    let plain = Sessions::new(vec![key(7)], false).browser_cookie(&browser);
    assert!(sessions.browser([&*sent(&plain)]).is_none(), "a neighbouring host could have set it");
}

#[test]
fn a_login_holds_in_its_browser_until_it_expires() {
    let sessions = sessions(false);
    let browser = Browser::draw().unwrap();
    let other = Browser::draw().unwrap();
    let cookie = sent(&sessions.login_cookie(&browser, &alice()));
    let last = 1_000 + LOGIN_SECONDS - 1;
    assert_eq!(sessions.login(&browser, [&*cookie], 1_000), Some(alice()));
    assert_eq!(sessions.login(&browser, [&*cookie], last), Some(alice()));
    assert_eq!(sessions.login(&browser, [&*cookie], last + 1), None);
    assert_eq!(sessions.login(&other, [&*cookie], 1_000), None);
    let restarted = Sessions::new(vec![key(8)], false);
    assert_eq!(restarted.login(&browser, [&*cookie], 1_000), None);
}

#[test]
fn a_login_outlives_its_key_for_as_long_as_that_is_still_known() {
    let (browser, first) = (Browser::draw().unwrap(), Sessions::new(vec![key(1)], false));
    let (cookie, csrf) = (sent(&first.login_cookie(&browser, &alice())), first.csrf(&browser));
    let handle = first.clone();
    handle.replace_keys(vec![key(2), key(1)]);
    assert_eq!(first.login(&browser, [&*cookie], 1_000), Some(alice()), "every handle has the keys");
    assert!(first.csrf_holds(&browser, &csrf) && first.csrf(&browser) != csrf);
    let renewed = sent(&first.login_cookie(&browser, &alice()));
    first.replace_keys(vec![key(2)]);
    assert_eq!(first.login(&browser, [&*cookie], 1_000), None);
    assert_eq!(first.login(&browser, [&*renewed], 1_000), Some(alice()));
    assert!(!first.csrf_holds(&browser, &csrf));
}

#[test]
fn a_notice_is_kept_for_a_minute_or_taken_back() {
    let sessions = sessions(true);
    let cookie = sessions.notice_cookie("ended");
    assert!(cookie.starts_with("__Host-vk_notice=ended; ") && cookie.ends_with("; Secure; Max-Age=60"), "{cookie}");
    assert_eq!(sessions.notice([&*sent(&cookie)]), Some("ended"));
    assert!(sessions.notice_cookie("").ends_with("; Max-Age=0"));
    assert_eq!(sessions.notice(["vk_notice=ended"]), None, "a neighbouring host could have set it");
}

#[test]
fn no_changed_byte_of_a_login_passes() {
    let sessions = sessions(false);
    let browser = Browser::draw().unwrap();
    let cookie = sent(&sessions.login_cookie(&browser, &alice()));
    let sealed = Base64UrlUnpadded::decode_vec(cookie.split_once('=').unwrap().1).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        *changed.get_mut(at).unwrap() ^= 1;
        let changed = format!("vk_login={}", Base64UrlUnpadded::encode_string(&changed));
        assert_eq!(sessions.login(&browser, [&*changed], 1_000), None, "byte {at}");
        let cut = format!("vk_login={}", Base64UrlUnpadded::encode_string(sealed.get(..at).unwrap()));
        assert_eq!(sessions.login(&browser, [&*cut], 1_000), None, "cut at {at}");
    }
}

#[test]
fn logging_out_empties_the_cookie() {
    let sessions = sessions(false);
    let browser = Browser::draw().unwrap();
    let cookie = sessions.logout_cookie();
    assert!(cookie.starts_with("vk_login=;") && cookie.ends_with("; Max-Age=0"));
    assert_eq!(sessions.login(&browser, [&*sent(&cookie)], 1_000), None);
}

#[test]
fn a_form_token_serves_in_one_browser_only() {
    let sessions = sessions(false);
    let browser = Browser::draw().unwrap();
    let other = Browser::draw().unwrap();
    let token = sessions.csrf(&browser);
    assert!(sessions.csrf_holds(&browser, &token));
    assert!(!sessions.csrf_holds(&other, &token));
    for wrong in ["", "AAAA", "!", token.get(1..).unwrap(), &format!("{token}A")] {
        assert!(!sessions.csrf_holds(&browser, wrong), "{wrong}");
    }
    let login = sent(&sessions.login_cookie(&browser, &Login { subject: String::new(), ..alice() }));
    assert!(!sessions.csrf_holds(&browser, login.split_once('=').unwrap().1), "one seal is not the other");
}

#[test]
fn a_form_of_another_site_is_refused() {
    let issuer = "https://id.example/tenant";
    let own = Some("https://id.example");
    let foreign = Some("https://evil.example");
    assert!(came_from_here(Some("same-origin"), own, issuer));
    assert!(came_from_here(Some("none"), None, issuer));
    assert!(!came_from_here(Some("cross-site"), own, issuer));
    assert!(!came_from_here(Some("same-site"), own, issuer), "a neighbouring host is another site");
    assert!(came_from_here(None, own, issuer));
    assert!(!came_from_here(None, foreign, issuer));
    assert!(!came_from_here(None, Some("null"), issuer));
    assert!(!came_from_here(None, Some("http://id.example"), issuer));
    assert!(!came_from_here(None, Some("https://id.example:8443"), issuer));
    assert!(came_from_here(None, None, issuer));
}

#[test]
fn an_origin_is_compared_as_browsers_write_it() {
    assert!(came_from_here(None, Some("https://id.example"), "https://ID.example:443"));
    assert!(came_from_here(None, Some("http://127.0.0.1:8080"), "http://127.0.0.1:8080"));
    assert!(came_from_here(None, Some("http://[::1]"), "http://[::1]:80/x"));
}

#[test]
fn keys_never_show_themselves() {
    let sessions = sessions(true);
    let browser = Browser::draw().unwrap();
    assert_eq!(format!("{sessions:?} {browser:?}"), "Sessions { secure: true, .. } Browser(Secret(..))");
}

#[test]
fn a_login_rests_on_what_only_the_database_knows_and_ends_with_it() {
    let account = OwnedAccount {
        subject: "alice".to_owned(),
        name: String::new(),
        password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
        live: true,
        logins: 0,
    };
    let now = rests_on(&account);
    assert_eq!(now, rests_on(&OwnedAccount { name: "Alice".to_owned(), ..account.clone() }));
    assert_ne!(now, rests_on(&OwnedAccount { logins: 1, ..account.clone() }));
    assert_ne!(now, rests_on(&OwnedAccount { password: "$argon2id$another".to_owned(), ..account }));
}
