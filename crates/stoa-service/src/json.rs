//! Strict JSON decoding. Its errors name the location in the document. [`crate::Request::json`] and
//! [`crate::outbound::Reply::json`] decode with this module.
//!
//! serde's derived code also reads a struct from an array (`["ann@example.com", "secret"]`), which no interface document of the
//! shop allows. This module rejects an array in place of any struct, and the types need no attributes for that. It wraps the
//! deserializer, and the wrapper also wraps all nested deserializers. Values that serde buffers (`flatten`, enums without an outer
//! tag) escape the wrapper, so the decoded types must not use them. Text with the character NUL is rejected too, because PostgreSQL
//! cannot store it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error,
    IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::Value;

/// A decoding error and its location in the document, such as `items[2].quantity`.
#[derive(Debug, thiserror::Error)]
pub struct JsonError {
    location: String,
    #[source]
    error: serde_json::Error,
}

/// Phrases in serde's error messages, and their replacements. Callers know JSON types and not Rust types.
const PHRASES: [(&str, &str); 13] = [
    ("invalid type: map", "invalid type: an object"),
    ("invalid type: sequence", "invalid type: an array"),
    ("floating point `", "the number `"),
    ("expected a map", "expected an object"),
    ("expected a sequence", "expected an array"),
    ("expected u8", "expected a whole number of 0 or more"),
    ("expected u16", "expected a whole number of 0 or more"),
    ("expected u32", "expected a whole number of 0 or more"),
    ("expected u64", "expected a whole number of 0 or more"),
    ("expected usize", "expected a whole number of 0 or more"),
    ("expected i32", "expected a whole number"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
];

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = self.error.to_string();
        for (serde_phrase, replacement) in PHRASES {
            error = error.replacen(serde_phrase, replacement, 1);
        }
        write!(f, "{}: {error}", self.location)
    }
}

impl JsonError {
    /// serde's error, without the location.
    pub fn without_location(&self) -> &serde_json::Error {
        &self.error
    }
}

/// Decodes a JSON text. Content after the value is an error.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = read_strictly("", &mut deserializer)?;
    deserializer.end().map_err(|error| JsonError {
        location: "body".to_owned(),
        error,
    })?;
    Ok(value)
}

/// Decodes a value that is already parsed as JSON. `name` is the location of the value in its document, for errors.
pub fn read_value<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, JsonError> {
    read_strictly(name, value)
}

fn read_strictly<'de, T, D>(root: &str, deserializer: D) -> Result<T, JsonError>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let path = ErrorPath::default();
    T::deserialize(Strict {
        inner: deserializer,
        path: &path,
    })
    .map_err(|error| JsonError {
        location: location(root, &path),
        error,
    })
}

/// Decodes a whole number from `MIN` to `MAX`. Usage: `#[serde(deserialize_with = "json::whole::<1, 99, _>")]`.
pub fn whole<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<u32, D::Error> {
    struct Whole<const MIN: u32, const MAX: u32>;

    impl<const MIN: u32, const MAX: u32> Visitor<'_> for Whole<MIN, MAX> {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a whole number from {MIN} to {MAX}")
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<u32, E> {
            u32::try_from(value)
                .ok()
                .filter(|value| (MIN..=MAX).contains(value))
                .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<u32, E> {
            match u64::try_from(value) {
                Ok(value) => self.visit_u64(value),
                Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
            }
        }
    }

    deserializer.deserialize_u32(Whole::<MIN, MAX>)
}

/// The path to the value that cannot be decoded, innermost part first. While the error is returned, each enclosing array or object
/// appends its own part.
type ErrorPath = RefCell<Vec<PathPart>>;

enum PathPart {
    Member(String),
    Item(usize),
}

fn location(root: &str, path: &ErrorPath) -> String {
    let mut location = root.to_owned();
    for part in path.borrow().iter().rev() {
        match part {
            PathPart::Member(name) => {
                if !location.is_empty() {
                    location.push('.');
                }
                location.push_str(&crate::text::shorten(name));
            }
            PathPart::Item(index) => location.push_str(&format!("[{index}]")),
        }
    }
    if location.is_empty() {
        "body".to_owned()
    } else {
        location
    }
}

fn without_nul<T: AsRef<str>, E: Error>(text: T) -> Result<T, E> {
    if text.as_ref().contains('\0') {
        return Err(E::custom("the text contains the character NUL"));
    }
    Ok(text)
}

/// Wraps a deserializer, a visitor or a seed. All deserializers, visitors and seeds that are reached through the wrapper are
/// wrapped too.
struct Strict<'t, T> {
    inner: T,
    path: &'t ErrorPath,
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*)),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($name,)* Strict { inner: visitor, path: self.path })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any(), deserialize_bool(), deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(), deserialize_f32(), deserialize_f64(),
        deserialize_char(), deserialize_str(), deserialize_string(), deserialize_bytes(), deserialize_byte_buf(),
        deserialize_option(), deserialize_unit(), deserialize_unit_struct(name: &'static str),
        deserialize_newtype_struct(name: &'static str), deserialize_seq(), deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize), deserialize_map(),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]), deserialize_identifier(),
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = ObjectOnly(Strict {
            inner: visitor,
            path: self.path,
        });
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A visitor that accepts a map only. Every other type is an error.
struct ObjectOnly<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for ObjectOnly<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }
}

macro_rules! forward_visits {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_visits! {
        visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_bytes(&[u8]), visit_borrowed_bytes(&'de [u8]),
        visit_byte_buf(Vec<u8>),
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.inner.visit_str(without_nul(text)?)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.inner.visit_borrowed_str(without_nul(text)?)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<V::Value, E> {
        self.inner.visit_string(without_nul(text)?)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let path = self.path;
        self.inner.visit_some(Strict { inner, path })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let path = self.path;
        self.inner.visit_newtype_struct(Strict { inner, path })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Items {
            inner,
            path: self.path,
            index: 0,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Members {
            inner,
            path: self.path,
            name: String::new(),
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(data) // `data` is not wrapped, because no decoded enum has variants with fields.
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let path = self.path;
        self.inner.deserialize(Strict { inner, path })
    }
}

struct Items<'t, A> {
    inner: A,
    path: &'t ErrorPath,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let path = self.path;
        let item = self.inner.next_element_seed(Strict { inner: seed, path });
        if item.is_err() {
            path.borrow_mut().push(PathPart::Item(self.index));
        }
        self.index += 1;
        item
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

struct Members<'t, A> {
    inner: A,
    path: &'t ErrorPath,
    name: String,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let Some(name) = self.inner.next_key::<String>()? else {
            return Ok(None);
        };
        let name = without_nul(name)?;
        self.name = name;
        seed.deserialize(self.name.as_str().into_deserializer())
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let path = self.path;
        let value = self.inner.next_value_seed(Strict { inner: seed, path });
        if value.is_err() {
            let name = std::mem::take(&mut self.name);
            path.borrow_mut().push(PathPart::Member(name));
        }
        value
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
