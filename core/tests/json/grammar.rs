//! RFC 8259, production by production.

use super::{fault, one, read, skip};
use std::format as f;
use valetkey::text::json::{Fault, JsonError};

#[test]
fn escapes_are_read_as_rfc_8259_section_7_says() {
    for (text, value) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0000\u00e9\u00E9\uFFFF""#, "\0éé\u{ffff}"),
        (r#""\ud83d\ude00\uD834\uDD1E""#, "😀𝄞"),
        (r#""\\u0061""#, "\\u0061"),
        (r#""\\\"""#, "\\\""),
        ("\"\u{7f}é😀\"", "\u{7f}é😀"),
    ] {
        assert_eq!(one(text, &mut [0; 64], |r| r.string().map(str::to_owned)), Ok(value.to_owned()), "{text}");
    }
    for text in [
        r#""\x""#,
        r#""\U0061""#,
        r#""\u00g1""#,
        r#""\u+061""#,
        r#""\u 061""#,
        r#""\'""#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00\ud800""#,
        r#""\ud800 \udc00""#,
        r#""\u006""#,
    ] {
        assert_eq!(fault(text), Fault::Escape, "{text}");
    }
}

#[test]
fn control_characters_in_strings_are_refused() {
    for c in (0..0x20u8).map(char::from) {
        assert_eq!(fault(&f!("[\"a{c}\"]")), Fault::Control);
        assert_eq!(fault(&f!("{{\"a{c}\":0}}")), Fault::Control);
    }
}

#[test]
fn a_malformed_number_is_refused() {
    for text in
        ["01", "-01", "00", "1.", ".5", "+1", "--1", "1.e1", "0x1", "1_000", "1.2.3", "[1e]", "[1e+]", "[-]", "NaN"]
    {
        assert!(matches!(fault(text), Fault::Syntax | Fault::Trailing | Fault::End), "{text}");
    }
}

#[test]
fn nothing_but_white_space_surrounds_a_document() {
    assert_eq!(read(b" \t\r\n{} \t\r\n"), Ok(serde_json::json!({})));
    for text in ["{} {}", "{},", "null null", "[]]", "{}}", "0 x", "1\u{a0}", "\"\"\0", "{}//"] {
        assert_eq!(fault(text), Fault::Trailing, "{text}");
    }
    for text in ["\u{feff}{}", "\u{a0}1", "\u{c}1", "// a\n{}"] {
        assert_eq!(fault(text), Fault::Syntax, "{text}");
    }
    for text in ["", " "] {
        assert_eq!(fault(text), Fault::End);
    }
}

#[test]
fn commas_and_colons_stand_where_the_grammar_has_them() {
    for text in [
        "[,]",
        "[1,]",
        "[1,,2]",
        "[1 2]",
        "[1:2]",
        "{,}",
        "{\"a\":1,}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":}",
        "{:1}",
        "[1}",
        "{\"a\":1]",
        "{\"a\",1}",
        "{null:1}",
        "]",
        "}",
        ":",
    ] {
        assert_eq!(fault(text), Fault::Syntax, "{text}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_its_offset() {
    for bytes in [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xe2\x82\""] {
        assert_eq!(read(bytes), Err(JsonError { fault: Fault::Utf8, at: 1 }), "{bytes:?}");
        assert_eq!(skip(bytes), Err(JsonError { fault: Fault::Utf8, at: 1 }), "{bytes:?}");
    }
}

#[test]
fn nothing_but_ascii_stands_between_strings() {
    for bytes in [&b"{\xff}"[..], b"[\xc3\xa9]", b"\xef\xbb\xbf{}", b"[1\xc2\xa0]"] {
        assert!(matches!(read(bytes).unwrap_err().fault, Fault::Utf8 | Fault::Syntax), "{bytes:?}");
        assert_eq!(read(bytes).err(), skip(bytes).err(), "{bytes:?}");
    }
}
