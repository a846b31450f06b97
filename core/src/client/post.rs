//! A request to the token endpoint as parts: the transport makes HTTP of them.

use super::config::{ClientAuth, Config};
use crate::{
    error::TooSmall,
    text::{
        buf::Writer,
        form::{self, Encoded},
        scope,
    },
    wire::basic,
};
use core::fmt;

/// A `POST` to send, with [`CONTENT_TYPE`](Self::CONTENT_TYPE) and [`ACCEPT`](Self::ACCEPT). Its text lies in the slice that
/// was lent for it: zero that when you are done with it.
#[derive(Clone, Copy)]
pub struct Post<'b> {
    /// Where to.
    pub url: &'b str,
    /// The value of the `Authorization` header, if there is to be one. Secret.
    pub authorization: Option<&'b str>,
    /// The body. Secret.
    pub body: &'b str,
    /// What the transport has to keep to.
    pub duties: Duties,
}

impl Post<'_> {
    /// The value of the `Content-Type` header.
    pub const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";
    /// The value of the `Accept` header.
    pub const ACCEPT: &'static str = "application/json";
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

/// Whether a request may be sent again when it is not known whether it arrived. Exhaustive on purpose: a transport
/// decides for each.
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
///
/// What reads the [`Config`] is inlined where a flow begins: there the compiler sees what is not configured, and leaves out
/// what would write it.
pub(super) struct Draft<'b> {
    pub(super) w: Writer<'b>,
    body_at: usize,
}

impl<'b> Draft<'b> {
    pub(super) const fn new(buf: &'b mut [u8]) -> Self {
        Self { w: Writer::new(buf), body_at: 0 }
    }

    /// Writes who asks, and by which grant: its whole parameter.
    #[inline]
    pub(super) fn begin(&mut self, cfg: &Config<'_>, grant: &'static str) {
        if let ClientAuth::Basic(secret) = cfg.auth {
            basic::push(&mut self.w, cfg.client_id, secret.expose());
            self.body_at = self.w.len();
        }
        self.w.push_str(grant);
        if !matches!(cfg.auth, ClientAuth::Basic(_)) {
            self.pair("&client_id=", cfg.client_id);
        }
        if let ClientAuth::Body(secret) = cfg.auth {
            self.pair("&client_secret=", secret.expose());
        }
    }

    /// Writes a parameter, unless it has no value: how it begins, as in `&scope=`, and its value.
    #[inline(always)]
    pub(super) fn pair(&mut self, begin: &'static str, value: &str) {
        if !value.is_empty() {
            self.any_pair(begin, value);
        }
    }

    fn any_pair(&mut self, begin: &'static str, value: &str) {
        self.w.push_str(begin);
        form::encode(&mut self.w, value);
    }

    /// Writes a parameter as it came, but with this crate's spelling of escapes. Its bytes are known to be ASCII.
    pub(super) fn encoded(&mut self, begin: &'static str, value: Encoded<'_>) {
        self.w.push_str(begin);
        for byte in value.bytes().flatten() {
            form::encode(&mut self.w, char::from(byte).encode_utf8(&mut [0; 4]));
        }
    }

    /// Writes what the token is to be for.
    #[inline]
    pub(super) fn target(&mut self, cfg: &Config<'_>) {
        for resource in scope::words(cfg.resource) {
            self.pair("&resource=", resource);
        }
        self.pair("&audience=", cfg.audience);
    }

    #[inline]
    pub(super) fn finish(self, cfg: &Config<'b>, retry: Retry) -> Result<Post<'b>, TooSmall> {
        let (authorization, body) = self.w.finish_ascii(self.body_at)?;
        Ok(Post {
            url: cfg.token_endpoint,
            authorization: matches!(cfg.auth, ClientAuth::Basic(_)).then_some(authorization),
            body,
            duties: Duties { body_cap: Duties::BODY_CAP, retry },
        })
    }
}
