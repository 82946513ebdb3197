//! Reads a TOML table key by key. [`Reader`] returns each value with its location. [`Reader::finish`] reports each key that was not
//! read before, because such a key is unknown.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fault::Faults;

/// A string of the file, with its key and location.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) value: String,
    /// The dotted key.
    pub(crate) key: String,
    /// The byte offset of the string in the file.
    pub(crate) offset: usize,
}

/// A table that is being read.
pub(crate) struct Reader<'a> {
    table: &'a DeTable<'a>,
    /// The dotted key of the table; empty for the top-level table.
    key: String,
    /// The byte offset of the key.
    offset: usize,
    known: BTreeSet<&'static str>,
    faults: &'a Faults<'a>,
}

/// A value with its key and location.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    /// The dotted key.
    pub(crate) key: String,
    /// The byte offset of the key.
    pub(crate) offset: usize,
    value: &'a Spanned<DeValue<'a>>,
    faults: &'a Faults<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        table: &'a DeTable<'a>,
        key: String,
        offset: usize,
        faults: &'a Faults<'a>,
    ) -> Self {
        Self {
            table,
            key,
            offset,
            known: BTreeSet::new(),
            faults,
        }
    }

    /// The collector of errors.
    pub(crate) fn faults(&self) -> &'a Faults<'a> {
        self.faults
    }

    /// Returns the value of the key `name`; `None` if the table does not contain this key.
    pub(crate) fn entry(&mut self, name: &'static str) -> Option<Entry<'a>> {
        self.known.insert(name);
        let (key, value) = self.table.get_key_value(name)?;
        Some(self.entry_for(key, value))
    }

    /// Returns all keys and values, in the order in which the file lists them. For tables whose keys the manifest's author chooses.
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| self.entry_for(key, value))
            .collect();
        entries.sort_by_key(|entry| entry.offset);
        entries
    }

    /// Returns the value of a key, as [`Reader::entry`] does, and reports an error if the key is missing.
    pub(crate) fn required(&mut self, name: &'static str) -> Option<Entry<'a>> {
        let entry = self.entry(name);
        if entry.is_none() {
            self.faults
                .push(Some(self.offset), &dotted_key(&self.key, name), "missing");
        }
        entry
    }

    pub(crate) fn string(&mut self, name: &'static str) -> Option<Text> {
        self.entry(name)?.string()
    }

    pub(crate) fn bool(&mut self, name: &'static str) -> bool {
        self.entry(name).and_then(Entry::bool).unwrap_or(false)
    }

    pub(crate) fn strings(&mut self, name: &'static str) -> Vec<Text> {
        self.entry(name).map(Entry::strings).unwrap_or_default()
    }

    /// Returns the keys and strings of a table such as `environment`.
    pub(crate) fn string_map(&mut self, name: &'static str) -> Vec<(Text, Text)> {
        let Some(table) = self.entry(name).and_then(Entry::table) else {
            return Vec::new();
        };
        table
            .entries()
            .into_iter()
            .filter_map(|entry| Some((entry.name_text(), entry.string()?)))
            .collect()
    }

    /// Reports an error if the table contains the key `name`, which Spin supports and the embedded runtime does not. The message
    /// ends with the text `instead`, such as `; use allowed_outbound_hosts`.
    pub(crate) fn unsupported(&mut self, name: &'static str, instead: &str) {
        if let Some(entry) = self.entry(name) {
            entry.report_fault(format!("not supported by the embedded runtime{instead}"));
        }
    }

    /// Accepts and ignores a key that is for other tools.
    pub(crate) fn ignored(&mut self, name: &'static str) {
        self.known.insert(name);
    }

    /// Reports an "unknown key" error for each key that was not read.
    pub(crate) fn finish(self) {
        let known: Vec<_> = self.known.iter().copied().collect();
        for entry in self.entries() {
            if !self.known.contains(entry.name) {
                entry.report_fault(format!("unknown key; expected one of {}", known.join(", ")));
            }
        }
    }

    fn entry_for(
        &self,
        key: &'a Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Entry<'a> {
        let name = key.get_ref().as_ref();
        Entry {
            name,
            key: dotted_key(&self.key, name),
            offset: key.span().start,
            value,
            faults: self.faults,
        }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn report_fault(&self, message: impl Into<String>) {
        self.faults.push(Some(self.offset), &self.key, message);
    }

    /// The name of the key, as a [`Text`].
    pub(crate) fn name_text(&self) -> Text {
        Text {
            value: self.name.to_owned(),
            key: self.key.clone(),
            offset: self.offset,
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(crate) fn integer(self) -> Option<i64> {
        match self.value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        }
    }

    pub(crate) fn string(self) -> Option<Text> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(Text {
                value: text.to_string(),
                key: self.key,
                offset: self.value.span().start,
            }),
            other => self.wrong_type("a string", other),
        }
    }

    /// Returns the strings of a value that is a string or an array of strings.
    pub(crate) fn string_or_strings(self) -> Vec<Text> {
        match self.value.get_ref() {
            DeValue::Array(_) => self.strings(),
            _ => self.string().into_iter().collect(),
        }
    }

    pub(crate) fn bool(self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => self.wrong_type("true or false", other),
        }
    }

    pub(crate) fn strings(self) -> Vec<Text> {
        self.items().into_iter().filter_map(Entry::string).collect()
    }

    /// Returns the items of an array. The key of an item ends with the item's index, such as `hosts[0]`.
    pub(crate) fn items(self) -> Vec<Entry<'a>> {
        let DeValue::Array(array) = self.value.get_ref() else {
            self.wrong_type::<()>("an array", self.value.get_ref());
            return Vec::new();
        };
        let item = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| Entry {
            name: self.name,
            key: format!("{}[{index}]", self.key),
            offset: value.span().start,
            value,
            faults: self.faults,
        };
        array.iter().enumerate().map(item).collect()
    }

    pub(crate) fn table(self) -> Option<Reader<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(Reader::new(table, self.key, self.offset, self.faults)),
            other => self.wrong_type("a table", other),
        }
    }

    fn wrong_type<T>(&self, expected: &str, found: &DeValue<'_>) -> Option<T> {
        let offset = self.value.span().start;
        self.faults.push(
            Some(offset),
            &self.key,
            format!("expected {expected}, found {}", found.type_str()),
        );
        None
    }
}

fn dotted_key(key: &str, name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let name = if plain {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    if key.is_empty() {
        name
    } else {
        format!("{key}.{name}")
    }
}
