//! JSON as serde_json reads it, held to the rules that serde_json lacks: names unique, depth 16, so many members.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// What serde_json reads, if it keeps those rules.
pub fn judge(bytes: &[u8], members: usize) -> Option<Value> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    let mut unique = serde_json::Deserializer::from_slice(bytes);
    Unique { members }.deserialize(&mut unique).ok()?;
    serde_json::from_slice(bytes).ok().filter(|value| depth(value) <= 16)
}

/// Any document in which each object has unique names, and not too many.
#[derive(Clone, Copy)]
struct Unique {
    members: usize,
}

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

macro_rules! any_of {
    ($($method:ident: $type:ty,)*) => { $(fn $method<E>(self, _: $type) -> Result<(), E> { Ok(()) })* };
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();
    any_of! { visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str, }
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(self)?;
            if !names.insert(name) || names.len() > self.members {
                return Err(A::Error::custom("repeated, or too many"));
            }
        }
        Ok(())
    }
}
