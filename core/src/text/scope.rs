//! Scopes: sets of case-sensitive words, written as one space-separated text.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-3.3>

/// Most words in one scope.
pub const MAX_SCOPES: usize = 32;

/// Whether `text` is `scope-token *( SP scope-token )` of at most [`MAX_SCOPES`] words.
///
/// ```
/// use valetkey::text::scope::is_scope;
/// assert!(is_scope("read write") && !is_scope("read  write") && !is_scope(""));
/// ```
pub fn is_scope(text: &str) -> bool {
    let nqchar = |b: &u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let mut words = text.as_bytes().split(|b| *b == b' ');
    words.clone().count() <= MAX_SCOPES && words.all(|word| !word.is_empty() && word.iter().all(nqchar))
}

/// The words of a space-separated list, in their order; none of the empty text. What is no scope is taken apart all the
/// same: check with [`is_scope`] first.
///
/// ```
/// use valetkey::text::scope;
/// assert!(scope::words("read write").eq(["read", "write"]) && scope::contains("read write", "write"));
/// ```
pub fn words(list: &str) -> impl Iterator<Item = &str> {
    // As a list of one, since the search for a single character links a panic path.
    list.split([' ']).filter(|word| !word.is_empty())
}

/// Whether `word` is in the list.
pub fn contains(list: &str, word: &str) -> bool {
    words(list).any(|w| w == word)
}

/// Whether every word of `part` is in `whole`: order and repetition carry no meaning.
///
/// ```
/// use valetkey::text::scope::is_subset;
/// assert!(is_subset("write read", "read write admin") && is_subset("", "read") && !is_subset("Read", "read"));
/// ```
pub fn is_subset(part: &str, whole: &str) -> bool {
    words(part).all(|word| contains(whole, word))
}
