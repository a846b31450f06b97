//! The character classes of RFC 6749 Appendix A, RFC 6750 and RFC 7636.

use super::LARGE;

/// A set of printable ASCII characters: a bit in the one table, by which one search serves all classes. Letters, digits,
/// hyphen, period and underscore are in every class.
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    const VSCHAR: Self = Self(1);
    pub(crate) const NQSCHAR: Self = Self(2);
    const B64TOKEN: Self = Self(4);
    /// What a URI may hold as it is, without what begins a fragment; and without what begins a query.
    /// <https://www.rfc-editor.org/rfc/rfc3986#section-2>
    pub(crate) const ENDPOINT: Self = Self(8);
    pub(crate) const ISSUER: Self = Self(16);
    /// A host; and one in brackets, but for the closing one. <https://www.rfc-editor.org/rfc/rfc3986#section-3.2>
    pub(crate) const HOST: Self = Self(32);
    pub(crate) const LITERAL: Self = Self(64);
    /// What a form holds as it is. <https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set>
    pub(crate) const FORM: Self = Self(128);

    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        TABLE.get(usize::from(byte.wrapping_sub(FIRST))).is_some_and(|classes| classes & self.0 != 0)
    }
}

// The class comes last, as then it is all that a call adds: a dozen bytes of firmware for each.

/// How many bytes are in the class before one that is not.
pub(crate) fn span(bytes: &[u8], class: Class) -> usize {
    let passed = common(bytes);
    let rest = bytes.get(passed..).unwrap_or_default();
    passed.wrapping_add(rest.iter().take_while(|byte| class.has(**byte)).count())
}

/// Whether all bytes are in the class.
pub(crate) fn are_all(bytes: &[u8], class: Class) -> bool {
    span(bytes, class) == bytes.len()
}

/// Whether the text is one or more of the class.
fn is_made_of(text: &[u8], class: Class) -> bool {
    !text.is_empty() && are_all(text, class)
}

/// On large machines the table has all bytes, so that none is compared before it is looked up.
const FIRST: u8 = if LARGE { 0 } else { b' ' };
const LENGTH: usize = if LARGE { 256 } else { 95 };

/// The classes of each byte from [`FIRST`] on.
static TABLE: [u8; LENGTH] = {
    let uri = without(visible(0x21), b"#\"<>\\^`{|}");
    // In the order of their bits.
    let classes = [
        visible(0x20),
        without(visible(0x20), b"\"\\"),
        with(ALPHANUMERIC, b"-._~+/"),
        uri,
        without(uri, b"?"),
        without(uri, b":/?[]@"),
        without(uri, b"/?]@"),
        with(ALPHANUMERIC, b"*-._"),
    ];
    let mut table = [0; LENGTH];
    let (mut rest, mut at): (&mut [u8], u8) = (&mut table, FIRST);
    while let [slot, more @ ..] = rest
        && at < 0x7f
    {
        let (mut left, mut bit) = (classes.as_slice(), 1);
        while let [class, others @ ..] = left {
            if *class >> at & 1 != 0 {
                *slot |= bit;
            }
            left = others;
            bit = u8::wrapping_shl(bit, 1);
        }
        rest = more;
        at = u8::wrapping_add(at, 1);
    }
    table
};

/// How many bytes at the front are such as each class has, by the chunk: mostly all of a token. On small machines none, as the
/// search byte by byte is there anyhow.
#[inline]
fn common(bytes: &[u8]) -> usize {
    if !LARGE {
        return 0;
    }
    let passed = common_chunks::<32>(bytes);
    passed.wrapping_add(common_chunks::<8>(bytes.get(passed..).unwrap_or_default()))
}

fn common_chunks<const N: usize>(bytes: &[u8]) -> usize {
    let is_common = |b: &u8| b.is_ascii_alphanumeric() | (*b == b'-') | (*b == b'.') | (*b == b'_');
    let chunks = bytes.as_chunks::<N>().0.iter();
    chunks.take_while(|chunk| chunk.iter().fold(true, |all, b| all & is_common(b))).count().wrapping_mul(N)
}

const ALPHANUMERIC: u128 = 0x3ff << b'0' | 0x3ff_ffff << b'A' | 0x3ff_ffff << b'a';

/// The characters from `first` to the tilde.
const fn visible(first: u8) -> u128 {
    (1u128 << 0x7f).wrapping_sub(1 << first)
}

const fn with(mut class: u128, mut more: &[u8]) -> u128 {
    while let [byte, rest @ ..] = more {
        class |= 1 << *byte;
        more = rest;
    }
    class
}

const fn without(class: u128, less: &[u8]) -> u128 {
    class & !with(0, less)
}

/// `VSCHAR` = %x20-7E, one or more: `client_id`, `client_secret`, `state`, tokens.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A>
#[inline(always)]
pub fn is_vschar(text: &str) -> bool {
    is_made_of(text.as_bytes(), Class::VSCHAR)
}

/// `NQSCHAR` = %x20-21 / %x23-5B / %x5D-7E, one or more: `error`, `error_description`.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A.7>
#[inline(always)]
pub fn is_nqschar(text: &str) -> bool {
    is_made_of(text.as_bytes(), Class::NQSCHAR)
}

/// `b64token`: what a bearer token may look like in a header.
///
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
pub fn is_b64token(text: &str) -> bool {
    let mut text = text.as_bytes();
    while let [before @ .., b'='] = text {
        text = before;
    }
    is_made_of(text, Class::B64TOKEN)
}

/// `code_verifier` = 43*128unreserved.
///
/// <https://www.rfc-editor.org/rfc/rfc7636#section-4.1>
pub fn is_code_verifier(text: &str) -> bool {
    let is_unreserved = |b| b == b'~' || b != b'*' && Class::FORM.has(b);
    (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved)
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
