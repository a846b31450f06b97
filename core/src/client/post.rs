//! A request to the token endpoint as parts: the transport makes HTTP of them.

use super::config::{ClientAuth, Config};
use crate::{
    error::TooSmall,
    text::{
        base64,
        buf::Writer,
        form::{self, Encoded},
        scope,
    },
};
use core::fmt;
use zeroize::Zeroize;

/// A `POST` to send. Its text lies in the slice that was lent for it; zero that slice when the request was sent.
#[derive(Clone, Copy)]
pub struct Post<'b> {
    /// Where to.
    pub url: &'b str,
    /// The value of the `Authorization` header, if there is to be one. Secret.
    pub authorization: Option<&'b str>,
    /// The value of the `Content-Type` header.
    pub content_type: &'static str,
    /// The value of the `Accept` header.
    pub accept: &'static str,
    /// The body. Secret.
    pub body: &'b str,
    /// What the transport has to keep to.
    pub duties: Duties,
}

impl fmt::Debug for Post<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("url", &self.url).field("duties", &self.duties).finish_non_exhaustive()
    }
}

/// What a transport must do with a request. One that cannot must refuse it.
///
/// Besides: send over TLS with the server's certificate checked, unless the URL is http, which [`Config`] lets pass on
/// loopback only; follow no redirect, since it would carry the secrets elsewhere; hand status, `Content-Type`,
/// `Retry-After` and the whole body to the flow's `response`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duties {
    /// Most bytes of body to read; more is a failure of the peer.
    pub body_cap: usize,
    /// Whether the request may be sent again when no answer came.
    pub retry: Retry,
}

impl Duties {
    /// 64 KiB.
    pub const BODY_CAP: usize = 64 * 1024;
}

/// Whether a request may be sent again when it is not known whether it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It does no harm.
    Safe,
    /// It may end the grant: a refresh token that rotates counts as stolen when it comes twice, unless the server is
    /// known to have a grace window.
    OnlyUnderGrace,
    /// A code is sent once ([RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).
    Never,
}

/// A request being written: the header's value first, then the body, in one slice.
pub(super) struct Draft<'b> {
    cfg: &'b Config<'b>,
    w: Writer<'b>,
    body_at: usize,
    first: bool,
}

impl<'b> Draft<'b> {
    pub(super) fn new(cfg: &'b Config<'b>, buf: &'b mut [u8], grant_type: &str) -> Self {
        let mut w = Writer::new(buf);
        if let ClientAuth::Basic(secret) = cfg.auth {
            basic(&mut w, cfg.client_id, secret.expose());
        }
        let body_at = w.len();
        let mut draft = Self { cfg, w, body_at, first: true };
        draft.pair("grant_type", grant_type);
        if !matches!(cfg.auth, ClientAuth::Basic(_)) {
            draft.pair("client_id", cfg.client_id);
        }
        if let ClientAuth::Body(secret) = cfg.auth {
            draft.pair("client_secret", secret.expose());
        }
        draft
    }

    /// Writes a parameter, unless it has no value.
    pub(super) fn pair(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            form::pair(&mut self.w, &mut self.first, name, value);
        }
    }

    /// Writes a parameter as it came, but with this crate's spelling of escapes. Its bytes are known to be ASCII.
    pub(super) fn encoded(&mut self, name: &str, value: Encoded<'_>) {
        form::pair(&mut self.w, &mut self.first, name, "");
        for byte in value.bytes().flatten() {
            form::encode(&mut self.w, char::from(byte).encode_utf8(&mut [0; 4]));
        }
    }

    /// Writes what the token is to be for.
    pub(super) fn target(&mut self) {
        let cfg = self.cfg;
        for resource in scope::words(cfg.resource) {
            self.pair("resource", resource);
        }
        self.pair("audience", cfg.audience);
    }

    pub(super) fn finish(self, retry: Retry) -> Result<Post<'b>, TooSmall> {
        let text = self.w.finish()?;
        let (authorization, body) = text.split_at_checked(self.body_at).unwrap_or_default();
        Ok(Post {
            url: self.cfg.token_endpoint,
            authorization: (!authorization.is_empty()).then_some(authorization),
            content_type: "application/x-www-form-urlencoded",
            accept: "application/json",
            body,
            duties: Duties { body_cap: Duties::BODY_CAP, retry },
        })
    }
}

/// Appends the value of `Authorization`: both parts form-encoded, a colon between them, base64 over all.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>
fn basic(w: &mut Writer<'_>, id: &str, secret: &str) {
    w.push_str("Basic ");
    let mut out = Basic { w, held: [0; 3], count: 0 };
    out.encoded(id);
    out.push(b':');
    out.encoded(secret);
    out.flush();
}

/// Base64 written as its bytes come, three at a time.
struct Basic<'w, 'b> {
    w: &'w mut Writer<'b>,
    held: [u8; 3],
    count: usize,
}

impl Basic<'_, '_> {
    fn encoded(&mut self, text: &str) {
        for c in text.chars() {
            let (mut plain, mut encoded) = ([0; 4], [0; 12]);
            let mut w = Writer::new(&mut encoded);
            form::encode(&mut w, c.encode_utf8(&mut plain));
            // One character of at most four bytes is at most twelve when encoded.
            for byte in w.finish().unwrap_or_default().bytes() {
                self.push(byte);
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.held.get_mut(self.count) {
            *slot = byte;
        }
        self.count = self.count.saturating_add(1);
        if self.count == self.held.len() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        // Whole groups only, whose padding comes after: a fixed size makes small code.
        let mut four = [0; 4];
        let group = base64::encode_standard(&self.held, &mut four).unwrap_or_default();
        let (kept, padding) = match self.count {
            0 => (0, ""),
            1 => (2, "=="),
            2 => (3, "="),
            _ => (4, ""),
        };
        self.w.push_str(group.get(..kept).unwrap_or_default());
        self.w.push_str(padding);
        self.count = 0;
        self.held.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    fn header(id: &str, secret: &str) -> String {
        let mut buf = [0; 1024];
        let mut w = Writer::new(&mut buf);
        basic(&mut w, id, secret);
        w.finish().unwrap().to_string()
    }

    #[test]
    fn rfc6749_2_3_1_02_id_and_secret_are_form_encoded_before_basic() {
        let v: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/client_secret_basic.json")).unwrap();
        for case in v["vectors"].as_array().unwrap() {
            let text = |name: &str| case[name].as_str().unwrap();
            assert_eq!(header(text("client_id"), text("client_secret")), text("header"), "{case}");
        }
    }

    proptest! {
        #[test]
        fn basic_comes_back_whole(id in ".{0,20}", secret in ".{0,20}") {
            let header = header(&id, &secret);
            let mut buf = [0; 1024];
            let joined = base64::decode_standard(header.strip_prefix("Basic ").unwrap(), &mut buf).unwrap();
            let (a, b) = core::str::from_utf8(joined).unwrap().split_once(':').unwrap();
            prop_assert!(Encoded::new(a).is(&id) && Encoded::new(b).is(&secret));
        }
    }
}
