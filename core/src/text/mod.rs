//! How bytes are read and written, once for all roles: forms, URIs, scopes, base64url, JSON.

pub mod base64;
pub mod buf;
pub mod date;
pub mod form;
pub mod grammar;
pub mod json;
pub mod scope;
pub mod uri;

/// Whether two texts are the same, neither of which is secret. Unlike `==` it links no `memcmp` into firmware.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

/// What stands before a byte of ASCII and after it, where it comes first.
fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == byte)?;
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}
