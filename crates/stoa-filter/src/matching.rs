//! Tests of texts: of a path, of a header's value.
//!
//! There are no regular expressions: the smallest engine adds 40 KB to a .wasm that should stay under 200.

use crate::document::{Node, Object};

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// This text.
    Exact(String),
    /// It begins with this.
    Prefix(String),
    /// It ends with this.
    Suffix(String),
    /// It contains this.
    Contains(String),
}

impl TextTest {
    /// The members that [`Self::read`] reads.
    pub const NAMES: [&str; 4] = ["exact", "prefix", "suffix", "contains"];

    /// Reads a member that has one of [`Self::NAMES`].
    pub fn read((name, node): (&str, Node<'_>)) -> Option<Self> {
        let text = node.text()?;
        Some(match name {
            "exact" => Self::Exact(text),
            "prefix" => Self::Prefix(text),
            "suffix" => Self::Suffix(text),
            _ => Self::Contains(text),
        })
    }

    /// Whether `text` passes.
    pub fn passes(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => text == exact.as_bytes(),
            Self::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_bytes()),
            Self::Contains(part) => text
                .windows(part.len().max(1))
                .any(|window| window == part.as_bytes()),
        }
    }
}

/// A test of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderTest {
    /// In lower case.
    pub name: String,
    /// What it must be.
    pub test: Presence,
}

/// What a header must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is there, with any value.
    Present,
    /// It is not there.
    Absent,
    /// It is there and its value passes. Several headers of the same name are tested one by one, and one that passes is
    /// enough, as in Envoy's own routes.
    Value(TextTest),
}

impl HeaderTest {
    /// Reads `{"name": "x-beta-user", "exact": "true"}`, where another of [`TextTest::NAMES`] or `present`, true or false,
    /// may stand in place of `exact`.
    pub fn read(object: &Object<'_>) -> Option<Self> {
        let name = object.need("name").and_then(|node| header_name(&node));
        let test = match object.one_of(&["exact", "prefix", "suffix", "contains", "present"]) {
            Some(("present", node)) => match node.flag()? {
                true => Presence::Present,
                false => Presence::Absent,
            },
            Some(member) => Presence::Value(TextTest::read(member)?),
            None => return None,
        };
        Some(Self { name: name?, test })
    }

    /// Whether the header passes, given its values.
    pub fn passes(&self, values: &[Vec<u8>]) -> bool {
        match &self.test {
            Presence::Present => !values.is_empty(),
            Presence::Absent => values.is_empty(),
            Presence::Value(test) => values.iter().any(|value| test.passes(value)),
        }
    }
}

/// Reads the name of a header (RFC 9110, section 5.6.2; a pseudo header begins with a colon), in lower case.
pub fn header_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let bare = text.strip_prefix(':').unwrap_or(&text);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if bare.is_empty() || !bare.bytes().all(token) {
        node.not("a header's name");
        return None;
    }
    Some(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::read;

    fn test(text: &str) -> Result<HeaderTest, String> {
        let text = format!(r#"{{"h": {text}}}"#);
        read(text.as_bytes(), |root| {
            HeaderTest::read(&root.need("h").unwrap().object().unwrap())
        })
        .map(Option::unwrap)
        .map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_value_passes_by_its_beginning_its_end_its_part_or_as_a_whole() {
        for (kind, yes, no) in [
            ("exact", "abc", "abcd"),
            ("prefix", "abcd", "xabc"),
            ("suffix", "xabc", "abcd"),
            ("contains", "xabcd", "ab"),
        ] {
            let header = test(&format!(r#"{{"name": "X-A", "{kind}": "abc"}}"#)).unwrap();
            assert_eq!(header.name, "x-a");
            let passes = |values: &[&str]| {
                let values: Vec<_> = values.iter().map(|v| v.as_bytes().to_vec()).collect();
                header.passes(&values)
            };
            assert!(passes(&[yes]) && passes(&[no, yes]), "{kind}");
            assert!(!passes(&[no]) && !passes(&[no, no]), "{kind}");
            assert!(!header.passes(&[vec![0xff]]) && !passes(&[]));
        }
    }

    #[test]
    fn presence_and_absence_are_told_from_an_empty_value() {
        let present = test(r#"{"name": "a", "present": true}"#).unwrap();
        let absent = test(r#"{"name": "a", "present": false}"#).unwrap();
        assert!(present.passes(&[Vec::new()]) && !present.passes(&[]));
        assert!(!absent.passes(&[Vec::new()]) && absent.passes(&[]));
    }

    #[test]
    fn refuses_what_is_no_name_and_no_test() {
        assert_eq!(
            test(r#"{"name": "a b", "exact": "x"}"#).unwrap_err(),
            r#"h.name: "a b" is not a header's name"#
        );
        assert_eq!(
            test(r#"{"name": "a"}"#).unwrap_err(),
            "h: expected exactly one of exact, prefix, suffix, contains, present"
        );
    }
}
