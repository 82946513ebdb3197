//! A configuration, read member by member. All faults are reported together, each with its path.
//!
//! serde stops at the first fault; people who write a `pluginConfig` by hand want all of them. A wrong value is recorded and
//! read as a placeholder, and [`read`] discards the result if there was any fault.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;

use nojson::{JsonValueKind, RawJson, RawJsonValue};

use crate::number::{decimal, whole};

/// Everything that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Each as `path: what was expected`, in the order in which it was found.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Reads `text`, whose root is an object; an empty text is an empty object.
///
/// # Errors
/// All faults together.
pub fn read<T>(text: &[u8], build: impl FnOnce(&Object<'_>) -> T) -> Result<T, Faults> {
    let one = |fault: String| Faults(vec![fault]);
    let text = str::from_utf8(text).map_err(|_| one("not JSON: not UTF-8".to_owned()))?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    let document = RawJson::parse(text).map_err(|error| {
        let place = error.get_line_and_column_numbers(text);
        let (line, column) = place.map_or((0, 0), |(line, column)| (line.get(), column.get()));
        one(format!("not JSON: line {line}, column {column}"))
    })?;
    let faults = RefCell::default();
    let root = Node {
        value: document.value(),
        path: String::new(),
        faults: &faults,
    };
    let built = root.object().map(|object| build(&object));
    let faults = faults.into_inner();
    match built {
        Some(built) if faults.is_empty() => Ok(built),
        _ => Err(Faults(faults)),
    }
}

/// A value and its path.
#[derive(Debug, Clone)]
pub struct Node<'d> {
    value: RawJsonValue<'d, 'd>,
    path: String,
    faults: &'d RefCell<Vec<String>>,
}

impl<'d> Node<'d> {
    /// Records a fault of this value.
    pub fn fault(&self, expected: &str) {
        let path = match self.path.as_str() {
            "" => "the document",
            path => path,
        };
        let fault = [path, ": ", expected].concat();
        self.faults.borrow_mut().push(fault);
    }

    /// As [`Self::fault`], and adds the value that was found.
    pub fn not(&self, expected: &str) {
        let raw = self.value.as_raw_str();
        let (found, more) = match raw.char_indices().nth(40) {
            Some((end, _)) => (raw.get(..end).unwrap_or_default(), "..."),
            None => (raw, ""),
        };
        self.fault(&[found, more, " is not ", expected].concat());
    }

    /// The raw value.
    pub fn value(&self) -> RawJsonValue<'d, 'd> {
        self.value
    }

    /// Text that is not empty.
    pub fn text(&self) -> Option<String> {
        match self.value.to_unquoted_string_str() {
            Ok(text) if !text.is_empty() => Some(text.into_owned()),
            _ => {
                self.not("a text that is not empty");
                None
            }
        }
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        match self.value.as_raw_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.not("true or false");
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let found = whole(self.value).and_then(|number| u64::try_from(number).ok());
        let fits = found.filter(|number| range.contains(number));
        if fits.is_none() {
            let (from, to) = (range.start(), range.end());
            self.not(&format!("a whole number from {from} to {to}"));
        }
        fits
    }

    /// Any whole number, also below zero.
    pub fn signed(&self) -> Option<i64> {
        let found = whole(self.value);
        if found.is_none() {
            self.not("a whole number");
        }
        found
    }

    /// A number from 0 to `most`.
    pub fn number(&self, most: u32) -> Option<f64> {
        let found = self.value.as_number_str().ok();
        let found = found.and_then(decimal);
        let fits = found.filter(|number| (0.0..=f64::from(most)).contains(number));
        if fits.is_none() {
            self.not(&format!("a number from 0 to {most}"));
        }
        fits
    }

    /// A list.
    pub fn list(&self) -> Vec<Self> {
        let Ok(items) = self.value.to_array() else {
            self.not("a list");
            return Vec::new();
        };
        items
            .enumerate()
            .map(|(index, value)| Self {
                value,
                path: format!("{}[{index}]", self.path),
                faults: self.faults,
            })
            .collect()
    }

    /// A list of texts that are not empty.
    pub fn texts(&self) -> Vec<String> {
        self.list().iter().filter_map(Self::text).collect()
    }

    /// An object.
    pub fn object(&self) -> Option<Object<'d>> {
        let Ok(pairs) = self.value.to_object() else {
            self.not("an object");
            return None;
        };
        let name = |name: RawJsonValue<'_, '_>| name.to_unquoted_string_str().map(String::from);
        Some(Object {
            members: pairs
                .filter_map(|(key, value)| Some((name(key).ok()?, value)))
                .collect(),
            node: self.clone(),
            known: RefCell::default(),
        })
    }
}

/// An object whose members are read by name. A member that is never read is a fault, recorded when this is dropped.
#[derive(Debug)]
pub struct Object<'d> {
    members: Vec<(String, RawJsonValue<'d, 'd>)>,
    node: Node<'d>,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Object<'d> {
    /// The member `name`, if it is there and not null.
    pub fn get(&self, name: &'static str) -> Option<Node<'d>> {
        self.known.borrow_mut().push(name);
        let (_, value) = self.members.iter().find(|(member, _)| member == name)?;
        (value.kind() != JsonValueKind::Null).then(|| self.member(name, *value))
    }

    /// The member `name`, which is required.
    pub fn need(&self, name: &'static str) -> Option<Node<'d>> {
        let found = self.get(name);
        if found.is_none() {
            self.member(name, self.node.value).fault("missing");
        }
        found
    }

    /// The member of `names` that is there; there must be exactly one.
    pub fn one_of(&self, names: &[&'static str]) -> Option<(&'static str, Node<'d>)> {
        let mut found = names
            .iter()
            .filter_map(|name| Some((*name, self.get(name)?)));
        let (first, second) = (found.next(), found.next());
        // The remaining names are known members too.
        found.for_each(drop);
        if first.is_none() || second.is_some() {
            let names = names.join(", ");
            self.node
                .fault(&["expected exactly one of ", &names].concat());
            return None;
        }
        first
    }

    /// All members, with any names.
    pub fn all(&self) -> Vec<(String, Node<'d>)> {
        self.members
            .iter()
            .map(|(name, value)| (name.clone(), self.member(name, *value)))
            .collect()
    }

    /// The value of this object, to record a fault of it as a whole.
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
            faults: self.node.faults,
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        let known = self.known.borrow();
        for (index, (name, value)) in self.members.iter().enumerate() {
            let member = self.member(name, *value);
            if !known.contains(&name.as_str()) {
                member.fault(&["unknown; expected one of ", &known.join(", ")].concat());
            } else if self
                .members
                .iter()
                .take(index)
                .any(|(other, _)| other == name)
            {
                member.fault("stands twice");
            }
        }
    }
}

#[cfg(test)]
mod tests;
