//! base64url without padding, for secrets, keys and tokens; and padded base64, for HTTP Basic credentials.
//!
//! Both are strict, as [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648) allows: no white space, no foreign
//! characters, and the unused bits of the last character are zero, so that a value has exactly one spelling. The time
//! that they take depends on lengths alone, never on the bytes.

use crate::error::TooSmall;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use core::fmt;

/// Why a text was not decoded. It never holds any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Base64Error {
    /// Not base64 of the kind asked for: a foreign character, white space, wrong padding, or trailing bits that are set.
    Malformed,
    /// It is of another length than the value that was asked for.
    WrongLength,
    /// The lent slice is too short for what the text says.
    TooSmall(TooSmall),
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the text is not canonical base64"),
            Self::WrongLength => f.write_str("the base64 text is of another length than its value"),
            Self::TooSmall(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for Base64Error {}

impl From<TooSmall> for Base64Error {
    fn from(e: TooSmall) -> Self {
        Self::TooSmall(e)
    }
}

/// The characters that [`encode`] writes for `n` bytes.
///
/// ```
/// use valetkey::text::base64::encoded_len;
/// const SECRET: usize = encoded_len(32);
/// assert_eq!(SECRET, 43);
/// ```
pub const fn encoded_len(n: usize) -> usize {
    let rest = match n % 3 {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    (n / 3).saturating_mul(4).saturating_add(rest)
}

/// The characters that [`encode_standard`] writes for `n` bytes, padding included.
pub const fn encoded_len_standard(n: usize) -> usize {
    n.div_ceil(3).saturating_mul(4)
}

/// Writes `bytes` as base64url without padding, the form of every OAuth and JOSE value
/// ([RFC 7515, section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)).
///
/// ```
/// use valetkey::text::base64;
/// let mut buf = [0; 4];
/// assert_eq!(base64::encode(&[0xfb, 0xff], &mut buf)?, "-_8");
/// # Ok::<(), valetkey::error::TooSmall>(())
/// ```
///
/// # Errors
/// [`TooSmall`] if `out` has less than [`encoded_len`] bytes; nothing was written then.
pub fn encode<'o>(bytes: &[u8], out: &'o mut [u8]) -> Result<&'o str, TooSmall> {
    Base64UrlUnpadded::encode(bytes, out).map_err(|_| TooSmall { needed: encoded_len(bytes.len()) })
}

/// Writes `bytes` as base64 with padding, as credentials of HTTP Basic are
/// ([RFC 7617, section 2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
///
/// # Errors
/// [`TooSmall`] if `out` has less than [`encoded_len_standard`] bytes; nothing was written then.
pub fn encode_standard<'o>(bytes: &[u8], out: &'o mut [u8]) -> Result<&'o str, TooSmall> {
    Base64::encode(bytes, out).map_err(|_| TooSmall { needed: encoded_len_standard(bytes.len()) })
}

/// Turns the first `count` bytes of `room` into base64 with padding, which fills it: from its end, as the text grows. On a
/// small machine this takes a third of what [`encode_standard`] does.
pub(crate) fn encode_in_place(room: &mut [u8], count: usize) {
    for i in (0..room.len()).rev() {
        // The bytes in which the six bits of this character are.
        let at = i.wrapping_mul(3) / 4;
        let byte = |at| room.get(at).copied().filter(|_| at < count).map_or(0, u32::from);
        let two = byte(at) << 8 | byte(at.wrapping_add(1));
        let six = two >> [10u8, 4, 6, 8].get(i % 4).copied().unwrap_or_default() & 63;
        if let Some(slot) = room.get_mut(i) {
            *slot = if at < count { digit(six) } else { b'=' };
        }
    }
}

/// The character of six bits, without a branch or a table whose time or place would tell them.
fn digit(six: u32) -> u8 {
    // All ones where `six` is above the last of a range, from which on the characters lie elsewhere.
    let above = |last: u32| 0u32.wrapping_sub(last.wrapping_sub(six) >> 31);
    let moved = (above(25) & 6).wrapping_sub(above(51) & 75).wrapping_sub(above(61) & 15).wrapping_add(above(62) & 3);
    six.wrapping_add(moved).to_le_bytes()[0].wrapping_add(b'A')
}

/// Reads base64url without padding.
///
/// ```
/// use valetkey::text::base64::{self, Base64Error};
/// let mut buf = [0; 4];
/// assert_eq!(base64::decode("-_8", &mut buf)?, [0xfb, 0xff]);
/// assert_eq!(base64::decode("-_9", &mut buf), Err(Base64Error::Malformed)); // the same bytes, but not canonical
/// # Ok::<(), Base64Error>(())
/// ```
///
/// # Errors
/// [`Base64Error::Malformed`] or [`Base64Error::TooSmall`]. What had been written to `out` is zeroed.
pub fn decode<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], Base64Error> {
    decode_as::<Base64UrlUnpadded>(text, text.len(), out)
}

/// Reads base64url without padding that stands for exactly `N` bytes.
///
/// ```
/// use valetkey::text::base64::{self, Base64Error};
/// assert_eq!(base64::decode_array::<2>("-_8"), Ok([0xfb, 0xff]));
/// assert_eq!(base64::decode_array::<3>("-_8"), Err(Base64Error::WrongLength));
/// ```
///
/// # Errors
/// [`Base64Error::WrongLength`] or [`Base64Error::Malformed`].
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base64Error> {
    if text.len() != encoded_len(N) {
        return Err(Base64Error::WrongLength);
    }
    let mut bytes = [0; N];
    decode(text, &mut bytes)?;
    Ok(bytes)
}

/// Reads base64 with padding.
///
/// ```
/// use valetkey::text::base64::{self, Base64Error};
/// let mut buf = [0; 4];
/// assert_eq!(base64::decode_standard("YTpi", &mut buf)?, b"a:b");
/// assert_eq!(base64::decode_standard("YTo", &mut buf), Err(Base64Error::Malformed)); // the padding is missing
/// # Ok::<(), Base64Error>(())
/// ```
///
/// # Errors
/// [`Base64Error::Malformed`] or [`Base64Error::TooSmall`]. What had been written to `out` is zeroed.
pub fn decode_standard<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], Base64Error> {
    let padding = text.bytes().rev().take(2).filter(|b| *b == b'=').count();
    decode_as::<Base64>(text, text.len().saturating_sub(padding), out)
}

/// `digits` is the number of characters without padding.
fn decode_as<'o, E: Encoding>(text: &str, digits: usize, out: &'o mut [u8]) -> Result<&'o [u8], Base64Error> {
    let rest = match digits % 4 {
        0 => 0,
        1 => return Err(Base64Error::Malformed),
        2 => 1,
        _ => 2,
    };
    let needed = (digits / 4).saturating_mul(3).saturating_add(rest);
    let out = out.get_mut(..needed).ok_or(TooSmall { needed })?;
    if E::decode(text, out).is_err() {
        out.fill(0);
        return Err(Base64Error::Malformed);
    }
    Ok(out)
}
