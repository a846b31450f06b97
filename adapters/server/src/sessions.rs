//! What the browser carries: a cookie that tells browsers apart, a sealed login, and tokens against forged posts.
//!
//! Nothing is kept on the server. The login cookie and the tokens are sealed with HMAC-SHA-256 under a key that is drawn
//! when the program starts, and both are bound to the browser's own cookie, so that neither serves in another browser.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use valetkey::secret::Secret;

/// A login ends after eight hours, whatever the browser does.
pub const LOGIN_SECONDS: u64 = 8 * 3_600;

/// The length of HMAC-SHA-256, in bytes.
const TAG: usize = 32;
/// Expiry and time of login before the subject, eight bytes each.
const TIMES: usize = 16;

/// Makes and checks the cookies and tokens of all browsers.
#[derive(Debug)]
pub struct Sessions {
    key: Secret<32>,
    secure: bool,
}

/// One browser, known by 32 random bytes in its cookie.
#[derive(Clone, Debug)]
pub struct Browser(Secret<32>);

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account's id.
    pub subject: String,
    /// When the password was checked, in seconds since 1970.
    pub auth_time: u64,
}

impl Browser {
    /// A browser seen for the first time.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn draw() -> Result<Self, getrandom::Error> {
        Ok(Self(random()?))
    }

    /// The browser whose cookie has this value.
    pub fn read(value: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(value, &mut bytes).ok()?;
        (decoded.len() == bytes.len()).then_some(Self(Secret::new(bytes)))
    }

    /// The value of its cookie: what a pending request is bound to.
    pub fn value(&self) -> String {
        Base64UrlUnpadded::encode_string(self.0.expose())
    }
}

impl Sessions {
    /// Sessions under the given key. With `secure`, as over https, cookies are sent over TLS only and cannot be set by
    /// a neighbouring host (prefix `__Host-`).
    pub const fn new(key: Secret<32>, secure: bool) -> Self {
        Self { key, secure }
    }

    /// Sessions under a fresh key: a restart signs everyone out.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn draw(secure: bool) -> Result<Self, getrandom::Error> {
        Ok(Self::new(random()?, secure))
    }

    /// The `Set-Cookie` by which the browser is known again.
    pub fn browser_cookie(&self, browser: &Browser) -> String {
        self.set_cookie("vk_browser", &browser.value())
    }

    /// The browser that sent these `Cookie` headers, if it has been here before.
    pub fn browser<'a>(&self, cookies: impl IntoIterator<Item = &'a str>) -> Option<Browser> {
        Browser::read(find(cookies, &self.name("vk_browser"))?)
    }

    /// The `Set-Cookie` that logs in `login` in this browser until [`LOGIN_SECONDS`] from `now`.
    pub fn login_cookie(&self, browser: &Browser, login: &Login, now: u64) -> String {
        let mut sealed = Vec::with_capacity(TIMES + login.subject.len() + TAG);
        sealed.extend_from_slice(&now.saturating_add(LOGIN_SECONDS).to_be_bytes());
        sealed.extend_from_slice(&login.auth_time.to_be_bytes());
        sealed.extend_from_slice(login.subject.as_bytes());
        let tag = self.mac(b"login", browser, &sealed).finalize().into_bytes();
        sealed.extend_from_slice(&tag);
        self.set_cookie("vk_login", &Base64UrlUnpadded::encode_string(&sealed))
    }

    /// Who is logged in in this browser, by these `Cookie` headers.
    pub fn login<'a>(&self, browser: &Browser, cookies: impl IntoIterator<Item = &'a str>, now: u64) -> Option<Login> {
        let sealed = Base64UrlUnpadded::decode_vec(find(cookies, &self.name("vk_login"))?).ok()?;
        let (payload, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        self.mac(b"login", browser, payload).verify_slice(tag).ok()?;
        let (expiry, rest) = payload.split_first_chunk()?;
        let (auth_time, subject) = rest.split_first_chunk()?;
        (now < u64::from_be_bytes(*expiry)).then_some(())?;
        let subject = String::from_utf8(subject.to_vec()).ok()?;
        Some(Login { subject, auth_time: u64::from_be_bytes(*auth_time) })
    }

    /// The `Set-Cookie` that logs out.
    pub fn logout_cookie(&self) -> String {
        format!("{}; Max-Age=0", self.set_cookie("vk_login", ""))
    }

    /// The token that each form of this browser carries.
    pub fn csrf(&self, browser: &Browser) -> String {
        Base64UrlUnpadded::encode_string(&self.mac(b"csrf", browser, b"").finalize().into_bytes())
    }

    /// Whether a form's token is this browser's; takes as long whatever it is.
    pub fn csrf_holds(&self, browser: &Browser, token: &str) -> bool {
        let mut tag = [0; TAG];
        Base64UrlUnpadded::decode(token, &mut tag)
            .is_ok_and(|tag| self.mac(b"csrf", browser, b"").verify_slice(tag).is_ok())
    }

    /// The purpose ends with a zero byte and the browser's part has a fixed length, so that no two inputs run together.
    fn mac(&self, purpose: &[u8], browser: &Browser, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(self.key.expose()).expect("HMAC takes keys of any length");
        for part in [purpose, &[0], browser.0.expose(), payload] {
            mac.update(part);
        }
        mac
    }

    fn name(&self, name: &str) -> String {
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn set_cookie(&self, name: &str, value: &str) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", self.name(name))
    }
}

