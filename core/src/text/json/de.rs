//! serde over the strict reader, for a user's own types: the same bytes, the same rules, the same limits.

use super::{Fault, JsonError, Kind, Limits, Reader, cursor::State};
use core::fmt;
use serde::de::{
    self, Deserialize, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::BorrowedStrDeserializer,
};

/// Why a document did not become a value. It never holds any of the text; so what a type's own `Deserialize` had to say
/// is dropped, since such messages quote what they refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeserializeError {
    /// The document was refused, whatever the type.
    Json(JsonError),
    /// The type requires a member that is absent.
    Missing {
        /// The member's name, as the type has it.
        name: &'static str,
    },
    /// The type refused a value.
    Refused {
        /// The offset in bytes of the value, if it was a value in the document.
        at: Option<usize>,
    },
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::Missing { name } => write!(f, "JSON: the member {name} is missing"),
            Self::Refused { at: Some(at) } => write!(f, "JSON, byte {at}: the value is not what the type allows"),
            Self::Refused { at: None } => f.write_str("JSON: a value is not what the type allows"),
        }
    }
}

impl core::error::Error for DeserializeError {}

impl de::Error for DeserializeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused { at: None }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing { name }
    }
}

impl From<JsonError> for DeserializeError {
    fn from(e: JsonError) -> Self {
        Self::Json(e)
    }
}

impl DeserializeError {
    /// Says where, unless a value within said so before.
    const fn located(self, at: usize) -> Self {
        match self {
            Self::Refused { at: None } => Self::Refused { at: Some(at) },
            e => e,
        }
    }
}

/// Reads one document into a type, such as a user's own claims.
///
/// All that [`Reader`] says holds here: names are unique in every object, ignored ones included; an integer is no float,
/// and a float is taken for a number only where the type asks for one. Text is lent to types that borrow it, with
/// escapes too, which take room in `scratch` as described at [`Reader::new`]. Names are text: a map whose keys are
/// numbers is refused.
///
/// ```
/// use valetkey::text::json::{self, Limits};
///
/// #[derive(serde::Deserialize)]
/// struct Claims<'a> {
///     tenant: &'a str,
///     #[serde(default)]
///     seats: u32,
/// }
///
/// let body = br#"{"tenant":"acme \u0026 sons","seats":12,"iat":1700000000}"#;
/// let mut scratch = [0; 64];
/// let claims: Claims<'_> = json::from_slice(body, Limits::DEFAULT, &mut scratch)?;
/// assert_eq!((claims.tenant, claims.seats), ("acme & sons", 12));
/// # Ok::<(), json::DeserializeError>(())
/// ```
///
/// # Errors
/// The document is malformed, exceeds the limits, or is not what the type allows.
pub fn from_slice<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    limits: Limits,
    scratch: &'de mut [u8],
) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes, limits, scratch);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

impl<'de> Reader<'de> {
    fn visit_integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.peek()? == Kind::Number && self.cursor.bytes.get(self.cursor.at) == Some(&b'-') {
            visitor.visit_i64(self.i64()?)
        } else {
            visitor.visit_u64(self.u64()?)
        }
    }

    fn visit_float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let number = self.number()?;
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() => visitor.visit_f64(value),
            _ => {
                let failed = self.refuse(number, Fault::OutOfRange);
                Ok(self.told(failed)?)
            }
        }
    }

    fn visit_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.peek()?;
        let start = self.cursor.at;
        let integer = !self.number()?.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
        // It was looked at, and is to be taken now.
        (self.cursor.at, self.cursor.state) = (start, State::Value);
        if integer { self.visit_integer(visitor) } else { self.visit_float(visitor) }
    }

    fn visit_array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let outside = self.cursor.open;
        self.array()?;
        let value = visitor.visit_seq(Elements { reader: self, outside })?;
        // A visitor may stop early, but not before the end.
        if self.cursor.open != outside && self.element()? {
            return Err(DeserializeError::Refused { at: Some(self.cursor.at) });
        }
        Ok(value)
    }

    fn visit_object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let outside = self.cursor.open;
        self.object()?;
        let value = visitor.visit_map(Members { reader: self, outside })?;
        if self.cursor.open != outside && self.name()?.is_some() {
            return Err(DeserializeError::Refused { at: Some(self.cursor.at) });
        }
        Ok(value)
    }

    /// Runs `visit` on the next value, and adds the value's offset to what it refuses.
    fn located<T>(
        &mut self,
        visit: impl FnOnce(&mut Self) -> Result<T, DeserializeError>,
    ) -> Result<T, DeserializeError> {
        self.peek()?;
        let (at, outside) = (self.cursor.at, self.cursor.open);
        visit(self).map_err(|e| {
            // A type may swallow this error, but the rest of a half-read array is not that of the one around it.
            if self.cursor.open != outside && self.cursor.state != State::Failed {
                self.cursor.fail::<()>(Fault::OutOfTurn);
            }
            e.located(at)
        })
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            self.located(|r| if r.peek()? == Kind::Number { r.visit_integer(visitor) } else { r.deserialize_any(visitor) })
        }
    )*};
}

macro_rules! floats {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            self.located(|r| if r.peek()? == Kind::Number { r.visit_float(visitor) } else { r.deserialize_any(visitor) })
        }
    )*};
}

/// The next value of the document, so that a loop over a [`Reader`] may take one member into a type of the user's.
impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.located(|r| match r.peek()? {
            Kind::Null => {
                r.null()?;
                visitor.visit_unit()
            }
            Kind::Boolean => visitor.visit_bool(r.boolean()?),
            Kind::Number => r.visit_number(visitor),
            Kind::String => visitor.visit_borrowed_str(r.string()?),
            Kind::Array => r.visit_array(visitor),
            Kind::Object => r.visit_object(visitor),
        })
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    integers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    floats!(deserialize_f32 deserialize_f64);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.located(|r| if r.null()? { visitor.visit_none() } else { visitor.visit_some(r) })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.located(|r| visitor.visit_newtype_struct(r))
    }

    /// A variant is its name, or an object of one member, the variant's name and content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.located(|r| match r.peek()? {
            Kind::String => visitor.visit_enum(BorrowedStrDeserializer::new(r.string()?)),
            Kind::Object => {
                r.object()?;
                let value = visitor.visit_enum(Variant(r))?;
                if r.name()?.is_some() {
                    return Err(DeserializeError::Refused { at: Some(r.cursor.at) });
                }
                Ok(value)
            }
            _ => Err(DeserializeError::Refused { at: None }),
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// The elements of an array. After its end the reader stands in what is around it, which is not this array's to give.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    outside: u32,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DeserializeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeserializeError> {
        if self.reader.cursor.open == self.outside || !self.reader.element()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object, likewise.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    outside: u32,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = DeserializeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeserializeError> {
        if self.reader.cursor.open == self.outside {
            return Ok(None);
        }
        let Some(name) = self.reader.name()? else { return Ok(None) };
        seed.deserialize(Name(name)).map(Some).map_err(|e| e.located(self.reader.cursor.at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeserializeError> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A member's name, as text or as what is made of it.
struct Name<'de>(&'de str);

impl<'de> de::Deserializer<'de> for Name<'de> {
    type Error = DeserializeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The one member of an object that stands for a variant.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DeserializeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeserializeError> {
        let name = self.0.name()?.ok_or(DeserializeError::Refused { at: None })?;
        Ok((seed.deserialize(Name(name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), DeserializeError> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeserializeError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, DeserializeError> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }
}
