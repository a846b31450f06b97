//! URIs. The input is two lines: what is registered, and what is requested. Asserts: parsing never panics and loses
//! nothing; what matches is the same text but for the port of a loopback literal, also as browsers (the `url` crate) read
//! it; what may be a redirect URI, an endpoint or an issuer has no other host for a browser than for us; http is loopback;
//! parameters added to a URI are read back by a browser, and leave host and path alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::{Host, Url};
use valetkey::text::buf::Writer;
use valetkey::text::uri::{self, Uri};

fuzz_target!(|text: &str| {
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    for text in [registered, requested] {
        taken_apart(text);
        as_browsers_do(text);
    }
    if uri::redirect_uri_matches(registered, requested) {
        matching(registered, requested);
    }
    assert!(uri::redirect_uri_matches(registered, registered));
    let both = uri::redirect_uri_matches(registered, requested) == uri::redirect_uri_matches(requested, registered);
    assert!(both, "neither is the stricter one");
});

fn taken_apart(text: &str) {
    let Some(parsed) = Uri::parse(text) else {
        assert!(!uri::is_redirect_uri(text) && !uri::is_endpoint(text) && !uri::is_resource(text));
        return;
    };
    let authority = parsed.authority.map(|authority| format!("//{authority}")).unwrap_or_default();
    let fragment = parsed.fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    assert_eq!(format!("{}:{authority}{}{fragment}", parsed.scheme, parsed.rest), text);
    if let (Some(host), Some(authority)) = (parsed.host(), parsed.authority) {
        assert!(authority.contains(host));
    }
    if uri::is_issuer(text) {
        let mut room = vec![0; text.len() + 64];
        let mut w = Writer::new(&mut room);
        uri::metadata_url(&mut w, text);
        assert!(uri::is_endpoint(w.finish().expect("there is room")));
    }
}

fn as_browsers_do(text: &str) {
    let web = text.starts_with("https:") || text.starts_with("http:");
    if !web || !(uri::is_redirect_uri(text) || uri::is_endpoint(text)) {
        return;
    }
    // A browser may refuse what we let pass, such as a port out of range: it then goes nowhere.
    let Ok(url) = Url::parse(text) else { return };
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => panic!("no host"),
    };
    assert!(url.scheme() == "https" || loopback, "http is for this machine alone");

    let value = "a b&c=d#é%";
    let mut room = vec![0; text.len() + 64];
    let mut w = Writer::new(&mut room);
    uri::with_query(&mut w, text, [("code", value)]);
    let extended = Url::parse(w.finish().expect("there is room")).expect("it stays a URL");
    assert_eq!((extended.host(), extended.port(), extended.path()), (url.host(), url.port(), url.path()));
    assert_eq!(extended.query_pairs().last(), Some(("code".into(), value.into())));
}

fn matching(a: &str, b: &str) {
    if a == b {
        return;
    }
    let literal = |text: &str| text.starts_with("http://127.0.0.1") || text.starts_with("http://[::1]");
    assert!(literal(a) && literal(b), "only a loopback literal's port may differ");
    assert_eq!(after_port(a), after_port(b));
    // What no browser takes for a URL leads nowhere.
    let (Ok(mut left), Ok(mut right)) = (Url::parse(a), Url::parse(b)) else { return };
    for url in [&mut left, &mut right] {
        assert!(url.username().is_empty() && url.password().is_none());
        url.set_port(None).expect("http has a port");
    }
    assert_eq!(left, right);
}

/// Path and query, as text.
fn after_port(text: &str) -> &str {
    let after_scheme = text.strip_prefix("http://").unwrap_or(text);
    after_scheme.find(['/', '?', '#']).map_or("", |at| &after_scheme[at..])
}
