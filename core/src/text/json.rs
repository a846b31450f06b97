//! JSON, read strictly from borrowed bytes without a heap, and written into a lent slice.
//!
//! [`Reader`] holds to [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) and refuses what it leaves open: a byte order
//! mark, a name that occurs twice in one object (compared after unescaping, in every object, in skipped ones too), and
//! half a surrogate pair. It does not recurse, and the depth and the members of an object are limited. An integer is
//! read as an integer: `1.0` is none. A value of another type than the one asked for is an error, never an absent one.
//!
//! The time is linear in the text's length: a byte is looked at once when it is read, or twice in a string with escapes.
//! Where two names of an object may be the same, or one has escapes, its bytes are looked at again at its end, once for
//! every eight of its members. The reader itself takes at most 96 bytes.
//!
//! ```
//! use valetkey::text::json::{JsonError, Limits, Reader};
//!
//! fn read<'a>(body: &'a [u8], scratch: &'a mut [u8]) -> Result<(Option<&'a str>, Option<u64>), JsonError> {
//!     let (mut access_token, mut expires_in) = (None, None);
//!     let mut r = Reader::new(body, Limits::DEFAULT, scratch);
//!     r.object()?;
//!     while let Some(name) = r.name()? {
//!         match name {
//!             "access_token" => access_token = Some(r.string()?),
//!             "expires_in" => expires_in = Some(r.u64()?),
//!             _ => r.skip()?,
//!         }
//!     }
//!     r.end()?; // nothing that was read counts before this
//!     Ok((access_token, expires_in))
//! }
//!
//! let body = br#"{"access_token":"2Y\/o", "expires_in":3600, "more":[{"x":null}]}"#;
//! assert_eq!(read(body, &mut [0; 64]), Ok((Some("2Y/o"), Some(3600))));
//! ```

#[cfg(feature = "serde")]
mod de;
mod fault;
mod plain;
mod scan;
mod seen;
mod write;

#[cfg(feature = "serde")]
pub use de::{DeserializeError, from_slice};
pub use fault::{Fault, JsonError};
pub use write::{Object, string};

use core::{fmt, mem, str};

/// How much of a document is read before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep arrays and objects may be nested; at most [`Limits::MAX_DEPTH`], whatever is said here.
    pub depth: u8,
    /// Members of one object.
    pub members: u8,
}

impl Limits {
    /// Nothing is nested deeper than this.
    pub const MAX_DEPTH: u8 = 16;
    /// Depth 16, 32 members an object.
    pub const DEFAULT: Self = Self { depth: Self::MAX_DEPTH, members: 32 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number, integer or not.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// What is due.
#[derive(Clone, Copy)]
enum State {
    Value,
    /// The first name or element of what was just opened, or its end.
    First,
    /// What follows a value: the next name or element, or the end of what it stands in.
    After,
    /// Nothing any more, as there was a fault.
    Failed,
}

/// A pull reader: each call takes the next piece of the document, in the order in which it stands there.
///
/// After an error every further call fails with the same error, so that a document which was refused in part cannot be
/// accepted at its [end](Self::end). Look at a value with [`peek`](Self::peek) where several types are allowed.
pub struct Reader<'a> {
    text: &'a str,
    scratch: &'a mut [u8],
    at: usize,
    limits: Limits,
    state: State,
    /// What a call out of turn is answered with. After a fault all are, and with that.
    out_of_turn: Fault,
    depth: u8,
    /// One bit for each open array (0) or object (1), the innermost lowest.
    objects: u16,
    /// One bit for each of them, the innermost lowest: whether it is an object of which two names may be the same.
    doubtful: u16,
    seen: seen::Seen,
    /// The members read so far of each open object, the outermost first.
    members: [u8; Limits::MAX_DEPTH as usize],
}

impl fmt::Debug for Reader<'_> {
    /// Shows nothing of the text, in which tokens stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).field("depth", &self.depth).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which hold one document. Names and strings that have escapes are unescaped into `scratch`, one
    /// after the other; the others are borrowed. As many bytes as the text has always suffice, and none for a document
    /// without escapes.
    pub fn new(bytes: &'a [u8], limits: Limits, scratch: &'a mut [u8]) -> Self {
        let (text, at, state) = match str::from_utf8(bytes) {
            Ok(text) => (text, 0, State::Value),
            Err(e) => ("", e.valid_up_to(), State::Failed),
        };
        let out_of_turn = if matches!(state, State::Failed) { Fault::Utf8 } else { Fault::OutOfTurn };
        Self {
            text,
            scratch,
            at,
            limits,
            state,
            out_of_turn,
            depth: 0,
            objects: 0,
            doubtful: 0,
            seen: seen::Seen::default(),
            members: [0; Limits::MAX_DEPTH as usize],
        }
    }

