//! The head of an answer: status and the few fields that count.
//!
//! By hand, for the sake of firmware: `httparse` trims values in a way that links a panic, whatever the optimisation, and
//! takes three times the flash and room for a table of fields. It judges in the tests.

use crate::Error;
use ascii::AsciiStr;

/// How every answer begins.
pub(crate) const BEGINNING: &[u8] = b"HTTP/1.1 ";

/// How the length of the body is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Known(usize),
    Chunked,
}

pub(crate) struct Head<'h> {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'h str>,
    pub(crate) retry_after: Option<&'h str>,
    pub(crate) date: Option<&'h str>,
    pub(crate) length: Length,
    /// Whether the peer closes the pipe afterwards.
    pub(crate) close: bool,
}

/// Reads a whole head, its empty line included, of which it is known that CR and LF come in pairs only.
///
/// What could be read in two ways is refused, rather than read in one of them.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-4>, <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>
pub(crate) fn parse(text: &[u8]) -> Result<Head<'_>, Error> {
    let mut lines = text.split(|b| *b == b'\n').filter_map(|line| line.strip_suffix(b"\r"));
    let status = status(lines.next().unwrap_or_default())?;
    let (mut length, mut chunked, mut close) = (None, false, false);
    let (mut content_type, mut retry_after, mut date) = (Once::Absent, Once::Absent, Once::Absent);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = field(line)?;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return Err(Error::Framing);
            }
        } else if is(b"transfer-encoding") {
            // `chunked, chunked` and `gzip, chunked` are refused as well.
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::Framing);
            }
            chunked = true;
        } else if is(b"connection") {
            let mut words = value.split(|b| *b == b',');
            close |= words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"));
        } else if is(b"content-type") {
            content_type.found(value);
        } else if is(b"retry-after") {
            retry_after.found(value);
        } else if is(b"date") {
            date.found(value);
        }
    }
    let bodiless = matches!(status, 100..200 | 204 | 304);
    let length = match (length, chunked) {
        (None, false) if bodiless => Length::Known(0),
        (Some(length), false) if !bodiless => Length::Known(length),
        (None, true) if !bodiless => Length::Chunked,
        _ => return Err(Error::Framing),
    };
    let (content_type, retry_after, date) = (content_type.text(), retry_after.text(), date.text());
    Ok(Head { status, content_type, retry_after, date, length, close })
}

/// Three digits, and perhaps a reason, which nobody reads.
fn status(line: &[u8]) -> Result<u16, Error> {
    let digit = |b: u8| b.is_ascii_digit().then_some(u16::from(b & 0xf)).ok_or(Error::Head);
    match line.strip_prefix(BEGINNING) {
        Some([a @ b'1'..=b'9', b, c, reason @ ..]) if reason.first().is_none_or(|b| *b == b' ') => {
            if !reason.iter().copied().all(is_text) {
                return Err(Error::Head);
            }
            let (a, b, c) = (digit(*a)?, digit(*b)?, digit(*c)?);
            Ok(a.saturating_mul(100).saturating_add(b.saturating_mul(10)).saturating_add(c))
        }
        _ => Err(Error::Head),
    }
}

/// A name, which no space may follow or precede, and a value without the spaces around it.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let colon = line.iter().position(|b| *b == b':').ok_or(Error::Head)?;
    let (name, value) = line.split_at_checked(colon).ok_or(Error::Head)?;
    let [_, value @ ..] = value else { return Err(Error::Head) };
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if name.is_empty() || !name.iter().all(is_token) || !value.iter().copied().all(is_text) {
        return Err(Error::Head);
    }
    Ok((name, value.trim_ascii()))
}

/// Whether a byte may stand in a value.
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// A field that is believed only if it came once.
#[derive(Clone, Copy)]
enum Once<'h> {
    Absent,
    Value(&'h [u8]),
    Twice,
}

impl<'h> Once<'h> {
    /// Not inlined, to save a firmware's flash.
    #[inline(never)]
    fn found(&mut self, value: &'h [u8]) {
        *self = if matches!(self, Self::Absent) { Self::Value(value) } else { Self::Twice };
    }

    /// The value, if it is ASCII, as all are that mean something. A check for UTF-8 would be 600 bytes of a firmware.
    fn text(self) -> Option<&'h str> {
        match self {
            Self::Value(value) => AsciiStr::from_ascii(value).ok().map(AsciiStr::as_str),
            Self::Absent | Self::Twice => None,
        }
    }
}

/// Digits and nothing else; the largest number if it is larger.
fn number(text: &[u8]) -> Result<usize, Error> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Error::Framing);
    }
    let digits = text.iter().map(|digit| usize::from(digit & 0xf));
    Ok(digits.fold(0, |n: usize, digit| n.saturating_mul(10).saturating_add(digit)))
}
