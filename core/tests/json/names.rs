//! Unique names and the limits, in every object, read or skipped.

use super::judged::agrees;
use super::{fault, read, skip};
use std::format as f;
use valetkey::text::form::Encoded;
use valetkey::text::json::{Fault, Limits, Reader};

#[test]
fn depth_16_is_read_and_depth_17_is_refused() {
    let nested = |depth: usize| {
        let open = |i: usize| if i.is_multiple_of(3) { "{\"a\":" } else { "[" };
        let close = |i: usize| if i.is_multiple_of(3) { "}" } else { "]" };
        (0..depth).map(open).chain(["0"]).chain((0..depth).rev().map(close)).collect::<String>()
    };
    assert!(read(nested(16).as_bytes()).is_ok());
    assert_eq!(skip(nested(16).as_bytes()), Ok(()));
    assert_eq!(fault(&nested(17)), Fault::Depth);
    assert_eq!(fault(&"[".repeat(1_000_000)), Fault::Depth);
    for depth in [0, 1, 15, 16, 17, 255] {
        let limits = Limits { depth, ..Limits::DEFAULT };
        for n in [1, 2, 15, 16, 17] {
            let ok = Reader::new(nested(n).as_bytes(), limits, &mut []).skip().is_ok();
            assert_eq!(ok, n <= usize::from(depth.min(16)), "limit {depth}, depth {n}");
        }
    }
    assert!(read(f!("[{}]", ["[[]]"; 100].join(",")).as_bytes()).is_ok(), "what was closed is not counted");
}

fn object_of(members: usize) -> String {
    let members: Vec<_> = (0..members).map(|i| f!("\"m{i}\":{{\"x\":{i}}}")).collect();
    f!("{{{}}}", members.join(","))
}

#[test]
fn an_object_of_32_members_is_read_and_one_of_33_is_refused() {
    assert!(read(object_of(32).as_bytes()).is_ok());
    assert_eq!(fault(&object_of(33)), Fault::Members);
    assert_eq!(fault(&f!("[{{\"a\":{}}}]", object_of(33))), Fault::Members);
    assert!(read(f!("[{},{}]", object_of(32), object_of(32)).as_bytes()).is_ok(), "each object has its own count");
    let wide = Limits { members: 255, ..Limits::DEFAULT };
    for (members, ok) in [(254, true), (255, true), (256, false), (1000, false)] {
        assert_eq!(Reader::new(object_of(members).as_bytes(), wide, &mut []).skip().is_ok(), ok);
    }
    assert!(Reader::new(b"{\"a\":0}", Limits { members: 0, ..wide }, &mut []).skip().is_err());
}

#[test]
fn a_name_occurs_once_in_an_object_however_it_is_spelled() {
    for (a, b) in [
        ("a", "a"),
        ("", ""),
        ("a", "\\u0061"),
        ("\\u0061", "a"),
        ("\\u0061", "\\u0061"),
        ("é", "\\u00e9"),
        ("\\u00e9", "\\u00E9"),
        ("😀", "\\ud83d\\ude00"),
        ("/", "\\/"),
        ("\\n", "\\u000a"),
        ("\\\\", "\\u005c"),
        ("\\\"", "\\u0022"),
        ("a\\\\", "a\\u005C"),
        ("\\u005cu0061", "\\\\u0061"),
    ] {
        for text in [
            f!("{{\"{a}\":1,\"{b}\":2}}"),
            f!("{{\"x\":[{{\"{a}\":1,\"y\":\"a\", \"{b}\" : 2}}]}}"),
            f!("{{\"x\":{{\"{a}\":{{}},\"y\":[{{\"a\":1}}],\"{b}\":[]}},\"z\":0}}"),
            f!("{{\"{a}\":[\"\\\\\",\"}}\",\"\\\"{{\",{{\"q\":\"]\"}}], \"q\": 0,\n\"{b}\"\t:null}}"),
        ] {
            assert_eq!(fault(&text), Fault::Duplicate, "{text}");
        }
    }
}

#[test]
fn names_that_differ_are_not_duplicates() {
    for text in [
        r#"{"a":"a","b":"a","A":"b"}"#,
        r#"{"a":{"a":{"a":["a","a"]}},"b":[{"a":1},{"a":2}]}"#,
        r#"{"u0061":0,"a":1,"\\u0061":2}"#,
        r#"{"a\"":0,"a":1,"a\\":2,"\"a":3,"a\\\"":4,"":5}"#,
        r#"{"x":"\"a\":1","a":"{\"a\":2}","y":[":","a",":"]}"#,
    ] {
        assert!(read(text.as_bytes()).is_ok(), "{text}");
        agrees(text.as_bytes());
    }
}

#[test]
fn rfc8414_4_01_composed_and_decomposed_text_differs() {
    // One character, and a letter with a combining mark: the same to the eye and to Unicode's normal forms.
    for (composed, decomposed) in
        [("\u{e9}", "e\u{301}"), ("\u{212b}", "\u{c5}"), ("\u{fb01}", "fi"), ("\u{ac00}", "\u{1100}\u{1161}")]
    {
        let both = f!("{{\"{composed}\":1,\"{decomposed}\":2}}");
        assert!(read(both.as_bytes()).is_ok(), "{both}");
        agrees(both.as_bytes());
        let twice = f!("{{\"{composed}\":1,\"{composed}\":2}}");
        assert_eq!(fault(&twice), Fault::Duplicate);
        assert!(Encoded::new(composed).is(composed) && !Encoded::new(composed).is(decomposed));
    }
}

#[test]
fn any_two_of_32_names_are_compared() {
    for first in 0..32 {
        for second in first + 1..32 {
            let name = |i: usize| if i == second { first } else { i };
            let members: Vec<_> = (0..32).map(|i| f!("\"m{}\":{{\"m0\":\"}}\"}}", name(i))).collect();
            assert_eq!(fault(&f!("{{{}}}", members.join(","))), Fault::Duplicate, "{first} {second}");
        }
    }
}

#[test]
fn garbage_in_skipped_values_is_refused() {
    for garbage in
        ["[1,]", "{\"a\"}", "tru", "\"\\x\"", "\"\\ud800\"", "01", "[}", "{\"a\":1,\"\\u0061\":2}", "-", "[[[1 2]]]"]
    {
        let text = f!("{{\"access_token\":\"t\",\"unknown\":{garbage},\"expires_in\":1}}");
        let mut r = Reader::new(text.as_bytes(), Limits::DEFAULT, &mut []);
        r.object().unwrap();
        let result = loop {
            match r.name() {
                Ok(Some("unknown")) => break r.skip().and_then(|()| r.name().map(drop)),
                Ok(Some("access_token")) => assert_eq!(r.string(), Ok("t")),
                other => panic!("{other:?}"),
            }
        };
        assert!(result.is_err(), "{text}");
    }
}
