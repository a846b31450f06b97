//! base64url without padding, for secrets, keys and tokens; and padded base64, for HTTP Basic credentials.
//!
//! Both are strict, as [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648) allows: no white space, no foreign
//! characters, and the unused bits of the last character are zero, so that a value has exactly one spelling. The time
//! that they take depends on lengths alone, never on the bytes.

use super::{LARGE, ascii};
use crate::error::TooSmall;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use core::{cell::Cell, fmt};

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
    n.saturating_add(n.div_ceil(3))
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
    let needed = encoded_len(bytes.len());
    let out = out.get_mut(..needed).ok_or(TooSmall { needed })?;
    spell(bytes, out);
    Ok(ascii(out))
}

/// Writes `bytes` as base64 with padding, as credentials of HTTP Basic are
/// ([RFC 7617, section 2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
///
/// # Errors
/// [`TooSmall`] if `out` has less than [`encoded_len_standard`] bytes; nothing was written then.
pub fn encode_standard<'o>(bytes: &[u8], out: &'o mut [u8]) -> Result<&'o str, TooSmall> {
    Base64::encode(bytes, out).map_err(|_| TooSmall { needed: encoded_len_standard(bytes.len()) })
}

/// Turns the first `count` bytes of `room` into their text, with padding where that does not fill it: from its end, as the
/// text grows.
pub(super) fn encode_in_place<const PADDED: bool>(room: &mut [u8], count: usize) {
    if LARGE {
        for block in (0..count.div_ceil(6)).rev() {
            let mut bytes = [0; 6];
            for (to, from) in bytes.iter_mut().zip(room.get(block.wrapping_mul(6)..count).unwrap_or_default()) {
                *to = *from;
            }
            for (to, from) in room.iter_mut().skip(block.wrapping_mul(8)).zip(eight::<PADDED>(&bytes)) {
                *to = from;
            }
        }
        room.iter_mut().skip(encoded_len(count)).for_each(|byte| *byte = b'=');
        return;
    }
    // Each place is read before it is written: the bits of a character are in no byte behind it.
    let room = Cell::from_mut(room).as_slice_of_cells();
    let Some(bytes) = room.get(..count) else { return };
    for (place, slot) in room.iter().enumerate().rev() {
        slot.set(one::<PADDED>(|at| Some(bytes.get(at)?.get()), place));
    }
}

/// Writes `bytes` in base64url to `out`, which is as long as that is.
pub(super) fn spell(bytes: &[u8], out: &mut [u8]) {
    if LARGE {
        let (blocks, rest) = bytes.as_chunks();
        let (eights, end) = out.as_chunks_mut();
        for (block, to) in blocks.iter().zip(eights) {
            *to = eight::<false>(block);
        }
        let mut block = [0; 6];
        for (to, from) in block.iter_mut().zip(rest) {
            *to = *from;
        }
        for (to, from) in end.iter_mut().zip(eight::<false>(&block)) {
            *to = from;
        }
        return;
    }
    for (place, slot) in out.iter_mut().enumerate() {
        *slot = one::<false>(|at| bytes.get(at).copied(), place);
    }
}

/// Of each range of characters but the first: the six bits just below it, and what is added from it on, which may be below 0.
/// The last two characters are those of the padded kind, or those of base64url.
const fn ranges<const PADDED: bool>() -> [(u8, u8); 4] {
    let [c62, c63] = if PADDED { *b"+/" } else { *b"-_" };
    [
        (25, b'a' - b'Z' - 1),
        (51, u8::wrapping_sub(b'0', b'z' + 1)),
        (61, c62.wrapping_sub(b'9' + 1)),
        (62, c63.wrapping_sub(c62).wrapping_sub(1)),
    ]
}

/// The character at a place in the text of the bytes; behind the last one it is the padding. Neither a branch nor a table tells
/// its bits.
fn one<const PADDED: bool>(byte: impl Fn(usize) -> Option<u8>, place: usize) -> u8 {
    // Its six bits are in two bytes.
    let bit = place.wrapping_mul(6);
    let first = match byte(bit / 8) {
        None if PADDED => return b'=',
        first => first.unwrap_or_default(),
    };
    let second = byte((bit / 8).wrapping_add(1)).unwrap_or_default();
    let two = u32::from(first) << 8 | u32::from(second);
    let six = two >> 10usize.wrapping_sub(bit % 8) & 63;
    let [a, b, c, d] = ranges::<PADDED>();
    let step = |(below, step): (u8, u8)| 0u32.wrapping_sub(u32::from(below).wrapping_sub(six) >> 31) & u32::from(step);
    let character = six.wrapping_add(b'A'.into());
    let character = character.wrapping_add(step(a)).wrapping_add(step(b)).wrapping_add(step(c)).wrapping_add(step(d));
    character.to_le_bytes()[0]
}

/// The characters of six bytes, each in a byte of a word.
fn eight<const PADDED: bool>([a, b, c, d, e, f]: &[u8; 6]) -> [u8; 8] {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // Halved until each byte has six bits.
    let mut sixes = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    sixes = (sixes & 0xffff_ff00_0000) << 8 | sixes & 0x00ff_ffff;
    sixes = (sixes & 0x00ff_f000_00ff_f000) << 4 | sixes & 0x0fff_0000_0fff;
    sixes = (sixes & 0x0fc0_0fc0_0fc0_0fc0) << 2 | sixes & 0x003f_003f_003f_003f;
    let mut characters = sixes.wrapping_add(EACH.wrapping_mul(b'A'.into()));
    for (below, step) in ranges::<PADDED>() {
        // A one in each byte that is above it. What overflows a byte on the way is taken back by the last step.
        let above = sixes.wrapping_add(EACH.wrapping_mul(127u8.wrapping_sub(below).into())) >> 7 & EACH;
        characters = characters.wrapping_add(above.wrapping_mul(i64::from(step.cast_signed()).cast_unsigned()));
    }
    characters.to_be_bytes()
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
