//! JSON as it leaves: objects of text, numbers, booleans and lists of text, which is all that OAuth's answers hold.

use crate::text::{LARGE, buf::Writer};

/// Writes `text` as a JSON string, quotes included ([RFC 8259, section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
/// Only what must be escaped is.
///
/// ```
/// use valetkey::text::{buf::Writer, json};
/// let mut buf = [0; 32];
/// let mut w = Writer::new(&mut buf);
/// json::string(&mut w, "say \"é\"\n");
/// assert_eq!(w.finish(), Ok(r#""say \"é\"\u000a""#));
/// ```
pub fn string(w: &mut Writer<'_>, text: &str) {
    w.push_ascii(b'"');
    escaped(w, text);
    w.push_ascii(b'"');
}

fn escaped(w: &mut Writer<'_>, text: &str) {
    // Most texts need no escape. To look at every byte is quicker than to stop at the first: many are looked at at once.
    if LARGE && !text.bytes().fold(false, |found, b| found | matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        return w.push_str(text);
    }
    // Byte by byte: of a character that is not ASCII, none is one to escape.
    for byte in text.bytes() {
        let plain = match byte {
            0..=0x1f => {
                w.push_str("\\u00");
                w.push_ascii(b'0' | byte >> 4);
                hex_digit(byte & 0xf)
            }
            b'"' | b'\\' => {
                w.push_ascii(b'\\');
                byte
            }
            _ => byte,
        };
        w.push_part(&[plain]);
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    nibble.wrapping_add(if nibble < 10 { b'0' } else { b'a' - 10 })
}

/// Writes one object, member by member. The names must differ from each other; that is not checked.
///
/// ```
/// use valetkey::text::{buf::Writer, json::Object};
/// let mut buf = [0; 80];
/// let mut w = Writer::new(&mut buf);
/// let mut o = Object::new(&mut w);
/// o.string("access_token", "2YotnFZ");
/// o.number("expires_in", 3600);
/// o.boolean("active", true);
/// o.strings("aud", ["a", "b"]);
/// o.close();
/// assert_eq!(w.finish(), Ok(r#"{"access_token":"2YotnFZ","expires_in":3600,"active":true,"aud":["a","b"]}"#));
/// ```
#[derive(Debug)]
#[must_use = "an object ends with `close`"]
pub struct Object<'w, 'b> {
    w: &'w mut Writer<'b>,
    empty: bool,
}

impl<'w, 'b> Object<'w, 'b> {
    /// Opens the object.
    pub fn new(w: &'w mut Writer<'b>) -> Self {
        w.push_ascii(b'{');
        Self { w, empty: true }
    }

    /// A member that is text.
    pub fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        string(self.w, value);
    }

    /// A member that is one text, which comes in parts.
    pub fn string_of<const N: usize>(&mut self, name: &str, parts: [&str; N]) {
        self.string_with(name, |w| parts.into_iter().for_each(|part| escaped(w, part)));
    }

    /// A member that is text, which `push` writes without need of an escape: base64url, a scope.
    pub fn string_with(&mut self, name: &str, push: impl FnOnce(&mut Writer<'_>)) {
        self.name(name);
        self.w.push_ascii(b'"');
        push(self.w);
        self.w.push_ascii(b'"');
    }

    /// A member that is an integer.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.w.push_u64(value);
    }

    /// A member that is `true` or `false`.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.w.push_str(if value { "true" } else { "false" });
    }

    /// A member that is an array of text.
    pub fn strings<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        self.name(name);
        self.w.push_ascii(b'[');
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.w.push_ascii(b',');
            }
            string(self.w, value);
        }
        self.w.push_ascii(b']');
    }

    /// Closes the object.
    pub fn close(self) {
        self.w.push_ascii(b'}');
    }

    fn name(&mut self, name: &str) {
        if !self.empty {
            self.w.push_ascii(b',');
        }
        self.empty = false;
        string(self.w, name);
        self.w.push_ascii(b':');
    }
}
