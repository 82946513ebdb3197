//! Strict JSON decoding, with errors that name their place in the document.
//!
//! serde's derived code also reads a struct from an array (`["ann@example.com", "secret"]`), which no interface
//! description allows. Here an array is rejected for every struct, without an attribute on types or fields: the
//! deserializer is wrapped, and it wraps everything that it passes on. Values that serde buffers (`flatten`, enums without
//! an outer tag) escape the wrapper, so the decoded types use neither. [`crate::Request::json`] and
//! [`crate::outbound::Reply::json`] read this way. A text with a NUL is rejected, too: PostgreSQL cannot store it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error,
    IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::Value;

/// A decoding error and its place in the document, such as `items[2].quantity`.
#[derive(Debug, thiserror::Error)]
pub struct Fault {
    place: String,
    #[source]
    error: serde_json::Error,
}

/// serde's words, and the words of a caller who sees JSON and not Rust.
const WORDS: [(&str, &str); 13] = [
    ("invalid type: map", "invalid type: an object"),
    ("invalid type: sequence", "invalid type: an array"),
    ("floating point `", "the number `"),
    ("expected a map", "expected an object"),
    ("expected a sequence", "expected an array"),
    ("expected u8", "expected a whole number from 0 on"),
    ("expected u16", "expected a whole number from 0 on"),
    ("expected u32", "expected a whole number from 0 on"),
    ("expected u64", "expected a whole number from 0 on"),
    ("expected usize", "expected a whole number from 0 on"),
    ("expected i32", "expected a whole number"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = self.error.to_string();
        for (serdes, callers) in WORDS {
            error = error.replacen(serdes, callers, 1);
        }
        write!(f, "{}: {error}", self.place)
    }
}

impl Fault {
    /// The fault without its place.
    pub fn error(&self) -> &serde_json::Error {
        &self.error
    }
}

/// Reads a whole text.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = strictly("", &mut deserializer)?;
    deserializer.end().map_err(|error| Fault {
        place: "body".to_owned(),
        error,
    })?;
    Ok(value)
}

/// Decodes a value that is already parsed as JSON; `name` is its place in the document.
pub fn read_value<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, Fault> {
    strictly(name, value)
}

fn strictly<'de, T, D>(root: &str, deserializer: D) -> Result<T, Fault>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let trail = Trail::default();
    T::deserialize(Strict {
        inner: deserializer,
        trail: &trail,
    })
    .map_err(|error| Fault {
        place: place(root, &trail),
        error,
    })
}

/// Reads a whole number from `MIN` to `MAX`: `#[serde(deserialize_with = "json::whole::<1, 99, _>")]`.
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

/// The path to a fault, innermost part first: filled while an error passes outwards.
type Trail = RefCell<Vec<Part>>;

enum Part {
    Member(String),
    Item(usize),
}

fn place(root: &str, trail: &Trail) -> String {
    let mut place = root.to_owned();
    for part in trail.borrow().iter().rev() {
        match part {
            Part::Member(name) => {
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(&crate::text::shorten(name));
            }
            Part::Item(index) => place.push_str(&format!("[{index}]")),
        }
    }
    if place.is_empty() {
        "body".to_owned()
    } else {
        place
    }
}

fn without_nul<T: AsRef<str>, E: Error>(text: T) -> Result<T, E> {
    if text.as_ref().contains('\0') {
        return Err(E::custom("a text with the character NUL"));
    }
    Ok(text)
}

/// A deserializer, visitor or seed that passes on only wrapped ones.
struct Strict<'t, T> {
    inner: T,
    trail: &'t Trail,
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*)),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($name,)* Strict { inner: visitor, trail: self.trail })
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
            trail: self.trail,
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

/// Accepts a map; every other type is an error.
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

macro_rules! hand_over {
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

    hand_over! {
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
        let trail = self.trail;
        self.inner.visit_some(Strict { inner, trail })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let trail = self.trail;
        self.inner.visit_newtype_struct(Strict { inner, trail })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Items {
            inner,
            trail: self.trail,
            index: 0,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Members {
            inner,
            trail: self.trail,
            name: String::new(),
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(data) // Words only: the decoded enums carry no data.
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let trail = self.trail;
        self.inner.deserialize(Strict { inner, trail })
    }
}

struct Items<'t, A> {
    inner: A,
    trail: &'t Trail,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let trail = self.trail;
        let item = self.inner.next_element_seed(Strict { inner: seed, trail });
        if item.is_err() {
            trail.borrow_mut().push(Part::Item(self.index));
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
    trail: &'t Trail,
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
        let trail = self.trail;
        let value = self.inner.next_value_seed(Strict { inner: seed, trail });
        if value.is_err() {
            let name = std::mem::take(&mut self.name);
            trail.borrow_mut().push(Part::Member(name));
        }
        value
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
