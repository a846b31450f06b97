//! One request and its answer as a machine: bytes out, bytes in.

use crate::{Error, Peer, body::Body, head, request};
use core::fmt;
use valetkey::client::{Post, Response};
use valetkey::error::TooSmall;

/// Most answers with a status of 1xx that may precede the one that counts.
const INTERIM: u8 = 4;

/// A request that is being sent and an answer that is being received, both in one lent buffer. It neither reads nor
/// writes: [`Connection`](crate::Connection) does, in a loop of a dozen lines, or yours does.
///
/// ```
/// # use valetkey::{client::{ClientAuth, ClientCredentials, Config}, secret::SecretText};
/// # let auth = ClientAuth::Basic(SecretText::new("device-secret"));
/// # let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?;
/// use valetkey_embedded::{Exchange, Peer, Step};
///
/// let (mut request, mut buf) = ([0; 256], [0; 512]);
/// let post = ClientCredentials::new(&config)?.request(&mut request)?;
/// let mut exchange = Exchange::new(&post, Peer::Tls("as.example"), &mut buf)?;
/// let mut peer = &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"[..];
/// loop {
///     match exchange.step()? {
///         Step::Write(bytes) => {
///             assert!(bytes.starts_with(b"POST /token HTTP/1.1\r\nHost: as.example\r\n"));
///             let written = bytes.len(); // less is right as well
///             exchange.wrote(written)?;
///         }
///         Step::Read(room) => {
///             let read = std::io::Read::read(&mut peer, room)?; // 0 when the peer closed
///             exchange.read(read)?;
///         }
///         Step::Done => break,
///     }
/// }
/// assert!(exchange.keeps_open());
/// assert_eq!(exchange.response()?.body, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Exchange<'b> {
    buf: &'b mut [u8],
    phase: Phase,
    /// Up to where the buffer is in use: to be sent, or received.
    end: usize,
    /// Where the answer's body begins.
    body_at: usize,
    cap: usize,
    interim: u8,
    keeps_open: bool,
}

