//! What serde_json reads, the reader reads, and the other way round; but for what its rules add.

use super::oracle::{documents, judge};
use super::{read, skip};
use proptest::prelude::*;
use valetkey::text::json::{Fault, Limits, Reader};

const RESPONSE: &str = "\u{20}{ \"access_token\":\"2Y\\/otnFZ😀\", \"token_type\" : \"Bearer\",\"expires_in\":3600,\
    \"scope\": \"a b\", \"x\":[true, {\"y\":null, \"\\u0061\":-1.5e2},[]], \"\\ud83d\\ude00\":\"\\u00e9\\n\" } ";

/// Both ways of reading agree with the judge, but for numbers beyond `f64`, which are only text here.
pub(super) fn agrees(bytes: &[u8]) {
    let read = read(bytes);
    assert_eq!(read.as_ref().err(), skip(bytes).as_ref().err());
    match (read.ok(), judge(bytes)) {
        (Some(value), None) => {
            assert!(value.to_string().contains("beyond f64"), "{:?}", String::from_utf8_lossy(bytes))
        }
        (ours, theirs) => assert_eq!(ours, theirs, "{:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn every_prefix_of_a_document_is_refused() {
    assert!(read(RESPONSE.as_bytes()).is_ok());
    let whole = RESPONSE.trim_end().len();
    for n in 0..whole {
        let error = read(&RESPONSE.as_bytes()[..n]).expect_err("a prefix");
        assert!(matches!(error.fault, Fault::End | Fault::Utf8), "{n}: {error:?}");
        agrees(&RESPONSE.as_bytes()[..n]);
    }
}

#[test]
fn every_change_of_one_byte_is_judged_as_serde_json_does() {
    for i in 0..RESPONSE.len() {
        let mut bytes = RESPONSE.as_bytes().to_vec();
        for b in 0..=255 {
            bytes[i] = b;
            agrees(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_document_is_judged_as_serde_json_does(text in documents()) {
        agrees(text.as_bytes());
    }

    #[test]
    fn a_changed_document_is_judged_as_serde_json_does(
        text in documents(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![prop::sample::select(&b"{}[]\",:\\u0-1.eE \n"[..]), any::<u8>()],
        remove in any::<bool>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len() + 1);
        if remove && at < bytes.len() {
            bytes.remove(at);
        } else {
            bytes.insert(at, with);
        }
        agrees(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_as_serde_json_does(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        agrees(&bytes);
    }

    #[test]
    fn the_reader_asked_anything_in_any_order_ends_without_panic(text in documents(), calls in prop::collection::vec(0..11u8, 0..40)) {
        let mut scratch = [0; 8];
        let mut r = Reader::new(text.as_bytes(), Limits::DEFAULT, &mut scratch);
        let mut failed = None;
        for call in calls {
            let result = match call {
                0 => r.peek().map(drop),
                1 => r.object(),
                2 => r.name().map(drop),
                3 => r.array(),
                4 => r.element().map(drop),
                5 => r.string().map(drop),
                6 => r.u64().map(drop),
                7 => r.i64().map(drop),
                8 => r.boolean().map(drop),
                9 => r.null().map(drop),
                _ => r.skip(),
            };
            prop_assert!(failed.is_none() || failed == result.err());
            failed = result.err();
        }
        prop_assert!(failed.is_none() || failed == r.end().err());
    }
}
