//! URIs as OAuth compares and extends them: as strings, without normalisation.
//!
//! Single characters are searched for as lists of one: the search for a bare one links a panic path into firmware.

use super::{
    buf::Writer,
    cut, form,
    grammar::{Class, are_all},
    scope::has,
};
use core::fmt;

/// A URI taken apart without changing it. [RFC 3986 section 3](https://www.rfc-editor.org/rfc/rfc3986#section-3)
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// What stands before the first colon, letters as they are.
    pub scheme: &'a str,
    /// What stands between `//` and the path, if there is a `//`.
    pub authority: Option<&'a str>,
    /// Path and query.
    pub rest: &'a str,
    /// What stands after `#`, if there is one.
    pub fragment: Option<&'a str>,
}

impl fmt::Debug for Uri<'_> {
    /// Shows where it leads. A password may stand before the host, a code in the query, a token in the fragment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Uri");
        shown.field("scheme", &self.scheme).field("host", &self.host().unwrap_or_default()).finish_non_exhaustive()
    }
}

impl<'a> Uri<'a> {
    /// Takes an absolute URI apart. `None` if it is none, or holds a character that no URI may hold as it is:
    /// white space, control characters, quotes, backslash, angle brackets, anything outside ASCII.
    ///
    /// ```
    /// use valetkey::text::uri::Uri;
    /// assert_eq!(Uri::parse("https://c.example/cb?x=1").unwrap().authority, Some("c.example"));
    /// assert!(Uri::parse("/cb").is_none() && Uri::parse("https://c.example\\@evil.example/").is_none());
    /// ```
    pub fn parse(text: &'a str) -> Option<Self> {
        if !text.bytes().all(|b| b == b'#' || Class::ENDPOINT.has(b)) {
            return None;
        }
        let (scheme, after) = cut(text, b':')?;
        let mut letters = scheme.bytes();
        let scheme_char = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !letters.next()?.is_ascii_alphabetic() || !letters.all(scheme_char) {
            return None;
        }
        let (hier, fragment) = match cut(after, b'#') {
            Some((hier, fragment)) => (hier, Some(fragment)),
            None => (after, None),
        };
        let (authority, rest) = match hier.strip_prefix("//") {
            Some(tail) => {
                let end = tail.bytes().position(|b| matches!(b, b'/' | b'?')).unwrap_or(tail.len());
                (Some(tail.get(..end)?), tail.get(end..)?)
            }
            None => (None, hier),
        };
        Some(Self { scheme, authority, rest, fragment })
    }

    /// The host of the authority, without user information and port; brackets of an IPv6 literal kept. `None` if there is
    /// no authority, or if what follows the host is no port: `[::1].evil.example` has no host.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc3986#section-3.2>
    pub fn host(&self) -> Option<&'a str> {
        let authority = self.authority?;
        let hostport = authority.rsplit_once(['@']).map_or(authority, |(_, host)| host);
        hostport.get(..host(hostport.as_bytes())?.len())
    }
}

/// What stands before a port, if it is a host.
fn host(hostport: &[u8]) -> Option<&[u8]> {
    let mut before = hostport;
    while let [rest @ .., b'0'..=b'9'] = before {
        before = rest;
    }
    let host = match before {
        [host @ .., b':'] => host,
        _ => hostport,
    };
    let (class, name) = match host {
        [b'[', literal @ .., b']'] => (Class::LITERAL, literal),
        _ => (Class::HOST, host),
    };
    are_all(name, class).then_some(host)
}

/// Whether a host is this machine: `127.0.0.1`, `[::1]` or `localhost`.
pub fn is_loopback(host: &str) -> bool {
    !host.is_empty() && has(LOOPBACK, host.as_bytes())
}

const LOOPBACK: &str = "127.0.0.1 [::1] localhost";

/// Whether `text` may be an endpoint: https, or http on loopback; no fragment, no user information.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-3.1>
pub fn is_endpoint(text: &str) -> bool {
    is_web(text, Class::ENDPOINT)
}

