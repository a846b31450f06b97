//! The steps of a [`Reader`]. A fault is kept in the reader, which goes no further then: so a step answers with no more than
//! a register holds, and what calls it need not look for faults before the end. On small machines that is half of the code.

use super::{Fault, JsonError, Kind, Reader, State, scan};
use crate::text::LARGE;
use core::{cmp::Ordering, mem, str};

/// A checked string or name between its quotes, with its escapes.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a>(&'a str);

impl Written<'_> {
    /// Whether it stands for `text`, in which there is no backslash.
    pub(crate) fn is(self, text: &str) -> bool {
        // Mostly it is written so, and a comparison at once is there on large machines anyhow.
        LARGE && self.0 == text || scan::same(self.0.as_bytes(), text.as_bytes())
    }
}

impl<'a> Reader<'a> {
    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed)
    }

    /// The type of the value that is due.
    pub(super) fn due(&mut self) -> Option<Kind> {
        if !matches!(self.state, State::Value) {
            return self.out_of_turn();
        }
        match self.next_byte() {
            b'n' => Some(Kind::Null),
            b't' | b'f' => Some(Kind::Boolean),
            b'-' | b'0'..=b'9' => Some(Kind::Number),
            b'"' => Some(Kind::String),
            b'[' => Some(Kind::Array),
            b'{' => Some(Kind::Object),
            _ => self.unexpected(),
        }
    }

    /// Takes the next value, of the kind that is wanted if one is: a scalar whole, as it is written; of an array or object the
    /// beginning, which is entered.
    pub(crate) fn value(&mut self, wanted: Option<Kind>) -> Option<&'a str> {
        let kind = self.due()?;
        if wanted.is_some_and(|wanted| wanted != kind) {
            return self.fail(Fault::WrongType);
        }
        let start = self.at;
        match kind {
            Kind::Array | Kind::Object => return self.open(kind == Kind::Object),
            Kind::String => _ = self.quoted()?,
            Kind::Number => self.digits_and_more()?,
            Kind::Null | Kind::Boolean => self.literal()?,
        }
        self.state = State::After;
        self.text.get(start..self.at)
    }

    fn open(&mut self, object: bool) -> Option<&'a str> {
        let members = self.members.get_mut(usize::from(self.depth));
        let Some(members) = members.filter(|_| self.depth < self.limits.depth) else { return self.fail(Fault::Depth) };
        *members = 0;
        self.depth = self.depth.wrapping_add(1);
        self.objects = self.objects << 1 | u16::from(object);
        self.doubtful <<= 1;
        self.at = self.at.wrapping_add(1);
        self.state = State::First;
        Some("")
    }

    /// Whether the array has one more element; not at its end, which is passed then, or after a fault.
    pub(super) fn next_element(&mut self) -> bool {
        if self.depth == 0 || self.objects & 1 != 0 { self.out_of_turn::<()>().is_some() } else { self.more() }
    }

    /// Whether a comma or the beginning leads to one more name or element; otherwise the end was passed, or there is a fault.
    fn more(&mut self) -> bool {
        let first = matches!(self.state, State::First);
        if !first && !matches!(self.state, State::After) {
            return self.out_of_turn::<()>().is_some();
        }
        let byte = self.next_byte();
        if byte == if self.objects & 1 != 0 { b'}' } else { b']' } {
            self.depth = self.depth.wrapping_sub(1);
            self.objects >>= 1;
            self.doubtful >>= 1;
            self.pass(self.at.wrapping_add(1));
            return false;
        }
        if byte == 0 || !first && !self.takes(b',', b',') {
            return self.unexpected::<()>().is_some();
        }
        self.state = State::Value;
        true
    }

    /// The name of the next member as it is written; none at the end of the object, or after a fault.
    pub(crate) fn member(&mut self) -> Option<Written<'a>> {
        if self.objects & 1 == 0 {
            return self.out_of_turn();
        }
        let members = usize::from(self.depth).wrapping_sub(1);
        let doubtful = self.doubtful & 1 != 0;
        if !self.more() {
            let close = self.at.wrapping_sub(1);
            if doubtful && !self.has_failed() && scan::has_duplicate(self.text, close) {
                self.at = close;
                return self.fail(Fault::Duplicate);
            }
            return None;
        }
        if self.next_byte() != b'"' {
            return self.unexpected();
        }
        if let Some(members) = self.members.get_mut(members) {
            if *members >= self.limits.members {
                return self.fail(Fault::Members);
            }
            *members = members.wrapping_add(1);
        }
        let name = match scan::plain(self.text.as_bytes(), self.at) {
            Some(name) => {
                if !self.is_new(&name) {
                    self.doubtful |= 1;
                }
                self.at = name.end.wrapping_add(1);
                self.text.get(name.start..name.end)?
            }
            None => {
                self.doubtful |= 1;
                self.other_quoted()?
            }
        };
        self.next_byte();
        if !self.takes(b':', b':') {
            return self.unexpected();
        }
        Some(Written(name))
    }

    /// Whether it is sure that no name of the innermost object is the same.
    #[inline]
    pub(super) fn is_new(&mut self, name: &scan::Quoted) -> bool {
        self.seen.is_new(self.depth, name.hash)
    }

    /// A string, by words where there are words.
    pub(crate) fn any_text(&mut self) -> Option<&'a str> {
        match self.plain_string() {
            Some(text) => Some(text),
            None => self.text(),
        }
    }

    /// A string.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let quoted = self.value(Some(Kind::String))?;
        self.unescaped(Written(quoted.get(1..quoted.len().wrapping_sub(1))?))
    }

    /// A string or name that begins here, without its quotes.
    fn quoted(&mut self) -> Option<&'a str> {
        match scan::plain(self.text.as_bytes(), self.at) {
            Some(string) => {
                self.at = string.end.wrapping_add(1);
                self.text.get(string.start..string.end)
            }
            None => self.other_quoted(),
        }
    }

    /// A string or name that begins here, with escapes or without.
    #[cold]
    #[inline(never)]
    fn other_quoted(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        self.at = self.at.wrapping_add(1);
        let start = self.at;
        loop {
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    let backslash = self.at;
                    if scan::escape(bytes, &mut self.at).is_none() {
                        let ended = self.at > bytes.len();
                        self.at = if ended { bytes.len() } else { backslash };
                        return self.fail(if ended { Fault::End } else { Fault::Escape });
                    }
                }
                ..b' ' => return self.unexpected_or(Fault::Control),
                _ => self.at = self.at.wrapping_add(1),
            }
        }
        let end = self.at;
        self.at = end.wrapping_add(1);
        self.text.get(start..end)
    }

    /// What a string of the text stands for.
    pub(super) fn unescaped(&mut self, Written(raw): Written<'a>) -> Option<&'a str> {
        if !raw.bytes().any(|b| b == b'\\') {
            return Some(raw);
        }
        let scratch = mem::take(&mut self.scratch);
        let mut len = 0usize;
        let mut bytes = scan::Unescaped::new(raw.as_bytes());
        while let Some(byte) = bytes.next() {
            let Some(to) = scratch.get_mut(len) else {
                self.at = raw.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
                return self.fail(Fault::Scratch);
            };
            *to = byte;
            len = len.wrapping_add(1);
        }
        let (unescaped, rest) = scratch.split_at_mut_checked(len)?;
        self.scratch = rest;
        str::from_utf8(unescaped).ok()
    }

    /// A number: RFC 8259, section 6. A digit after a 0 is refused as what cannot follow a value.
    fn digits_and_more(&mut self) -> Option<()> {
        self.takes(b'-', b'-');
        if !self.takes(b'0', b'0') {
            self.digits()?;
        }
        if self.takes(b'.', b'.') {
            self.digits()?;
        }
        if self.takes(b'e', b'E') {
            self.takes(b'+', b'-');
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at = self.at.wrapping_add(1);
        }
        if self.at == start { self.unexpected() } else { Some(()) }
    }

    /// An integer as it is written.
    pub(super) fn integer(&mut self) -> Option<&'a str> {
        let number = self.value(Some(Kind::Number))?;
        if number.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            return self.refuse(number, Fault::NotInteger);
        }
        Some(number)
    }

    /// An integer from 0 on that fits 64 bits, as it is written.
    pub(crate) fn natural(&mut self) -> Option<&'a str> {
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
        self.at = self.at.wrapping_sub(number.len());
        self.fail(fault)
    }

    /// `null`, `true` or `false`, as its first byte says.
    pub(super) fn literal(&mut self) -> Option<()> {
        let word = match self.byte() {
            b't' => "true",
            b'f' => "false",
            _ => "null",
        };
        for expected in word.bytes() {
            if !self.takes(expected, expected) {
                return self.unexpected();
            }
        }
        Some(())
    }

    /// Passes over a value of any type.
    pub(crate) fn pass_over(&mut self) -> Option<()> {
        let depth = self.depth;
        loop {
            self.value(None)?;
            // The next value within the skipped one, if there is any.
            loop {
                if self.depth == depth {
                    return Some(());
                }
                let more = if self.objects & 1 != 0 { self.member().is_some() } else { self.more() };
                if more {
                    break;
                }
                if self.has_failed() {
                    return None;
                }
            }
        }
    }

    /// A value ends at `end`.
    pub(super) const fn pass(&mut self, end: usize) {
        self.at = end;
        self.state = State::After;
    }

    /// The byte that is next. At the end it is 0, which can stand nowhere either.
    pub(super) fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    /// The same after white space.
    pub(super) fn next_byte(&mut self) -> u8 {
        loop {
            match self.byte() {
                b' ' | b'\t' | b'\n' | b'\r' => self.at = self.at.wrapping_add(1),
                byte => return byte,
            }
        }
    }

    /// Whether the next byte is one of these, which is passed then.
    fn takes(&mut self, one: u8, other: u8) -> bool {
        let takes = self.byte() == one || self.byte() == other;
        self.at = self.at.wrapping_add(usize::from(takes));
        takes
    }

    /// The next byte, or the end, is not what can stand here.
    fn unexpected<T>(&mut self) -> Option<T> {
        self.unexpected_or(Fault::Syntax)
    }

    fn unexpected_or<T>(&mut self, fault: Fault) -> Option<T> {
        self.fail(if self.at < self.text.len() { fault } else { Fault::End })
    }

    pub(crate) fn ended(&mut self) -> Option<()> {
        match self.state {
            State::After if self.depth == 0 => {
                self.next_byte();
                if self.at < self.text.len() { self.fail(Fault::Trailing) } else { Some(()) }
            }
            _ => self.out_of_turn(),
        }
    }

    /// The fault for which there was an end before the end.
    pub(crate) const fn fault(&self) -> JsonError {
        JsonError { fault: self.out_of_turn, at: self.at }
    }

    pub(super) const fn out_of_turn<T>(&mut self) -> Option<T> {
        self.fail(self.out_of_turn)
    }

    /// There is a fault here: every further step ends with it.
    pub(super) const fn fail<T>(&mut self, fault: Fault) -> Option<T> {
        self.state = State::Failed;
        self.out_of_turn = fault;
        None
    }
}
