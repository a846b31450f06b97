//! JSON, read strictly from borrowed bytes without a heap, and written into a lent slice.
//!
//! [`Reader`] holds to [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) and refuses what it leaves open: a byte order
//! mark, a name that occurs twice in one object (compared after unescaping, in every object, in skipped ones too), and
//! half a surrogate pair. It does not recurse, and the depth and the members of an object are limited. An integer is
//! read as an integer: `1.0` is none. A value of another type than the one asked for is an error, never an absent one.
//!
//! The time is linear in the text's length: a byte is looked at once when it is read, or twice in a string with escapes.
//! Where two names of an object may be the same, or one has escapes, its bytes are looked at again at its end, once for
//! every eight of its members. The reader itself takes at most 120 bytes.
//!
//! On machines of 32 bits less code counts for more: each byte is looked at by itself, and once more for each name before it
//! in all objects around it, where a name is told that comes again. Of UTF-8 only what was read is checked.
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

mod cursor;
#[cfg(feature = "serde")]
mod de;
mod fault;
mod plain;
mod scan;
mod seen;
mod step;
mod write;

#[cfg(feature = "serde")]
pub use de::{DeserializeError, from_slice};
pub use fault::{Fault, JsonError};
pub(crate) use step::Known;
pub use write::{Object, string};

use crate::text::LARGE;
use core::{fmt, str};
use cursor::Cursor;

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

/// A pull reader: each call takes the next piece of the document, in the order in which it stands there.
///
/// After an error every further call fails with the same error, so that a document which was refused in part cannot be
/// accepted at its [end](Self::end). Look at a value with [`peek`](Self::peek) where several types are allowed.
// In this order: where the cursor comes first, firmware reaches it in less code.
#[repr(C)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The same text on large machines, where it is checked at once.
    text: [&'a str; LARGE as usize],
    names: [seen::Seen; LARGE as usize],
    scratch: &'a mut [u8],
}

impl fmt::Debug for Reader<'_> {
    /// Shows nothing of the text, in which tokens stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.cursor.at).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which hold one document. Names and strings that have escapes are unescaped into `scratch`, one
    /// after the other; the others are borrowed. As many bytes as the text has always suffice, and none for a document
    /// without escapes.
    pub fn new(bytes: &'a [u8], limits: Limits, scratch: &'a mut [u8]) -> Self {
        let mut cursor = Cursor::new(bytes, Limits { depth: limits.depth.min(Limits::MAX_DEPTH), ..limits });
        let mut text = [""; LARGE as usize];
        if let Some(text) = text.first_mut() {
            match str::from_utf8(bytes) {
                Ok(checked) => *text = checked,
                Err(e) => {
                    cursor.at = e.valid_up_to();
                    cursor.fail::<()>(Fault::Utf8);
                }
            }
        }
        Self { cursor, text, names: core::array::from_fn(|_| seen::Seen::default()), scratch }
    }

    /// The type of the next value, which stays where it is.
    ///
    /// # Errors
    /// The text is malformed here, or no value is due.
    pub fn peek(&mut self) -> Result<Kind, JsonError> {
        let kind = self.due();
        self.told(kind)
    }

    /// Enters an object; its members follow by [`name`](Self::name).
    ///
    /// # Errors
    /// The value is no object, or nested too deep.
    pub fn object(&mut self) -> Result<(), JsonError> {
        let opened = self.pass(Kind::Object);
        self.told(opened)
    }

    /// The name of the object's next member, whose value must be taken or [skipped](Self::skip) before the next call;
    /// `None` at the end of the object, which is left thereby.
    ///
    /// # Errors
    /// The text is malformed here; the object has too many members; or, at its end, two of the same name.
    pub fn name(&mut self) -> Result<Option<&'a str>, JsonError> {
        match self.plain_name() {
            Some(name) => Ok(self.unescaped(name)),
            None => self.other_name(),
        }
    }

    /// The same, as bytes: for what is read with each request. Elsewhere the inlined copies would take room.
    #[inline(always)]
    pub(crate) fn name_bytes(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        match self.plain_name() {
            Some(name) => Ok(Some(name)),
            None => Ok(self.other_name()?.map(str::as_bytes)),
        }
    }

    #[cold]
    #[inline(never)]
    fn other_name(&mut self) -> Result<Option<&'a str>, JsonError> {
        let name = if self.passes_name() { self.unescaped(self.cursor.quoted()) } else { None };
        if self.has_failed() { self.told(None) } else { Ok(name) }
    }

    /// Enters an array; its elements follow by [`element`](Self::element).
    ///
    /// # Errors
    /// The value is no array, or nested too deep.
    pub fn array(&mut self) -> Result<(), JsonError> {
        let opened = self.pass(Kind::Array);
        self.told(opened)
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
        let more = self.next_element();
        if self.has_failed() { self.told(None) } else { Ok(more) }
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
        let string = self.string_text();
        self.told(string)
    }

    /// Takes an integer from 0 on.
    ///
    /// # Errors
    /// The value is no number, has a fraction or an exponent (be they zero), has a sign (`-0` too), or does not fit.
    pub fn u64(&mut self) -> Result<u64, JsonError> {
        let natural = self.natural();
        Ok(self
            .told(natural)?
            .bytes()
            .fold(0, |n: u64, b| n.wrapping_mul(10).wrapping_add(u64::from(b.wrapping_sub(b'0')))))
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// The value is no number, has a fraction or an exponent (be they zero), or does not fit.
    pub fn i64(&mut self) -> Result<i64, JsonError> {
        let n = self.integer().and_then(|text| match text.parse() {
            Ok(n) => Some(n),
            Err(_) => self.refuse(text, Fault::OutOfRange),
        });
        self.told(n)
    }

    /// Takes a number as it is written, for those that may have a fraction, such as a `NumericDate` of RFC 7519.
    ///
    /// # Errors
    /// The value is no number.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        let number = self.value(Kind::Number);
        self.told(number)
    }

    /// Takes `true` or `false`.
    ///
    /// # Errors
    /// The value is neither.
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        let value = self.value(Kind::Boolean);
        Ok(self.told(value)? == "true")
    }

    /// Takes a `null` if one is due, and says whether it did. Any other value stays where it is.
    ///
    /// # Errors
    /// The text is malformed here, or no value is due.
    pub fn null(&mut self) -> Result<bool, JsonError> {
        let null = self.peek()? == Kind::Null;
        if null {
            let passed = self.pass(Kind::Null);
            self.told(passed)?;
        }
        Ok(null)
    }

    /// Passes over a value of any type, which is checked no less than one that is read.
    ///
    /// # Errors
    /// As for the values in it.
    pub fn skip(&mut self) -> Result<(), JsonError> {
        let passed = self.due().and_then(|_| self.pass_over());
        self.told(passed)
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
        let start = self.cursor.at;
        self.skip()?;
        Ok(self.text(start, self.cursor.at).unwrap_or_default())
    }

    /// The end of the document: all was read, and only white space follows. What was read counts only if this succeeds.
    ///
    /// # Errors
    /// Something follows, or something is not read yet, or there was an error before.
    pub fn end(mut self) -> Result<(), JsonError> {
        let ended = self.ended();
        self.told(ended)
    }

    /// What was done, or the fault for which it was not.
    fn told<T>(&self, done: Option<T>) -> Result<T, JsonError> {
        done.ok_or(self.fault())
    }
}
