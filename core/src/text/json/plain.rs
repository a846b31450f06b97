//! The forms in which JSON mostly comes, each taken in one pass: names and strings without escapes, integers, and no white
//! space between. Anything else is left where it is, for those ways in [`super`] that also say what is wrong with it.

use super::{Reader, cursor::State, scan};

impl<'a> Reader<'a> {
    /// `"name":`, and the comma before it.
    #[inline(always)]
    pub(super) fn plain_name(&mut self) -> Option<&'a [u8]> {
        let seen = self.names.first_mut()?;
        let cursor = &mut self.cursor;
        if !cursor.in_object() {
            return None;
        }
        let bytes = cursor.bytes;
        let quote = match cursor.state {
            State::First => cursor.at,
            State::After if bytes.get(cursor.at) == Some(&b',') => cursor.at.wrapping_add(1),
            _ => return None,
        };
        let name = scan::plain(bytes, quote)?;
        if bytes.get(name.end.wrapping_add(1)) != Some(&b':') {
            return None;
        }
        let text = bytes.get(name.start..name.end)?;
        if !seen.add(cursor.limits.members, Some(name.hash)) {
            return None;
        }
        cursor.at = name.end.wrapping_add(2);
        cursor.state = State::Value;
        Some(text)
    }

    /// A string, which may be empty.
    #[inline(never)]
    pub(super) fn plain_string(&mut self) -> Option<&'a str> {
        let text = self.text.first()?;
        let cursor = &mut self.cursor;
        if cursor.state != State::Value {
            return None;
        }
        let string = scan::plain_value(cursor.bytes, cursor.at)?;
        let text = text.get(string.start..string.end)?;
        cursor.at = string.end.wrapping_add(1);
        cursor.state = State::After;
        Some(text)
    }

    /// An integer above 0, of so many digits that it fits for sure.
    #[inline(never)]
    pub(crate) fn plain_integer(&mut self) -> Option<u64> {
        let cursor = &mut self.cursor;
        let rest = cursor.bytes.get(cursor.at..)?;
        if !matches!((cursor.state, rest.first()?), (State::Value, b'1'..=b'9')) {
            return None;
        }
        let (mut value, mut len) = (0u64, 0usize);
        let after = loop {
            let byte = *rest.get(len)?;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break byte;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            len = len.wrapping_add(1);
        };
        // A fraction, an exponent, a digit too many: it is another number.
        if len > 19 || !matches!(after, b',' | b'}' | b']') {
            return None;
        }
        cursor.at = cursor.at.wrapping_add(len);
        cursor.state = State::After;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{JsonError, Limits};
    use super::Reader;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;
    use std::{format, vec};

    fn members(text: &str, plain: bool) -> Result<Vec<(Vec<u8>, String)>, JsonError> {
        let mut scratch = vec![0; text.len()];
        let mut r = Reader::new(text.as_bytes(), Limits { members: 3, ..Limits::DEFAULT }, &mut scratch);
        let mut members = Vec::new();
        r.object()?;
        while let Some(name) = if plain { r.name_bytes()? } else { r.name()?.map(str::as_bytes) } {
            let value = if plain { r.string()? } else { r.other_string()? };
            members.push((Vec::from(name), String::from(value)));
        }
        r.end()?;
        Ok(members)
    }

    proptest! {
        #[test]
        fn an_object_is_the_same_by_both_ways(
            text in r#"\{("[abé]{0,9}(\\n|\\u0061)?" ?: ?"[a-cé]{0,12}(\\t|\\x)?" ?,? ?){0,4}\}?"#,
        ) {
            prop_assert_eq!(members(&text, true), members(&text, false));
        }

        #[test]
        fn a_number_is_the_same_by_both_ways(number in r"-?[0-9]{1,21}(\.5|e1)?", after in "[\\], x]?") {
            let text = format!("[{number}{after}");
            let mut readers = [(); 2].map(|()| Reader::new(text.as_bytes(), Limits::DEFAULT, &mut []));
            for r in &mut readers {
                prop_assert_eq!((r.array(), r.element()), (Ok(()), Ok(true)));
            }
            let [plain, other] = &mut readers;
            let value = plain.plain_integer().map_or_else(|| plain.u64(), Ok);
            prop_assert_eq!((value, plain.element()), (other.u64(), other.element()));
        }
    }
}
