//! The steps of a [`Reader`]: pieces, the uniqueness of names, and what is taken of them.

use super::{
    Fault, JsonError, Kind, Limits, Reader,
    cursor::{Cursor, NONE, Piece, State},
    scan,
};
use crate::text::{LARGE, ascii};
use core::{cmp::Ordering, mem, str};

/// Names of members that mean something, known beforehand.
pub(crate) struct Known {
    pub(crate) names: &'static [&'static str],
    /// The same, each between quotes: in firmware this takes less than so many slices.
    pub(crate) quoted: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.cursor.state, State::Failed)
    }

    /// Passes the next piece.
    fn next(&mut self) -> Option<Piece> {
        let piece = self.cursor.step()?;
        let cursor = &mut self.cursor;
        let Some(names) = self.names.first_mut() else {
            if piece == Piece::Name {
                cursor.look_ahead()?;
            }
            return Some(piece);
        };
        let fault = match piece {
            Piece::Open => {
                names.open();
                None
            }
            Piece::Close => {
                let duplicate = names.close() && scan::has_duplicate(cursor.bytes, cursor.start);
                duplicate.then_some(Fault::Duplicate)
            }
            Piece::Name => {
                let hash = scan::plain(cursor.bytes, cursor.start).map(|name| name.hash);
                (!names.add(cursor.limits.members, hash)).then_some(Fault::Members)
            }
            Piece::String | Piece::Number | Piece::Literal => None,
        };
        if let Some(fault) = fault {
            cursor.at = cursor.start;
            return cursor.fail(fault);
        }
        Some(piece)
    }

    /// Passes the next piece, if it is of this kind.
    fn take(&mut self, wanted: Piece) -> Option<()> {
        if self.next()? == wanted {
            return Some(());
        }
        self.cursor.at = self.cursor.start;
        self.cursor.fail(Fault::WrongType)
    }

    /// The type of the value that is due.
    pub(super) fn due(&mut self) -> Option<Kind> {
        let cursor = &mut self.cursor;
        if cursor.state == State::Colon {
            cursor.next_byte();
            if !cursor.takes(b':', b':') {
                return cursor.unexpected();
            }
            cursor.state = State::Value;
        }
        if cursor.state != State::Value {
            return cursor.out_of_turn();
        }
        let kind = kind(cursor.next_byte());
        if kind.is_none() { cursor.unexpected() } else { kind }
    }

    /// Passes the scalar that is due, or enters the array or object, if it is of this kind.
    pub(super) fn pass(&mut self, wanted: Kind) -> Option<()> {
        if !matches!(self.cursor.state, State::Value | State::Colon) {
            return self.cursor.out_of_turn();
        }
        self.next()?;
        let first = self.cursor.bytes.get(self.cursor.start)?;
        if kind(*first) == Some(wanted) {
            return Some(());
        }
        self.cursor.at = self.cursor.start;
        self.cursor.fail(Fault::WrongType)
    }

    /// Takes the scalar that is due, as it is written, if it is of this kind.
    pub(super) fn value(&mut self, wanted: Kind) -> Option<&'a str> {
        self.pass(wanted)?;
        self.text(self.cursor.start, self.cursor.at)
    }

    /// Enters an array or object.
    pub(crate) fn enter(&mut self) {
        self.take(Piece::Open);
    }

    /// Whether the array has one more element; not at its end, which is passed then, or after a fault.
    pub(super) fn next_element(&mut self) -> bool {
        let cursor = &mut self.cursor;
        let first = cursor.state == State::First;
        if cursor.is_root() || cursor.in_object() || !first && cursor.state != State::After {
            return cursor.out_of_turn::<()>().is_some();
        }
        let byte = cursor.next_byte();
        if byte == b']' {
            self.next();
            return false;
        }
        if byte == 0 || !first && !cursor.takes(b',', b',') {
            return cursor.unexpected::<()>().is_some();
        }
        cursor.state = State::Value;
        true
    }

    /// Which of the names that are known the next member has, in their order; of others as many as there are. None at the end
    /// of the object, or after a fault.
    #[inline]
    pub(crate) fn known_member(&mut self, known: &Known) -> Option<usize> {
        if let Some(plain) = self.plain_name() {
            let place = known.names.iter().position(|name| name.as_bytes() == plain);
            return Some(place.unwrap_or(known.names.len()));
        }
        self.other_known_member(known)
    }

    #[inline(never)]
    fn other_known_member(&mut self, known: &Known) -> Option<usize> {
        // What is neither a name nor an object's end stands in an array, which is open still when the end is due.
        if self.next()? != Piece::Name {
            return None;
        }
        let mut name = Cursor::new(known.quoted.as_bytes(), Limits::DEFAULT);
        let mut place = 0usize;
        while name.string().is_some() && !name.is_like(&mut self.cursor) {
            place = place.wrapping_add(1);
        }
        Some(place)
    }

    /// Whether there is a name, which is passed.
    pub(super) fn passes_name(&mut self) -> bool {
        // The end of an array is not that of an object.
        if !self.cursor.in_object() {
            return self.cursor.out_of_turn::<()>().is_some();
        }
        match self.next() {
            Some(Piece::Name) => true,
            None | Some(Piece::Close) => false,
            _ => self.cursor.out_of_turn::<()>().is_some(),
        }
    }

    /// The number that is due, as it is written, or the string. Where that is not ASCII, there may be another text instead that
    /// OAuth does not take either.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) fn ascii_value(&mut self, is_number: bool) -> Option<&'a str> {
        if LARGE && !is_number {
            return match self.plain_string() {
                Some(text) => Some(text),
                None => self.string_text(),
            };
        }
        self.take(if is_number { Piece::Number } else { Piece::String })?;
        let quote = usize::from(!is_number);
        let (start, end) = (self.cursor.start.wrapping_add(quote), self.cursor.at.wrapping_sub(quote));
        let mut text = self.cursor.bytes.get(start..end)?;
        if !text.iter().all(|byte| *byte != b'\\') {
            let scratch = mem::take(&mut self.scratch);
            let mut len = 0usize;
            // To the closing quote, where it stood.
            self.cursor.go_back();
            loop {
                let character = self.cursor.character();
                if character == NONE {
                    break;
                }
                let Some(to) = scratch.get_mut(len) else { return self.cursor.fail(Fault::Scratch) };
                // What is too large is not ASCII either.
                *to = u8::try_from(character).unwrap_or(u8::MAX);
                len = len.wrapping_add(1);
            }
            let (unescaped, rest) = scratch.split_at_mut_checked(len)?;
            self.scratch = rest;
            text = unescaped;
        }
        Some(ascii(text))
    }

    /// A string.
    pub(super) fn string_text(&mut self) -> Option<&'a str> {
        self.pass(Kind::String)?;
        self.unescaped(self.cursor.quoted())
    }

    /// What a string of the text stands for.
    pub(super) fn unescaped(&mut self, raw: &'a [u8]) -> Option<&'a str> {
        if raw.iter().all(|byte| *byte != b'\\') {
            let start = self.offset(raw);
            return self.text(start, start.wrapping_add(raw.len()));
        }
        let scratch = mem::take(&mut self.scratch);
        let mut len = 0usize;
        let mut characters = Cursor::new(raw, self.cursor.limits);
        while let Some(character) = char::from_u32(characters.character()) {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let Some(to) = scratch.get_mut(len) else {
                    self.cursor.at = self.offset(raw);
                    return self.cursor.fail(Fault::Scratch);
                };
                *to = byte;
                len = len.wrapping_add(1);
            }
        }
        let (unescaped, rest) = scratch.split_at_mut_checked(len)?;
        self.scratch = rest;
        str::from_utf8(unescaped).ok()
    }

    /// Where a part of the text begins.
    fn offset(&self, raw: &[u8]) -> usize {
        raw.as_ptr().addr().wrapping_sub(self.cursor.bytes.as_ptr().addr())
    }

    /// A part of the text.
    pub(super) fn text(&self, start: usize, end: usize) -> Option<&'a str> {
        match self.text.first() {
            Some(text) => text.get(start..end),
            None => str::from_utf8(self.cursor.bytes.get(start..end)?).ok(),
        }
    }

    /// A number as it is written.
    pub(super) fn any_number(&mut self) -> Option<&'a str> {
        self.value(Kind::Number)
    }

    /// An integer as it is written.
    pub(super) fn integer(&mut self) -> Option<&'a str> {
        let number = self.any_number()?;
        if number.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            return self.refuse(number, Fault::NotInteger);
        }
        Some(number)
    }

    /// An integer from 0 on that fits 64 bits, as it is written.
    pub(super) fn natural(&mut self) -> Option<&'a str> {
        const MOST: &str = "18446744073709551615";
        let number = self.integer()?;
        // It has no zeros before it.
        let fits = match number.len().cmp(&MOST.len()) {
            Ordering::Less => true,
            Ordering::Equal => number.bytes().le(MOST.bytes()),
            Ordering::Greater => false,
        };
        if fits && number.as_bytes().first() != Some(&b'-') {
            Some(number)
        } else {
            self.refuse(number, Fault::OutOfRange)
        }
    }

    /// The number that was just read will not do.
    pub(super) fn refuse<T>(&mut self, number: &str, fault: Fault) -> Option<T> {
        self.cursor.at = self.cursor.at.wrapping_sub(number.len());
        self.cursor.fail(fault)
    }

    /// Passes over a value of any type, whose turn it is.
    pub(crate) fn pass_over(&mut self) -> Option<()> {
        let outside = self.cursor.open;
        loop {
            self.next()?;
            if self.cursor.open <= outside {
                return Some(());
            }
        }
    }

    pub(crate) fn ended(&mut self) -> Option<()> {
        let cursor = &mut self.cursor;
        if cursor.state != State::After || !cursor.is_root() {
            return cursor.out_of_turn();
        }
        cursor.next_byte();
        if cursor.at < cursor.bytes.len() { cursor.fail(Fault::Trailing) } else { Some(()) }
    }

    /// The fault for which there was an end before the end.
    pub(crate) const fn fault(&self) -> JsonError {
        JsonError { fault: self.cursor.fault, at: self.cursor.at }
    }
}

/// The type of the value that begins so.
const fn kind(first: u8) -> Option<Kind> {
    Some(match first {
        b'n' => Kind::Null,
        b't' | b'f' => Kind::Boolean,
        b'-' | b'0'..=b'9' => Kind::Number,
        b'"' => Kind::String,
        b'[' => Kind::Array,
        b'{' => Kind::Object,
        _ => return None,
    })
}
