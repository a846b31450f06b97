//! What RFC 8259 says of single tokens, as functions of the bytes and an offset.

use super::{Fault, JsonError};

/// A string or name between its quotes: `text[start..end]`, which was checked.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
    /// The same for all strings that are written alike; none if it was not made, as for those with escapes.
    pub(super) hash: Option<usize>,
}

/// A number's end, and whether it has neither fraction nor exponent.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) end: usize,
    pub(super) integer: bool,
}

pub(super) fn white_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at = at.wrapping_add(1);
    }
    at
}

/// The token must be `word`, of which only the first byte was looked at.
pub(super) fn literal(bytes: &[u8], at: usize, word: &str) -> Result<usize, JsonError> {
    for (i, expected) in word.bytes().enumerate() {
        expect(bytes, at.saturating_add(i), |b| b == expected)?;
    }
    Ok(at.saturating_add(word.len()))
}

/// RFC 8259, section 6. `at` is the offset of the sign or of the first digit.
#[inline]
pub(super) fn number(bytes: &[u8], at: usize) -> Result<Number, JsonError> {
    let sign = usize::from(bytes.get(at) == Some(&b'-'));
    let first = at.saturating_add(sign);
    let mut end = match bytes.get(first) {
        Some(b'0') => first.saturating_add(1), // a digit after it is refused as what cannot follow a value
        _ => digits(bytes, first)?,
    };
    let mut integer = true;
    if bytes.get(end) == Some(&b'.') {
        integer = false;
        end = digits(bytes, end.saturating_add(1))?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        integer = false;
        let sign = matches!(bytes.get(end.saturating_add(1)), Some(b'+' | b'-'));
        end = digits(bytes, end.saturating_add(if sign { 2 } else { 1 }))?;
    }
    Ok(Number { end, integer })
}

/// At least one digit.
fn digits(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    let count = bytes.get(at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        expect(bytes, at, |b| b.is_ascii_digit())?;
    }
    Ok(at.wrapping_add(count))
}

/// RFC 8259, section 7. `at` is the offset of the opening quote; the bytes are known to be UTF-8.
#[inline]
pub(super) fn string(bytes: &[u8], at: usize) -> Result<Quoted, JsonError> {
    match plain(bytes, at) {
        Some(quoted) => Ok(quoted),
        None => other(bytes, at.wrapping_add(1)),
    }
}

/// A string without escapes whose opening quote is at `at`; `None` if something else is there, or the whole text is shorter
/// than a word.
#[inline(always)]
pub(super) fn plain(bytes: &[u8], at: usize) -> Option<Quoted> {
    let (b'"', mut rest) = bytes.get(at..)?.split_first()? else { return None };
    let mut hash = 0;
    loop {
        let (word, more) = match rest.split_first_chunk() {
            Some((word, more)) => (usize::from_le_bytes(*word), more),
            None => (last_word(bytes, rest.len())?, [].as_slice()),
        };
        let stops = stops(word);
        if stops == 0 {
            hash = mix(hash, word);
            rest = more;
            continue;
        }
        let before_stop = (stops & stops.wrapping_neg()).wrapping_sub(1);
        let hash = mix(hash, word & before_stop);
        let plain = stops.trailing_zeros() as usize / 8;
        let end = bytes.len().wrapping_sub(rest.len()).wrapping_add(plain);
        let quoted = Quoted { start: at.wrapping_add(1), end, escaped: false, hash: Some(hash) };
        return (rest.get(plain) == Some(&b'"')).then_some(quoted);
    }
}

/// A string with escapes, or none by the grammar. The bytes from `start` on are looked at one by one.
#[cold]
fn other(bytes: &[u8], start: usize) -> Result<Quoted, JsonError> {
    let mut end = start;
    let mut escaped = false;
    loop {
        match bytes.get(end) {
            Some(b'"') => return Ok(Quoted { start, end, escaped, hash: None }),
            Some(b'\\') => {
                escaped = true;
                end = end.saturating_add(escape(bytes, end)?.1);
            }
            Some(..b' ') => return Err(JsonError { fault: Fault::Control, at: end }),
            Some(_) => end = end.saturating_add(1),
            None => return Err(JsonError { fault: Fault::End, at: end }),
        }
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

/// The character that the escape at `at` stands for, and the escape's length.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), JsonError> {
    let refused = JsonError { fault: Fault::Escape, at };
    let simple = match bytes.get(at.saturating_add(1)) {
        Some(b @ (b'"' | b'\\' | b'/')) => char::from(*b),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let first = unit(bytes, at)?;
            let alone = char::decode_utf16([first]).next().and_then(Result::ok);
            if let Some(c) = alone {
                return Ok((c, 6));
            }
            // Half of a surrogate pair: the other half must follow.
            let second =
                unit(bytes, at.saturating_add(6)).map_err(|e| if e.fault == Fault::End { e } else { refused })?;
            let pair = char::decode_utf16([first, second]).next().and_then(Result::ok);
            return pair.map(|c| (c, 12)).ok_or(refused);
        }
        Some(_) => return Err(refused),
        None => return Err(JsonError { fault: Fault::End, at: bytes.len() }),
    };
    Ok((simple, 2))
}

