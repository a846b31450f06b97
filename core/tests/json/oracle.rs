//! serde_json as the judge: what a document says, and whether the strict rules allow it. And documents to judge.

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A value as serde_json reads it, with the rules that it lacks: names are unique, and at most 32 in an object.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
                Ok(v.into())
            }
            fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
                Ok(v.into())
            }
            fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
                Ok(v.into())
            }
            fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
                Ok(v.into())
            }
            fn visit_str<E>(self, v: &str) -> Result<Value, E> {
                Ok(v.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Strict(value)) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, Strict(value))) = map.next_entry::<String, _>()? {
                    if members.insert(name, value).is_some() || members.len() > 32 {
                        return Err(A::Error::custom("a duplicate, or too many"));
                    }
                }
                Ok(Value::Object(members))
            }
        }
        d.deserialize_any(Any).map(Self)
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What the document says, if it keeps the rules.
pub(super) fn judge(bytes: &[u8]) -> Option<Value> {
    let Strict(value) = serde_json::from_slice(bytes).ok()?;
    (depth(&value) <= 16).then_some(value)
}

fn joined(pieces: &'static [&'static str], count: std::ops::Range<usize>) -> BoxedStrategy<String> {
    prop::collection::vec(prop::sample::select(pieces), count).prop_map(|pieces| pieces.concat()).boxed()
}

fn space() -> BoxedStrategy<String> {
    joined(&["", "", "", " ", "\n", "\t", "\r"], 0..2)
}

fn string() -> BoxedStrategy<String> {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "7",
        "é",
        "😀",
        "\u{7f}",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "/",
        "\\/",
        "\\\\",
        "\\\"",
        "\\n",
        "\\b",
        "\\f",
        "\\r",
        "\\t",
        "\\u0061",
        "\\u00e9",
        "\\u00E9",
        "\\ud83d\\ude00",
        "\\u0000",
        "\\uffff",
    ];
    const WRONG: &[&str] = &["\\", "\\x", "\\ud83d", "\\ude00", "\\u12", "\n", "\u{1f}", "\0"];
    prop_oneof![
        60 => joined(PIECES, 0..6),
        1 => (joined(PIECES, 0..3), prop::sample::select(WRONG), joined(PIECES, 0..3)).prop_map(|(a, b, c)| a + b + &c),
    ]
    .prop_map(|s| format!("\"{s}\""))
    .boxed()
}

fn scalar() -> BoxedStrategy<String> {
    const GOOD: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "7",
        "-1",
        "3600",
        "18446744073709551615",
        "-9223372036854775808",
        "9223372036854775808",
        "1.5",
        "-0.25",
        "1e2",
        "1E+2",
        "2.5e-3",
        "0e0",
        "0.0",
    ];
    const ODD: &[&str] = &[
        "-",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "-0",
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "nul",
        "True",
        "NaN",
        "'a'",
        "tru e",
        "0x1",
        "--1",
        "1.e1",
        "",
    ];
    prop_oneof![
        60 => prop::sample::select(GOOD).prop_map(str::to_owned),
        1 => prop::sample::select(ODD).prop_map(str::to_owned),
        60 => string(),
    ]
    .boxed()
}

/// Documents, of which about two in three keep the rules. Few names, so that duplicates and hidden ones come up.
pub(super) fn documents() -> BoxedStrategy<String> {
    let name = prop_oneof![
        8 => prop::sample::select(&["\"a\"", "\"b\"", "\"\\u0061\"", "\"é\"", "\"\\u00e9\"", "\"\"", "\"a\\\"\""][..])
            .prop_map(str::to_owned),
        8 => "\"[a-z]{3}\"",
        4 => string(),
    ]
    .boxed();
    let comma = prop_oneof![100 => Just(","), 1 => Just(",,"), 1 => Just("")].boxed();
    let member = move |value: BoxedStrategy<String>| {
        let spaced = (space(), value, space()).prop_map(|(a, b, c)| a + &b + &c);
        (space(), name.clone(), space(), spaced).prop_map(|(a, b, c, d)| a + &b + &c + ":" + &d).boxed()
    };
    let object = move |value: BoxedStrategy<String>, most: usize| {
        (prop::collection::vec(member(value), 0..most), comma.clone())
            .prop_map(|(m, comma)| format!("{{{}}}", m.join(comma)))
    };
    let inner = object.clone();
    let value = scalar().prop_recursive(18, 30, 4, move |value| {
        let array = prop::collection::vec((space(), value.clone(), space()).prop_map(|(a, b, c)| a + &b + &c), 0..5);
        prop_oneof![array.prop_map(|v| format!("[{}]", v.join(","))), inner(value.boxed(), 5)].boxed()
    });
    let whole = prop_oneof![1 => value.clone(), 4 => object(value.boxed(), 7)];
    let after = prop_oneof![30 => space(), 1 => Just(",".to_owned()), 1 => Just("0".to_owned())];
    (space(), whole, after).prop_map(|(a, b, c)| a + &b + &c).boxed()
}
