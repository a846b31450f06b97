//! The grammar of RFC 8259, piece by piece, as one function of the bytes and a position: small machines link it once.

use super::{Fault, Limits};
use crate::text::LARGE;

/// What was passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// The beginning of an array or object.
    Open,
    /// Its end.
    Close,
    /// The name of a member.
    Name,
    String,
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Value,
    /// What stands between a name and its value.
    Colon,
    /// The first name or element of what was just opened, or its end.
    First,
    /// What follows a value: the next name or element, or the end of what it stands in.
    After,
    /// Nothing any more, as there was a fault.
    Failed,
}

/// A place in a document. A fault is kept here, and nothing goes further then: so a step answers with no more than a register
/// holds, and what calls it need not look for faults before the end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    /// Where what was passed last begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) at: usize,
    /// [`ROOT`], and behind it a bit for each open array (0) or object (1), the innermost lowest.
    pub(super) open: u32,
    pub(super) limits: Limits,
    pub(super) state: State,
    /// What a call out of turn is answered with. After a fault all are, and with that.
    pub(super) fault: Fault,
}

/// Nothing is open.
const ROOT: u32 = 0b10;

/// No character.
pub(super) const NONE: u32 = u32::MAX;

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self { bytes, start: 0, at: 0, open: ROOT, limits, state: State::Value, fault: Fault::OutOfTurn }
    }

    pub(super) const fn is_root(&self) -> bool {
        self.open == ROOT
    }

    pub(super) const fn in_object(&self) -> bool {
        self.open & 1 != 0
    }

    /// Passes the next piece.
    pub(super) fn step(&mut self) -> Option<Piece> {
        match self.state {
            State::Value => {}
            State::Colon => {
                self.next_byte();
                if !self.takes(b':', b':') {
                    return self.unexpected();
                }
            }
            State::First | State::After if !self.is_root() => {
                let object = self.in_object();
                if self.next_byte() == if object { b'}' } else { b']' } {
                    self.open >>= 1;
                    return self.pass(self.at, self.at.wrapping_add(1), Piece::Close);
                }
                if self.state == State::After && !self.takes(b',', b',') {
                    return self.unexpected();
                }
                if object {
                    if self.next_byte() != b'"' {
                        return self.unexpected();
                    }
                    self.string()?;
                    self.state = State::Colon;
                    return Some(Piece::Name);
                }
            }
            _ => return self.out_of_turn(),
        }
        let byte = self.next_byte();
        let start = self.at;
        let piece = match byte {
            b'"' => {
                self.string()?;
                Piece::String
            }
            b'{' | b'[' => {
                if self.open >> 1 >> self.limits.depth != 0 {
                    return self.fail(Fault::Depth);
                }
                self.open = self.open << 1 | u32::from(byte == b'{');
                self.start = start;
                self.at = start.wrapping_add(1);
                self.state = State::First;
                return Some(Piece::Open);
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Piece::Number
            }
            _ => {
                self.literal(byte)?;
                Piece::Literal
            }
        };
        self.pass(start, self.at, piece)
    }

    /// What lies between was passed, and was a value or the end of one.
    pub(super) const fn pass(&mut self, start: usize, end: usize, piece: Piece) -> Option<Piece> {
        self.start = start;
        self.at = end;
        self.state = State::After;
        Some(piece)
    }

    /// What was passed last, if it was a string or name, without its quotes.
    pub(super) fn quoted(&self) -> &'a [u8] {
        self.bytes.get(self.start.wrapping_add(1)..self.at.wrapping_sub(1)).unwrap_or_default()
    }

    /// A string or name that begins here.
    pub(super) fn string(&mut self) -> Option<()> {
        self.start = self.at;
        if LARGE && let Some(string) = super::scan::plain_value(self.bytes, self.at) {
            self.at = string.end.wrapping_add(1);
            return Some(());
        }
        self.at = self.at.wrapping_add(1);
        while self.character() != NONE {}
        if self.state == State::Failed { None } else { Some(()) }
    }

    /// Passes a character of a string, and says which it stands for; [`NONE`] behind the closing quote, or after a fault.
    pub(super) fn character(&mut self) -> u32 {
        let start = self.at;
        let byte = self.take();
        let (code, fault) = match byte {
            b'"' => return NONE,
            b'\\' => (self.escaped(), Fault::Escape),
            ..b' ' => (NONE, Fault::Control),
            b' '..0x80 => return byte.into(),
            _ => (self.beyond_ascii(byte), Fault::Utf8),
        };
        // Half of a surrogate pair is no character.
        if code < 0x11_0000 && code >> 11 != 0x1b {
            return code;
        }
        let ended = self.at > self.bytes.len();
        self.at = if ended { self.bytes.len() } else { start };
        _ = self.fail::<()>(if ended { Fault::End } else { fault });
        NONE
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> u32 {
        const LETTERS: [[u8; 2]; 8] = [*b"\"\"", *b"\\\\", *b"//", *b"b\x08", *b"f\x0c", *b"n\n", *b"r\r", *b"t\t"];
        let letter = self.take();
        if letter != b'u' {
            return LETTERS.iter().find(|pair| pair[0] == letter).map_or(NONE, |pair| pair[1].into());
        }
        let high = self.four_digits();
        if high >> 10 != 0x36 {
            return high;
        }
        // The first half of a pair: the other one must follow.
        if self.take() == b'\\' && self.take() == b'u' {
            let low = self.four_digits();
            if low >> 10 == 0x37 {
                return ((high & 0x3ff) << 10 | low & 0x3ff).wrapping_add(0x1_0000);
            }
        }
        NONE
    }

    fn four_digits(&mut self) -> u32 {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = match self.take() {
                digit @ b'0'..=b'9' => digit.wrapping_sub(b'0'),
                letter => (letter | 0x20).wrapping_sub(b'a').saturating_add(10),
            };
            if digit > 15 {
                return NONE;
            }
            unit = unit << 4 | u32::from(digit);
        }
        unit
    }

    /// A character of several bytes, of which `lead` is the first: in its shortest form alone.
    fn beyond_ascii(&mut self, lead: u8) -> u32 {
        if !matches!(lead, 0xc2..=0xf4) {
            return NONE;
        }
        let length = lead.leading_ones();
        let mut code = u32::from(lead) & 0x7f >> length;
        for _ in 1..length {
            let more = self.take();
            if more >> 6 != 2 {
                return NONE;
            }
            code = code << 6 | u32::from(more & 0x3f);
        }
        // With one byte less there would be room for so many bits.
        if code >> length.wrapping_mul(5).wrapping_sub(4) == 0 { NONE } else { code }
    }

    /// The byte that is next, which is passed; 0 at the end.
    fn take(&mut self) -> u8 {
        let byte = self.byte();
        self.at = self.at.wrapping_add(1);
        byte
    }

    /// A number: section 6. A digit after a 0 is refused as what cannot follow a value.
    fn number(&mut self) -> Option<()> {
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

    /// `null`, `true` or `false`, as its first byte says.
    fn literal(&mut self, first: u8) -> Option<()> {
        let word = match first {
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

    /// The byte that is next. At the end it is 0, which can stand nowhere either.
    pub(super) fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
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
    pub(super) fn takes(&mut self, one: u8, other: u8) -> bool {
        let takes = self.byte() == one || self.byte() == other;
        self.at = self.at.wrapping_add(usize::from(takes));
        takes
    }

    /// Looks at the members that follow the name that was just passed, in its object: refuses another one of that name, and
    /// more than there may be. So nothing is kept of the names that were read.
    pub(super) fn look_ahead(&mut self) -> Option<()> {
        let mut ahead = *self;
        let mut members = 0;
        loop {
            if members >= self.limits.members {
                return self.fail(Fault::Members);
            }
            members = members.wrapping_add(1);
            loop {
                let piece = ahead.step();
                // What is wrong there is told when it is reached.
                if piece.is_none() || ahead.open < self.open {
                    return Some(());
                }
                if piece == Some(Piece::Name) && ahead.open == self.open {
                    break;
                }
            }
            if self.is_like(&ahead) {
                return self.fail(Fault::Duplicate);
            }
        }
    }

    /// The next byte, or the end, is not what can stand here.
    pub(super) fn unexpected<T>(&mut self) -> Option<T> {
        self.fail(if self.at < self.bytes.len() { Fault::Syntax } else { Fault::End })
    }

    pub(super) const fn out_of_turn<T>(&mut self) -> Option<T> {
        self.fail(self.fault)
    }

    /// There is a fault here: every further step ends with it.
    pub(super) const fn fail<T>(&mut self, fault: Fault) -> Option<T> {
        self.state = State::Failed;
        self.fault = fault;
        None
    }

    /// Whether two strings that were passed last stand for the same text.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let mut characters = self.characters();
        let mut others = other.characters();
        loop {
            let character = characters.character();
            if character != others.character() {
                return false;
            }
            if character == NONE {
                return true;
            }
        }
    }

    /// Before the first character of the string that was passed last.
    pub(super) const fn characters(&self) -> Self {
        let mut characters = *self;
        characters.at = characters.start.wrapping_add(1);
        characters
    }
}
