//! The JSON reader and its `serde::Deserializer`. Asserts: what serde_json reads by the added rules (names unique, depth
//! 16, 32 members) ours reads, with the same value, and the other way round; passing over is as strict as reading; a typed
//! document comes out as serde_json has it. Differences: a number beyond `f64` is text here, where serde_json refuses it;
//! an integer beyond 64 bits is refused by ours, where a type is asked for, and a float there; `-0` is the integer 0 here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use valetkey::text::json::{self, JsonError, Kind, Limits, Reader};
use valetkey_fuzz::strict::judge;

fuzz_target!(|bytes: &[u8]| {
    let mut scratch = vec![0; bytes.len()];
    let ours = read(bytes, &mut scratch);
    let mut r = Reader::new(bytes, Limits::DEFAULT, &mut []);
    assert_eq!(ours.as_ref().err(), r.skip().and_then(|()| r.end()).as_ref().err(), "passing over is as strict");
    let theirs = judge(bytes, 32);
    match (ours.ok(), &theirs) {
        (Some(value), None) => assert!(value.to_string().contains("beyond f64")),
        (ours, theirs) => assert_eq!(ours.as_ref(), theirs.as_ref()),
    }
    let minus_zero = bytes.windows(2).any(|pair| pair == b"-0");
    if minus_zero {
        return;
    }
    let mut scratch = vec![0; bytes.len()];
    if let Ok(value) = json::from_slice::<Value>(bytes, Limits::DEFAULT, &mut scratch) {
        assert_eq!(Some(value), theirs, "serde reads the same value");
    }
    let mut scratch = vec![0; bytes.len()];
    let typed = json::from_slice::<Claims>(bytes, Limits::DEFAULT, &mut scratch).ok();
    // A number that serde_json cannot keep at all says nothing of one in a member that nobody reads.
    if theirs.is_some() {
        assert_eq!(typed, serde_json::from_slice(bytes).ok(), "a typed document is the same");
    }
});

/// A type with something of each kind.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<i64>,
    ratio: Option<f64>,
    #[serde(default)]
    aud: Vec<String>,
    role: Option<Role>,
    act: Option<Box<Self>>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
enum Role {
    Reader,
    Writer(u8),
    Owner { since: u32 },
}

fn read(bytes: &[u8], scratch: &mut [u8]) -> Result<Value, JsonError> {
    fn value(r: &mut Reader<'_>) -> Result<Value, JsonError> {
        Ok(match r.peek()? {
            Kind::Null => r.null().map(|_| Value::Null)?,
            Kind::Boolean => r.boolean()?.into(),
            Kind::String => r.string()?.into(),
            Kind::Number => serde_json::from_str(r.number()?).unwrap_or("beyond f64".into()),
            Kind::Array => {
                let mut values = Vec::new();
                r.array()?;
                while r.element()? {
                    values.push(value(r)?);
                }
                values.into()
            }
            Kind::Object => {
                let mut members = Map::new();
                r.object()?;
                while let Some(name) = r.name()? {
                    members.insert(name.to_owned(), value(r)?);
                }
                members.into()
            }
        })
    }
    let mut r = Reader::new(bytes, Limits::DEFAULT, scratch);
    let value = value(&mut r)?;
    r.end()?;
    Ok(value)
}
