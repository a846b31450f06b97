//! A byte pipe, and what its owner says of it.

use crate::{Error, Exchange};
use core::fmt;
use valetkey::client::{Post, Response};

/// Where a pipe leads and what protects it, as its owner says. The host stands as in the URL of the endpoint, with a port
/// if there is one in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer<'h> {
    /// A TLS session with this host, whose certificate was checked.
    Tls(&'h str),
    /// Nothing protects what is sent to this host.
    Plaintext(&'h str),
}

/// A byte pipe to an authorization server: a socket, a TLS session, a modem on a UART. It carries one request after the
/// other until the server closes it or an exchange breaks off; then it is [spent](Self::is_open).
///
/// `T` is read and written by the traits of `embedded-io` (by [`send`](Self::send)) or `embedded-io-async` (by
/// [`send_async`](Self::send_async)). To lend a pipe instead of giving it away, give `&mut pipe`.
pub struct Connection<'h, T> {
    pub(crate) pipe: T,
    peer: Peer<'h>,
    open: bool,
}

impl<'h, T> Connection<'h, T> {
    /// Over a TLS session: yours, or that of a modem. You vouch for it that the certificate was checked, and that it is
    /// `host`'s. The host stands as in the URL of the token endpoint, with a port if there is one in it.
    pub const fn over_tls(pipe: T, host: &'h str) -> Self {
        Self { pipe, peer: Peer::Tls(host), open: true }
    }

    /// Over a pipe that protects nothing: whoever is on the way reads the client's secret and its tokens, and can answer in
    /// the server's stead. For development, on loopback. Only `http` URLs of `host` are sent this way.
    pub const fn over_dangerous_plaintext(pipe: T, host: &'h str) -> Self {
        Self { pipe, peer: Peer::Plaintext(host), open: true }
    }

    /// Whether another request can be sent. If not, open a new pipe.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// From here until [`end`](Self::end) the pipe counts as spent, so that it is when an exchange fails, or when a future
    /// is dropped half-way.
    pub(crate) fn begin<'b>(&mut self, post: &Post<'_>, buf: &'b mut [u8]) -> Result<Exchange<'b>, Error> {
        if !self.open {
            return Err(Error::Spent);
        }
        let exchange = Exchange::new(post, self.peer, buf)?;
        self.open = false;
        Ok(exchange)
    }

    pub(crate) fn end<'b>(&mut self, exchange: Exchange<'b>) -> Result<Response<'b>, Error> {
        self.open = exchange.keeps_open();
        exchange.response()
    }
}

impl<T> fmt::Debug for Connection<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).field("open", &self.open).finish_non_exhaustive()
    }
}
