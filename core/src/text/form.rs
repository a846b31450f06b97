//! `application/x-www-form-urlencoded` as RFC 6749 uses it: UTF-8, strict escapes, no repeated names.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#appendix-B>

use super::{LARGE, buf::Writer, cut, grammar::Class};
use core::{fmt, iter};

/// Most parameters in one request or response, those without a value included.
pub const MAX_PARAMETERS: usize = 32;

/// Why a form could not be read. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormError {
    /// A `%` that is not followed by two hexadecimal digits.
    Escape,
    /// The decoded bytes are not UTF-8.
    Utf8,
    /// A parameter occurs twice.
    Repeated,
    /// More than [`MAX_PARAMETERS`] parameters.
    TooMany,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Escape => "a percent sign is not followed by two hexadecimal digits",
            Self::Utf8 => "a decoded parameter is not UTF-8",
            Self::Repeated => "a parameter occurs twice",
            Self::TooMany => "there are too many parameters",
        })
    }
}

impl core::error::Error for FormError {}

/// Appends `text` form-encoded: letters, digits, `*`, `-`, `.`, `_` as they are, space as `+`, the rest as `%XX`.
///
/// ```
/// use valetkey::text::{buf::Writer, form};
/// let mut buf = [0; 40];
/// let mut w = Writer::new(&mut buf);
/// form::encode(&mut w, " %&+£€");
/// assert_eq!(w.finish(), Ok("+%25%26%2B%C2%A3%E2%82%AC")); // RFC 6749 Appendix B
/// ```
pub fn encode(w: &mut Writer<'_>, text: &str) {
    let mut rest = text.as_bytes();
    if LARGE {
        // Mostly runs of what stands for itself, and long ones of tokens.
        while let Some((byte, more)) = rest.get(w.push_run(Class::FORM, rest)..).and_then(<[u8]>::split_first) {
            encode_byte(w, *byte);
            rest = more;
        }
    } else {
        rest.iter().for_each(|byte| encode_byte(w, *byte));
    }
}

fn encode_byte(w: &mut Writer<'_>, byte: u8) {
    let mut last = byte;
    if byte == b' ' {
        last = b'+';
    } else if !Class::FORM.has(byte) {
        w.push_ascii(b'%');
        w.push_ascii(hex_digit(byte >> 4));
        last = hex_digit(byte & 15);
    }
    w.push_ascii(last);
}

/// Appends `name=value`, both encoded, with a `&` before it unless it is the `first`, which it then is no more.
///
/// ```
/// use valetkey::text::{buf::Writer, form};
/// let mut buf = [0; 64];
/// let (mut w, mut first) = (Writer::new(&mut buf), true);
/// form::pair(&mut w, &mut first, "grant_type", "refresh_token");
/// form::pair(&mut w, &mut first, "scope", "read write");
/// assert_eq!(w.finish(), Ok("grant_type=refresh_token&scope=read+write"));
/// ```
pub fn pair(w: &mut Writer<'_>, first: &mut bool, name: &str, value: &str) {
    if !core::mem::take(first) {
        w.push_ascii(b'&');
    }
    encode(w, name);
    w.push_ascii(b'=');
    encode(w, value);
}

/// The same behind another parameter, for a name that stands for itself.
pub(crate) fn further_pair(w: &mut Writer<'_>, name: &'static str, value: &str) {
    w.push_ascii(b'&');
    w.push_str(name);
    w.push_ascii(b'=');
    encode(w, value);
}

const fn hex_digit(nibble: u8) -> u8 {
    nibble.wrapping_add(if nibble < 10 { b'0' } else { b'A' - 10 })
}

/// A name or value as it stands in a form, not yet decoded.
#[derive(Clone, Copy)]
pub struct Encoded<'a>(&'a str);

impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoded(..)") // a code, a token or a client secret may be in it
    }
}

impl<'a> Encoded<'a> {
    /// Text that is form-encoded.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Bytes as they stand, not decoded.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether nothing stands here.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether this decodes to exactly `text`. A malformed escape equals nothing.
    pub fn is(self, text: &str) -> bool {
        self.chars_eq(text.bytes().map(Ok))
    }

    /// Whether a space is in it, however it is written.
    pub(crate) fn has_space(self) -> bool {
        self.bytes().any(|byte| byte == Ok(b' '))
    }

