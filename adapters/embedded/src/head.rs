//! The head of an answer: status and the few fields that count.

use crate::Error;
use core::mem::MaybeUninit;

/// Most header fields that an answer may have.
pub const FIELDS: usize = 32;

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
    pub(crate) length: Length,
    /// Whether the peer closes the pipe afterwards.
    pub(crate) close: bool,
}

/// Reads a whole head, its empty line included, of which it is known that CR and LF come in pairs only.
///
/// What could be read in two ways is refused, rather than read in one of them.
/// <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>
pub(crate) fn parse(text: &[u8]) -> Result<Head<'_>, Error> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut response = httparse::Response::new(&mut []);
    // By default neither folded lines nor spaces before a colon.
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, text, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == text.len() => {}
        _ => return Err(Error::Head),
    }
    let status = response.code.ok_or(Error::Head)?;

    let (mut length, mut chunked, mut close) = (None, false, false);
    let (mut content_type, mut retry_after) = (Once::Absent, Once::Absent);
    for field in response.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            if length.replace(number(field.value)?).is_some() {
                return Err(Error::Framing);
            }
        } else if is("transfer-encoding") {
            // `chunked, chunked` and `gzip, chunked` are refused as well.
            if chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::Framing);
            }
            chunked = true;
        } else if is("connection") {
            let mut words = field.value.split(|b| *b == b',');
            close |= words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"));
        } else if is("content-type") {
            content_type.found(field.value);
        } else if is("retry-after") {
            retry_after.found(field.value);
        }
    }
    let bodiless = matches!(status, 100..200 | 204 | 304);
    let length = match (length, chunked) {
        (None, false) if bodiless => Length::Known(0),
        (Some(length), false) if !bodiless => Length::Known(length),
        (None, true) if !bodiless => Length::Chunked,
        _ => return Err(Error::Framing),
    };
    Ok(Head { status, content_type: content_type.text(), retry_after: retry_after.text(), length, close })
}

/// A field that is believed only if it came once.
#[derive(Clone, Copy)]
enum Once<'h> {
    Absent,
    Value(&'h [u8]),
    Twice,
}

impl<'h> Once<'h> {
    fn found(&mut self, value: &'h [u8]) {
        *self = if matches!(self, Self::Absent) { Self::Value(value) } else { Self::Twice };
    }

    fn text(self) -> Option<&'h str> {
        match self {
            Self::Value(value) => core::str::from_utf8(value).ok(),
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