/// Https with a host, or http with a loopback host, and no user information.
fn is_web(text: &str, class: Class) -> bool {
    let bytes = text.as_bytes();
    let tls = bytes.get(4) == Some(&b's');
    let Some((scheme, after)) = bytes.split_at_checked(if tls { 8 } else { 7 }) else { return false };
    let end = after.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(after.len());
    let Some(host) = after.get(..end).and_then(host) else { return false };
    let trusted = if tls { !host.is_empty() } else { has(LOOPBACK, host) };
    trusted && has("https:// http://", scheme) && are_all(bytes, class)
}

/// Whether `text` may be an issuer identifier: like an endpoint, and without a query.
///
/// <https://www.rfc-editor.org/rfc/rfc8414#section-2>
pub fn is_issuer(text: &str) -> bool {
    is_web(text, Class::ISSUER)
}

/// Whether `text` may be a `resource`: an absolute URI without fragment.
///
/// <https://www.rfc-editor.org/rfc/rfc8707#section-2>
pub fn is_resource(text: &str) -> bool {
    Uri::parse(text).is_some_and(|uri| uri.fragment.is_none())
}

/// Whether a client may register `text` as `redirect_uri`: https; http on loopback; or a private-use scheme with a
/// period, as in `com.example.app:/cb`. No fragment, no user information, no wildcard meaning of any character.
///
/// <https://www.rfc-editor.org/rfc/rfc8252#section-7>, <https://www.rfc-editor.org/rfc/rfc9700#section-2.6>
///
/// ```
/// use valetkey::text::uri::is_redirect_uri;
/// assert!(is_redirect_uri("com.example.app:/cb") && is_redirect_uri("http://127.0.0.1/cb"));
/// assert!(!is_redirect_uri("http://c.example/cb") && !is_redirect_uri("javascript:alert(1)"));
/// ```
pub fn is_redirect_uri(text: &str) -> bool {
    let is_private_use = |uri: Uri<'_>| uri.scheme.contains(['.']) && !uri.rest.is_empty() && uri.fragment.is_none();
    is_endpoint(text) || Uri::parse(text).is_some_and(is_private_use)
}

/// Whether a requested `redirect_uri` is the registered one: the same string, but for the port of an http URI on the
/// loopback literals `127.0.0.1` and `[::1]`, which a native application cannot know beforehand.
///
/// <https://www.rfc-editor.org/rfc/rfc9700#section-2.1>, <https://www.rfc-editor.org/rfc/rfc8252#section-7.3>
pub fn redirect_uri_matches(registered: &str, requested: &str) -> bool {
    let any_port = |prefix: &str| {
        let (a, b) = (registered.strip_prefix(prefix), requested.strip_prefix(prefix));
        matches!((a.and_then(after_port), b.and_then(after_port)), (Some(a), Some(b)) if a == b)
    };
    registered == requested || any_port("http://127.0.0.1") || any_port("http://[::1]")
}

/// What follows an optional `:port`; `None` if the text before the path is anything else.
fn after_port(text: &str) -> Option<&str> {
    let Some(after_colon) = text.strip_prefix(':') else {
        return (text.is_empty() || text.starts_with(['/', '?'])).then_some(text);
    };
    let end = after_colon.find(['/', '?']).unwrap_or(after_colon.len());
    let digits = after_colon.get(..end)?;
    let canonical = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits.parse::<u16>().is_ok()).then(|| after_colon.get(end..)).flatten()
}

/// Appends `uri` and then the pairs as its query; a query that it has stays as it is.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2>
pub fn with_query<'p>(w: &mut Writer<'_>, uri: &str, pairs: impl IntoIterator<Item = (&'p str, &'p str)>) {
    w.push_str(uri);
    w.push(if uri.contains(['?']) { '&' } else { '?' });
    let mut first = true;
    for (name, value) in pairs {
        form::pair(w, &mut first, name, value);
    }
}

/// Appends the metadata URL of an issuer: the well-known path goes between host and path, which loses a slash at its end.
///
/// <https://www.rfc-editor.org/rfc/rfc8414#section-3.1>
///
/// ```
/// use valetkey::text::{buf::Writer, uri};
/// let mut buf = [0; 80];
/// let mut w = Writer::new(&mut buf);
/// uri::metadata_url(&mut w, "https://example.com/issuer1");
/// assert_eq!(w.finish(), Ok("https://example.com/.well-known/oauth-authorization-server/issuer1"));
/// ```
pub fn metadata_url(w: &mut Writer<'_>, issuer: &str) {
    let Some(uri) = Uri::parse(issuer) else { return };
    inserted(w, &uri, "oauth-authorization-server", uri.rest.strip_suffix('/').unwrap_or(uri.rest));
}

