//! The character classes of RFC 6749 Appendix A, RFC 6750 and RFC 7636.

use super::LARGE;

/// A set of ASCII characters, a bit for each: one search serves all classes, which keeps firmware small. Letters, digits,
/// hyphen, period and underscore are in every class.
pub(crate) struct Class([u8; 16]);

impl Class {
    const VSCHAR: Self = Self(visible(0x20));
    const NQSCHAR: Self = Self(without(visible(0x20), b"\"\\"));
    const B64TOKEN: Self = Self(with(ALPHANUMERIC, b"-._~+/"));
    const UNRESERVED: Self = Self(with(ALPHANUMERIC, b"-._~"));
    /// What a URI may hold as it is. <https://www.rfc-editor.org/rfc/rfc3986#section-2>
    pub(crate) const URI: Self = Self(without(visible(0x21), b"\"<>\\^`{|}"));
    /// The same without what begins a fragment; and without what begins a query.
    pub(crate) const ENDPOINT: Self = Self(without(Self::URI.0, b"#"));
    pub(crate) const ISSUER: Self = Self(without(Self::URI.0, b"#?"));
    /// A host; and one in brackets, but for the closing one. <https://www.rfc-editor.org/rfc/rfc3986#section-3.2>
    pub(crate) const HOST: Self = Self(without(Self::URI.0, b":/?#[]@"));
    pub(crate) const LITERAL: Self = Self(without(Self::URI.0, b"/?#]@"));
    /// What a form holds as it is. <https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set>
    pub(crate) const FORM: Self = Self(with(ALPHANUMERIC, b"*-._"));

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 3)).is_some_and(|bits| bits >> (byte & 7) & 1 != 0)
    }

    /// How many bytes are in it before one that is not.
    pub(crate) fn span(&self, bytes: &[u8]) -> usize {
        let passed = common(bytes);
        let rest = bytes.get(passed..).unwrap_or_default();
        passed.wrapping_add(rest.iter().take_while(|byte| self.has(**byte)).count())
    }

    /// Whether all bytes are in it.
    pub(crate) fn has_all(&self, bytes: &[u8]) -> bool {
        self.span(bytes) == bytes.len()
    }

    /// Whether the text is one or more of them.
    fn is_made_of(&self, text: &str) -> bool {
        !text.is_empty() && self.has_all(text.as_bytes())
    }
}

/// How many bytes at the front are such as each class has, by the chunk: mostly all of a token. On small machines none, as the
/// search byte by byte is there anyhow.
#[inline]
fn common(bytes: &[u8]) -> usize {
    if !LARGE {
        return 0;
    }
    let passed = common_chunks::<16>(bytes);
    passed.wrapping_add(common_chunks::<8>(bytes.get(passed..).unwrap_or_default()))
}

fn common_chunks<const N: usize>(bytes: &[u8]) -> usize {
    let is_common = |b: &u8| b.is_ascii_alphanumeric() | (*b == b'-') | (*b == b'.') | (*b == b'_');
    let chunks = bytes.as_chunks::<N>().0.iter();
    chunks.take_while(|chunk| chunk.iter().fold(true, |all, b| all & is_common(b))).count().wrapping_mul(N)
}

const ALPHANUMERIC: [u8; 16] = {
    let digits = 0x3ff << b'0';
    let letters = 0x3ff_ffff << b'A' | 0x3ff_ffff << b'a';
    u128::to_le_bytes(digits | letters)
};

/// The characters from `first` to the tilde.
const fn visible(first: u8) -> [u8; 16] {
    u128::to_le_bytes((1u128 << 0x7f).wrapping_sub(1 << first))
}

const fn with(class: [u8; 16], mut more: &[u8]) -> [u8; 16] {
    let mut bits = u128::from_le_bytes(class);
    while let [byte, rest @ ..] = more {
        bits |= 1 << *byte;
        more = rest;
    }
    bits.to_le_bytes()
}

const fn without(class: [u8; 16], less: &[u8]) -> [u8; 16] {
    u128::to_le_bytes(u128::from_le_bytes(class) & !u128::from_le_bytes(with([0; 16], less)))
}

/// `VSCHAR` = %x20-7E, one or more: `client_id`, `client_secret`, `state`, tokens.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A>
pub fn is_vschar(text: &str) -> bool {
    Class::VSCHAR.is_made_of(text)
}

/// `NQSCHAR` = %x20-21 / %x23-5B / %x5D-7E, one or more: `error`, `error_description`.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A.7>
pub fn is_nqschar(text: &str) -> bool {
    Class::NQSCHAR.is_made_of(text)
}

/// `b64token`: what a bearer token may look like in a header.
///
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
pub fn is_b64token(text: &str) -> bool {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take_while(|b| **b == b'=').count();
    let body = bytes.get(..bytes.len().wrapping_sub(padding)).unwrap_or_default();
    !body.is_empty() && Class::B64TOKEN.has_all(body)
}

/// `code_verifier` = 43*128unreserved.
///
/// <https://www.rfc-editor.org/rfc/rfc7636#section-4.1>
pub fn is_code_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && Class::UNRESERVED.is_made_of(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_a_01_elements_obey_their_grammar() {
        let v: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/grammar_rfc6749.json")).unwrap();
        type Accepts = fn(&str) -> bool;
        let cases: [(&str, Accepts); 4] = [
            ("b64token", is_b64token),
            ("error", is_nqschar),
            ("state", is_vschar),
            ("scope", super::super::scope::is_scope),
        ];
        for (name, accepts) in cases {
            for text in v[std::format!("{name}_valid")].as_array().unwrap() {
                assert!(accepts(text.as_str().unwrap()), "{name} {text}");
            }
            for text in v[std::format!("{name}_invalid")].as_array().unwrap() {
                assert!(!accepts(text.as_str().unwrap()), "{name} {text}");
            }
        }
    }

    #[test]
    fn rfc7636_4_1_01_a_verifier_is_43_to_128_unreserved_characters() {
        let v: serde_json::Value =
            serde_json::from_str(include_str!("../../../conformance/vectors/pkce_rfc7636.json")).unwrap();
        for good in v["vectors"].as_array().unwrap() {
            assert!(is_code_verifier(good["code_verifier"].as_str().unwrap()));
        }
        for bad in v["invalid_verifiers"].as_array().unwrap() {
            assert!(!is_code_verifier(bad["code_verifier"].as_str().unwrap()), "{bad}");
        }
    }
}