    /// The text itself, if no decoding is needed.
    pub fn plain(self) -> Option<&'a str> {
        (!self.0.bytes().fold(false, |found, b| found | (b == b'%') | (b == b'+'))).then_some(self.0)
    }

    /// The decoded bytes one by one, for where no copy is wanted.
    pub(crate) fn bytes(self) -> impl Iterator<Item = Result<u8, FormError>> + use<'a> {
        Bytes(self.0.bytes())
    }

    /// Decodes into `w`.
    ///
    /// # Errors
    /// [`FormError::Escape`] and [`FormError::Utf8`]; what had been written is of no use then.
    pub fn decode(self, w: &mut Writer<'_>) -> Result<(), FormError> {
        if let Some(plain) = self.plain() {
            w.push_str(plain);
            return Ok(());
        }
        let mut pending = Utf8::default();
        for byte in Bytes(self.0.bytes()) {
            if let Some(c) = pending.feed(byte?)? {
                w.push(c);
            }
        }
        if pending.want == 0 { Ok(()) } else { Err(FormError::Utf8) }
    }

    fn same(self, other: Self) -> bool {
        self.chars_eq(Bytes(other.0.bytes()))
    }

    fn chars_eq(self, mut other: impl Iterator<Item = Result<u8, FormError>>) -> bool {
        let mut mine = Bytes(self.0.bytes());
        loop {
            match (mine.next(), other.next()) {
                (None, None) => return true,
                (Some(Ok(a)), Some(Ok(b))) if a == b => {}
                _ => return false,
            }
        }
    }
}

/// The bytes of form-encoded text, decoded.
struct Bytes<'a>(core::str::Bytes<'a>);

impl Iterator for Bytes<'_> {
    type Item = Result<u8, FormError>;
    fn next(&mut self) -> Option<Self::Item> {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        Some(match self.0.next()? {
            b'+' => Ok(b' '),
            b'%' => match (hex(self.0.next()), hex(self.0.next())) {
                (Some(high), Some(low)) => Ok(high << 4 | low),
                _ => Err(FormError::Escape),
            },
            byte => Ok(byte),
        })
    }
}

/// Up to four bytes that make one character.
#[derive(Default)]
struct Utf8 {
    bytes: [u8; 4],
    have: u8,
    want: u8,
}

impl Utf8 {
    fn feed(&mut self, byte: u8) -> Result<Option<char>, FormError> {
        if self.want == 0 {
            self.have = 0;
            self.want = match byte {
                0..=0x7f => return Ok(Some(char::from(byte))),
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Err(FormError::Utf8),
            };
        }
        if let Some(slot) = self.bytes.get_mut(usize::from(self.have)) {
            *slot = byte;
        }
        self.have = self.have.saturating_add(1);
        if self.have < self.want {
            return Ok(None);
        }
        let whole = self.bytes.get(..usize::from(self.have)).unwrap_or_default();
        let text = core::str::from_utf8(whole).map_err(|_| FormError::Utf8)?;
        self.want = 0;
        Ok(text.chars().next())
    }
}

/// The parameters of a form or query string, in their order.
///
/// Parameters without a value are passed over, as OAuth counts them as left out
/// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)). A name that occurs twice, known or not, is
/// an error, but for those that `repeatable` names.
///
/// ```
/// use valetkey::text::form::{FormError, Form};
/// let form = Form::new("grant_type=client_credentials&scope=", &[]).unwrap();
/// let names: Vec<bool> = form.pairs().map(|(name, _)| name.is("grant_type")).collect();
/// assert_eq!(names, [true]);
/// assert_eq!(Form::new("a=1&%61=2", &[]).unwrap_err(), FormError::Repeated);
/// ```
#[derive(Clone, Copy)]
pub struct Form<'a>(&'a str);

impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(..)")
    }
}

impl<'a> Form<'a> {
    /// Checks number, escapes of names, and repetition. Values are checked when they are decoded.
    ///
    /// # Errors
    /// [`FormError::TooMany`] before anything else is looked at; [`FormError::Escape`] in a name; [`FormError::Repeated`].
    pub fn new(text: &'a str, repeatable: &[&str]) -> Result<Self, FormError> {
        let form = Self(text);
        let separators = text.bytes().filter(|b| *b == b'&').count();
        if separators >= MAX_PARAMETERS && form.all().count() > MAX_PARAMETERS {
            return Err(FormError::TooMany);
        }
        for (i, (name, _)) in form.all().enumerate() {
            if Bytes(name.0.bytes()).any(|b| b.is_err()) {
                return Err(FormError::Escape);
            }
            let again = form.all().take(i).any(|(earlier, _)| earlier.same(name));
            if again && !repeatable.iter().any(|r| name.is(r)) {
                return Err(FormError::Repeated);
            }
        }
        Ok(form)
    }

    /// A form that may repeat any name: for what must be read even so, to tell where an error answer may go.
    pub(crate) const fn with_repetition(text: &'a str) -> Self {
        Self(text)
    }

