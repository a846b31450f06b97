//! Writing text into a lent slice, with an exact answer when it is too small.

use super::{
    LARGE, ascii, base64,
    grammar::{Class, span},
};
use crate::error::TooSmall;
use core::fmt;
use zeroize::Zeroize;

/// Writes text into a lent slice and keeps counting past its end, so that the write path is also the length path.
///
/// ```
/// use valetkey::{error::TooSmall, text::buf::Writer};
/// let mut short = [0; 4];
/// let mut w = Writer::new(&mut short);
/// w.push_str("hello");
/// assert_eq!(w.finish(), Err(TooSmall { needed: 5 }));
/// assert_eq!(short, [0; 4]); // nothing is left behind
/// ```
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    /// Starts at the front of `buf`.
    pub const fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Bytes pushed so far, those past the end included.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was pushed.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        self.push_part(text.as_bytes());
    }

    /// Appends a part of a text.
    pub(crate) fn push_part(&mut self, bytes: &[u8]) {
        if LARGE {
            let end = self.len.saturating_add(bytes.len());
            let room = self.buf.get_mut(self.len..end).unwrap_or_default();
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
            self.len = end;
            return;
        }
        // Byte by byte: anything else would link a whole `memcpy` into firmware.
        for byte in bytes {
            self.push_byte(*byte);
        }
    }

    /// Appends bytes up to the first that is not of a class, or for which there is no room, and says how many.
    pub(crate) fn push_run(&mut self, class: Class, bytes: &[u8]) -> usize {
        let room = self.buf.get_mut(self.len..).unwrap_or_default();
        let plain = if bytes.len() < 32 { bytes } else { bytes.get(..span(bytes, class)).unwrap_or_default() };
        let mut run = 0usize;
        for (to, from) in room.iter_mut().zip(plain) {
            if !class.has(*from) {
                break;
            }
            *to = *from;
            run = run.wrapping_add(1);
        }
        self.len = self.len.wrapping_add(run);
        run
    }

    /// Appends bytes in base64url.
    pub(crate) fn push_base64(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(base64::encoded_len(bytes.len()));
        if let Some(room) = self.buf.get_mut(self.len..end) {
            base64::spell(bytes, room);
        }
        self.len = end;
    }

    /// Appends one character.
    pub fn push(&mut self, c: char) {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => self.push_byte(byte),
            _ => self.push_str(c.encode_utf8(&mut [0; 4])),
        }
    }

    /// Appends one character of ASCII.
    #[inline(always)]
    pub(crate) fn push_ascii(&mut self, byte: u8) {
        self.push_byte(byte & 0x7f);
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn push_byte(&mut self, byte: u8) {
        if let Some(to) = self.buf.get_mut(self.len) {
            *to = byte;
        }
        self.len = self.len.wrapping_add(1);
    }

    /// Appends a number in decimal.
    pub fn push_u64(&mut self, n: u64) {
        let digits = if LARGE { digits_by_division(n) } else { digits_by_doubling(n) };
        let first = digits.iter().position(|digit| *digit != 0).unwrap_or(19);
        digits.iter().skip(first).for_each(|digit| self.push_byte(digit.wrapping_add(b'0')));
    }

    /// Turns what was pushed since there were `from` bytes into base64url, where it stands.
    pub(crate) fn encode_since(&mut self, from: usize) {
        self.encode::<false>(from);
    }

    /// Turns what was pushed since there were `from` bytes into padded base64, likewise.
    pub(crate) fn encode_standard_since(&mut self, from: usize) {
        self.encode::<true>(from);
    }

    fn encode<const PADDED: bool>(&mut self, from: usize) {
        let count = self.len.wrapping_sub(from);
        // What `encoded_len` and `encoded_len_standard` say, in less code.
        let thirds = count.wrapping_add(2) / 3;
        let becomes = if PADDED { thirds.wrapping_mul(4) } else { thirds.wrapping_add(count) };
        self.len = from.wrapping_add(becomes);
        if let Some(room) = self.buf.get_mut(from..self.len) {
            base64::encode_in_place::<PADDED>(room, count);
        }
    }

    /// Goes on behind the first `len` bytes.
    pub(crate) const fn at(buf: &'b mut [u8], len: usize) -> Self {
        Self { buf, len }
    }

    /// The slice, and what [`Self::len`] tells.
    pub(crate) fn into_parts(self) -> (&'b mut [u8], usize) {
        (self.buf, self.len)
    }

    /// What was written.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size, if it did not fit; the slice is zeroed then.
    pub fn finish(self) -> Result<&'b str, TooSmall> {
        let written = self.finish_bytes()?;
        Ok(core::str::from_utf8(written).unwrap_or_default())
    }

    /// The same as two texts, the first of so many bytes, if all of it is ASCII.
    pub(crate) fn finish_ascii(self, first: usize) -> Result<(&'b str, &'b str), TooSmall> {
        let (first, second) = self.finish_bytes()?.split_at_checked(first).unwrap_or_default();
        Ok((ascii(first), ascii(second)))
    }

    /// The same as bytes, for where text is not asked for: to look at each byte once more takes time, and in firmware the check
    /// for UTF-8 takes room.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_bytes(self) -> Result<&'b [u8], TooSmall> {
        if self.len > self.buf.len() {
            wipe(self.buf);
            return Err(TooSmall { needed: self.len });
        }
        Ok(self.buf.get(..self.len).unwrap_or_default())
    }
}