    /// The type of the next value, which stays where it is.
    ///
    /// # Errors
    /// The text is malformed here, or no value is due.
    pub fn peek(&mut self) -> Result<Kind, JsonError> {
        if !matches!(self.state, State::Value) {
            return self.out_of_turn();
        }
        match self.next_byte() {
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'"') => Ok(Kind::String),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            Some(_) => self.fail(Fault::Syntax),
            None => self.fail(Fault::End),
        }
    }

    /// Enters an object; its members follow by [`name`](Self::name).
    ///
    /// # Errors
    /// The value is no object, or nested too deep.
    pub fn object(&mut self) -> Result<(), JsonError> {
        self.open(Kind::Object)
    }

    /// The name of the object's next member, whose value must be taken or [skipped](Self::skip) before the next call;
    /// `None` at the end of the object, which is left thereby.
    ///
    /// # Errors
    /// The text is malformed here; the object has too many members; or, at its end, two of the same name.
    pub fn name(&mut self) -> Result<Option<&'a str>, JsonError> {
        match self.raw_name()? {
            Some(name) => Ok(Some(self.unescaped(name)?)),
            None => Ok(None),
        }
    }

    /// The same, as bytes: for what is read with each request. Elsewhere the inlined copies would take room.
    #[inline(always)]
    pub(crate) fn name_bytes(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        match self.plain_name() {
            Some(name) => Ok(Some(name)),
            None => self.other_name(),
        }
    }

    #[cold]
    #[inline(never)]
    fn other_name(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        Ok(self.name()?.map(str::as_bytes))
    }

    /// Enters an array; its elements follow by [`element`](Self::element).
    ///
    /// # Errors
    /// The value is no array, or nested too deep.
    pub fn array(&mut self) -> Result<(), JsonError> {
        self.open(Kind::Array)
    }

    /// Whether the array has one more element, which must be taken or [skipped](Self::skip) before the next call; at
    /// the end of the array, which is left thereby, it has none.
    ///
    /// ```
    /// use valetkey::text::json::{Limits, Reader};
    /// let mut r = Reader::new(br#"["https://api.example", "https://files.example"]"#, Limits::DEFAULT, &mut []);
    /// let mut audiences = 0;
    /// r.array()?;
    /// while r.element()? {
    ///     assert!(r.string()?.starts_with("https://"));
    ///     audiences += 1;
    /// }
    /// r.end()?;
    /// assert_eq!(audiences, 2);
    /// # Ok::<(), valetkey::text::json::JsonError>(())
    /// ```
    ///
    /// # Errors
    /// The text is malformed here.
    pub fn element(&mut self) -> Result<bool, JsonError> {
        if self.inside() == Some(Kind::Array) { self.more(b']') } else { self.out_of_turn() }
    }

    /// Takes a string.
    ///
    /// # Errors
    /// The value is no string, is malformed, or has escapes and more characters than the scratch has left.
    #[inline]
    pub fn string(&mut self) -> Result<&'a str, JsonError> {
        match self.plain_string() {
            Some(string) => Ok(string),
            None => self.other_string(),
        }
    }

    #[cold]
    #[inline(never)]
    fn other_string(&mut self) -> Result<&'a str, JsonError> {
        self.expect(Kind::String)?;
        let string = self.quoted()?;
        self.unescaped(string)
    }

    /// Takes an integer from 0 on.
    ///
    /// # Errors
    /// The value is no number, has a fraction or an exponent (be they zero), has a sign (`-0` too), or does not fit.
    pub fn u64(&mut self) -> Result<u64, JsonError> {
        self.integer(|negative, n| if negative { None } else { Some(n) })
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// The value is no number, has a fraction or an exponent (be they zero), or does not fit.
    pub fn i64(&mut self) -> Result<i64, JsonError> {
        self.integer(|negative, n| if negative { 0i64.checked_sub_unsigned(n) } else { i64::try_from(n).ok() })
    }

    /// Takes a number as it is written, for those that may have a fraction, such as a `NumericDate` of RFC 7519.
    ///
    /// # Errors
    /// The value is no number.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        Ok(self.any_number()?.0)
    }

    /// Takes `true` or `false`.
    ///
    /// # Errors
    /// The value is neither.
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        self.expect(Kind::Boolean)?;
        let value = self.text.as_bytes().get(self.at) == Some(&b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Takes a `null` if one is due, and says whether it did. Any other value stays where it is.
    ///
    /// # Errors
    /// The text is malformed here, or no value is due.
    pub fn null(&mut self) -> Result<bool, JsonError> {
        let null = self.peek()? == Kind::Null;
        if null {
            self.literal("null")?;
        }
        Ok(null)
    }

    /// Passes over a value of any type, which is checked no less than one that is read.
    ///
    /// # Errors
    /// As for the values in it.
    pub fn skip(&mut self) -> Result<(), JsonError> {
        let depth = self.depth;
        loop {
            match self.peek()? {
                Kind::Null => self.literal("null")?,
                Kind::Boolean => _ = self.boolean()?,
                Kind::Number => _ = self.number()?,
                Kind::String => _ = self.quoted()?,
                Kind::Array => self.array()?,
                Kind::Object => self.object()?,
            }
            // The next value within the skipped one, if there is any.
            loop {
                if self.depth == depth {
                    return Ok(());
                }
                let more = match self.inside() {
                    Some(Kind::Object) => self.raw_name()?.is_some(),
                    _ => self.element()?,
                };
                if more {
                    break;
                }
            }
        }
    }

    /// Takes a value of any type as it is written, checked no less than one that is [skipped](Self::skip).
    ///
    /// ```
    /// use valetkey::text::json::{Limits, Reader};
    /// let mut r = Reader::new(br#"[ {"kty": "oct"} , 1]"#, Limits::DEFAULT, &mut []);
    /// r.array()?;
    /// assert!(r.element()?);
    /// assert_eq!(r.raw()?, r#"{"kty": "oct"}"#);
    /// # Ok::<(), valetkey::text::json::JsonError>(())
    /// ```
    ///
    /// # Errors
    /// As for the values in it.
    pub fn raw(&mut self) -> Result<&'a str, JsonError> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// The end of the document: all was read, and only white space follows. What was read counts only if this succeeds.
    ///
    /// # Errors
    /// Something follows, or something is not read yet, or there was an error before.
    pub fn end(mut self) -> Result<(), JsonError> {
        match self.state {
            State::After if self.depth == 0 => match self.next_byte() {
                Some(_) => self.fail(Fault::Trailing),
                None => Ok(()),
            },
            _ => self.out_of_turn(),
        }
    }

    fn expect(&mut self, kind: Kind) -> Result<(), JsonError> {
        if self.peek()? == kind { Ok(()) } else { self.fail(Fault::WrongType) }
    }

    fn open(&mut self, kind: Kind) -> Result<(), JsonError> {
        self.expect(kind)?;
        let members = self.members.get_mut(usize::from(self.depth));
        let Some(members) = members.filter(|_| self.depth < self.limits.depth) else { return self.fail(Fault::Depth) };
        *members = 0;
        self.depth = self.depth.saturating_add(1);
        self.objects = self.objects << 1 | u16::from(kind == Kind::Object);
        self.doubtful <<= 1;
        self.at = self.at.saturating_add(1);
        self.state = State::First;
        Ok(())
    }

    /// The innermost open array or object.
    const fn inside(&self) -> Option<Kind> {
        match (self.depth, self.objects & 1) {
            (0, _) => None,
            (_, 0) => Some(Kind::Array),
            _ => Some(Kind::Object),
        }
    }

    /// Whether a comma or the beginning leads to one more name or element; otherwise `close` was passed.
    fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        let first = matches!(self.state, State::First);
        if !first && !matches!(self.state, State::After) {
            return self.out_of_turn();
        }
        match self.next_byte() {
            Some(b) if b == close => {
                self.depth = self.depth.saturating_sub(1);
                self.objects >>= 1;
                self.doubtful >>= 1;
                self.pass(self.at.wrapping_add(1));
                return Ok(false);
            }
            Some(_) if first => {}
            Some(b',') => self.at = self.at.wrapping_add(1),
            Some(_) => return self.fail(Fault::Syntax),
            None => return self.fail(Fault::End),
        }
        self.state = State::Value;
        Ok(true)
    }

    fn raw_name(&mut self) -> Result<Option<scan::Quoted>, JsonError> {
        if self.inside() != Some(Kind::Object) {
            return self.out_of_turn();
        }
        let depth = usize::from(self.depth);
        let doubtful = self.doubtful & 1 != 0;
        if !self.more(b'}')? {
            let close = self.at.saturating_sub(1);
            return if doubtful && scan::has_duplicate(self.text, close) {
                self.fail_at(Fault::Duplicate, close)
            } else {
                Ok(None)
            };
        }
        match self.next_byte() {
            Some(b'"') => {}
            Some(_) => return self.fail(Fault::Syntax),
            None => return self.fail(Fault::End),
        }
        if let Some(members) = self.members.get_mut(depth.saturating_sub(1)) {
            if *members >= self.limits.members {
                return self.fail(Fault::Members);
            }
            *members = members.saturating_add(1);
        }
        let name = self.keep(scan::string(self.text.as_bytes(), self.at))?;
        if !self.is_new(&name) {
            self.doubtful |= 1;
        }
        self.at = name.end.wrapping_add(1);
        match self.next_byte() {
            Some(b':') => {
                self.at = self.at.wrapping_add(1);
                Ok(Some(name))
            }
            Some(_) => self.fail(Fault::Syntax),
            None => self.fail(Fault::End),
        }
    }

    /// Whether it is sure that no name of the innermost object is the same.
    #[inline]
    fn is_new(&mut self, name: &scan::Quoted) -> bool {
        name.hash.is_some_and(|hash| self.seen.is_new(self.depth, hash))
    }

    /// A string that begins here.
    fn quoted(&mut self) -> Result<scan::Quoted, JsonError> {
        let string = self.keep(scan::string(self.text.as_bytes(), self.at))?;
        self.pass(string.end.wrapping_add(1));
        Ok(string)
    }

    fn unescaped(&mut self, string: scan::Quoted) -> Result<&'a str, JsonError> {
        let text = self.text;
        let raw = text.get(string.start..string.end).unwrap_or_default();
        if string.escaped { self.unescape(raw, string.start) } else { Ok(raw) }
    }

    #[inline(never)]
    fn unescape(&mut self, raw: &str, start: usize) -> Result<&'a str, JsonError> {
        let scratch = mem::take(&mut self.scratch);
        let mut len = 0usize;
        for c in scan::Unescaped(raw) {
            let end = len.saturating_add(c.len_utf8());
            let Some(room) = scratch.get_mut(len..end) else { return self.fail_at(Fault::Scratch, start) };
            let mut utf8 = [0; 4];
            for (to, from) in room.iter_mut().zip(c.encode_utf8(&mut utf8).bytes()) {
                *to = from;
            }
            len = end;
        }
        let (unescaped, rest) = scratch.split_at_mut_checked(len).unwrap_or_default();
        self.scratch = rest;
        Ok(str::from_utf8(unescaped).unwrap_or_default())
    }

    /// The text of a number, and whether it is an integer.
    fn any_number(&mut self) -> Result<(&'a str, bool), JsonError> {
        self.expect(Kind::Number)?;
        let number = self.keep(scan::number(self.text.as_bytes(), self.at))?;
        let text = self.text.get(self.at..number.end).unwrap_or_default();
        self.pass(number.end);
        Ok((text, number.integer))
    }

    /// `convert` is given whether there is a sign, and the digits' value.
    fn integer<T>(&mut self, convert: impl FnOnce(bool, u64) -> Option<T>) -> Result<T, JsonError> {
        let (text, integer) = self.any_number()?;
        let start = self.at.saturating_sub(text.len());
        if !integer {
            return self.fail_at(Fault::NotInteger, start);
        }
        let digits = text.strip_prefix('-');
        let value = digits
            .unwrap_or(text)
            .bytes()
            .try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b.wrapping_sub(b'0'))));
        match value.and_then(|n| convert(digits.is_some(), n)) {
            Some(value) => Ok(value),
            None => self.fail_at(Fault::OutOfRange, start),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        let end = self.keep(scan::literal(self.text.as_bytes(), self.at, word))?;
        self.pass(end);
        Ok(())
    }

    /// A value ends at `end`.
    const fn pass(&mut self, end: usize) {
        self.at = end;
        self.state = State::After;
    }

    fn next_byte(&mut self) -> Option<u8> {
        self.at = scan::white_space(self.text.as_bytes(), self.at);
        self.text.as_bytes().get(self.at).copied()
    }

    fn keep<T>(&mut self, result: Result<T, JsonError>) -> Result<T, JsonError> {
        result.or_else(|e| self.fail_at(e.fault, e.at))
    }

    const fn out_of_turn<T>(&mut self) -> Result<T, JsonError> {
        self.fail(self.out_of_turn)
    }

    const fn fail<T>(&mut self, fault: Fault) -> Result<T, JsonError> {
        self.fail_at(fault, self.at)
    }

    const fn fail_at<T>(&mut self, fault: Fault, at: usize) -> Result<T, JsonError> {
        self.state = State::Failed;
        self.out_of_turn = fault;
        self.at = at;
        Err(JsonError { fault, at })
    }
}