enum Phase {
    /// So many bytes of the request were sent.
    Request(usize),
    /// Where the last line began, and whether the last byte was CR.
    Head {
        line: usize,
        cr: bool,
    },
    Body(Body),
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step<'e> {
    /// Write some of these bytes, and say how many by [`Exchange::wrote`]. Secret.
    Write(&'e [u8]),
    /// Read some bytes to here, and say how many by [`Exchange::read`].
    Read(&'e mut [u8]),
    /// The answer is whole: see [`Exchange::response`].
    Done,
}

impl<'b> Exchange<'b> {
    /// Writes the request into `buf`, which has to hold the answer later.
    ///
    /// # Errors
    /// [`Error`]: `Address`, `Request` or `Buffer`.
    pub fn new(post: &Post<'_>, peer: Peer<'_>, buf: &'b mut [u8]) -> Result<Self, Error> {
        let end = request::write(post, peer, buf)?;
        let cap = post.duties.body_cap;
        Ok(Self { buf, phase: Phase::Request(0), end, body_at: 0, cap, interim: 0, keeps_open: true })
    }

    /// What is to be done next.
    ///
    /// # Errors
    /// [`Error::Buffer`]: the answer is longer than the buffer.
    pub fn step(&mut self) -> Result<Step<'_>, Error> {
        let within = match &self.phase {
            Phase::Request(sent) => return Ok(Step::Write(self.buf.get(*sent..self.end).unwrap_or_default())),
            Phase::Body(body) if body.is_whole() => return Ok(Step::Done),
            Phase::Body(body) => body.within(),
            Phase::Head { .. } => usize::MAX,
        };
        let needed = self.end.saturating_add(1);
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let within = within.min(room.len());
        match room.get_mut(..within) {
            Some(room) if within > 0 => Ok(Step::Read(room)),
            _ => Err(TooSmall { needed }.into()),
        }
    }

    /// So many bytes were written. `true` if that was the last: time to flush.
    ///
    /// # Errors
    /// [`Error::Closed`] for none at all.
    pub fn wrote(&mut self, count: usize) -> Result<bool, Error> {
        let Phase::Request(sent) = &mut self.phase else { return Ok(false) };
        *sent = sent.saturating_add(count);
        if count == 0 {
            return Err(Error::Closed);
        }
        if *sent < self.end {
            return Ok(false);
        }
        // The answer may be shorter than the request and its secrets.
        self.buf.fill(0);
        self.end = 0;
        self.phase = Phase::Head { line: 0, cr: false };
        Ok(true)
    }

    /// So many bytes were read; none if the peer closed.
    ///
    /// # Errors
    /// [`Error`]: the answer cannot be read.
    pub fn read(&mut self, count: usize) -> Result<(), Error> {
        let from = self.end;
        let end = from.saturating_add(count).min(self.buf.len());
        match &self.phase {
            Phase::Request(_) => Ok(()),
            Phase::Head { .. } if count == 0 && from == 0 && self.interim == 0 => Err(Error::Closed),
            Phase::Body(body) if body.is_whole() => Ok(()),
            _ if count == 0 => Err(Error::Truncated),
            Phase::Head { .. } => self.read_head(from, end),
            Phase::Body(_) => self.read_body(from, end),
        }
    }

    /// Takes what lies between: of the head, and perhaps some of what follows it.
    fn read_head(&mut self, from: usize, mut end: usize) -> Result<(), Error> {
        let Phase::Head { mut line, mut cr } = self.phase else { return Ok(()) };
        let mut at = from;
        while let Some(byte) = self.buf.get(at).copied().filter(|_| at < end) {
            // Noise on a line is known as such at once, and not when the time is up.
            let expected = head::BEGINNING.get(at).copied().unwrap_or(byte);
            if byte != expected || (byte == b'\n') != cr {
                return Err(Error::Head);
            }
            cr = byte == b'\r';
            at = at.saturating_add(1);
            if byte != b'\n' {
                continue;
            }
            if at.saturating_sub(line) > 2 {
                line = at;
                continue;
            }
            let head = head::parse(self.buf.get(..at).unwrap_or_default())?;
            match head.status {
                // Nothing was asked to be switched to.
                101 => return Err(Error::Head),
                100..200 if self.interim == INTERIM => return Err(Error::Head),
                100..200 => {
                    self.interim = self.interim.saturating_add(1);
                    self.move_to_front(at, end);
                    end = end.saturating_sub(at);
                    (at, line) = (0, 0);
                }
                _ => {
                    let body = Body::new(head.length, self.cap)?;
                    if let head::Length::Known(length) = head.length {
                        let needed = at.saturating_add(length);
                        if needed > self.buf.len() {
                            return Err(TooSmall { needed }.into());
                        }
                    }
                    self.keeps_open = !head.close;
                    self.phase = Phase::Body(body);
                    (self.body_at, self.end) = (at, at);
                    return self.read_body(at, end);
                }
            }
        }
        self.end = end;
        self.phase = Phase::Head { line, cr };
        Ok(())
    }

    /// Takes what lies between, and leaves of it what is body.
    fn read_body(&mut self, from: usize, end: usize) -> Result<(), Error> {
        let Phase::Body(body) = &mut self.phase else { return Ok(()) };
        for at in from..end {
            if body.is_whole() {
                // Nothing was asked that this could be the answer to; it must not answer what is asked next.
                self.keeps_open = false;
                return Ok(());
            }
            let byte = self.buf.get(at).copied().unwrap_or_default();
            if body.take(byte)?
                && let Some(to) = self.buf.get_mut(self.end)
            {
                *to = byte;
                self.end = self.end.saturating_add(1);
            }
        }
        Ok(())
    }

    /// By hand, since the library's way to move bytes within a slice would link a panic into firmware.
    fn move_to_front(&mut self, from: usize, end: usize) {
        for (to, at) in (from..end).enumerate() {
            let byte = self.buf.get(at).copied().unwrap_or_default();
            if let Some(to) = self.buf.get_mut(to) {
                *to = byte;
            }
        }
    }

    /// Whether the pipe can carry another exchange after this one.
    pub const fn keeps_open(&self) -> bool {
        self.keeps_open
    }

    /// The answer, as a flow reads it. It lies in the buffer, tokens and all: zero that when they were used.
    ///
    /// # Errors
    /// [`Error::Truncated`] before [`Step::Done`].
    pub fn response(self) -> Result<Response<'b>, Error> {
        match &self.phase {
            Phase::Body(body) if body.is_whole() => {}
            _ => return Err(Error::Truncated),
        }
        let buf: &'b [u8] = self.buf;
        let (head, body) = buf.get(..self.end).and_then(|text| text.split_at_checked(self.body_at)).unwrap_or_default();
        let head::Head { status, content_type, retry_after, date, .. } = head::parse(head)?;
        Ok(Response { status, content_type, retry_after, date, body })
    }
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