    /// The pairs that have a value.
    pub fn pairs(self) -> impl Iterator<Item = (Encoded<'a>, Encoded<'a>)> {
        self.all().filter(|(_, value)| !value.is_empty())
    }

    /// The value of `name`, if it has one.
    pub fn get(self, name: &str) -> Option<Encoded<'a>> {
        self.pairs().find(|(n, _)| n.is(name)).map(|(_, value)| value)
    }

    fn all(self) -> impl Iterator<Item = (Encoded<'a>, Encoded<'a>)> {
        let mut rest = self.0;
        iter::from_fn(move || {
            while !rest.is_empty() {
                let (pair, after) = cut(rest, b'&').unwrap_or((rest, ""));
                rest = after;
                if !pair.is_empty() {
                    let (name, value) = cut(pair, b'=').unwrap_or((pair, ""));
                    return Some((Encoded(name), Encoded(value)));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn decoded(text: &str) -> Result<String, FormError> {
        let mut buf = std::vec![0; text.len()];
        let mut w = Writer::new(&mut buf);
        Encoded::new(text).decode(&mut w)?;
        Ok(w.finish().unwrap().into())
    }

    fn encoded(text: &str) -> String {
        let mut buf = std::vec![0; text.len() * 3];
        let mut w = Writer::new(&mut buf);
        encode(&mut w, text);
        w.finish().unwrap().into()
    }

    #[test]
    fn rfc6749_b_01_names_and_values_are_utf8_then_form_encoded() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/form_encoding_rfc6749.json")).unwrap();
        for v in vectors["vectors"].as_array().unwrap() {
            if let Some(text) = v["text"].as_str() {
                assert_eq!(encoded(text), v["encoded"].as_str().unwrap());
                assert_eq!(decoded(v["encoded"].as_str().unwrap()).unwrap(), text);
                continue;
            }
            let form = Form::new(v["body"].as_str().unwrap(), &[]).unwrap();
            for (pair, expected) in form.pairs().zip(v["params"].as_array().unwrap()) {
                assert_eq!(decoded(pair.0.0).unwrap(), expected[0].as_str().unwrap());
                assert_eq!(decoded(pair.1.0).unwrap(), expected[1].as_str().unwrap());
            }
            assert_eq!(form.pairs().count(), v["params"].as_array().unwrap().len());
        }
        for v in vectors["decode"].as_array().unwrap() {
            assert_eq!(decoded(v["encoded"].as_str().unwrap()).unwrap(), v["decoded"].as_str().unwrap());
        }
    }

    #[test]
    fn rfc6749_b_02_truncated_escapes_and_invalid_utf8_are_refused() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/form_encoding_rfc6749.json")).unwrap();
        for v in vectors["malformed"].as_array().unwrap() {
            assert!(decoded(v["encoded"].as_str().unwrap()).is_err(), "{v}");
        }
        for overlong in ["%C0%80", "%E0%80%80", "%ED%A0%80", "%F5%80%80%80", "%E2%82", "%E2%82a"] {
            assert_eq!(decoded(overlong), Err(FormError::Utf8), "{overlong}");
        }
        assert!(Form::new("%zz=1", &[]).is_err());
    }

    #[test]
    fn rfc6749_3_2_03_repeated_parameters_are_refused_and_empty_ones_left_out() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/form_encoding_rfc6749.json")).unwrap();
        for v in vectors["duplicates"].as_array().unwrap() {
            assert_eq!(Form::new(v["body"].as_str().unwrap(), &[]).unwrap_err(), FormError::Repeated);
        }
        assert!(Form::new("scope=&grant_type=x", &[]).unwrap().get("scope").is_none());
        assert_eq!(Form::new("scope=&scope=x", &[]).unwrap_err(), FormError::Repeated);
        assert_eq!(Form::new("resource=a&resource=b", &["resource"]).unwrap().pairs().count(), 2);
    }

    #[test]
    fn the_number_of_parameters_is_bounded_before_work_is_done() {
        let many: String = (0..=MAX_PARAMETERS).map(|i| std::format!("p{i}=1&")).collect();
        assert_eq!(Form::new(&many, &[]).unwrap_err(), FormError::TooMany);
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(text in ".*") {
            prop_assert_eq!(decoded(&encoded(&text)).unwrap(), text);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[%+&=a-c0-9é\u{0}]{0,40}") {
            if let Ok(form) = Form::new(&text, &[]) {
                for (name, value) in form.pairs() {
                    let _ = (decoded(name.0), decoded(value.0));
                }
            }
        }
    }
}