/// Appends the metadata URL of an issuer as OpenID Connect Discovery has it: the well-known path goes after the issuer,
/// which loses a slash at its end.
///
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest>
///
/// ```
/// use valetkey::text::{buf::Writer, uri};
/// let mut buf = [0; 80];
/// let mut w = Writer::new(&mut buf);
/// uri::openid_metadata_url(&mut w, "https://example.com/issuer1");
/// assert_eq!(w.finish(), Ok("https://example.com/issuer1/.well-known/openid-configuration"));
/// ```
pub fn openid_metadata_url(w: &mut Writer<'_>, issuer: &str) {
    w.push_str(issuer.strip_suffix('/').unwrap_or(issuer));
    w.push_str("/.well-known/openid-configuration");
}

/// Appends the metadata URL of a protected resource: the well-known path goes between host and path or query; a slash right
/// after the host is lost.
///
/// <https://www.rfc-editor.org/rfc/rfc9728#section-3.1>
///
/// ```
/// use valetkey::text::{buf::Writer, uri};
/// let mut buf = [0; 80];
/// let mut w = Writer::new(&mut buf);
/// uri::resource_metadata_url(&mut w, "https://example.com/notes");
/// assert_eq!(w.finish(), Ok("https://example.com/.well-known/oauth-protected-resource/notes"));
/// ```
pub fn resource_metadata_url(w: &mut Writer<'_>, resource: &str) {
    let Some(uri) = Uri::parse(resource) else { return };
    let rest = match uri.rest.strip_prefix('/') {
        Some(after) if after.is_empty() || after.starts_with(['?']) => after,
        _ => uri.rest,
    };
    inserted(w, &uri, "oauth-protected-resource", rest);
}

