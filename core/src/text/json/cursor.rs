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

/// What is due. The values are such that a bit tells several of them apart: firmware takes less so.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    Value = 0,
    /// Nothing any more, as there was a fault.
    Failed = 2,
    /// The first name or element of what was just opened, or its end.
    First = WITHIN,
    /// What follows a value: the next name or element behind this byte, or the end of what it stands in.
    After = b',',
    /// What stands between a name and its value: this byte.
    Colon = b':',
}

/// The bit of [`State::First`] and [`State::After`], where what was opened may end: a comma has it, and a colon has not.
const WITHIN: u8 = 4;
/// The bit of [`State::After`] and [`State::Colon`], where a byte stands before what is due: that of the state.
const PUNCTUATION: u8 = 0x20;

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
        let state = self.state as u8;
        let within = state & WITHIN != 0;
        if within && self.is_root() || self.state == State::Failed {
            return self.out_of_turn();
        }
        let mut byte = self.next_byte();
        let name_is_due = within && self.in_object();
        // A brace is a bracket with one more bit.
        if within && byte == b']' | u8::from(name_is_due) << 5 {
            self.open >>= 1;
            return self.pass_byte(State::After, Piece::Close);
        }
        if state & PUNCTUATION != 0 {
            if byte != state {
                return self.unexpected();
            }
            self.at = self.at.wrapping_add(1);
            byte = self.next_byte();
        }
        self.start = self.at;
        if byte == b'"' {
            self.string()?;
            self.state = if name_is_due { State::Colon } else { State::After };
            return Some(if name_is_due { Piece::Name } else { Piece::String });
        }
        if name_is_due {
            return self.unexpected();
        }
        let piece = match byte {
            b'{' | b'[' => {
                if self.open >> 1 >> self.limits.depth != 0 {
                    return self.fail(Fault::Depth);
                }
                self.open = self.open << 1 | u32::from(byte >> 5 & 1);
                return self.pass_byte(State::First, Piece::Open);
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
        self.state = State::After;
        Some(piece)
    }

    /// A bracket or brace was passed.
    const fn pass_byte(&mut self, state: State, piece: Piece) -> Option<Piece> {
        self.start = self.at;
        self.at = self.at.wrapping_add(1);
        self.state = state;
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
        // The one is pushed out of sixteen bits by the last digit.
        let mut unit = 1u32;
        while unit >> 16 == 0 {
            let mut digit = u32::from(self.take()).wrapping_sub(b'0'.into());
            if digit > 9 {
                // Letters, as if they followed the digits.
                digit = (digit | 0x20).wrapping_sub((b'a' - b'0' - 10).into());
                if digit.wrapping_sub(10) > 5 {
                    return NONE;
                }
            }
            unit = unit << 4 | digit;
        }
        unit & 0xffff
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
            let byte = self.byte();
            // Tab, line feed and carriage return as a set of bits.
            if byte != b' ' && (byte > b' ' || 0x2600u32 >> byte & 1 == 0) {
                return byte;
            }
            self.at = self.at.wrapping_add(1);
        }
    }

    /// Whether the next byte is one of these, which is passed then.
    pub(super) fn takes(&mut self, one: u8, other: u8) -> bool {
        match self.bytes.get(self.at) {
            Some(byte) if *byte == one || *byte == other => {
                self.at = self.at.wrapping_add(1);
                true
            }
            _ => false,
        }
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
            if self.is_like(&mut ahead) {
                return self.fail(Fault::Duplicate);
            }
        }
    }

    /// The next byte, or the end, is not what can stand here.
    pub(super) fn unexpected<T>(&mut self) -> Option<T> {
        self.stray();
        None
    }

    /// The same without a type, so that firmware has it once.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    const fn stray(&mut self) {
        self.fail::<()>(if self.at < self.bytes.len() { Fault::Syntax } else { Fault::End });
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

    /// Whether two strings that were passed last stand for the same text. Both stay where they are.
    pub(super) fn is_like(&mut self, other: &mut Self) -> bool {
        let behind = (self.at, other.at);
        self.go_back();
        other.go_back();
        let like = loop {
            let character = self.character();
            if character != other.character() {
                break false;
            }
            if character == NONE {
                break true;
            }
        };
        (self.at, other.at) = behind;
        like
    }

    /// Back before the first character of the string that was passed last.
    pub(super) const fn go_back(&mut self) {
        self.at = self.start.wrapping_add(1);
    }
}
