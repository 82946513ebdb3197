//! Properties: values that a filter reads by path (`source.address`, `metadata.filter_metadata.…`).

use crate::pairs;
use crate::status::Status;

/// The value of a property in Envoy. A filter gets the value as bytes: text unchanged, a number as eight bytes little-endian, a
/// time or duration as a number of nanoseconds, a boolean as one byte, and a map or list in the encoding of pairs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A signed whole number. In Envoy, ports, status codes and sizes are signed.
    Int(i64),
    /// An unsigned whole number, such as `connection.id`.
    Uint(u64),
    /// A floating-point number, such as any number in metadata.
    Double(f64),
    /// True or false, such as `connection.mtls`.
    Bool(bool),
    /// A map. In a path, the segment after the map is a key of the map.
    Map(Vec<(String, Value)>),
    /// A list. In a path, the segment after the list is an index of the list.
    List(Vec<Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Uint(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    fn from_iter<T: IntoIterator<Item = V>>(values: T) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl Value {
    /// A map with these entries.
    pub fn map<K: Into<String>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries = entries.into_iter();
        Self::Map(entries.map(|(k, v)| (k.into(), v.into())).collect())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Int(number) => number.to_le_bytes().to_vec(),
            Self::Uint(number) => number.to_le_bytes().to_vec(),
            Self::Double(number) => number.to_le_bytes().to_vec(),
            Self::Bool(bool) => vec![u8::from(*bool)],
            Self::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|(_, value)| value.encode()).collect();
                let names = entries.iter().map(|(name, _)| name.as_bytes());
                pairs::encode(names.zip(values.iter().map(Vec::as_slice)))
            }
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::encode).collect();
                pairs::encode(values.iter().map(|value| (value.as_slice(), &[][..])))
            }
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            Self::List(values) => values.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }
}

/// The path of a property. A string such as `"source.address"` is split at the dots. An array such as
/// `["metadata", "filter_metadata", "envoy.lb"]` is for segments that contain dots.
pub trait Path {
    /// The segments of the path.
    fn segments(&self) -> Vec<&str>;
}

impl Path for &str {
    fn segments(&self) -> Vec<&str> {
        self.split('.').collect()
    }
}

impl<const N: usize> Path for [&str; N] {
    fn segments(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Path for &[&str] {
    fn segments(&self) -> Vec<&str> {
        self.to_vec()
    }
}

/// A tree of property values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties(Vec<(String, Value)>);

/// Properties that older Envoys have at the root of the property tree, but Envoy 1.40 only below `xds`.
const MOVED_TO_XDS: [&str; 8] = [
    "node",
    "listener_direction",
    "listener_metadata",
    "route_name",
    "route_metadata",
    "cluster_name",
    "cluster_metadata",
    "upstream_host_metadata",
];

impl Properties {
    #[track_caller]
    pub(crate) fn set(&mut self, path: &impl Path, value: Value) {
        let segments = path.segments();
        if let Some(first) = segments
            .first()
            .filter(|first| MOVED_TO_XDS.contains(first))
        {
            panic!("no filter can read the property {first}; Envoy has only xds.{first}");
        }
        let Some((last, parents)) = segments.split_last() else {
            return;
        };
        let mut map = &mut self.0;
        for segment in parents {
            let entry = entry(map, segment);
            if !matches!(entry, Value::Map(_)) {
                *entry = Value::Map(Vec::new());
            }
            let Value::Map(next) = entry else { return };
            map = next;
        }
        *entry(map, last) = value;
    }

    /// The value at `path`. A filter encodes a path as its segments, separated by zero bytes.
    pub(crate) fn get(&self, path: &[u8]) -> Option<&Value> {
        let mut segments = segments(path);
        let first = segments.next()?;
        let root = self.0.iter().find(|(key, _)| key.as_bytes() == first);
        let mut value = &root?.1;
        for segment in segments {
            value = value.child(std::str::from_utf8(segment).ok()?)?;
        }
        Some(value)
    }
}

/// The segments of a path that a filter encoded. A zero byte at the end does not add a segment.
pub(crate) fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let path = path.strip_suffix(&[0]).unwrap_or(path);
    path.split(|byte| *byte == 0)
}

fn entry<'a>(map: &'a mut Vec<(String, Value)>, name: &str) -> &'a mut Value {
    let at = map.iter().position(|(key, _)| key == name);
    let at = at.unwrap_or_else(|| {
        map.push((name.into(), Value::Map(Vec::new())));
        map.len() - 1
    });
    #[expect(
        clippy::indexing_slicing,
        reason = "the entry was found or pushed above, so the index is valid"
    )]
    &mut map[at].1
}

/// The result of a foreign function: bytes, or an error status.
pub type ForeignResult = Result<Vec<u8>, Status>;

#[cfg(test)]
mod tests {
    use super::{Properties, Value};

    #[test]
    fn a_path_selects_values_inside_maps_and_lists() {
        let mut properties = Properties::default();
        properties.set(&"source.address", "10.0.0.1:80".into());
        properties.set(&"source.port", 80_i64.into());
        let jwt = Value::map([(
            "payload",
            Value::map([("groups", ["a", "b"].into_iter().collect::<Value>())]),
        )]);
        properties.set(
            &[
                "metadata",
                "filter_metadata",
                "envoy.filters.http.jwt_authn",
            ],
            jwt,
        );
        let get = |path: &str| properties.get(path.as_bytes()).map(Value::encode);
        assert_eq!(get("source\0port"), Some(80_u64.to_le_bytes().to_vec()));
        let groups = "metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0payload\0groups";
        assert_eq!(get(&format!("{groups}\x001")), Some(b"b".to_vec()));
        assert_eq!(get(&format!("{groups}\x002")), None);
        assert!(get(groups).is_some_and(|list| list.starts_with(&[2, 0, 0, 0, 1, 0, 0, 0])));
        assert_eq!(get("source\0address\0x"), None);
        assert_eq!(get("nothing"), None);
    }
}