/// Zeroes what was written. Byte by byte, as zeroing slices takes a `memset` of its own in firmware.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(Zeroize::zeroize);
}

/// Where kept text lies in a [`Scratch`]: needs hold spans, never references into their own scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    at: u16,
    len: u16,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { at: 0, len: 0 };

    /// An absent text and an empty one are the same: OAuth treats a parameter without a value as left out.
    pub(crate) const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// The caller's slice and how much of it is used; winding back is setting `used`.
pub(crate) struct Scratch<'r> {
    bytes: &'r mut [u8],
    used: u16,
    /// How far it was ever written: what is wound back is still there.
    reached: usize,
}

/// The scratch is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl<'r> Scratch<'r> {
    pub(crate) const fn new(bytes: &'r mut [u8]) -> Self {
        Self { bytes, used: 0, reached: 0 }
    }

    pub(crate) const fn mark(&self) -> u16 {
        self.used
    }

    /// Forgets all that was kept after `mark`.
    pub(crate) fn wind_back(&mut self, mark: u16) {
        self.used = self.used.min(mark);
    }

    pub(crate) fn keep(&mut self, text: &str) -> Result<Span, Full> {
        self.write(|w| w.push_str(text))
    }

    /// Keeps what `write` writes.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<Span, Full> {
        self.compose(|_, w| write(w))
    }

    /// Keeps what `write` writes of what was kept before.
    pub(crate) fn compose(&mut self, write: impl FnOnce(Texts<'_>, &mut Writer<'_>)) -> Result<Span, Full> {
        let (kept, room) = self.bytes.split_at_mut_checked(usize::from(self.used)).unwrap_or_default();
        let mut w = Writer::new(room);
        write(Texts(kept), &mut w);
        // What did not fit is zeroed already.
        let written = w.finish_bytes().map_err(|TooSmall { .. }| Full)?.len();
        self.reached = self.reached.max(usize::from(self.used).saturating_add(written));
        let len = u16::try_from(written).map_err(|_| Full)?;
        let span = Span { at: self.used, len };
        self.used = self.used.checked_add(len).ok_or(Full)?;
        Ok(span)
    }

    /// Lends `read` a kept text, and `room` bytes to take it apart in; keeps the texts that it found.
    pub(crate) fn extract<T, const N: usize>(
        &mut self,
        span: Span,
        room: usize,
        read: impl for<'a> FnOnce(&'a str, &'a mut [u8]) -> Option<(T, [&'a str; N])>,
    ) -> Result<Option<(T, [Span; N])>, Full> {
        // At the far end, so that what is kept of it does not stand behind it.
        let near = self.bytes.len().checked_sub(room).ok_or(Full)?;
        let (near, far) = self.bytes.split_at_mut_checked(near).ok_or(Full)?;
        let (kept, free) = near.split_at_mut_checked(usize::from(self.used)).ok_or(Full)?;
        let (mut w, mut spans, mut end) = (Writer::new(free), [Span::EMPTY; N], Some(self.used));
        let found = read(Texts(kept).text(span), &mut *far).map(|(found, texts)| {
            for (span, text) in spans.iter_mut().zip(texts) {
                let (at, len) = (end.unwrap_or_default(), u16::try_from(text.len()).unwrap_or(u16::MAX));
                *span = Span { at, len };
                end = at.checked_add(len);
                w.push_str(text);
            }
            found
        });
        far.zeroize();
        let written = w.finish_bytes().map_err(|TooSmall { .. }| Full)?.len();
        self.reached = self.reached.max(usize::from(self.used).saturating_add(written));
        self.used = end.ok_or(Full)?;
        Ok(found.map(|found| (found, spans)))
    }

    pub(crate) fn text(&self, span: Span) -> &str {
        Texts(self.bytes).text(span)
    }
}

/// What was kept.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    pub(crate) fn text(self, span: Span) -> &'a str {
        let (at, len) = (usize::from(span.at), usize::from(span.len));
        let bytes = self.0.get(at..at.saturating_add(len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(..)") // a token may be in it
    }
}

