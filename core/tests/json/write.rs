//! What is written is JSON, says what was meant, and fits exactly or leaves nothing behind.

use proptest::prelude::*;
use serde_json::json;
use valetkey::error::TooSmall;
use valetkey::text::buf::Writer;
use valetkey::text::json::{self, Limits, Object, Reader};

fn write<'b>(buf: &'b mut [u8], text: &str, n: u64, b: bool, list: &[String]) -> Result<&'b str, TooSmall> {
    let mut w = Writer::new(buf);
    let mut o = Object::new(&mut w);
    o.string("text", text);
    o.number("number", n);
    o.boolean("boolean", b);
    o.strings("list", list.iter().map(String::as_str));
    o.close();
    w.finish()
}

#[test]
fn an_empty_object_and_an_empty_list_are_written() {
    let mut buf = [0; 8];
    let mut w = Writer::new(&mut buf);
    Object::new(&mut w).close();
    assert_eq!(w.finish(), Ok("{}"));
    let mut w = Writer::new(&mut buf);
    let mut o = Object::new(&mut w);
    o.strings("a", []);
    o.close();
    assert_eq!(w.finish(), Ok("{\"a\":[]}"));
}

#[test]
fn every_character_below_space_is_escaped_and_read_back() {
    for c in ('\0'..='\u{7f}').chain(['é', '\u{2028}', '😀']) {
        let (mut buf, mut scratch) = ([0; 8], [0; 8]);
        let mut w = Writer::new(&mut buf);
        json::string(&mut w, c.encode_utf8(&mut [0; 4]));
        let text = w.finish().unwrap();
        assert_eq!(serde_json::from_str::<String>(text).unwrap(), c.to_string());
        assert!(text.bytes().all(|b| b >= 0x20));
        assert_eq!(Reader::new(text.as_bytes(), Limits::DEFAULT, &mut scratch).string(), Ok(&*c.to_string()));
    }
}

proptest! {
    #[test]
    fn an_object_is_read_as_it_was_meant(
        text: String, n: u64, b: bool, list in prop::collection::vec(any::<String>(), 0..5),
    ) {
        let expected = json!({ "text": &text, "number": n, "boolean": b, "list": &list });
        let TooSmall { needed } = write(&mut [], &text, n, b, &list).unwrap_err();
        let mut buf = vec![7; needed];
        let short = write(&mut buf[..needed - 1], &text, n, b, &list);
        prop_assert_eq!(short, Err(TooSmall { needed }));
        prop_assert!(buf[..needed - 1].iter().all(|b| *b == 0));
        let written = write(&mut buf, &text, n, b, &list).unwrap();
        prop_assert_eq!(written.len(), needed);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(written).unwrap(), expected);
        prop_assert!(super::read(written.as_bytes()).is_ok());
    }
}
