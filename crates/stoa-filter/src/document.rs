//! Reads a configuration member by member, and reports all errors together, each with its path.
//!
//! serde stops at the first error, but people who write a `pluginConfig` by hand want to see all errors. So a reader records the
//! error of an invalid value and continues with a placeholder. [`read`] discards the result if it recorded any error.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

use nojson::{JsonValueKind, RawJson, RawJsonValue};

use crate::number::{read_decimal, read_whole};

/// All errors of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// The errors in the order in which they were found. Each line contains the path of a value, a colon, and the error.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Reads a JSON document whose root is an object, and converts the object with `build`. An empty text counts as an empty object.
///
/// # Errors
/// All errors of the document.
pub fn read<T>(text: &[u8], build: impl FnOnce(&Object<'_>) -> T) -> Result<T, ConfigErrors> {
    let single = |error: String| ConfigErrors(vec![error]);
    let text =
        str::from_utf8(text).map_err(|_| single("not JSON: the text is not UTF-8".to_owned()))?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    let document = RawJson::parse(text).map_err(|error| {
        let position = error.get_line_and_column_numbers(text);
        let (line, column) = position.map_or((0, 0), |(line, column)| (line.get(), column.get()));
        single(format!("not JSON at line {line}, column {column}"))
    })?;
    let report = RefCell::default();
    let root = Node {
        value: document.value(),
        path: String::new(),
        report: &report,
    };
    let built = root.object().map(|object| build(&object));
    let errors = report.into_inner().errors;
    match built {
        Some(built) if errors.is_empty() => Ok(built),
        _ => Err(ConfigErrors(errors)),
    }
}

/// Lines about the document. Each line contains the path of a value, a colon, and a message.
#[derive(Debug, Default)]
struct Report {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// A value of the document, and its path.
#[derive(Debug, Clone)]
pub struct Node<'d> {
    value: RawJsonValue<'d, 'd>,
    path: String,
    report: &'d RefCell<Report>,
}

impl<'d> Node<'d> {
    /// Records an error at the path of this value.
    pub fn add_error(&self, message: &str) {
        let line = self.line(message);
        self.report.borrow_mut().errors.push(line);
    }

    fn line(&self, message: &str) -> String {
        let path = match self.path.as_str() {
            "" => "the document",
            path => path,
        };
        [path, ": ", message].concat()
    }

    /// Records the error "VALUE is not EXPECTED". VALUE is this value, cut to its first 40 characters.
    pub fn add_mismatch(&self, expected: &str) {
        let raw = self.value.as_raw_str();
        let (found, more) = match raw.char_indices().nth(40) {
            Some((end, _)) => (raw.get(..end).unwrap_or_default(), "..."),
            None => (raw, ""),
        };
        self.add_error(&[found, more, " is not ", expected].concat());
    }

    /// The value as JSON.
    pub fn value(&self) -> RawJsonValue<'d, 'd> {
        self.value
    }

    /// Reads the value as a non-empty string.
    pub fn text(&self) -> Option<String> {
        match self.value.to_unquoted_string_str() {
            Ok(text) if !text.is_empty() => Some(text.into_owned()),
            _ => {
                self.add_mismatch("a non-empty string");
                None
            }
        }
    }

    /// Reads the value as a boolean.
    pub fn flag(&self) -> Option<bool> {
        match self.value.as_raw_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.add_mismatch("true or false");
                None
            }
        }
    }

    /// Reads the value as a whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let found = read_whole(self.value).and_then(|number| u64::try_from(number).ok());
        let valid = found.filter(|number| range.contains(number));
        if valid.is_none() {
            let (from, to) = (range.start(), range.end());
            self.add_mismatch(&format!("a whole number from {from} to {to}"));
        }
        valid
    }

    /// Reads the value as a whole number, which may be negative.
    pub fn signed(&self) -> Option<i64> {
        let found = read_whole(self.value);
        if found.is_none() {
            self.add_mismatch("a whole number");
        }
        found
    }

    /// Reads the value as a number from 0 to `max`.
    pub fn number(&self, max: u32) -> Option<f64> {
        let found = self.value.as_number_str().ok();
        let found = found.and_then(read_decimal);
        let valid = found.filter(|number| (0.0..=f64::from(max)).contains(number));
        if valid.is_none() {
            self.add_mismatch(&format!("a number from 0 to {max}"));
        }
        valid
    }

    /// Reads the value as a list.
    pub fn list(&self) -> Vec<Self> {
        let Ok(items) = self.value.to_array() else {
            self.add_mismatch("a list");
            return Vec::new();
        };
        items
            .enumerate()
            .map(|(index, value)| Self {
                value,
                path: format!("{}[{index}]", self.path),
                report: self.report,
            })
            .collect()
    }

    /// Reads the value as a list of non-empty strings.
    pub fn texts(&self) -> Vec<String> {
        self.list().iter().filter_map(Self::text).collect()
    }

    /// Reads the value as an object.
    pub fn object(&self) -> Option<Object<'d>> {
        let Ok(pairs) = self.value.to_object() else {
            self.add_mismatch("an object");
            return None;
        };
        let name = |name: RawJsonValue<'_, '_>| name.to_unquoted_string_str().map(String::from);
        Some(Object {
            members: pairs
                .filter_map(|(key, value)| Some((name(key).ok()?, value)))
                .collect(),
            node: self.clone(),
            known: RefCell::default(),
            old_names: RefCell::default(),
        })
    }
}

