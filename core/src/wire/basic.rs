//! The value of `Authorization` by which a client shows its id and secret.

use crate::text::{base64, buf::Writer, form};
use zeroize::Zeroize;

/// Appends the value of `Authorization`: both parts form-encoded, a colon between them, base64 over all.
///
/// ```
/// use valetkey::{text::buf::Writer, wire::basic};
/// let mut buf = [0; 64];
/// let mut w = Writer::new(&mut buf);
/// basic::push(&mut w, "demo-device", "device-secret");
/// assert_eq!(w.finish(), Ok("Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA=="));
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>
pub fn push(w: &mut Writer<'_>, id: &str, secret: &str) {
    w.push_str("Basic ");
    let mut out = Basic { w, held: [0; 3], count: 0 };
    out.encoded(id);
    out.push(b':');
    out.encoded(secret);
    out.flush();
}

/// Base64 written as its bytes come, three at a time.
struct Basic<'w, 'b> {
    w: &'w mut Writer<'b>,
    held: [u8; 3],
    count: usize,
}

impl Basic<'_, '_> {
    fn encoded(&mut self, text: &str) {
        for c in text.chars() {
            let (mut plain, mut encoded) = ([0; 4], [0; 12]);
            let mut w = Writer::new(&mut encoded);
            form::encode(&mut w, c.encode_utf8(&mut plain));
            // One character of at most four bytes is at most twelve when encoded.
            for byte in w.finish().unwrap_or_default().bytes() {
                self.push(byte);
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.held.get_mut(self.count) {
            *slot = byte;
        }
        self.count = self.count.saturating_add(1);
        if self.count == self.held.len() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        // Whole groups only, whose padding comes after: a fixed size makes small code.
        let mut four = [0; 4];
        let group = base64::encode_standard(&self.held, &mut four).unwrap_or_default();
        let (kept, padding) = match self.count {
            0 => (0, ""),
            1 => (2, "=="),
            2 => (3, "="),
            _ => (4, ""),
        };
        self.w.push_str(group.get(..kept).unwrap_or_default());
        self.w.push_str(padding);
        self.count = 0;
        self.held.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::form::Encoded;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    fn header(id: &str, secret: &str) -> String {
        let mut buf = [0; 1024];
        let mut w = Writer::new(&mut buf);
        push(&mut w, id, secret);
        w.finish().unwrap().to_string()
    }

    #[test]
    fn rfc6749_2_3_1_02_id_and_secret_are_form_encoded_before_basic() {
        let v: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/client_secret_basic.json")).unwrap();
        for case in v["vectors"].as_array().unwrap() {
            let text = |name: &str| case[name].as_str().unwrap();
            assert_eq!(header(text("client_id"), text("client_secret")), text("header"), "{case}");
        }
    }

    proptest! {
        #[test]
        fn basic_comes_back_whole(id in ".{0,20}", secret in ".{0,20}") {
            let header = header(&id, &secret);
            let mut buf = [0; 1024];
            let joined = base64::decode_standard(header.strip_prefix("Basic ").unwrap(), &mut buf).unwrap();
            let (a, b) = core::str::from_utf8(joined).unwrap().split_once(':').unwrap();
            prop_assert!(Encoded::new(a).is(&id) && Encoded::new(b).is(&secret));
        }
    }
}
