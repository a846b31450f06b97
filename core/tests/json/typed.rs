//! serde over the reader: a user's types get what serde_json gives them, under the stricter rules.

use super::oracle::{documents, judge};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::{fmt, format as f};
use valetkey::text::json::{self, DeserializeError, Fault, Limits, Reader};

fn typed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, DeserializeError> {
    json::from_slice(text.as_bytes(), Limits::DEFAULT, &mut vec![0; text.len()])
}

fn fault<T: serde::de::DeserializeOwned + fmt::Debug>(text: &str) -> Fault {
    match typed::<T>(text) {
        Err(DeserializeError::Json(e)) => e.fault,
        other => panic!("{text}: {other:?}"),
    }
}

/// Refused by the type, at this offset.
fn refused<T: serde::de::DeserializeOwned + fmt::Debug>(text: &str, at: usize) {
    match typed::<T>(text) {
        Err(DeserializeError::Refused { at: Some(seen) }) => assert_eq!(seen, at, "{text}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Subject(String);

#[derive(Debug, PartialEq, PartialOrd, Eq, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Plan {
    Free,
    Seats(u32),
    Split(u8, u8),
    Custom { name: String },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(borrow)]
    name: Cow<'a, str>,
    sub: Subject,
    aud: Audience,
    exp: u64,
    offset: i32,
    ratio: f64,
    half: f32,
    #[serde(default)]
    admin: bool,
    nonce: Option<String>,
    absent: Option<u8>,
    plans: Vec<Plan>,
    pair: (u8, char),
    nothing: (),
    nested: BTreeMap<String, Vec<Option<i8>>>,
    by_plan: BTreeMap<Plan, u8>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

const CLAIMS: &str = r#" {"iss":"https://a.example","name":"Ed\u00e9 \ud83d\ude00","sub":"s","aud":["a","b"],"exp":18446744073709551615,
    "offset":-7,"ratio":2.5,"half":1,"admin":true,"nonce":null,"plans":["free",{"seats":3},{"split":[1,2]},
    {"custom":{"name":"x"}},{"free":null}],"pair":[255,"é"],"nothing":null,"nested":{"a":[1,null,-2],"b":[]},
    "by_plan":{"free":1},"x":1,"y":-2.5e1,"z":{"a":[true,"\n"]}} "#;

#[test]
fn a_type_gets_what_serde_json_gives_it() {
    let mut scratch = [0; 64];
    let ours: Claims<'_> = json::from_slice(CLAIMS.as_bytes(), Limits::DEFAULT, &mut scratch).unwrap();
    let theirs: Claims<'_> = serde_json::from_str(CLAIMS).unwrap();
    assert_eq!(ours, theirs);
    assert!(CLAIMS.as_bytes().as_ptr_range().contains(&ours.iss.as_ptr()));
    assert_eq!(ours.plans.len(), 5);
    assert_eq!(ours.more.len(), 3);
}

#[test]
fn every_prefix_is_refused() {
    for n in 0..CLAIMS.trim_end().len() {
        let mut scratch = [0; 64];
        let result = json::from_slice::<Claims<'_>>(&CLAIMS.as_bytes()[..n], Limits::DEFAULT, &mut scratch);
        assert!(matches!(result, Err(DeserializeError::Json(e)) if matches!(e.fault, Fault::End | Fault::Utf8)), "{n}");
    }
}

#[test]
fn escaped_text_is_lent_from_the_scratch() {
    let mut scratch = [0; 3];
    let text: &str = json::from_slice(br#""a\nb""#, Limits::DEFAULT, &mut scratch).unwrap();
    assert_eq!(text, "a\nb");
}

#[test]
fn a_float_is_taken_only_where_a_float_is_asked_for() {
    for text in ["1.0", "1e2", "-0.5", "0e0"] {
        assert_eq!(fault::<u64>(text), Fault::NotInteger);
        assert_eq!(fault::<u8>(text), Fault::NotInteger);
        assert_eq!(fault::<i64>(text), Fault::NotInteger);
        assert_eq!(typed::<f64>(text).unwrap(), text.parse::<f64>().unwrap());
        assert!(typed::<Value>(text).unwrap().is_f64());
    }
    for text in ["0", "7", "-7", "18446744073709551616"] {
        assert_eq!(typed::<f64>(text).unwrap(), text.parse::<f64>().unwrap());
    }
    assert_eq!(typed::<f32>("0.5").unwrap(), 0.5);
    assert_eq!(fault::<f64>("1e400"), Fault::OutOfRange);
    refused::<f64>("\"1.5\"", 0);
}

#[test]
fn an_integer_out_of_range_is_refused_and_not_rounded() {
    assert_eq!(typed::<u64>("18446744073709551615").unwrap(), u64::MAX);
    assert_eq!(typed::<i64>("-9223372036854775808").unwrap(), i64::MIN);
    assert_eq!(fault::<u64>("18446744073709551616"), Fault::OutOfRange);
    assert_eq!(fault::<Value>("[18446744073709551616]"), Fault::OutOfRange);
    assert_eq!(fault::<Value>("-9223372036854775809"), Fault::OutOfRange);
    refused::<u8>("256", 0);
    refused::<(u8, u8)>("[1, 256]", 4);
    refused::<u64>("-1", 0);
    refused::<i64>("9223372036854775808", 0);
}

#[test]
fn names_are_unique_in_maps_structs_and_what_is_ignored() {
    type Map = BTreeMap<String, Value>;
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"a":1,"b":2,"\u0061":3}]}"#] {
        assert_eq!(fault::<Map>(text), Fault::Duplicate);
        assert_eq!(fault::<Value>(text), Fault::Duplicate);
        assert_eq!(fault::<serde::de::IgnoredAny>(text), Fault::Duplicate);
    }
    #[derive(Debug, Deserialize)]
    struct Known {
        #[expect(dead_code, reason = "only whether it is read matters")]
        a: u8,
    }
    assert!(typed::<Known>(r#"{"a":1,"x":{"y":[]}}"#).is_ok());
    assert_eq!(fault::<Known>(r#"{"a":1,"x":0,"\u0078":1}"#), Fault::Duplicate);
    assert_eq!(fault::<Known>(r#"{"a":1,"x":{"y":0,"y":1}}"#), Fault::Duplicate);
    assert!(typed::<Known>(r#"{"a":1,"\u0061":1}"#).is_err());
}

#[test]
fn what_is_ignored_is_checked_too() {
    for garbage in ["[1,]", "tru", "\"\\x\"", "01", "{\"a\"}"] {
        assert!(matches!(
            fault::<BTreeMap<String, serde::de::IgnoredAny>>(&f!("{{\"x\":{garbage}}}")),
            Fault::Syntax | Fault::Escape
        ));
    }
}

#[test]
fn the_limits_hold_for_types_that_nest_themselves() {
    #[derive(Debug, Deserialize)]
    struct Nest(#[expect(dead_code, reason = "only the depth matters")] Vec<Self>);
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(typed::<Nest>(&nested(16)).is_ok());
    assert_eq!(fault::<Nest>(&nested(17)), Fault::Depth);
    assert_eq!(fault::<Nest>(&"[".repeat(100_000)), Fault::Depth);
    let members = |n: usize| f!("{{{}}}", (0..n).map(|i| f!("\"m{i}\":{i}")).collect::<Vec<_>>().join(","));
    assert_eq!(typed::<BTreeMap<String, u8>>(&members(32)).unwrap().len(), 32);
    assert_eq!(fault::<BTreeMap<String, u8>>(&members(33)), Fault::Members);
}

#[test]
fn nothing_follows_the_document() {
    assert_eq!(typed::<u8>(" 1 \n").unwrap(), 1);
    assert_eq!(fault::<u8>("1 1"), Fault::Trailing);
    assert_eq!(fault::<Value>("{}]"), Fault::Trailing);
}

#[test]
fn a_type_that_stops_early_does_not_shorten_the_document() {
    refused::<(u8, u8)>("[1,2,3]", 5);
    refused::<(u8, u8)>("[1]", 0);
    refused::<(u8, u8)>("[1,2,]", 5);
    #[derive(Debug)]
    struct Stops;
    impl<'de> Deserialize<'de> for Stops {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct First;
            impl<'de> Visitor<'de> for First {
                type Value = Stops;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a map")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stops, A::Error> {
                    map.next_entry::<String, u8>().map(|_| Stops)
                }
            }
            d.deserialize_map(First)
        }
    }
    assert!(typed::<Stops>("{\"a\":1}").is_ok());
    assert!(typed::<Stops>("{\"a\":1,\"b\":2}").is_err());
    assert!(typed::<Vec<Stops>>("[{\"a\":1},{},{\"a\":1}]").is_ok());
}

#[test]
fn a_type_that_asks_on_after_the_end_gets_nothing_of_what_is_around() {
    #[derive(Debug, PartialEq)]
    struct Greedy(Vec<u8>);
    impl<'de> Deserialize<'de> for Greedy {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct Twice;
            impl<'de> Visitor<'de> for Twice {
                type Value = Greedy;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an array or an object")
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Greedy, A::Error> {
                    let mut all = Vec::new();
                    for _ in 0..8 {
                        all.extend(seq.next_element::<u8>()?);
                    }
                    Ok(Greedy(all))
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Greedy, A::Error> {
                    let mut all = Vec::new();
                    for _ in 0..8 {
                        all.extend(map.next_entry::<String, u8>()?.map(|(_, n)| n));
                    }
                    Ok(Greedy(all))
                }
            }
            d.deserialize_any(Twice)
        }
    }
    assert_eq!(typed::<(Greedy, u8)>("[[1,2],3]").unwrap(), (Greedy(vec![1, 2]), 3));
    let members = typed::<BTreeMap<String, Greedy>>(r#"{"a":{"x":1},"b":{}}"#).unwrap();
    assert_eq!(members.into_values().collect::<Vec<_>>(), [Greedy(vec![1]), Greedy(vec![])]);
}

#[test]
fn an_error_that_a_type_swallows_is_not_forgotten() {
    #[derive(Debug)]
    struct Lenient;
    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            let _ = Vec::<u8>::deserialize(d);
            Ok(Self)
        }
    }
    assert!(typed::<Lenient>("[1,2]").is_ok());
    assert_eq!(fault::<Lenient>("[1,,2]"), Fault::Syntax);
    assert_eq!(fault::<BTreeMap<String, Lenient>>("{\"a\":[1,,2],\"b\":[1]}"), Fault::Syntax);
    for text in ["[\"x\",2]", "[[1,256,7]]", "[[1,256,7],4]", "[[1,256]]", "[{\"a\":[256]}]"] {
        assert!(typed::<Lenient>(text).is_err(), "{text}");
        assert_eq!(fault::<Vec<Lenient>>(&f!("[{text}]")), Fault::OutOfTurn, "{text}");
    }
    assert_eq!(typed::<Vec<Lenient>>("[[1],7,\"x\"]").unwrap().len(), 3, "what was read whole may be ignored");
}

#[test]
fn an_enum_is_its_name_or_an_object_of_one_member() {
    assert_eq!(typed::<Plan>("\"free\"").unwrap(), Plan::Free);
    assert_eq!(typed::<Plan>("{\"seats\":3}").unwrap(), Plan::Seats(3));
    for text in [
        "{}",
        "7",
        "null",
        "[]",
        "\"seats\"",
        "\"other\"",
        "{\"other\":1}",
        "{\"seats\":1,\"free\":null}",
        "{\"free\":1}",
    ] {
        assert!(typed::<Plan>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Plan>(text).is_err(), "{text}");
    }
}

#[test]
fn a_missing_member_is_named_and_nothing_of_the_text_is_shown() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Known {
        #[expect(dead_code, reason = "only whether it is read matters")]
        tenant: u8,
    }
    let missing = typed::<Known>("{}").unwrap_err();
    assert_eq!(missing, DeserializeError::Missing { name: "tenant" });
    assert_eq!(missing.to_string(), "JSON: the member tenant is missing");
    for text in [r#"{"tenant":"secret"}"#, r#"{"secret":1}"#, r#"{"tenant":"\u0073ecret""#, "\"secret\""] {
        let error = typed::<Known>(text).unwrap_err();
        let shown = f!("{error} {error:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn one_member_of_a_loop_is_taken_into_a_type() {
    let mut scratch = [0; 8];
    let mut r = Reader::new(br#"{"n":1,"plan":{"seats":2},"m":3}"#, Limits::DEFAULT, &mut scratch);
    let (mut plan, mut sum) = (None, 0);
    r.object().unwrap();
    while let Some(name) = r.name().unwrap() {
        match name {
            "plan" => plan = Some(Plan::deserialize(&mut r).unwrap()),
            _ => sum += r.u64().unwrap(),
        }
    }
    r.end().unwrap();
    assert_eq!((plan, sum), (Some(Plan::Seats(2)), 4));
}

/// serde_json reads `-0` as the float -0.0.
fn without_negative_zero(value: Value) -> Value {
    match value {
        Value::Number(n) if n.as_f64() == Some(0.0) => 0.into(),
        Value::Array(values) => values.into_iter().map(without_negative_zero).collect(),
        Value::Object(members) => members.into_iter().map(|(k, v)| (k, without_negative_zero(v))).collect(),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_document_becomes_the_value_that_serde_json_makes_of_it(text in documents()) {
        match (typed::<Value>(&text), judge(text.as_bytes())) {
            (Ok(ours), Some(theirs)) => prop_assert_eq!(without_negative_zero(ours), without_negative_zero(theirs)),
            // serde_json rounds an integer that is too large to a float.
            (Err(DeserializeError::Json(e)), Some(_)) if e.fault == Fault::OutOfRange => {
                let digits: String = text[e.at..].chars().take_while(|c| matches!(c, '-' | '0'..='9')).collect();
                let n: i128 = digits.parse().unwrap();
                prop_assert!(n > u64::MAX.into() || n < i64::MIN.into(), "{}", n);
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{}: {:?}", text, ours),
        }
    }
}