/// An object whose members are read by name. When the object is dropped, it records an error for each member that was not read,
/// because such a member is unknown.
#[derive(Debug)]
pub struct Object<'d> {
    members: Vec<(String, RawJsonValue<'d, 'd>)>,
    node: Node<'d>,
    known: RefCell<Vec<&'static str>>,
    old_names: RefCell<Vec<&'static str>>,
}

impl<'d> Object<'d> {
    /// The member `name`. `None` if the member is missing or null.
    pub fn get(&self, name: &'static str) -> Option<Node<'d>> {
        self.known.borrow_mut().push(name);
        self.find(name)
    }

    fn find(&self, name: &str) -> Option<Node<'d>> {
        let (_, value) = self.members.iter().find(|(member, _)| member == name)?;
        (value.kind() != JsonValueKind::Null).then(|| self.member(name, *value))
    }

    /// The member `name`, or the member `old_name` if the object still uses the name that this member had in an earlier release.
    /// Records a warning if the object contains `old_name`, and an error if it contains both names.
    pub fn get_renamed(&self, name: &'static str, old_name: &'static str) -> Option<Node<'d>> {
        self.old_names.borrow_mut().push(old_name);
        let current = self.get(name);
        let Some(old) = self.find(old_name) else {
            return current;
        };
        if current.is_some() {
            old.add_error(&["old name of ", name, "; the object contains both names"].concat());
        }
        let warning = ["renamed to ", name, "; release 0.3 rejects the old name"].concat();
        let line = old.line(&warning);
        self.node.report.borrow_mut().warnings.push(line);
        current.or(Some(old))
    }

    /// The warnings about the whole document that were recorded so far.
    pub fn warnings(&self) -> Vec<String> {
        self.node.report.borrow().warnings.clone()
    }

    /// The member `name`. Records an error if the member is missing or null.
    pub fn required(&self, name: &'static str) -> Option<Node<'d>> {
        let found = self.get(name);
        if found.is_none() {
            self.member(name, self.node.value).add_error("missing");
        }
        found
    }

    /// Returns the one member in `names` that the object contains. Records an error if the object contains none or several of
    /// them.
    pub fn one_of(&self, names: &[&'static str]) -> Option<(&'static str, Node<'d>)> {
        let mut found = names
            .iter()
            .filter_map(|name| Some((*name, self.get(name)?)));
        let (first, second) = (found.next(), found.next());
        // Also reads the members with the remaining names, so that these members count as known.
        found.for_each(drop);
        if first.is_none() || second.is_some() {
            let names = names.join(", ");
            self.node
                .add_error(&["expected exactly one of ", &names].concat());
            return None;
        }
        first
    }

    /// All members with their names.
    pub fn all(&self) -> Vec<(String, Node<'d>)> {
        self.members
            .iter()
            .map(|(name, value)| (name.clone(), self.member(name, *value)))
            .collect()
    }

    /// The object itself as a value. With this value, a caller can record an error that is about the whole object.
    pub fn node(&self) -> &Node<'d> {
        &self.node
    }

    fn member(&self, name: &str, value: RawJsonValue<'d, 'd>) -> Node<'d> {
        let path = match self.node.path.as_str() {
            "" => name.to_owned(),
            path => [path, ".", name].concat(),
        };
        Node {
            value,
            path,
            report: self.node.report,
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        let known = self.known.borrow();
        for (index, (name, value)) in self.members.iter().enumerate() {
            let member = self.member(name, *value);
            let is_known = known.contains(&name.as_str());
            if !is_known && !self.old_names.borrow().contains(&name.as_str()) {
                member.add_error(&["unknown member; expected one of ", &known.join(", ")].concat());
            } else if self
                .members
                .iter()
                .take(index)
                .any(|(other, _)| other == name)
            {
                member.add_error("given twice");
            }
        }
    }
}

#[cfg(test)]
mod tests;
