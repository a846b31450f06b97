//! A paused authorization request: sealed, bound to one browser, good for one answer. Nothing of it is stored.
//!
//! The text reads `base64url(version (1) || key id (1) || expiry (8) || id (32) || SHA-256 of the browser's cookie (32) ||
//! MAC (32)) "." query`. The request goes along as it came and is read and checked anew when it is reopened.

use super::authorize::{self, Request};
use super::change::{Key, Kind, sha256};
use super::credential::ServerKey;
use super::fault::Fault;
use super::record::Digest;
use super::step::{Flow, Machine, Step};
use super::{AUTHORIZE_ENTROPY, Server};
use crate::error::TooSmall;
use crate::secret::{Entropy, ct_eq};
use crate::text::base64;
use crate::text::buf::{Scratch, Writer};
use crate::time::UnixTime;

/// Seconds for which an answer may be on its way from the check of its expiry to its commit: for so long after the
/// expiry it stays known that the request was answered.
pub(super) const HELD: u32 = 3600;

const VERSION: u8 = 1;
const HEAD: usize = 74;

fn mac(key: &ServerKey, head: &[u8], query: &str) -> Digest {
    key.mac("pending", &[head, query.as_bytes()])
}

pub(super) fn seal<'b>(
    m: &Machine<'_>,
    request: &Request,
    browser: &str,
    buf: &'b mut [u8],
) -> Result<&'b str, TooSmall> {
    let mut w = Writer::new(buf);
    if let Ok(key) = m.server.current_key() {
        // Reopened and sealed once more, it is still the same pending request.
        let (id, expires_at) = match request.pending {
            Some((key, expires_at)) => (key.id, expires_at),
            None => (request.ids.pending, m.now.plus(m.server.policy().pending_lifetime)),
        };
        let query = m.text(request.query);
        let browser = sha256(&[browser.as_bytes()]);
        let parts = [VERSION, key.id()].into_iter().chain(expires_at.0.to_be_bytes()).chain(id.0).chain(browser.0);
        let mut bytes = [0; 106];
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        let seal = mac(key, bytes.get(..HEAD).unwrap_or_default(), query);
        for (to, from) in bytes.iter_mut().skip(HEAD).zip(seal.0) {
            *to = from;
        }
        w.push_base64(&bytes);
        w.push('.');
        w.push_str(query);
    }
    w.finish()
}

/// Goes on from what [`super::NeedOwner::export`] sealed: seal, expiry and browser are checked, then client, redirect URI and
/// policy again, and the next need is the person's answer.
///
/// `browser` is the value of the cookie that the browser sent now. A damaged, old or foreign text is answered with a page.
pub fn reopen<'r>(
    server: &'r Server<'r>,
    sealed: &str,
    browser: &str,
    now: UnixTime,
    seed: Entropy<AUTHORIZE_ENTROPY>,
    scratch: &'r mut [u8],
) -> Step<'r> {
    let scratch = Scratch::new(scratch);
    match open(server, sealed, browser, now) {
        Ok((pending, query)) => authorize::begin(server, query, Some(pending), now, seed, scratch),
        Err(fault) => {
            let seed = Entropy::new(seed.part(0));
            Machine::new(server, now, seed, scratch, Flow::Authorize(Request::NONE)).refuse(fault)
        }
    }
}

fn open<'q>(
    server: &Server<'_>,
    sealed: &'q str,
    browser: &str,
    now: UnixTime,
) -> Result<((Key, UnixTime), &'q str), Fault> {
    let bad = Fault::BadPending;
    let (seal, query) = sealed.split_once('.').ok_or(bad)?;
    let bytes: [u8; 106] = base64::decode_array(seal).map_err(|_| bad)?;
    let (head, presented) = bytes.split_first_chunk::<HEAD>().ok_or(bad)?;
    let (&[version, key_id], rest) = head.split_first_chunk::<2>().ok_or(bad)?;
    let (expires_at, rest) = rest.split_first_chunk::<8>().ok_or(bad)?;
    let (id, owner) = rest.split_first_chunk::<32>().ok_or(bad)?;
    let key = server.key(key_id).ok_or(bad)?;
    if version != VERSION || !ct_eq(&mac(key, head, query).0, presented) {
        return Err(bad);
    }
    // Without a cookie there is no browser to belong to.
    if browser.is_empty() || !ct_eq(&sha256(&[browser.as_bytes()]).0, owner) {
        return Err(Fault::OtherBrowser);
    }
    let expires_at = UnixTime(u64::from_be_bytes(*expires_at));
    if now >= expires_at {
        return Err(Fault::ExpiredPending);
    }
    Ok(((Key { kind: Kind::Used, id: Digest(*id) }, expires_at), query))
}
