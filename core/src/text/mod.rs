//! How bytes are read and written, once for all roles: forms, URIs, scopes, base64url, JSON.

pub mod base64;
pub mod buf;
pub mod date;
pub mod form;
pub mod grammar;
pub mod json;
pub mod scope;
pub mod uri;

/// Whether room for code is no matter. Where it is, what works byte by byte is all that there is; elsewhere quicker ways stand
/// before it.
pub(crate) const LARGE: bool = cfg!(target_pointer_width = "64");

/// Whether two texts are the same, neither of which is secret. In firmware it links no `memcmp`.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if LARGE { a == b } else { a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b) }
}

/// What stands before a byte of ASCII and after it, where it comes first.
fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == byte)?;
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}
