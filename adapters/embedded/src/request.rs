//! The request as text.

use crate::{Error, Peer};
use valetkey::client::Post;
use valetkey::text::{buf::Writer, uri::Uri};

/// Writes all of it, and says how long it is. A header gets what is printable in ASCII and nothing else, so that a value
/// cannot end its line.
pub(crate) fn write(post: &Post<'_>, peer: Peer<'_>, buf: &mut [u8]) -> Result<usize, Error> {
    let uri = Uri::parse(post.url).ok_or(Error::Address)?;
    let (scheme, host) = match peer {
        Peer::Tls(host) => ("https", host),
        Peer::Plaintext(host) => ("http", host),
    };
    let authority = uri.authority.unwrap_or_default();
    let there = uri.scheme == scheme && !host.is_empty() && authority.eq_ignore_ascii_case(host);
    if !there || authority.bytes().any(|b| b == b'@') || uri.fragment.is_some() {
        return Err(Error::Address);
    }
    let authorization = post.authorization.unwrap_or_default();
    if !authorization.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(Error::Request);
    }

    let mut w = Writer::new(buf);
    w.push_str("POST ");
    w.push_str(if uri.rest.starts_with(['/']) { "" } else { "/" });
    w.push_str(uri.rest);
    let mut field = |name, value| {
        w.push_str(name);
        w.push_str(value);
    };
    field(" HTTP/1.1\r\nHost: ", authority);
    if post.authorization.is_some() {
        field("\r\nAuthorization: ", authorization);
    }
    field("\r\nContent-Type: ", Post::CONTENT_TYPE);
    field("\r\nAccept: ", Post::ACCEPT);
    // Some servers refuse a request that does not name its maker.
    field("\r\nUser-Agent: valetkey\r\nContent-Length: ", "");
    w.push_u64(u64::try_from(post.body.len()).unwrap_or(u64::MAX));
    w.push_str("\r\n\r\n");
    w.push_str(post.body);
    Ok(w.finish_bytes()?.len())
}
