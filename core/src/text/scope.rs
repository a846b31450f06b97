//! Scopes: sets of case-sensitive words, written as one space-separated text.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-3.3>

use super::grammar::is_nqschar;
use core::iter;

/// Most words in one scope.
pub const MAX_SCOPES: usize = 32;

/// Whether `text` is `scope-token *( SP scope-token )` of at most [`MAX_SCOPES`] words.
///
/// ```
/// use valetkey::text::scope::is_scope;
/// assert!(is_scope("read write") && !is_scope("read  write") && !is_scope(""));
/// ```
#[inline(always)]
pub fn is_scope(text: &str) -> bool {
    is_list(text, MAX_SCOPES)
}

/// The same of at most so many words.
pub(crate) fn is_list(text: &str, most: usize) -> bool {
    let (mut words, mut last) = (1usize, b' ');
    for byte in text.bytes() {
        if byte == b' ' {
            if last == b' ' {
                return false;
            }
            words = words.wrapping_add(1);
        }
        last = byte;
    }
    last != b' ' && words <= most && is_nqschar(text)
}

/// The words of a space-separated list, in their order; none of the empty text. What is no scope is taken apart all the
/// same: check with [`is_scope`] first.
///
/// ```
/// use valetkey::text::scope;
/// assert!(scope::words("read write").eq(["read", "write"]) && scope::contains("read write", "write"));
/// ```
pub fn words(list: &str) -> impl Iterator<Item = &str> {
    // Not `split`, whose search is larger and can panic.
    let mut rest = list;
    iter::from_fn(move || {
        loop {
            let end = rest.bytes().take_while(|b| *b != b' ').count();
            let (word, after) = rest.split_at_checked(end)?;
            if word.is_empty() && after.is_empty() {
                return None;
            }
            rest = after.get(1..).unwrap_or_default();
            if !word.is_empty() {
                return Some(word);
            }
        }
    })
}

/// Whether `word` is in the list.
pub fn contains(list: &str, word: &str) -> bool {
    !word.is_empty() && has(list, word.as_bytes())
}

/// Whether every word of `part` is in `whole`: order and repetition carry no meaning.
///
/// ```
/// use valetkey::text::scope::is_subset;
/// assert!(is_subset("write read", "read write admin") && is_subset("", "read") && !is_subset("Read", "read"));
/// ```
pub fn is_subset(part: &str, whole: &str) -> bool {
    let mut rest = part.as_bytes();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if !word.is_empty() && !has(whole, word) {
            return false;
        }
        rest = rest.get(end.wrapping_add(1)..).unwrap_or_default();
    }
    true
}

/// Whether one of the words is this one, which is not empty.
pub(super) fn has(list: &str, word: &[u8]) -> bool {
    let unlike = word.len().wrapping_add(1);
    let (mut bytes, mut alike) = (list.bytes(), 0usize);
    loop {
        let byte = bytes.next();
        if matches!(byte, Some(b' ') | None) {
            if alike == word.len() || byte.is_none() {
                return alike == word.len();
            }
            alike = 0;
        } else {
            alike = if word.get(alike).copied() == byte { alike.wrapping_add(1) } else { unlike };
        }
    }
}