impl fmt::Debug for Scratch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch(..)") // codes, tokens and client secrets may be in it
    }
}

impl Drop for Scratch<'_> {
    /// Codes, tokens and client secrets passed through here: all that was written is zeroed, and no more, as most requests
    /// are short and the slice is long.
    fn drop(&mut self) {
        self.bytes.get_mut(..self.reached).unwrap_or_default().zeroize();
    }
}

fn digits_by_division(mut n: u64) -> [u8; 20] {
    let mut digits = [0; 20];
    for digit in digits.iter_mut().rev() {
        if n == 0 {
            break;
        }
        *digit = u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
    }
    digits
}

/// Bit by bit, as a division of 64 bits would be a kilobyte of firmware.
fn digits_by_doubling(mut n: u64) -> [u8; 20] {
    let mut digits = [0; 20];
    // From its highest bit on, and shifted by one each time: any other shift links a function into firmware.
    for _ in 0..u64::BITS {
        let mut carry = u8::from(n >> 63 == 1);
        n <<= 1;
        for digit in digits.iter_mut().rev() {
            let doubled = u8::wrapping_mul(*digit, 2).wrapping_add(carry);
            carry = u8::from(doubled >= 10);
            *digit = doubled.wrapping_sub(carry.wrapping_mul(10));
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for n in [0, 7, 10, 600, 1_800_000_060, u64::MAX] {
            let mut buf = [0; 20];
            let mut w = Writer::new(&mut buf);
            w.push_u64(n);
            assert_eq!(w.finish().unwrap(), std::format!("{n}"));
            assert_eq!(digits_by_division(n), digits_by_doubling(n));
        }
    }

    #[test]
    fn what_stands_there_becomes_base64url_or_is_counted() {
        for count in 0..20 {
            let bytes: std::vec::Vec<u8> = (0..count).map(|i| b'a' + i).collect();
            let text = core::str::from_utf8(&bytes).unwrap();
            let mut expected = [0; 40];
            let expected = std::format!("x.{}", base64::encode(&bytes, &mut expected).unwrap());
            for size in 0..40 {
                let mut buf = [0; 40];
                let mut w = Writer::new(&mut buf[..size]);
                w.push_str("x.");
                w.push_str(text);
                w.encode_since(2);
                let fits = expected.len() <= size;
                let written = w.finish();
                assert_eq!(written.ok(), fits.then_some(expected.as_str()), "{count} {size}");
                assert_eq!(written.err().map(|e| e.needed), (!fits).then_some(expected.len()));
            }
        }
    }

    #[test]
    fn what_was_found_in_a_kept_text_is_kept_behind_it() {
        for size in 0..30 {
            let mut bytes = std::vec![0; size];
            let mut scratch = Scratch::new(&mut bytes);
            let Ok(text) = scratch.keep("a.bcd") else { continue };
            let found = scratch.extract(text, 10, |text, room| {
                assert_eq!(room.len(), 10);
                let (a, b) = text.split_once('.')?;
                Some((7, [b, a]))
            });
            match found {
                Ok(Some((7, [b, a]))) => assert_eq!((scratch.text(b), scratch.text(a), size >= 19), ("bcd", "a", true)),
                Err(Full) => assert!(size < 19, "{size}"),
                other => panic!("{other:?}"),
            }
        }
        let mut bytes = [0; 20];
        let mut scratch = Scratch::new(&mut bytes);
        let text = scratch.keep("abc").unwrap();
        assert_eq!(scratch.extract(text, 2, |_, _| None::<((), [&str; 1])>), Ok(None));
        assert_eq!(scratch.mark(), 3);
    }

    #[test]
    fn a_full_scratch_keeps_nothing_of_what_did_not_fit() {
        let mut bytes = [0; 8];
        let mut scratch = Scratch::new(&mut bytes);
        let a = scratch.keep("abcde").unwrap();
        assert_eq!(scratch.keep("fghi"), Err(Full));
        let b = scratch.keep("fgh").unwrap();
        assert_eq!((scratch.text(a), scratch.text(b)), ("abcde", "fgh"));
        scratch.wind_back(5);
        assert_eq!(scratch.mark(), 5);
    }

    #[test]
    fn nothing_that_was_written_outlives_the_scratch() {
        let mut bytes = [0; 70_000];
        let mut scratch = Scratch::new(&mut bytes);
        scratch.keep("a secret that is wound back").unwrap();
        scratch.wind_back(0);
        scratch.keep("short").unwrap();
        // It fits, but is longer than a span can tell.
        assert_eq!(scratch.keep(&"x".repeat(66_000)), Err(Full));
        // It does not fit.
        assert_eq!(scratch.keep(&"y".repeat(70_000)), Err(Full));
        drop(scratch);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}
