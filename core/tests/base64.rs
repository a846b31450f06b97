//! base64url and base64: RFC 4648's vectors, and that a value has exactly one spelling.

use proptest::prelude::*;
use valetkey::error::TooSmall;
use valetkey::text::base64::{self, Base64Error};

/// RFC 4648, section 10.
const VECTORS: [(&str, &str); 7] = [
    ("", ""),
    ("f", "Zg=="),
    ("fo", "Zm8="),
    ("foo", "Zm9v"),
    ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
];

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bits of the text one after the other: slow, plain, and written from RFC 4648, section 4, alone.
fn by_the_book(text: &str) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for c in text.bytes() {
        let value = URL_SAFE.iter().position(|a| *a == c)?;
        bits.extend((0..6).rev().map(|i| value >> i & 1 == 1));
    }
    let whole = bits.len() / 8 * 8;
    let (bytes, trailing) = bits.split_at(whole);
    let canonical = trailing.len() < 6 && trailing.iter().all(|bit| !bit);
    canonical.then(|| bytes.chunks(8).map(|b| b.iter().fold(0, |n, bit| n << 1 | u8::from(*bit))).collect())
}

#[test]
fn the_vectors_of_rfc_4648_are_met() {
    let mut buf = [0; 16];
    for (plain, padded) in VECTORS {
        let bare = padded.trim_end_matches('=');
        assert_eq!(base64::encode_standard(plain.as_bytes(), &mut buf), Ok(padded));
        assert_eq!(base64::encode(plain.as_bytes(), &mut buf), Ok(bare));
        assert_eq!(base64::decode_standard(padded, &mut buf), Ok(plain.as_bytes()));
        assert_eq!(base64::decode(bare, &mut buf), Ok(plain.as_bytes()));
        assert_eq!(base64::encoded_len(plain.len()), bare.len());
        assert_eq!(base64::encoded_len_standard(plain.len()), padded.len());
    }
}

#[test]
fn the_alphabets_are_not_mixed() {
    let mut buf = [0; 4];
    assert_eq!(base64::encode(&[0xfb, 0xef, 0xff], &mut buf), Ok("--__"));
    assert_eq!(base64::encode_standard(&[0xfb, 0xef, 0xff], &mut buf), Ok("++//"));
    assert_eq!(base64::decode("++//", &mut buf), Err(Base64Error::Malformed));
    assert_eq!(base64::decode_standard("--__", &mut buf), Err(Base64Error::Malformed));
}

#[test]
fn padding_white_space_and_impossible_lengths_are_refused() {
    let mut buf = [0; 16];
    for text in ["Zg==", "Zm8=", "Zm9v\n", " Zm9v", "Zm 9v", "Z", "Zm9vY", "Zm9v=", "=", "Zm9vé", "Zm\0v"] {
        assert_eq!(base64::decode(text, &mut buf), Err(Base64Error::Malformed), "{text:?}");
    }
    for text in
        ["Zg", "Zg=", "Zg===", "Zm8", "Z===", "====", "==", "=", "Zm9v====", "Zg==Zg==", "Zg=A", "Zm8=\n", "Zh=="]
    {
        assert_eq!(base64::decode_standard(text, &mut buf), Err(Base64Error::Malformed), "{text:?}");
    }
}

#[test]
fn a_short_slice_tells_how_many_bytes_are_needed() {
    let mut buf = [7; 16];
    for (plain, padded) in VECTORS.into_iter().skip(1) {
        let (bare, n) = (padded.trim_end_matches('='), plain.len());
        assert_eq!(base64::encode(plain.as_bytes(), &mut buf[..bare.len() - 1]), Err(TooSmall { needed: bare.len() }));
        let needed = padded.len();
        assert_eq!(base64::encode_standard(plain.as_bytes(), &mut buf[..needed - 1]), Err(TooSmall { needed }));
        let too_small = Err(Base64Error::TooSmall(TooSmall { needed: n }));
        assert_eq!(base64::decode(bare, &mut buf[..n - 1]), too_small);
        assert_eq!(base64::decode_standard(padded, &mut buf[..n - 1]), too_small);
    }
    assert_eq!(buf, [7; 16], "nothing was written");
}

#[test]
fn what_was_decoded_before_the_fault_is_zeroed() {
    let mut buf = [7; 8];
    assert_eq!(base64::decode("c2VjcmV!", &mut buf), Err(Base64Error::Malformed));
    assert_eq!(buf, [0, 0, 0, 0, 0, 0, 7, 7]);
}

#[test]
fn an_array_is_read_only_from_its_exact_length() {
    assert_eq!(base64::decode_array::<3>("Zm9v"), Ok(*b"foo"));
    assert_eq!(base64::decode_array::<2>("Zm9v"), Err(Base64Error::WrongLength));
    assert_eq!(base64::decode_array::<4>("Zm9v"), Err(Base64Error::WrongLength));
    assert_eq!(base64::decode_array::<0>(""), Ok([]));
    assert_eq!(base64::decode_array::<1>("Zh"), Err(Base64Error::Malformed));
}

#[test]
fn errors_show_nothing_of_the_text() {
    let error = base64::decode("c2VjcmV!", &mut [0; 8]).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("c2Vj"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut text, mut back) = ([0; 300], [0; 200]);
        let bare = base64::encode(&bytes, &mut text).unwrap();
        prop_assert_eq!(bare.len(), base64::encoded_len(bytes.len()));
        prop_assert_eq!(by_the_book(bare), Some(bytes.clone()));
        prop_assert_eq!(base64::decode(bare, &mut back), Ok(&bytes[..]));
        let padded = base64::encode_standard(&bytes, &mut text).unwrap();
        prop_assert_eq!(padded.len(), base64::encoded_len_standard(bytes.len()));
        prop_assert_eq!(base64::decode_standard(padded, &mut back), Ok(&bytes[..]));
    }

    #[test]
    fn a_text_is_accepted_exactly_when_it_is_canonical(text in "[A-Za-z0-9_-]{0,10}[A-Za-z0-9_=+. -]?") {
        let mut buf = [0; 16];
        prop_assert_eq!(base64::decode(&text, &mut buf).ok().map(<[u8]>::to_vec), by_the_book(&text));
    }

    #[test]
    fn any_other_last_character_is_another_value_or_refused(bytes in prop::collection::vec(any::<u8>(), 1..40), last in 0..64usize) {
        let (mut buf, mut back) = ([0; 64], [0; 40]);
        let mut text = base64::encode(&bytes, &mut buf).unwrap().to_owned();
        let old = text.pop().unwrap();
        let new = char::from(URL_SAFE[last]);
        text.push(new);
        let same = base64::decode(&text, &mut back) == Ok(&bytes[..]);
        prop_assert_eq!(same, old == new);
    }
}
