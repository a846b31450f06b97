//! base64url of token segments, read fast. What a token says is no secret to whoever checks it, so this one need not take
//! the same time for all bytes, as [`crate::text::base64`] does; it is as strict.

/// What stands in [`DIGITS`] for a character that is no digit; above all values that digits can make together.
const FOREIGN: u32 = 1 << 31;

/// For each of the four places of a group what a character adds to its three bytes, the first of which is the lowest.
const DIGITS: [[u32; 256]; 4] = [digits(26), digits(20), digits(14), digits(8)];

const fn digits(shift: u32) -> [u32; 256] {
    let mut table = [FOREIGN; 256];
    let mut rest: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut value: u32 = 0;
    while let [first, more @ ..] = rest {
        if let Some((_, [slot, ..])) = table.split_at_mut_checked(*first as usize) {
            *slot = u32::swap_bytes(value << shift);
        }
        rest = more;
        value = u32::wrapping_add(value, 1);
    }
    table
}

/// The bytes that `digits` characters stand for; `None` for a number that none do.
pub(super) const fn decoded_len(digits: usize) -> Option<usize> {
    let rest = match digits % 4 {
        0 => 0,
        2 => 1,
        3 => 2,
        _ => return None,
    };
    Some((digits / 4).saturating_mul(3).saturating_add(rest))
}

/// Decodes into the whole of `out`, which is [`decoded_len`] long. Whether the text was base64url without padding, each
/// value in its one spelling: no foreign characters, and unused bits zero.
pub(super) fn decode(text: &[u8], out: &mut [u8]) -> bool {
    let [first, second, third, fourth] = &DIGITS;
    let digit = |table: &[u32; 256], c: u8| table.get(usize::from(c)).copied().unwrap_or(FOREIGN);
    let group = |[a, b, c, d]: [u8; 4]| digit(first, a) | digit(second, b) | digit(third, c) | digit(fourth, d);
    let (fours, text) = text.as_chunks::<16>();
    let (bytes, out) = out.as_chunks_mut::<12>();
    let mut seen = 0;
    // Four groups at once, for speed alone.
    for ([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p], to) in fours.iter().zip(bytes) {
        let (one, two) = (group([*a, *b, *c, *d]), group([*e, *f, *g, *h]));
        let (three, four) = (group([*i, *j, *k, *l]), group([*m, *n, *o, *p]));
        seen |= one | two | three | four;
        let all = u128::from(one) | u128::from(two) << 24 | u128::from(three) << 48 | u128::from(four) << 72;
        let [bytes @ .., _, _, _, _] = all.to_le_bytes();
        *to = bytes;
    }
    let (groups, rest) = text.as_chunks::<4>();
    let (bytes, last) = out.as_chunks_mut::<3>();
    for (from, to) in groups.iter().zip(bytes) {
        let group = group(*from);
        seen |= group;
        let [bytes @ .., _] = group.to_le_bytes();
        *to = bytes;
    }
    let (group, unused) = match rest {
        [] => (0, 0),
        [a, b] => (digit(first, *a) | digit(second, *b), 0xff00),
        [a, b, c] => (digit(first, *a) | digit(second, *b) | digit(third, *c), 0xff_0000),
        _ => return false,
    };
    for (to, from) in last.iter_mut().zip(group.to_le_bytes()) {
        *to = from;
    }
    (seen | group) & FOREIGN == 0 && group & unused == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::base64;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    fn fast(text: &str) -> Option<Vec<u8>> {
        let mut out = vec![0; decoded_len(text.len())?];
        decode(text.as_bytes(), &mut out).then_some(out)
    }

    fn slow(text: &str) -> Option<Vec<u8>> {
        let mut out = vec![0; text.len()];
        base64::decode(text, &mut out).ok().map(<[u8]>::to_vec)
    }

    proptest! {
        #[test]
        fn rfc7515_2_01_it_says_what_the_constant_time_decoder_says(text in "[A-Za-z0-9_-]{0,40}") {
            prop_assert_eq!(fast(&text), slow(&text));
        }

        #[test]
        fn rfc7515_2_01_a_foreign_character_anywhere_is_refused(
            text in "[A-Za-z0-9_-]{1,40}", at in any::<prop::sample::Index>(), foreign in "[^A-Za-z0-9_-]",
        ) {
            let mut text: Vec<char> = text.chars().collect();
            let at = at.index(text.len());
            text[at] = foreign.chars().next().unwrap();
            let text: String = text.into_iter().collect();
            prop_assert_eq!((fast(&text), slow(&text)), (None, None));
        }

        #[test]
        fn rfc7515_2_02_a_value_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..40), last in "[A-Za-z0-9_-]") {
            let mut out = vec![0; base64::encoded_len(bytes.len())];
            let mut text = String::from(base64::encode(&bytes, &mut out).unwrap());
            prop_assert_eq!(fast(&text), Some(bytes.clone()));
            if text.pop().is_some_and(|was| last != String::from(was)) {
                text.push_str(&last);
                prop_assert!(fast(&text).is_none_or(|other| other != bytes));
            }
        }
    }
}
