//! What large machines do by words, and what they check by it.

use super::{
    Limits,
    cursor::{Cursor, NONE},
};
use crate::text::LARGE;

/// A string or name without escapes, between its quotes: `text[start..end]`.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The same for all strings that are written alike.
    pub(super) hash: usize,
}

/// A string without escapes whose opening quote is at `at`; `None` if something else is there, or the whole text is shorter
/// than a word.
#[inline(always)]
pub(super) fn plain(bytes: &[u8], at: usize) -> Option<Quoted> {
    if !LARGE {
        return None;
    }
    let (b'"', rest) = bytes.get(at..)?.split_first()? else { return None };
    words(bytes, at, rest, true)
}

/// The same without the hash, for strings, which may be long.
#[inline(always)]
pub(super) fn plain_value(bytes: &[u8], at: usize) -> Option<Quoted> {
    let (b'"', rest) = bytes.get(at..)?.split_first()? else { return None };
    // In a short document no string is so long that chunks are worth it.
    let rest = if rest.len() < 256 { rest } else { behind_chunks(rest) };
    words(bytes, at, rest, false)
}

/// What is left behind the chunks in which a string goes on.
#[inline(always)]
fn behind_chunks(mut rest: &[u8]) -> &[u8] {
    while let Some((chunk, more)) = rest.split_first_chunk::<16>() {
        if chunk.iter().fold(false, |any, byte| any | is_stop(*byte)) {
            break;
        }
        rest = more;
    }
    rest
}

const fn is_stop(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// Looks at the rest of a string by words.
#[inline(always)]
fn words(bytes: &[u8], at: usize, mut rest: &[u8], hashed: bool) -> Option<Quoted> {
    let mut hash = 0;
    loop {
        let (word, more) = match rest.split_first_chunk() {
            Some((word, more)) => (usize::from_le_bytes(*word), more),
            None => (last_word(bytes, rest.len())?, [].as_slice()),
        };
        let stops = stops(word);
        if stops == 0 {
            if hashed {
                hash = mix(hash, word);
            }
            rest = more;
            continue;
        }
        let before_stop = (stops & stops.wrapping_neg()).wrapping_sub(1);
        let hash = mix(hash, word & before_stop);
        let plain = stops.trailing_zeros() as usize / 8;
        let end = bytes.len().wrapping_sub(rest.len()).wrapping_add(plain);
        let quoted = Quoted { start: at.wrapping_add(1), end, hash };
        return (rest.get(plain) == Some(&b'"')).then_some(quoted);
    }
}

/// Strings are looked at by so many bytes at once, the first lowest.
const WORD: usize = size_of::<usize>();

/// The last `len` bytes of the text, less than a word, with control characters after them: these stop the search, and are
/// seen to be none of the text.
fn last_word(bytes: &[u8], len: usize) -> Option<usize> {
    let missing = u32::try_from(WORD.checked_sub(len)?).ok()?;
    usize::from_le_bytes(*bytes.last_chunk()?).checked_shr(missing.wrapping_mul(8))
}

/// The top bit of each byte that is a quote, a backslash or a control character. The lowest of them is right; above it
/// there may be others, as the subtractions borrow.
const fn stops(word: usize) -> usize {
    // With the bit of 2 turned over, the quote (0x22) is next to the control characters.
    let control_or_quote = (word ^ each(0x02)).wrapping_sub(each(0x21));
    let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
    (control_or_quote | backslash) & !word & each(0x80)
}

const fn each(byte: u8) -> usize {
    usize::from_ne_bytes([byte; WORD])
}

/// Quick, and no more than that: whoever wants to can find names that hash alike.
pub(super) const fn mix(hash: usize, word: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "half of it is as odd")]
    const FACTOR: usize = 0x9e37_79b9_7f4a_7c15_u64 as usize;
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}

