//! How bytes are read and written, once for all roles: forms, URIs, scopes, base64url, JSON.

pub mod base64;
pub mod buf;
pub mod date;
pub mod form;
pub mod grammar;
pub mod json;
pub mod scope;
pub mod uri;

use ascii::AsciiStr;

/// Whether room for code is no matter. Where it is, what works byte by byte is all that there is; elsewhere quicker ways stand
/// before it. `--cfg valetkey_small` shows to the tests of a large machine what a small one does.
pub(crate) const LARGE: bool = cfg!(all(target_pointer_width = "64", not(valetkey_small)));

/// Whether a text is this one, which is in lower case, but for upper and lower case of ASCII.
#[inline(never)]
pub(crate) fn is_in_any_case(text: &[u8], lower: &[u8]) -> bool {
    text.len() == lower.len() && text.iter().zip(lower).all(|(a, b)| a.to_ascii_lowercase() == *b)
}

/// What stands before a byte of ASCII and after it, where it comes first.
fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == byte)?;
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

/// Bytes as text if they are ASCII, as all is that OAuth writes and takes; otherwise [`FOREIGN`]. In firmware the check for UTF-8
/// would be a tenth of the whole protocol.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    AsciiStr::from_ascii(bytes).map_or(FOREIGN, AsciiStr::as_str)
}

/// No text that OAuth takes anywhere.
const FOREIGN: &str = "\x7f";