/// Whether a form may have come from this server's own pages.
///
/// `Sec-Fetch-Site` decides where the browser sends it, as no page can forge it; else `Origin` does; a browser that
/// sends neither is judged by the form's token alone.
pub fn came_from_here(sec_fetch_site: Option<&str>, origin: Option<&str>, issuer: &str) -> bool {
    match (sec_fetch_site, origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin == origin_of(issuer),
        (None, None) => true,
    }
}

/// The origin of a URL as browsers write it: lower case, without a default port.
fn origin_of(url: &str) -> String {
    let url = url.to_ascii_lowercase();
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(authority))
}

fn find<'a>(cookies: impl IntoIterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    cookies
        .into_iter()
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

fn random() -> Result<Secret<32>, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(secure: bool) -> Sessions {
        Sessions::new(Secret::new([7; 32]), secure)
    }

    fn alice() -> Login {
        Login { subject: "alice".to_owned(), auth_time: 990 }
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
        for cookie in [set_cookie, sessions.login_cookie(&browser, &alice(), 1_000), sessions.logout_cookie()] {
            assert!(cookie.starts_with("__Host-vk_") && cookie.contains("; Secure"), "{cookie}");
            assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
            assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
        }
        let plain = Sessions::new(Secret::new([7; 32]), false).browser_cookie(&browser);
        assert!(sessions.browser([&*sent(&plain)]).is_none(), "a neighbouring host could have set it");
    }

    #[test]
    fn a_login_holds_in_its_browser_until_it_expires() {
        let sessions = sessions(false);
        let browser = Browser::draw().unwrap();
        let other = Browser::draw().unwrap();
        let cookie = sent(&sessions.login_cookie(&browser, &alice(), 1_000));
        let last = 1_000 + LOGIN_SECONDS - 1;
        assert_eq!(sessions.login(&browser, [&*cookie], 1_000), Some(alice()));
        assert_eq!(sessions.login(&browser, [&*cookie], last), Some(alice()));
        assert_eq!(sessions.login(&browser, [&*cookie], last + 1), None);
        assert_eq!(sessions.login(&other, [&*cookie], 1_000), None);
        let restarted = Sessions::new(Secret::new([8; 32]), false);
        assert_eq!(restarted.login(&browser, [&*cookie], 1_000), None);
    }

    #[test]
    fn no_changed_byte_of_a_login_passes() {
        let sessions = sessions(false);
        let browser = Browser::draw().unwrap();
        let cookie = sent(&sessions.login_cookie(&browser, &alice(), 1_000));
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
        let login = sent(&sessions.login_cookie(&browser, &Login { subject: String::new(), auth_time: 0 }, 0));
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
        assert_eq!(
            format!("{sessions:?} {browser:?}"),
            "Sessions { key: Secret(..), secure: true } Browser(Secret(..))"
        );
    }
}