/// The UTF-16 code unit that `\uXXXX` at `at` stands for.
fn unit(bytes: &[u8], at: usize) -> Result<u16, JsonError> {
    let digits = bytes.get(at..).unwrap_or_default();
    let mut unit = 0u16;
    for i in 0..6 {
        let Some(b) = digits.get(i) else { return Err(JsonError { fault: Fault::End, at: bytes.len() }) };
        let value = match (i, b) {
            (0, b'\\') | (1, b'u') => 0,
            (2.., b'0'..=b'9') => b.wrapping_sub(b'0'),
            (2.., b'a'..=b'f') => b.wrapping_sub(b'a').wrapping_add(10),
            (2.., b'A'..=b'F') => b.wrapping_sub(b'A').wrapping_add(10),
            _ => return Err(JsonError { fault: Fault::Escape, at }),
        };
        unit = unit << 4 | u16::from(value);
    }
    Ok(unit)
}

fn expect(bytes: &[u8], at: usize, is: impl Fn(u8) -> bool) -> Result<(), JsonError> {
    match bytes.get(at) {
        Some(b) if is(*b) => Ok(()),
        Some(_) => Err(JsonError { fault: Fault::Syntax, at }),
        None => Err(JsonError { fault: Fault::End, at }),
    }
}

/// The characters that a checked string stands for.
#[derive(Clone)]
pub(super) struct Unescaped<'t>(pub(super) &'t str);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let (c, len) = match self.0.chars().next()? {
            '\\' => escape(self.0.as_bytes(), 0).ok()?,
            c => (c, c.len_utf8()),
        };
        self.0 = self.0.get(len..)?;
        Some(c)
    }
}

/// The names of one object, last to first, found by walking back from its closing brace over text that was checked.
/// So nothing is kept of an object while it is read.
#[derive(Clone)]
pub(super) struct Names<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Names<'t> {
    /// `close` is the offset of the object's closing brace.
    pub(super) const fn before(text: &'t str, close: usize) -> Self {
        Self { text, at: close }
    }

    fn back(&mut self) -> Option<u8> {
        self.at = self.at.checked_sub(1)?;
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps from the closing to the opening quote. A quote within a string has a backslash before it, and an opening
    /// quote never has: outside of strings there are none.
    fn over_string(&mut self) -> Option<&'t str> {
        let end = self.at;
        loop {
            if self.back()? == b'"' && self.clone().back() != Some(b'\\') {
                return self.text.get(self.at.saturating_add(1)..end);
            }
        }
    }
}

impl<'t> Iterator for Names<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
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
                b'}' | b']' => nested = nested.saturating_add(1),
                b'{' | b'[' => nested = nested.checked_sub(1)?,
                _ => {}
            }
        }
    }
}

/// The names that are held while the rest of the object is walked once; so an object of `m` names is walked `m / HELD`
/// times. They are what a check of uniqueness needs of the stack.
const HELD: usize = 8;

/// Whether two names of the object that closes at `close` are the same after unescaping.
pub(super) fn has_duplicate(text: &str, close: usize) -> bool {
    let same = |a: &str, b: &str| Unescaped(a).eq(Unescaped(b));
    let mut names = Names::before(text, close);
    loop {
        let mut held = [""; HELD];
        let mut count = 0usize;
        for slot in &mut held {
            let Some(name) = names.next() else { break };
            *slot = name;
            count = count.saturating_add(1);
        }
        let held = held.get(..count).unwrap_or_default();
        for (i, name) in held.iter().enumerate() {
            if held.iter().take(i).any(|later| same(name, later)) {
                return true;
            }
        }
        if count < HELD {
            return false;
        }
        if names.clone().any(|earlier| held.iter().any(|later| same(earlier, later))) {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    proptest! {
        #[test]
        fn a_string_ends_where_a_search_byte_by_byte_ends_it(text in "[a-z!#\\[\\]\u{1f} \"\u{7f}é€😀]{0,40}") {
            let text = format!("\"{text}");
            let stop = text.bytes().skip(1).position(|b| b == b'"' || b < b' ').map_or(text.len(), |at| at + 1);
            match string(text.as_bytes(), 0) {
                Ok(quoted) => prop_assert_eq!((quoted.end, text.as_bytes()[stop]), (stop, b'"')),
                Err(JsonError { fault: Fault::Control, at }) => prop_assert!(at == stop && text.as_bytes()[at] < b' '),
                Err(e) => prop_assert_eq!((e.fault, e.at, stop), (Fault::End, text.len(), text.len())),
            }
        }

        /// Else a name could stand twice in an object unseen.
        #[test]
        fn the_same_string_has_the_same_hash_wherever_it_stands(
            name in "[a-z_:/é]{0,20}", before in "[ a-z]{0,9}", after in "[ -~]{0,9}",
        ) {
            let alone = format!("\"{name}\"        ");
            let within = format!("{before}\"{name}\"{after}        ");
            let (alone, within) = (string(alone.as_bytes(), 0)?, string(within.as_bytes(), before.len())?);
            prop_assert!(alone.hash.is_some());
            prop_assert_eq!(alone.hash, within.hash);
        }
    }
}
