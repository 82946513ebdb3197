//! JSON objects, and nothing that merely looks like one.
//!
//! serde's derived code also reads a struct out of an array (`["ann@example.com", "secret"]`), which no interface
//! description allows. A struct inside another says `#[serde(deserialize_with = "stoa_service::json::object")]`, a list of
//! them `json::objects`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};

/// Reads `T` out of a JSON object only.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
}

/// As [`object`], where null or nothing is allowed too (add `#[serde(default)]`).
pub fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Strict<T>>::deserialize(deserializer)?.map(|strict| strict.0))
}

/// Reads a list of [`object`]s.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<Strict<T>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|strict| strict.0).collect())
}

/// As [`objects`], where null or nothing is allowed too (add `#[serde(default)]`).
pub fn optional_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let list = Option::<Vec<Strict<T>>>::deserialize(deserializer)?;
    Ok(list.map(|list| list.into_iter().map(|strict| strict.0).collect()))
}

struct Strict<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Strict)
    }
}

/// Reads a whole text that has to be one object.
pub(crate) fn whole_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = object(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::money::Money;

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(deserialize_with = "super::object")]
        price: Money,
        #[serde(deserialize_with = "super::objects")]
        more: Vec<Money>,
        #[serde(default, deserialize_with = "super::optional_objects")]
        rest: Option<Vec<Money>>,
    }

    #[test]
    fn an_array_is_no_object() {
        let money = r#"{"amount":1,"currency":"EUR"}"#;
        let read = |price: &str, more: &str, rest: &str| {
            let text = format!(r#"{{"price":{price},"more":[{more}],"rest":{rest}}}"#);
            super::whole_object::<Outer>(text.as_bytes())
        };
        let good = read(money, money, "null").unwrap();
        assert_eq!(
            (good.price.amount, good.more.len(), good.rest),
            (1, 1, None)
        );
        let array = r#"[1,"EUR"]"#;
        for bad in [
            read(array, money, "null"),
            read(money, array, "null"),
            read(money, money, &format!("[{array}]")),
        ] {
            assert!(bad.unwrap_err().to_string().contains("expected an object"));
        }
    }
}
