//! Properties: values that a filter reads by path (`source.address`, `metadata.filter_metadata.…`).

use crate::pairs;
use crate::status::Status;

/// A value in Envoy. A filter gets its bytes: text unchanged, numbers and times as eight bytes little-endian (times and
/// durations in nanoseconds), a bool as one byte, maps and lists in the encoding of pairs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A signed number (ports, status codes and sizes are signed in Envoy).
    Int(i64),
    /// An unsigned number (a `connection.id`).
    Uint(u64),
    /// A floating-point number: every number in metadata.
    Double(f64),
    /// True or false (`connection.mtls`).
    Bool(bool),
    /// A map; a path continues into it by key.
    Map(Vec<(String, Value)>),
    /// A list; a path continues into it by position.
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
    /// A map.
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

/// A path: `"source.address"`, split at the dots, or `["metadata", "filter_metadata", "envoy.lb"]`, where a segment itself
/// contains dots.
pub trait Path {
    /// The segments.
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

/// A tree of values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties(Vec<(String, Value)>);

/// Older Envoys had these properties at the root; Envoy 1.40 has them only below `xds`.
const MOVED: [&str; 8] = [
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
        if let Some(first) = segments.first().filter(|first| MOVED.contains(first)) {
            panic!("no filter can read the property {first}: Envoy answers xds.{first}");
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

    /// The value at a path of segments with zero bytes between them.
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

/// The segments of a path in a filter's encoding. A zero byte at the end adds none.
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
    #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
    &mut map[at].1
}

/// The result of a foreign function: bytes, or a status other than `Ok`.
pub type Answer = Result<Vec<u8>, Status>;

#[cfg(test)]
mod tests {
    use super::{Properties, Value};

    #[test]
    fn a_path_leads_into_maps_and_lists() {
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
