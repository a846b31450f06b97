//! HTTP header values: how often one came, and which media type it names.

use crate::text::is_in_any_case;

/// A value of an HTTP header that must not come twice. An adapter makes it of all fields of that name, so that a request
/// on which two parts of a program could disagree is refused
/// ([RFC 9110 section 5.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.3)).
///
/// ```
/// use valetkey::wire::header::Header;
/// fn once<'h>(mut values: impl Iterator<Item = &'h str>) -> Header<'h> {
///     match (values.next(), values.next()) {
///         (None, _) => Header::Absent,
///         (Some(value), None) => Header::One(value),
///         (Some(_), Some(_)) => Header::Many,
///     }
/// }
/// assert!(matches!(once(["Bearer a", "Bearer b"].into_iter()), Header::Many));
/// ```
#[derive(Clone, Copy)]
pub enum Header<'r> {
    /// It did not come.
    Absent,
    /// It came once.
    One(&'r str),
    /// It came more than once, or holds bytes that are no text: refused.
    Many,
}

impl core::fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::One(_) => "One(..)", // credentials may be in it
            Self::Many => "Many",
        })
    }
}

/// Whether a `Content-Type` is `wanted`, which is said in lower case: in any case, with or without parameters. Space around a
/// header's value is no part of it.
///
/// ```
/// use valetkey::wire::header::is_media_type;
/// assert!(is_media_type("Application/JSON; charset=utf-8", "application/json"));
/// assert!(!is_media_type("application/jsonp", "application/json"));
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1>
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub fn is_media_type(content_type: &str, wanted: &str) -> bool {
    let Some((essence, after)) = content_type.as_bytes().split_at_checked(wanted.len()) else { return false };
    for byte in after {
        match byte {
            b' ' | b'\t' => {}
            b';' => break,
            _ => return false,
        }
    }
    is_in_any_case(essence, wanted.as_bytes())
}
