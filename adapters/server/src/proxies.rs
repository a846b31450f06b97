//! Which proxies are believed: what `X-Forwarded-For` says counts only as far as they wrote it.

use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// The addresses of the proxies in front of this server; none if it is reached directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads addresses and networks, such as `10.0.0.5` and `10.1.0.0/16`.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let one = |text: &str| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        texts.into_iter().map(|text| one(text.trim()).map_err(|_| text.to_owned())).collect::<Result<_, _>>().map(Self)
    }

    /// Every address: for a listener that is not open to strangers.
    pub(crate) fn everyone() -> Self {
        Self(vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())])
    }

    /// Whether there are any.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them. An IPv4 address that came in over an IPv6 socket is taken for what it is.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address.to_canonical()))
    }

    /// The address that a request came from: the last in `X-Forwarded-For` that no trusted proxy has, as each proxy writes
    /// down who spoke to it. What stands before it anyone could have made up, and of a stranger none of it is believed.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut named = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        let mut address = peer.to_canonical();
        while self.trusts(address) {
            match named.next().map(|text| text.trim().parse::<IpAddr>()) {
                Some(Ok(before)) => address = before.to_canonical(),
                Some(Err(_)) | None => break,
            }
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, lines: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        Proxies::read(["10.0.0.5", "10.1.0.0/16", "fd00::/8"]).unwrap().client(ip(peer), &headers)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), ip("192.0.2.1"));
        assert_eq!(client("10.0.0.6", &["203.0.113.9"]), ip("10.0.0.6"), "next to a proxy is not a proxy");
        let direct = Proxies::default();
        assert!(direct.is_empty() && !direct.trusts(ip("127.0.0.1")));
    }

    #[test]
    fn everyone_is_everyone() {
        for address in ["127.0.0.1", "255.255.255.255", "::1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(Proxies::everyone().trusts(ip(address)), "{address}");
        }
    }

    #[test]
    fn a_proxy_is_believed_in_what_it_wrote_itself() {
        assert_eq!(client("10.0.0.5", &["1.1.1.1, 203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(client("10.0.0.5", &["1.1.1.1", "203.0.113.9"]), ip("203.0.113.9"), "lines are one list");
        assert_eq!(client("10.0.0.5", &["1.1.1.1, 203.0.113.9, 10.1.2.3,fd00::7"]), ip("203.0.113.9"), "a chain");
        assert_eq!(client("::ffff:10.0.0.5", &["203.0.113.9"]), ip("203.0.113.9"));
    }

    #[test]
    fn what_cannot_be_read_ends_the_list() {
        assert_eq!(client("10.0.0.5", &[]), ip("10.0.0.5"));
        assert_eq!(client("10.0.0.5", &["203.0.113.9, junk"]), ip("10.0.0.5"));
        assert_eq!(client("10.0.0.5", &["203.0.113.9, unknown, 10.1.2.3"]), ip("10.1.2.3"));
        assert_eq!(client("10.0.0.5", &["203.0.113.9:4711"]), ip("10.0.0.5"), "a port belongs to no address");
        assert_eq!(Proxies::read(["10.0.0.5", "proxy"]).unwrap_err(), "proxy");
    }
}
