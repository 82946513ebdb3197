//! A service, its versions, and the settings by which a caller may choose a version.

use stoa_filter::chance::seed;
use stoa_filter::document::{Node, Object};
use stoa_filter::matching::{HeaderTest, header_name};

use crate::cookie::cookie_name;

/// The required sum of the weights of a service's versions.
pub const WHOLE_WEIGHT: u64 = 10_000;

/// One service and its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The service's name, which is part of the names of counters.
    pub name: String,
    /// The request header into which the filter writes the name of the chosen version. The routes match on this header.
    pub header: String,
    /// The versions of the service, at least one.
    pub versions: Vec<Version>,
    /// The index of the stable version in `versions`.
    pub stable: usize,
    /// The kill switch of this service. If it is on, every request gets the stable version.
    pub everyone_on_stable: bool,
    /// Headers that choose a version, in addition to the service's own header.
    pub headers: Vec<HeaderChoice>,
    /// The headers with which even callers outside the mesh may choose a version.
    pub from_outside: Vec<String>,
    /// A query parameter that names a version.
    pub query: Option<String>,
    /// A cookie that names a version.
    pub cookie: Option<String>,
    /// Users that always get a certain version. Each entry is the user's id and the index of the version.
    pub users: Vec<(String, usize)>,
    /// Groups whose users always get a certain version. Each entry is the group's name and the index of the version.
    pub groups: Vec<(String, usize)>,
}

/// One version of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version's name. The service's header gets this name as its value.
    pub name: String,
    /// The version's share of the callers, in units of 1 / [`WHOLE_WEIGHT`].
    pub weight: u32,
    /// The hash of the service's salt and the version's name. It is the seed of the version's rolls.
    pub seed: u64,
}

/// A header that chooses a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderChoice {
    /// The condition on the header. A request that meets the condition gets the version.
    pub test: HeaderTest,
    /// The index of the version.
    pub version: usize,
}

/// Reads the name of a service or a version. The name becomes a part of a counter's name. The name of a version also becomes the
/// value of a header.
fn name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > 63 || !text.bytes().all(allowed) {
        node.add_mismatch("a name of at most 63 lower-case letters, digits and hyphens");
    }
    Some(text)
}

impl Service {
    /// The index of the version with this name.
    pub fn version(&self, name: &[u8]) -> Option<usize> {
        self.versions
            .iter()
            .position(|version| version.name.as_bytes() == name)
    }

    /// Returns the version of the first entry in `list` whose name the claim contains. The claim is one text, or several texts
    /// separated by commas or NULs.
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
        let name = object.required("name").and_then(|node| name(&node));
        let name = name.unwrap_or_default();
        let header = match object.get("header") {
            Some(node) => header_name(&node).unwrap_or_default(),
            None => ["x-", &name, "-version"].concat(),
        };
        let salt = object.get("salt").and_then(|node| node.text());
        let salt = salt.as_ref().unwrap_or(&name);
        let versions = object
            .required("versions")
            .map(|node| versions(&node, salt));
        let versions = versions.unwrap_or_default();
        let stable = object.required("stable");
        let stable = stable.and_then(|node| version_index(&versions, &node));
        let everyone_on_stable = object
            .get("everyone_on_stable")
            .and_then(|node| node.flag());
        let mut service = Self {
            name,
            header,
            versions,
            stable: stable.unwrap_or_default(),
            everyone_on_stable: everyone_on_stable.unwrap_or(false),
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
            let version = object.required("version");
            let version = version.and_then(|node| version_index(&self.versions, &node));
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

/// Reads a list of users or groups. Each entry of the result is a user's id or a group's name, and the index of the version.
fn members(lists: Option<Node<'_>>, versions: &[Version]) -> Vec<(String, usize)> {
    let mut members = Vec::new();
    for node in lists.map(|node| node.list()).unwrap_or_default() {
        let Some(object) = node.object() else {
            continue;
        };
        let version = object.required("version");
        let version = version.and_then(|node| version_index(versions, &node));
        let names = object.required("names").map(|node| node.texts());
        for name in names.unwrap_or_default() {
            members.push((name, version.unwrap_or_default()));
        }
    }
    members
}

/// Reads the name of a version, and returns the version's index.
fn version_index(versions: &[Version], node: &Node<'_>) -> Option<usize> {
    let text = node.text()?;
    let found = versions.iter().position(|version| version.name == text);
    if found.is_none() {
        node.add_mismatch("the name of one of the versions");
    }
    found
}

fn versions(node: &Node<'_>, salt: &str) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::new();
    for item in node.list() {
        let Some(object) = item.object() else {
            continue;
        };
        let name = object.required("name").and_then(|node| name(&node));
        let name = name.unwrap_or_default();
        let weight = object.required("weight");
        let weight = weight
            .and_then(|node| node.integer(0..=WHOLE_WEIGHT))
            .unwrap_or_default();
        if versions.iter().any(|other| other.name == name) {
            item.add_error(&["two versions have the name ", &name].concat());
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
        node.add_error(&format!(
            "the weights add up to {sum}; expected {WHOLE_WEIGHT}"
        ));
    }
    versions
}
