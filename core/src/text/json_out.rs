//! Writing JSON objects.

use super::buf::Writer;

/// Appends a JSON string. [RFC 8259 section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)
pub fn string(w: &mut Writer<'_>, text: &str) {
    w.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                w.push('\\');
                w.push(c);
            }
            '\u{0}'..='\u{1f}' => {
                w.push_str("\\u00");
                w.push(if c >= '\u{10}' { '1' } else { '0' });
                w.push(char::from_digit(u32::from(c) & 15, 16).unwrap_or('0'));
            }
            _ => w.push(c),
        }
    }
    w.push('"');
}

/// Appends an object, member by member.
pub struct Object<'w, 'b> {
    w: &'w mut Writer<'b>,
    first: bool,
}

impl<'w, 'b> Object<'w, 'b> {
    /// Opens the object.
    pub fn new(w: &'w mut Writer<'b>) -> Self {
        w.push('{');
        Self { w, first: true }
    }

    fn name(&mut self, name: &str) {
        if !core::mem::take(&mut self.first) {
            self.w.push(',');
        }
        string(self.w, name);
        self.w.push(':');
    }

    /// A string member.
    pub fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        string(self.w, value);
    }

    /// A string member whose value `push` writes; it must need no escape.
    pub fn string_with(&mut self, name: &str, push: impl FnOnce(&mut Writer<'_>)) {
        self.name(name);
        self.w.push('"');
        push(self.w);
        self.w.push('"');
    }

    /// A number member.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.w.push_u64(value);
    }

    /// A boolean member.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.w.push_str(if value { "true" } else { "false" });
    }

    /// A member that is an array of strings.
    pub fn strings<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        self.name(name);
        self.w.push('[');
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.w.push(',');
            }
            string(self.w, value);
        }
        self.w.push(']');
    }

    /// Closes the object.
    pub fn close(self) {
        self.w.push('}');
    }
}
