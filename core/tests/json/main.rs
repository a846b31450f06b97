//! The JSON reader and writer: RFC 8259 strictly, names unique, budgets kept; serde_json is the judge.

mod grammar;
mod judged;
mod names;
mod oracle;
mod reader;
#[cfg(feature = "serde")]
mod typed;
mod write;

use serde_json::Value;
use valetkey::text::json::{Fault, JsonError, Kind, Limits, Reader};

/// The whole document, read value by value.
fn read(bytes: &[u8]) -> Result<Value, JsonError> {
    fn value(r: &mut Reader<'_>) -> Result<Value, JsonError> {
        Ok(match r.peek()? {
            Kind::Null => {
                assert!(r.null()?);
                Value::Null
            }
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
                let mut members = serde_json::Map::new();
                r.object()?;
                while let Some(name) = r.name()? {
                    let value = value(r)?;
                    members.insert(name.to_owned(), value);
                }
                members.into()
            }
        })
    }
    let mut scratch = vec![0; bytes.len()];
    let mut r = Reader::new(bytes, Limits::DEFAULT, &mut scratch);
    let value = value(&mut r)?;
    r.end()?;
    Ok(value)
}

/// The same document, passed over.
fn skip(bytes: &[u8]) -> Result<(), JsonError> {
    let mut r = Reader::new(bytes, Limits::DEFAULT, &mut []);
    r.skip()?;
    r.end()
}

/// Why the document is refused, read or passed over.
fn fault(text: &str) -> Fault {
    let (read, skipped) = (read(text.as_bytes()).expect_err(text), skip(text.as_bytes()).expect_err(text));
    assert_eq!(read, skipped, "skipping is as strict as reading: {text}");
    read.fault
}

/// A document of one value.
fn one<'a, T>(
    text: &'a str,
    scratch: &'a mut [u8],
    take: impl FnOnce(&mut Reader<'a>) -> Result<T, JsonError>,
) -> Result<T, Fault> {
    let mut r = Reader::new(text.as_bytes(), Limits::DEFAULT, scratch);
    let value = take(&mut r).map_err(|e| e.fault)?;
    r.end().map_err(|e| e.fault)?;
    Ok(value)
}
