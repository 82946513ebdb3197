//! A map of headers in the format in which Envoy passes it to a filter: the number of pairs, then the lengths of each key and
//! value, then the keys and values, each followed by a NUL. Integers are 32 bits, little-endian (proxy-wasm ABI 0.2.1,
//! "serialized maps").

/// A map of headers in Envoy's format, which is read in place. Pairs that violate the format are ignored.
#[derive(Debug, Clone, Default)]
pub struct Pairs(Vec<u8>);

impl Pairs {
    /// A map from bytes in Envoy's format.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The first value of the header `name`.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.all(name).next().map(<[u8]>::to_vec)
    }

    /// All values of the header `name`, as they were sent. The values of a repeated header stay separate; Envoy's own routes do
    /// not join them either.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let named = self.iter().filter(move |(key, _)| *key == name.as_bytes());
        named.map(|(_, value)| value)
    }

    /// Whether the map has a header `name`.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let count = self.number(0).unwrap_or_default();
        // If `count` is larger than the number of pairs, the first missing length ends the iteration.
        let mut place = count.saturating_mul(8).saturating_add(4);
        (0..count).map_while(move |index| {
            let lengths = 4 + index * 8;
            let key = self.part(&mut place, self.number(lengths)?)?;
            let value = self.part(&mut place, self.number(lengths + 4)?)?;
            Some((key, value))
        })
    }

    fn number(&self, place: usize) -> Option<usize> {
        let bytes = self.0.get(place..place.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    fn part(&self, place: &mut usize, length: usize) -> Option<&[u8]> {
        let end = place.checked_add(length)?;
        let part = self.0.get(*place..end)?;
        *place = end.checked_add(1)?;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Vec<u8> {
        let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
        let mut bytes = u32::try_from(pairs.len()).unwrap().to_le_bytes().to_vec();
        for (key, value) in pairs {
            bytes.extend(length(key));
            bytes.extend(length(value));
        }
        for (key, value) in pairs {
            bytes.extend([key.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        bytes
    }

    #[test]
    fn values_are_found_including_empty_and_repeated_values() {
        let pairs = Pairs::new(map(&[(":path", "/a"), ("x", ""), ("y", "1"), ("y", "2")]));
        assert_eq!(pairs.get(":path"), Some(b"/a".to_vec()));
        assert_eq!(pairs.get("x"), Some(Vec::new()));
        assert_eq!(pairs.get("y"), Some(b"1".to_vec()));
        assert!(pairs.all("y").eq([b"1", b"2"]));
        assert_eq!(pairs.get("z"), None);
    }

    #[test]
    fn a_truncated_or_corrupted_map_does_not_panic() {
        let whole = map(&[("a", "1"), ("b", "2")]);
        for end in 0..whole.len() - 1 {
            assert_eq!(Pairs::new(whole[..end].to_vec()).get("b"), None, "{end}");
        }
        let mut corrupted = whole.clone();
        for place in 0..20 {
            corrupted[place] = 0xff;
            let _ = Pairs::new(corrupted.clone()).get("b");
        }
    }
}
