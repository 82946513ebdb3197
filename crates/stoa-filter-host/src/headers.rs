//! A list of headers that follows Envoy's rules.

use std::fmt;

/// A list of headers, in order. Names are in lower case, and values are bytes, as on the wire.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// The part of a message to which the headers belong. Envoy's rules differ between the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
    Trailers,
}

/// Headers of which Envoy keeps a single entry: Envoy joins an added value to the existing entry with a comma. (Observed in Envoy
/// 1.40.)
const SINGLE: &str = " cache-control connection content-encoding content-length content-type keep-alive \
    proxy-connection proxy-status transfer-encoding upgrade via x-request-id x-envoy-attempt-count \
    x-envoy-decorator-operation ";
const SINGLE_IN_REQUESTS: &str = " :authority :method :path :protocol :scheme accept accept-encoding \
    access-control-request-headers access-control-request-method access-control-request-private-network \
    authorization expect grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range \
    if-unmodified-since origin pragma referer te user-agent x-client-trace-id x-envoy-original-path \
    x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto ";
const SINGLE_IN_RESPONSES: &str = " :status access-control-allow-credentials access-control-allow-headers \
    access-control-allow-methods access-control-allow-origin access-control-allow-private-network \
    access-control-expose-headers access-control-max-age age date etag expires grpc-message grpc-status \
    last-modified location server vary x-envoy-degraded ";

fn is_single(kind: Kind, name: &str) -> bool {
    let is_in = |names: &str| names.contains(&format!(" {name} "));
    match kind {
        Kind::Request => is_in(SINGLE) || is_in(SINGLE_IN_REQUESTS),
        Kind::Response => is_in(SINGLE) || is_in(SINGLE_IN_RESPONSES),
        Kind::Trailers => matches!(name, "grpc-message" | "grpc-status"),
    }
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of a header, if it is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// The first value of a header.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let mut entries = self.iter();
        let entry = entries.find(|(other, _)| other.eq_ignore_ascii_case(name));
        entry.map(|(_, value)| value)
    }

    /// All values of a header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let values = self.iter();
        values
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Whether a header exists.
    pub fn contains(&self, name: &str) -> bool {
        self.bytes(name).is_some()
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> + Clone {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an entry. Existing entries with the same name stay.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.insert(name.to_ascii_lowercase(), value.as_ref().to_vec());
    }

    /// Replaces all values of a header by one value.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all values of a header.
    pub fn remove(&mut self, name: &str) {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Adds a value as Envoy does for a filter: some headers keep a single entry, to which the value is joined.
    pub(crate) fn append(&mut self, kind: Kind, name: &str, value: &[u8]) {
        let name = name.to_ascii_lowercase();
        let mut entries = self.0.iter_mut();
        match entries.find(|(other, _)| *other == name) {
            Some((_, existing)) if is_single(kind, &name) => {
                if !existing.is_empty() && !value.is_empty() {
                    existing.push(b',');
                }
                existing.extend_from_slice(value);
            }
            _ => self.insert(name, value.to_vec()),
        }
    }

    /// The size of the list as Envoy counts it: the number of bytes of all names and values.
    pub(crate) fn size(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    /// Inserts an entry. Pseudo headers stay before all other headers.
    fn insert(&mut self, name: String, value: Vec<u8>) {
        let end = self.0.len();
        let at = match name.starts_with(':') {
            true => self.0.iter().position(|(other, _)| !other.starts_with(':')),
            false => None,
        };
        self.0.insert(at.unwrap_or(end), (name, value));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self
            .iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(value)));
        f.debug_map().entries(text).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.add(name.as_ref(), value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, Kind};

    #[test]
    fn names_are_compared_without_case_and_pseudo_headers_stay_in_front() {
        let mut headers: Headers = [("Accept", "a"), ("accept", "b")].into_iter().collect();
        headers.add(":path", "/");
        assert_eq!(headers.get("ACCEPT"), Some("a"));
        assert_eq!(headers.all("accept").count(), 2);
        assert_eq!(headers.iter().next(), Some((":path", &b"/"[..])));
        headers.set("accept", "c");
        assert_eq!(headers.len(), 2);
        headers.remove("Accept");
        assert!(!headers.contains("accept"));
    }

    #[test]
    fn a_value_added_to_a_single_header_is_joined() {
        let mut headers = Headers::new();
        for name in [
            "content-type",
            "Content-Type",
            "accept",
            "accept",
            "vary",
            "vary",
        ] {
            headers.append(Kind::Request, name, b"a");
        }
        assert_eq!(headers.get("content-type"), Some("a,a"));
        assert_eq!(headers.get("accept"), Some("a,a"));
        assert_eq!(headers.all("vary").count(), 2);
    }
}