fn inserted(w: &mut Writer<'_>, uri: &Uri<'_>, suffix: &str, rest: &str) {
    w.push_str(uri.scheme);
    w.push_str("://");
    w.push_str(uri.authority.unwrap_or_default());
    w.push_str("/.well-known/");
    w.push_str(suffix);
    w.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vectors(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn rfc9700_2_1_01_redirect_uris_are_compared_exactly_but_for_a_loopback_port() {
        let v = vectors(include_str!("../../../conformance/vectors/redirect_uri_matching.json"));
        for case in v["vectors"].as_array().unwrap() {
            let matches =
                redirect_uri_matches(case["registered"].as_str().unwrap(), case["requested"].as_str().unwrap());
            // `null` is left to policy: the name localhost is no literal, so its port is compared.
            assert_eq!(matches, case["match"].as_bool().unwrap_or(false), "{case}");
        }
    }

    #[test]
    fn rfc8252_7_3_01_the_port_of_a_loopback_literal_may_be_any() {
        assert!(redirect_uri_matches("http://127.0.0.1:9099/cb", "http://127.0.0.1:5/cb"));
        assert!(redirect_uri_matches("http://[::1]:80/cb?x=1", "http://[::1]/cb?x=1"));
        for bad in
            ["http://127.0.0.1:/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:+1/cb", "http://127.0.0.1:1@e/cb"]
        {
            assert!(!redirect_uri_matches("http://127.0.0.1/cb", bad), "{bad}");
        }
    }

    #[test]
    fn rfc6749_3_1_2_01_a_redirect_uri_is_absolute_and_has_no_fragment() {
        for bad in
            ["/cb", "cb", "https://c.example/cb#", "https:///cb", "https://u@c.example/cb", "http://c.example/cb"]
        {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
        for bad in ["javascript:alert(1)", "data:text/html,x", "HTTPS://c.example/cb", "app:/cb", "com.example.app:"] {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
    }

    #[test]
    fn a_host_ends_at_its_port_and_nothing_else_follows_it() {
        let host = |text| Uri::parse(text).and_then(|uri| uri.host());
        assert_eq!(host("https://u@c.example:8443/cb?x=@y:z]"), Some("c.example"));
        assert_eq!((host("http://[::1]:80"), host("http://[::1]")), (Some("[::1]"), Some("[::1]")));
        for bad in [
            "http://[::1].evil.example/",
            "http://[::1]evil.example/",
            "http://[::1/",
            "http://127.0.0.1]/",
            "http://127.0.0.1:80.evil.example/",
            "http://127.0.0.1:x/",
            "http://localhost:80:80/",
        ] {
            assert_eq!(host(bad), None, "{bad}");
            assert!(!is_endpoint(bad) && !is_redirect_uri(bad), "{bad}");
        }
    }

    #[test]
    fn rfc8414_2_01_an_issuer_is_https_without_query_and_fragment() {
        let v = vectors(include_str!("../../../conformance/vectors/well_known.json"));
        for good in v["vectors"].as_array().unwrap() {
            let issuer = good["issuer"].as_str().unwrap();
            assert!(is_issuer(issuer));
            let mut buf = [0; 128];
            let mut w = Writer::new(&mut buf);
            metadata_url(&mut w, issuer);
            assert_eq!(w.finish().unwrap(), good["rfc8414_oauth"].as_str().unwrap());
        }
        for bad in v["invalid_issuers"].as_array().unwrap() {
            assert!(!is_issuer(bad.as_str().unwrap()), "{bad}");
        }
    }

    #[test]
    fn openid_discovery_appends_its_path() {
        let v = vectors(include_str!("../../../conformance/vectors/well_known.json"));
        for good in v["vectors"].as_array().unwrap() {
            let mut buf = [0; 128];
            let mut w = Writer::new(&mut buf);
            openid_metadata_url(&mut w, good["issuer"].as_str().unwrap());
            assert_eq!(w.finish().unwrap(), good["oidc_discovery"].as_str().unwrap());
        }
    }

    #[test]
    fn rfc9728_3_01_the_well_known_path_goes_between_host_and_path_or_query() {
        let v = vectors(include_str!("../../../conformance/vectors/well_known.json"));
        let url = |resource: &str| {
            let mut buf = [0; 128];
            let mut w = Writer::new(&mut buf);
            resource_metadata_url(&mut w, resource);
            std::string::String::from(w.finish().unwrap())
        };
        for case in v["protected_resource"].as_array().unwrap() {
            assert_eq!(url(case["resource"].as_str().unwrap()), case["url"].as_str().unwrap());
        }
        let well_known = "https://api.example/.well-known/oauth-protected-resource";
        assert_eq!(url("https://api.example/"), well_known);
        assert_eq!(url("https://api.example/?x=1"), std::format!("{well_known}?x=1"));
        assert_eq!(url("https://api.example?x=1"), std::format!("{well_known}?x=1"));
    }

    #[test]
    fn rfc8414_3_1_01_a_slash_at_the_end_of_the_path_is_removed() {
        let mut buf = [0; 128];
        let mut w = Writer::new(&mut buf);
        metadata_url(&mut w, "https://example.com/issuer1/");
        assert_eq!(w.finish(), Ok("https://example.com/.well-known/oauth-authorization-server/issuer1"));
    }

    #[test]
    fn rfc6749_3_1_2_02_the_query_of_a_redirect_uri_is_kept() {
        let mut buf = [0; 64];
        let mut w = Writer::new(&mut buf);
        with_query(&mut w, "https://c.example/cb?x=1", [("code", "a b"), ("state", "é")]);
        assert_eq!(w.finish().unwrap(), "https://c.example/cb?x=1&code=a+b&state=%C3%A9");
    }

    proptest! {
        #[test]
        fn what_matches_differs_in_the_port_alone(port in 1u16.., tail in "[/?][ -~]{0,20}") {
            let (a, b) = (std::format!("http://127.0.0.1{tail}"), std::format!("http://127.0.0.1:{port}{tail}"));
            prop_assert!(redirect_uri_matches(&a, &b));
            let (a, b) = (std::format!("https://c.example{tail}"), std::format!("https://c.example:{port}{tail}"));
            prop_assert!(!redirect_uri_matches(&a, &b));
        }

        #[test]
        fn any_text_is_taken_apart_without_panic(text in ".{0,60}") {
            if let Some(uri) = Uri::parse(&text) {
                let _ = uri.host();
            }
            let _ = (is_redirect_uri(&text), is_issuer(&text), redirect_uri_matches(&text, "http://127.0.0.1/"));
        }
    }
}
