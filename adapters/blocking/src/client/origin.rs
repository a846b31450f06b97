//! Where a token may go: to the origins that were named, and nowhere else.

use ureq::http::Uri;
use valetkey::text::uri;

/// Scheme, host and port. <https://www.rfc-editor.org/rfc/rfc6454#section-4>
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Of a URL that is an origin and no more. `None` if it is not, would send tokens in clear beyond this machine, or has a
    /// wildcard, which would mean nothing here.
    pub(super) fn named(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let bare = uri.path_and_query().is_none_or(|rest| rest == "/") && uri::is_endpoint(url) && !url.contains('*');
        if bare { Self::of(&uri) } else { None }
    }

    /// Of what a request is for, as the transport reads it too. `None` if it has user information or none of the two schemes.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() != authority.host() => return None, // such as `:99999`
            None if https => 443,
            None => 80,
        };
        Some(Self { https, host: authority.host().to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_origin_names_an_api() {
        for good in ["https://api.example", "https://api.example/", "https://API.example:443", "http://127.0.0.1:8081"]
        {
            assert!(Origin::named(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "api.example",
            "//api.example",
            "/",
            "http://api.example",
            "https://api.example/v1",
            "https://api.example?x",
            "https://me@api.example",
            "https://",
            "https://*.example",
            "ftp://api.example",
            "https://api.example:99999",
        ] {
            assert_eq!(Origin::named(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_differs_in_scheme_host_or_port_is_elsewhere() {
        let api = Origin::named("https://api.example").unwrap();
        let of = |url: &str| url.parse().ok().and_then(|uri| Origin::of(&uri));
        for same in ["https://api.example", "https://API.example:443/a?b", "https://api.example/https://else.example"] {
            assert_eq!(of(same).as_ref(), Some(&api), "{same}");
        }
        for other in [
            "http://api.example",
            "https://api.example:444",
            "https://api.example:99999",
            "https://api.example:",
            "https://api.example.",
            "https://xapi.example",
            "https://api.example.evil.example",
            "https://api.example@evil.example",
            "https://evil.example/api.example",
            "https://evil.example\\@api.example",
            "https://evil.example#@api.example",
            "/notes",
            "api.example:443",
            "",
        ] {
            assert_ne!(of(other).as_ref(), Some(&api), "{other}");
        }
    }
}
