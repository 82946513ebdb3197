//! A service, its versions, and who may choose one.

use stoa_filter::chance::seed;
use stoa_filter::document::{Node, Object};
use stoa_filter::matching::{HeaderTest, header_name};

use crate::cookie::cookie_name;

/// The sum of all weights of a service.
pub const WHOLE_WEIGHT: u64 = 10_000;

/// One service and its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The name in counters.
    pub name: String,
    /// The header on which the routes match.
    pub header: String,
    /// At least one.
    pub versions: Vec<Version>,
    /// The index of the stable one.
    pub stable: usize,
    /// The kill switch of this service.
    pub everyone_on_stable: bool,
    /// Further headers that choose.
    pub headers: Vec<HeaderChoice>,
    /// The headers that may choose also for callers outside the mesh.
    pub from_outside: Vec<String>,
    /// A query parameter that chooses.
    pub query: Option<String>,
    /// A cookie that chooses.
    pub cookie: Option<String>,
    /// Users with a fixed version, by its index.
    pub users: Vec<(String, usize)>,
    /// Groups with a fixed version, by its index.
    pub groups: Vec<(String, usize)>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The header's value.
    pub name: String,
    /// Its share, of [`WHOLE_WEIGHT`].
    pub weight: u32,
    /// The hash of the salt and the name.
    pub seed: u64,
}

/// A header that chooses a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderChoice {
    /// The test that the header must pass.
    pub test: HeaderTest,
    /// The version's index.
    pub version: usize,
}

/// Reads a name that becomes part of the name of a counter and the value of a header.
fn name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > 63 || !text.bytes().all(fits) {
        node.not("at most 63 lower-case letters, digits and hyphens");
    }
    Some(text)
}

impl Service {
    /// The version of this name.
    pub fn version(&self, name: &[u8]) -> Option<usize> {
        self.versions
            .iter()
            .position(|version| version.name.as_bytes() == name)
    }

    /// The version of the first member of the list that the claim names. `claim` is a text, or several with commas or NULs between.
    pub(crate) fn version_of_member(
        &self,
        list: &[(String, usize)],
        claim: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<usize> {
        if list.is_empty() {
            return None;
        }
        let claim = claim()?;
        let mut members = list.iter();
        let found = members.find(|(member, _)| {
            let mut values = claim.split(|b| *b == b',' || *b == 0);
            values.any(|value| value.trim_ascii() == member.as_bytes())
        });
        found.map(|(_, version)| *version)
    }

    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let name = object.need("name").and_then(|node| name(&node));
        let name = name.unwrap_or_default();
        let header = match object.get("header") {
            Some(node) => header_name(&node).unwrap_or_default(),
            None => ["x-", &name, "-version"].concat(),
        };
        let salt = object.get("salt").and_then(|node| node.text());
        let salt = salt.as_ref().unwrap_or(&name);
        let versions = object.need("versions").map(|node| versions(&node, salt));
        let versions = versions.unwrap_or_default();
        let stable = object.need("stable");
        let stable = stable.and_then(|node| index(&versions, &node));
        let off = object
            .get("everyone_on_stable")
            .and_then(|node| node.flag());
        let mut service = Self {
            name,
            header,
            versions,
            stable: stable.unwrap_or_default(),
            everyone_on_stable: off.unwrap_or(false),
            headers: Vec::new(),
            from_outside: Vec::new(),
            query: None,
            cookie: None,
            users: Vec::new(),
            groups: Vec::new(),
        };
        if let Some(choose) = object.get("choose").and_then(|node| node.object()) {
            service.read_choices(&choose);
        }
        Some(service)
    }

    fn read_choices(&mut self, choose: &Object<'_>) {
        let headers = choose.get("headers").map(|node| node.list());
        for node in headers.unwrap_or_default() {
            let Some(object) = node.object() else {
                continue;
            };
            let version = object.need("version");
            let version = version.and_then(|node| index(&self.versions, &node));
            if let Some(test) = HeaderTest::read(&object) {
                self.headers.push(HeaderChoice {
                    test,
                    version: version.unwrap_or_default(),
                });
            }
        }
        let outside = choose.get("from_outside").map(|node| node.list());
        let outside = outside.unwrap_or_default();
        self.from_outside = outside.iter().filter_map(header_name).collect();
        self.query = choose.get("query").and_then(|node| cookie_name(&node));
        self.cookie = choose.get("cookie").and_then(|node| cookie_name(&node));
        self.users = members(choose.get("users"), &self.versions);
        self.groups = members(choose.get("groups"), &self.versions);
    }
}

/// Reads users or groups, each with the index of its version.
fn members(lists: Option<Node<'_>>, versions: &[Version]) -> Vec<(String, usize)> {
    let mut members = Vec::new();
    for node in lists.map(|node| node.list()).unwrap_or_default() {
        let Some(object) = node.object() else {
            continue;
        };
        let version = object.need("version");
        let version = version.and_then(|node| index(versions, &node));
        let names = object.need("names").map(|node| node.texts());
        for name in names.unwrap_or_default() {
            members.push((name, version.unwrap_or_default()));
        }
    }
    members
}

/// Reads the name of a version.
fn index(versions: &[Version], node: &Node<'_>) -> Option<usize> {
    let text = node.text()?;
    let found = versions.iter().position(|version| version.name == text);
    if found.is_none() {
        node.not("the name of one of the versions");
    }
    found
}

fn versions(node: &Node<'_>, salt: &str) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for item in node.list() {
        let Some(object) = item.object() else {
            continue;
        };
        let name = object.need("name").and_then(|node| name(&node));
        let name = name.unwrap_or_default();
        let weight = object.need("weight");
        let weight = weight
            .and_then(|node| node.integer(0..=WHOLE_WEIGHT))
            .unwrap_or_default();
        if versions.iter().any(|other| other.name == name) {
            item.fault(&["two versions have the name ", &name].concat());
        }
        versions.push(Version {
            seed: seed(&[salt, "/", &name].concat()),
            name,
            weight: weight as u32,
        });
    }
    let sum: u64 = versions
        .iter()
        .map(|version| u64::from(version.weight))
        .sum();
    if sum != WHOLE_WEIGHT {
        node.fault(&format!(
            "the weights add up to {sum}, expected {WHOLE_WEIGHT}"
        ));
    }
    versions
}
