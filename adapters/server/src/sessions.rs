//! What the browser carries: a cookie that tells browsers apart, a sealed login, and tokens against forged posts.
//!
//! Nothing is kept on the server. The login cookie and the tokens are sealed with HMAC-SHA-256 under a key of the server,
//! and both are bound to the browser's own cookie, so that neither serves in another browser. A login also rests on
//! what its account's record holds, so that it ends with a change of that, and the server's keys alone forge none.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use valetkey::secret::Secret;
use valetkey::server::record::OwnedAccount;

/// A login ends after eight hours, whatever the browser does.
pub const LOGIN_SECONDS: u64 = 8 * 3_600;

/// For so long a notice waits for the page that shows it.
const NOTICE_SECONDS: u64 = 60;

/// The length of HMAC-SHA-256, in bytes.
const TAG: usize = 32;
/// Before the subject: when the person logged in, in eight bytes, and what the login rests on, in 32.
const HEAD: usize = 40;

/// Makes and checks the cookies and tokens of all browsers. A clone is a handle to the same keys.
#[derive(Clone)]
pub struct Sessions {
    /// The first is current; the others still recognise what they sealed.
    keys: Arc<RwLock<Keys>>,
    secure: bool,
}

type Keys = Arc<[Secret<32>]>;

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("secure", &self.secure).finish_non_exhaustive()
    }
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
    /// What of the account it rests on: see [`rests_on`].
    pub rests_on: [u8; 32],
}

/// What a login of this account rests on: SHA-256 over the hash of the password, which has a salt that nobody can guess, and
/// the generation of the logins.
pub fn rests_on(account: &OwnedAccount) -> [u8; 32] {
    let hash = Sha256::new_with_prefix(b"valetkey login");
    hash.chain_update(account.logins.to_be_bytes()).chain_update(&account.password).finalize().into()
}

impl Browser {
    /// A browser seen for the first time.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(Secret::new(bytes)))
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
    /// Sessions under the given keys: the first is current, the others still recognise what they sealed. With `secure`, as
    /// over https, cookies are sent over TLS only and cannot be set by a neighbouring host (prefix `__Host-`).
    ///
    /// # Panics
    /// Without any key.
    pub fn new(keys: Vec<Secret<32>>, secure: bool) -> Self {
        Self { keys: Arc::new(RwLock::new(checked(keys))), secure }
    }

    /// Puts other keys in place of those there are, for every handle. Logins hold on under a key that is among them.
    ///
    /// # Panics
    /// Without any key.
    pub fn replace_keys(&self, keys: Vec<Secret<32>>) {
        let keys = checked(keys);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The `Set-Cookie` by which the browser is known again.
    pub fn browser_cookie(&self, browser: &Browser) -> String {
        self.set_cookie("vk_browser", &browser.value())
    }

    /// The browser that sent these `Cookie` headers, if it has been here before.
    pub fn browser<'a>(&self, cookies: impl IntoIterator<Item = &'a str>) -> Option<Browser> {
        Browser::read(find(cookies, &self.name("vk_browser"))?)
    }

    /// The `Set-Cookie` that logs in `login` in this browser, until [`LOGIN_SECONDS`] after its `auth_time`.
    pub fn login_cookie(&self, browser: &Browser, login: &Login) -> String {
        let mut sealed = Vec::with_capacity(HEAD + login.subject.len() + TAG);
        sealed.extend_from_slice(&login.auth_time.to_be_bytes());
        sealed.extend_from_slice(&login.rests_on);
        sealed.extend_from_slice(login.subject.as_bytes());
        let tag = self.seal(b"login", browser, &sealed);
        sealed.extend_from_slice(&tag);
        self.set_cookie("vk_login", &Base64UrlUnpadded::encode_string(&sealed))
    }

    /// Who is logged in in this browser, by these `Cookie` headers. The account says whether [`Login::rests_on`] still
    /// holds.
    pub fn login<'a>(&self, browser: &Browser, cookies: impl IntoIterator<Item = &'a str>, now: u64) -> Option<Login> {
        let sealed = Base64UrlUnpadded::decode_vec(find(cookies, &self.name("vk_login"))?).ok()?;
        let (payload, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        self.is_ours(b"login", browser, payload, tag).then_some(())?;
        let (auth_time, rest) = payload.split_first_chunk()?;
        let (rests_on, subject) = rest.split_first_chunk()?;
        let (auth_time, rests_on) = (u64::from_be_bytes(*auth_time), *rests_on);
        (now < auth_time.saturating_add(LOGIN_SECONDS)).then_some(())?;
        Some(Login { subject: String::from_utf8(subject.to_vec()).ok()?, auth_time, rests_on })
    }

    /// The `Set-Cookie` that logs out.
    pub fn logout_cookie(&self) -> String {
        format!("{}; Max-Age=0", self.set_cookie("vk_login", ""))
    }

    /// The `Set-Cookie` that has the next page say `word`, such as that something was done. An empty one takes it back.
    pub fn notice_cookie(&self, word: &str) -> String {
        format!("{}; Max-Age={}", self.set_cookie("vk_notice", word), if word.is_empty() { 0 } else { NOTICE_SECONDS })
    }

    /// The word of [`Self::notice_cookie`] in these `Cookie` headers. It is not sealed: believe none that you do not know.
    pub fn notice<'a>(&self, cookies: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        find(cookies, &self.name("vk_notice"))
    }

    /// The token that each form of this browser carries.
    pub fn csrf(&self, browser: &Browser) -> String {
        Base64UrlUnpadded::encode_string(&self.seal(b"csrf", browser, b""))
    }

    /// Whether a form's token is this browser's; takes as long whatever it is.
    pub fn csrf_holds(&self, browser: &Browser, token: &str) -> bool {
        let mut tag = [0; TAG];
        Base64UrlUnpadded::decode(token, &mut tag).is_ok_and(|tag| self.is_ours(b"csrf", browser, b"", tag))
    }

    fn keys(&self) -> Keys {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn seal(&self, purpose: &[u8], browser: &Browser, payload: &[u8]) -> [u8; TAG] {
        let keys = self.keys();
        let current = keys.first().expect("`checked` saw one");
        mac(current, purpose, browser, payload).finalize().into_bytes().into()
    }

    /// Tries every key, whichever fits.
    fn is_ours(&self, purpose: &[u8], browser: &Browser, payload: &[u8], tag: &[u8]) -> bool {
        let fits = |key| mac(key, purpose, browser, payload).verify_slice(tag).is_ok();
        self.keys().iter().fold(false, |found, key| found | fits(key))
    }

    fn name(&self, name: &str) -> String {
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn set_cookie(&self, name: &str, value: &str) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", self.name(name))
    }
}

fn checked(keys: Vec<Secret<32>>) -> Keys {
    assert!(!keys.is_empty(), "cookies cannot be sealed without a key");
    keys.into()
}

/// The purpose ends with a zero byte and the browser's part has a fixed length, so that no two inputs run together.
fn mac(key: &Secret<32>, purpose: &[u8], browser: &Browser, payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    for part in [purpose, &[0], browser.0.expose(), payload] {
        mac.update(part);
    }
    mac
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

#[cfg(test)]
mod tests;
