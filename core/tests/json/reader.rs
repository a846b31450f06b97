//! How the reader is asked, and what it answers.

use super::{one, read};
use std::format as f;
use valetkey::text::json::{Fault, JsonError, Kind, Limits, Reader};

#[test]
fn the_reader_is_small() {
    assert!(size_of::<Reader<'_>>() <= 120, "{}", size_of::<Reader<'_>>());
    assert!(size_of::<JsonError>() <= 2 * size_of::<usize>());
}

#[test]
fn several_strings_are_held_at_once_borrowed_or_unescaped() {
    let text = r#"{"a":"plain","b":"\u0041\n","\u0063":"\ud83d\ude00"}"#;
    let mut scratch = [0; 7]; // two characters, one name of one character, one character of four bytes
    let mut r = Reader::new(text.as_bytes(), Limits::DEFAULT, &mut scratch);
    let (mut a, mut b, mut c) = (None, None, None);
    r.object().unwrap();
    while let Some(name) = r.name().unwrap() {
        match name {
            "a" => a = Some(r.string().unwrap()),
            "b" => b = Some(r.string().unwrap()),
            "c" => c = Some(r.string().unwrap()),
            _ => r.skip().unwrap(),
        }
    }
    r.end().unwrap();
    assert_eq!((a, b, c), (Some("plain"), Some("A\n"), Some("😀")));
    let borrowed = a.unwrap().as_ptr();
    assert!(text.as_bytes().as_ptr_range().contains(&borrowed));
}

#[test]
fn a_short_scratch_is_a_fault_of_its_own() {
    assert_eq!(one(r#""a\nb""#, &mut [0; 2], |r| r.string().map(|_| ())), Err(Fault::Scratch));
    assert_eq!(one(r#""a\nb""#, &mut [0; 3], |r| r.string().map(str::to_owned)), Ok("a\nb".to_owned()));
    assert_eq!(one(r#""plain""#, &mut [], |r| r.string().map(str::to_owned)), Ok("plain".to_owned()));
}

#[test]
fn an_integer_is_read_only_from_an_integer() {
    for (text, value) in [("0", 0), ("7", 7), ("3600", 3600), ("18446744073709551615", u64::MAX)] {
        assert_eq!(one(text, &mut [], Reader::u64), Ok(value));
    }
    for (text, value) in
        [("0", 0), ("-0", 0), ("-7", -7), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
    {
        assert_eq!(one(text, &mut [], Reader::i64), Ok(value));
    }
    for text in ["1.0", "1e2", "1E2", "0e0", "-1.5", "3600.0", "1e400"] {
        assert_eq!(one(text, &mut [], Reader::u64), Err(Fault::NotInteger), "{text}");
        assert_eq!(one(text, &mut [], Reader::i64), Err(Fault::NotInteger), "{text}");
    }
    let long = ["-1000000000000000000", "-9223372036854775808", "-9999999999999999999", "-99999999999999999999"];
    for text in ["-1", "-0", "18446744073709551616", "99999999999999999999999999999999"].into_iter().chain(long) {
        assert_eq!(one(text, &mut [], Reader::u64), Err(Fault::OutOfRange), "{text}");
    }
    for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551616"] {
        assert_eq!(one(text, &mut [], Reader::i64), Err(Fault::OutOfRange), "{text}");
    }
    assert_eq!(one("1700000000.5", &mut [], |r| r.number().map(str::to_owned)), Ok("1700000000.5".to_owned()));
}

#[test]
fn another_type_is_an_error_and_never_absent() {
    type Take = fn(&mut Reader<'_>) -> Result<(), JsonError>;
    let takes: [(Kind, Take); 7] = [
        (Kind::Boolean, |r| r.boolean().map(drop)),
        (Kind::Number, |r| r.u64().map(drop)),
        (Kind::Number, |r| r.i64().map(drop)),
        (Kind::Number, |r| r.number().map(drop)),
        (Kind::String, |r| r.string().map(drop)),
        (Kind::Array, |r| r.array().and_then(|()| r.element()).map(drop)),
        (Kind::Object, |r| r.object().and_then(|()| r.name()).map(drop)),
    ];
    for (kind, take) in takes {
        for (other, text) in [
            (Kind::Null, "null"),
            (Kind::Boolean, "true"),
            (Kind::Number, "3600"),
            (Kind::String, "\"3600\""),
            (Kind::Array, "[]"),
            (Kind::Object, "{}"),
        ] {
            let expected = if kind == other { Ok(()) } else { Err(Fault::WrongType) };
            assert_eq!(one(text, &mut [], take), expected, "{kind:?} from {text}");
        }
    }
}

#[test]
fn null_is_a_case_of_its_own() {
    assert_eq!(one("null", &mut [], Reader::null), Ok(true));
    assert_eq!(one("7", &mut [], |r| Ok((r.null()?, r.u64()?))), Ok((false, 7)));
    assert_eq!(one("nulL", &mut [], Reader::null), Err(Fault::Syntax));
}

#[test]
fn an_error_stays() {
    let mut r = Reader::new(b"{\"expires_in\":\"3600\"}", Limits::DEFAULT, &mut []);
    r.object().unwrap();
    assert_eq!(r.name(), Ok(Some("expires_in")));
    let error = JsonError { fault: Fault::WrongType, at: 14 };
    assert_eq!(r.u64(), Err(error));
    assert_eq!(r.skip(), Err(error));
    assert_eq!(r.string(), Err(error));
    assert_eq!(r.name(), Err(error));
    assert_eq!(r.element(), Err(error));
    assert_eq!(r.peek(), Err(error));
    assert_eq!(r.end(), Err(error));
}

#[test]
fn a_call_out_of_turn_is_an_error() {
    let of = |text: &'static str| Reader::new(text.as_bytes(), Limits::DEFAULT, &mut []);
    let out_of_turn = |result: Result<(), JsonError>| assert_eq!(result.unwrap_err().fault, Fault::OutOfTurn);
    out_of_turn(of("{}").name().map(drop));
    out_of_turn(of("[]").element().map(drop));
    out_of_turn(of("{}").end());
    let opened = |text: &'static str| {
        let mut r = of(text);
        if text.starts_with('{') {
            r.object().unwrap()
        } else {
            r.array().unwrap()
        }
        r
    };
    out_of_turn(opened("{\"a\":1}").element().map(drop));
    out_of_turn(opened("{\"a\":1}").string().map(drop));
    out_of_turn(opened("{\"a\":1}").end());
    out_of_turn(opened("[1]").name().map(drop));
    out_of_turn(opened("[]").name().map(drop));
    let mut r = opened("[1]");
    assert_eq!((r.element(), r.u64()), (Ok(true), Ok(1)));
    out_of_turn(r.name().map(drop));
    out_of_turn(opened("[1]").u64().map(drop));
    let mut r = opened("{\"a\":1}");
    r.name().unwrap();
    out_of_turn(r.name().map(drop));
    let mut r = of("1");
    r.u64().unwrap();
    out_of_turn(r.u64().map(drop));
}

#[test]
fn neither_an_error_nor_the_reader_shows_the_text() {
    let text = "{\"secret-name\":\"secret-value\" x}";
    let error = read(text.as_bytes()).unwrap_err();
    let mut r = Reader::new(text.as_bytes(), Limits::DEFAULT, &mut []);
    r.object().unwrap();
    let shown = f!("{error} {error:?} {r:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("byte 30: unexpected character"), "{shown}");
}
