//! Conditions that the text of a path or of a header's value must meet.
//!
//! Regular expressions are not supported: the smallest engine for them adds 40 KB to a `.wasm` file, and the file should stay under
//! 200 KB.

use crate::document::{Node, Object};

/// A condition that a text must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// The text equals this string.
    Exact(String),
    /// The text begins with this string.
    Prefix(String),
    /// The text ends with this string.
    Suffix(String),
    /// The text contains this string.
    Contains(String),
}

impl TextTest {
    /// The names of the configuration members that [`Self::read`] accepts.
    pub const NAMES: [&str; 4] = ["exact", "prefix", "suffix", "contains"];

    /// Reads a member. Its name must be one of [`Self::NAMES`].
    pub fn read((name, node): (&str, Node<'_>)) -> Option<Self> {
        let text = node.text()?;
        Some(match name {
            "exact" => Self::Exact(text),
            "prefix" => Self::Prefix(text),
            "suffix" => Self::Suffix(text),
            _ => Self::Contains(text),
        })
    }

    /// Whether `text` meets the condition.
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

/// The name of a header, and the condition that the header must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderTest {
    /// The header's name, in lower case.
    pub name: String,
    /// The condition that the header must meet.
    pub test: Presence,
}

/// A condition that a header must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The header exists, with any value.
    Present,
    /// The header does not exist.
    Absent,
    /// The header exists, and its value meets this condition. If the header is repeated, one value that meets the condition is
    /// enough, as in Envoy's own routes.
    Value(TextTest),
}

impl HeaderTest {
    /// Reads an object such as `{"name": "x-beta-user", "exact": "true"}`. Instead of `exact`, the object may have another member
    /// of [`TextTest::NAMES`], or `present` with true or false.
    pub fn read(object: &Object<'_>) -> Option<Self> {
        let name = object.required("name").and_then(|node| header_name(&node));
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

    /// True if the header meets the condition. `values` are all values that the request contains for this header.
    pub fn passes(&self, values: &[Vec<u8>]) -> bool {
        match &self.test {
            Presence::Present => !values.is_empty(),
            Presence::Absent => values.is_empty(),
            Presence::Value(test) => values.iter().any(|value| test.passes(value)),
        }
    }
}

/// Reads the name of a header, and converts it to lower case (RFC 9110, section 5.6.2). The name of a pseudo header begins with a
/// colon.
pub fn header_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let bare = text.strip_prefix(':').unwrap_or(&text);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if bare.is_empty() || !bare.bytes().all(token) {
        node.add_mismatch("the name of a header");
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
            HeaderTest::read(&root.required("h").unwrap().object().unwrap())
        })
        .map(Option::unwrap)
        .map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_value_is_tested_as_a_whole_or_by_prefix_suffix_or_part() {
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
    fn a_header_with_an_empty_value_counts_as_present() {
        let present = test(r#"{"name": "a", "present": true}"#).unwrap();
        let absent = test(r#"{"name": "a", "present": false}"#).unwrap();
        assert!(present.passes(&[Vec::new()]) && !present.passes(&[]));
        assert!(!absent.passes(&[Vec::new()]) && absent.passes(&[]));
    }

    #[test]
    fn an_invalid_name_and_a_missing_condition_are_rejected() {
        assert_eq!(
            test(r#"{"name": "a b", "exact": "x"}"#).unwrap_err(),
            r#"h.name: "a b" is not the name of a header"#
        );
        assert_eq!(
            test(r#"{"name": "a"}"#).unwrap_err(),
            "h: expected exactly one of exact, prefix, suffix, contains, present"
        );
    }
}
