//! The character classes of RFC 6749 Appendix A, RFC 6750 and RFC 7636.

/// `VSCHAR` = %x20-7E, one or more: `client_id`, `client_secret`, `state`, tokens.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A>
pub fn is_vschar(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x20..=0x7e))
}

/// `NQSCHAR` = %x20-21 / %x23-5B / %x5D-7E, one or more: `error`, `error_description`.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-A.7>
pub fn is_nqschar(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// `b64token`: what a bearer token may look like in a header.
///
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
pub fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches(['=']);
    let class = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(class)
}

/// `code_verifier` = 43*128unreserved.
///
/// <https://www.rfc-editor.org/rfc/rfc7636#section-4.1>
pub fn is_code_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
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
