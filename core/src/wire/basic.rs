//! The value of `Authorization` by which a client shows its id and secret.

use crate::text::{buf::Writer, form};

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
    let from = w.len();
    form::encode(w, id);
    w.push_ascii(b':');
    form::encode(w, secret);
    w.encode_standard_since(from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::base64;
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