/// The names of one object, last to first, found by walking back from its closing brace over text that was checked.
/// So nothing is kept of an object while it is read.
pub(super) struct Names<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Names<'t> {
    /// `close` is the offset of the object's closing brace.
    pub(super) const fn before(bytes: &'t [u8], close: usize) -> Self {
        Self { bytes, at: close }
    }

    fn back(&mut self) -> Option<u8> {
        self.at = self.at.checked_sub(1)?;
        self.bytes.get(self.at).copied()
    }

    /// Steps from the closing to the opening quote. A quote within a string has a backslash before it, and an opening
    /// quote never has: outside of strings there are none.
    fn over_string(&mut self) -> Option<&'t [u8]> {
        let end = self.at;
        loop {
            if self.back()? == b'"' && self.bytes.get(self.at.wrapping_sub(1)) != Some(&b'\\') {
                return self.bytes.get(self.at.wrapping_add(1)..end);
            }
        }
    }
}

impl<'t> Iterator for Names<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let mut nested = 0usize;
        let mut before_colon = false;
        loop {
            match self.back()? {
                b'"' => {
                    let string = self.over_string()?;
                    if before_colon {
                        return Some(string);
                    }
                }
                b':' => before_colon = nested == 0,
                b'}' | b']' => nested = nested.wrapping_add(1),
                b'{' | b'[' => nested = nested.checked_sub(1)?,
                _ => {}
            }
        }
    }
}

/// Whether two checked strings stand for the same text.
fn same(a: &[u8], b: &[u8]) -> bool {
    let [mut a, mut b] = [a, b].map(|raw| Cursor::new(raw, Limits::DEFAULT));
    loop {
        let character = a.character();
        if character != b.character() {
            return false;
        }
        if character == NONE {
            return true;
        }
    }
}

/// The names that are held while the rest of the object is walked once; so an object of `m` names is walked `m / HELD`
/// times.
const HELD: usize = 8;

/// Whether two names of the object that closes at `close` are the same after unescaping.
pub(super) fn has_duplicate(text: &[u8], close: usize) -> bool {
    let mut names = Names::before(text, close);
    loop {
        let (mut held, mut count, mut rest) = ([[].as_slice(); HELD], 0usize, 0);
        while let Some(name) = names.next() {
            if held.iter().take(count).any(|later| same(later, name)) {
                return true;
            }
            if let Some(slot) = held.get_mut(count) {
                *slot = name;
                count = count.wrapping_add(1);
                rest = names.at;
            }
        }
        if count < HELD {
            return false;
        }
        names.at = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, JsonError, Limits, Reader};
    use super::*;
    use proptest::prelude::*;
    use std::format;

    proptest! {
        #[test]
        fn a_string_ends_where_a_search_byte_by_byte_ends_it(text in "[a-z!#\\[\\]\u{1f} \"\u{7f}é€😀]{0,40}") {
            let text = format!("\"{text}");
            let stop = text.bytes().skip(1).position(|b| b == b'"' || b < b' ').map_or(text.len(), |at| at + 1);
            let read = Reader::new(text.as_bytes(), Limits::DEFAULT, &mut []).string().map(str::len);
            let stopped = text.as_bytes().get(stop).copied();
            match read {
                Ok(len) => prop_assert_eq!((len + 1, stopped), (stop, Some(b'"'))),
                Err(JsonError { fault: Fault::Control, at }) => prop_assert!(at == stop && stopped < Some(b' ')),
                Err(e) => prop_assert_eq!((e.fault, e.at, stop), (Fault::End, text.len(), text.len())),
            }
            if let Some(quoted) = plain(text.as_bytes(), 0) {
                prop_assert_eq!((quoted.end, stopped), (stop, Some(b'"')));
            }
        }

        /// Else a name could stand twice in an object unseen.
        #[test]
        fn the_same_string_has_the_same_hash_wherever_it_stands(
            name in "[a-z_:/é]{0,20}", before in "[ a-z]{0,9}", after in "[ -~]{0,9}",
        ) {
            let alone = format!("\"{name}\"        ");
            let within = format!("{before}\"{name}\"{after}        ");
            let (alone, within) = (plain(alone.as_bytes(), 0), plain(within.as_bytes(), before.len()));
            prop_assert_eq!(alone.is_some(), LARGE);
            prop_assert_eq!(alone.map(|name| name.hash), within.map(|name| name.hash));
        }
    }
}
