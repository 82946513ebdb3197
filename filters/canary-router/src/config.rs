//! `pluginConfig`: JSON to a [`Config`] that cannot be wrong, or every fault with its path.

use stoa_filter::chance::seed;
use stoa_filter::document::{self, Faults, Node};
use stoa_filter::matching::{HeaderTest, TextTest, header_name};

use crate::cookie::{Cookie, SameSite};

/// What all weights of a service add up to.
const WEIGHTS: u64 = 10_000;
/// How long a session is kept, unless configured: longer than a rollout takes.
const MAX_AGE_SECONDS: u64 = 30 * 24 * 60 * 60;
/// How those who only look whether the shop is alive begin their `User-Agent`.
const HEALTH_CHECKERS: [&str; 5] = [
    "Envoy/HC",
    "kube-probe/",
    "GoogleHC/",
    "ELB-HealthChecker/",
    "Edge Health Probe",
];

/// What the filter does.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The kill switch of all services.
    pub everyone_on_stable: bool,
    /// Every service has a header of its own.
    pub services: Vec<Service>,
    /// What the identities of callers from inside begin with; all others are outside.
    pub inside: Vec<String>,
    /// Under which key of `envoy.filters.http.jwt_authn` the verified claims lie.
    pub payload: String,
    /// The header that brings a token: without it nothing is asked of jwt_authn. `None`: it is asked at every request.
    pub token_header: Option<String>,
    /// The claim that names the user.
    pub subject_claim: String,
    /// The claim that names his groups.
    pub groups_claim: String,
    /// A header that names the session.
    pub session_header: Option<String>,
    /// A cookie, not of this filter, that names the session.
    pub session_cookie: Option<String>,
    /// The cookie in which this filter keeps a session that it begins; `None`: it keeps none.
    pub cookie: Option<Cookie>,
    /// Beginnings of `User-Agent` that belong to health checks.
    pub health_checkers: Vec<String>,
    /// Paths that belong to health checks.
    pub health_paths: Vec<String>,
    /// Whether answers tell the version.
    pub tell: bool,
}

/// One service and its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// For counters.
    pub name: String,
    /// What the routes match on.
    pub header: String,
    /// At least one.
    pub versions: Vec<Version>,
    /// The place of the stable one.
    pub stable: usize,
    /// The kill switch of this service.
    pub everyone_on_stable: bool,
    /// Further headers that choose.
    pub headers: Vec<HeaderChoice>,
    /// Which headers choose also when they come from outside.
    pub from_outside: Vec<String>,
    /// A query parameter that chooses.
    pub query: Option<String>,
    /// A cookie that chooses.
    pub cookie: Option<String>,
    /// Users that are set to a version.
    pub users: Vec<(String, usize)>,
    /// Groups that are set to a version.
    pub groups: Vec<(String, usize)>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What the header says.
    pub name: String,
    /// Its share, in ten-thousandths.
    pub weight: u32,
    /// Of the salt and the name.
    pub seed: u64,
}

/// A header that chooses a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderChoice {
    /// What is asked of it.
    pub test: HeaderTest,
    /// The version's place.
    pub version: usize,
}

impl Default for Config {
    /// The shop's: a tenth of all see product v2.
    fn default() -> Self {
        let version = |name: &str, weight| Version {
            name: name.to_owned(),
            weight,
            seed: seed(&["product/", name].concat()),
        };
        Self {
            everyone_on_stable: false,
            services: vec![Service {
                name: "product".to_owned(),
                header: "x-shop-version".to_owned(),
                versions: vec![version("v1", 9_000), version("v2", 1_000)],
                stable: 0,
                everyone_on_stable: false,
                headers: vec![HeaderChoice {
                    test: HeaderTest {
                        name: "x-beta-user".to_owned(),
                        test: stoa_filter::matching::Presence::Value(TextTest::Exact(
                            "true".to_owned(),
                        )),
                    },
                    version: 1,
                }],
                from_outside: Vec::new(),
                query: None,
                cookie: None,
                users: Vec::new(),
                groups: Vec::new(),
            }],
            inside: vec!["spiffe://".to_owned()],
            payload: "payload".to_owned(),
            token_header: Some("authorization".to_owned()),
            subject_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            session_header: None,
            session_cookie: None,
            cookie: Some(Cookie {
                name: "shop-session".to_owned(),
                path: "/".to_owned(),
                max_age_seconds: MAX_AGE_SECONDS,
                same_site: SameSite::Lax,
                secure: true,
            }),
            health_checkers: HEALTH_CHECKERS.map(str::to_owned).to_vec(),
            health_paths: Vec::new(),
            tell: true,
        }
    }
}

impl Config {
    /// Reads a `pluginConfig`; an empty one is the default.
    ///
    /// # Errors
    /// Every fault, each with its path.
    pub fn parse(text: &[u8]) -> Result<Self, Faults> {
        document::read(text, |root| {
            let mut config = Self::default();
            let flag = |name| root.get(name).and_then(|node| node.flag());
            config.everyone_on_stable = flag("everyone_on_stable").unwrap_or(false);
            config.tell = flag("tell").unwrap_or(true);
            if let Some(node) = root.get("services") {
                config.services = services(&node);
            }
            if let Some(node) = root.get("inside") {
                config.inside = node.texts();
            }
            if let Some(jwt) = root.get("jwt").and_then(|node| node.object()) {
                let text = |name, usual: &mut String| {
                    if let Some(text) = jwt.get(name).and_then(|node| node.text()) {
                        *usual = text;
                    }
                };
                text("payload", &mut config.payload);
                text("subject", &mut config.subject_claim);
                text("groups", &mut config.groups_claim);
                if let Some(node) = jwt.get("header") {
                    config.token_header = match node.value().as_raw_str() {
                        "false" => None,
                        _ => header_name(&node),
                    };
                }
            }
            if let Some(session) = root.get("session").and_then(|node| node.object()) {
                config.session_header = session.get("header").and_then(|node| header_name(&node));
                config.session_cookie = session.get("cookie").and_then(|node| cookie_name(&node));
            }
            if let Some(node) = root.get("cookie") {
                config.cookie = cookie(&node, config.cookie.take());
            }
            if let Some(checks) = root.get("health_checks").and_then(|node| node.object()) {
                if let Some(node) = checks.get("user_agents") {
                    config.health_checkers = node.texts();
                }
                if let Some(node) = checks.get("paths") {
                    config.health_paths = node.texts();
                }
            }
            config
        })
    }
}

/// Reads `false` for no cookie at all, or what is to differ from `usual`.
fn cookie(node: &Node<'_>, usual: Option<Cookie>) -> Option<Cookie> {
    if node.value().as_raw_str() == "false" {
        return None;
    }
    let object = node.object()?;
    let mut cookie = usual?;
    if let Some(name) = object.get("name").and_then(|node| cookie_name(&node)) {
        cookie.name = name;
    }
    if let Some(node) = object.get("path") {
        cookie.path = node.text().unwrap_or_default();
        let plain = |b: u8| b.is_ascii_graphic() && b != b';' && b != b',';
        if !cookie.path.starts_with('/') || !cookie.path.bytes().all(plain) {
            node.not("a path, which begins with a slash");
        }
    }
    let age = object.get("max_age_seconds");
    if let Some(age) = age.and_then(|node| node.integer(0..=u64::from(u32::MAX))) {
        cookie.max_age_seconds = age;
    }
    if let Some(secure) = object.get("secure").and_then(|node| node.flag()) {
        cookie.secure = secure;
    }
    if let Some(node) = object.get("same_site") {
        cookie.same_site = match node.text().as_deref() {
            Some("Strict") => SameSite::Strict,
            Some("Lax") => SameSite::Lax,
            Some("None") => SameSite::None,
            _ => {
                node.not("Strict, Lax or None");
                SameSite::Lax
            }
        };
        if cookie.same_site == SameSite::None && !cookie.secure {
            node.fault("None needs secure: browsers drop the cookie otherwise");
        }
    }
    Some(cookie)
}

/// Reads the name of a cookie: a token (RFC 6265, section 4.1.1).
fn cookie_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        node.not("letters, digits, hyphens, dots and underscores");
    }
    Some(text)
}

fn services(node: &Node<'_>) -> Vec<Service> {
    let services: Vec<Service> = node.list().iter().filter_map(Service::of).collect();
    for (index, service) in services.iter().enumerate() {
        let earlier = services.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.name == service.name) {
            node.fault(&["two services have the name ", &service.name].concat());
        }
        if earlier.iter().any(|other| other.header == service.header) {
            node.fault(&["two services have the header ", &service.header].concat());
        }
    }
    services
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

    /// The version of the first that is on the list: `claim` is a text, or several with commas or NULs between.
    pub(crate) fn of_member(
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

    fn of(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let name_of = object.need("name").and_then(|node| name(&node));
        let service = name_of.unwrap_or_default();
        let header = match object.get("header") {
            Some(node) => header_name(&node).unwrap_or_default(),
            None => ["x-", &service, "-version"].concat(),
        };
        let salt = object.get("salt").and_then(|node| node.text());
        let salt = salt.as_ref().unwrap_or(&service);
        let versions = object.need("versions").map(|node| versions(&node, salt));
        let versions = versions.unwrap_or_default();
        let place = |node: &Node<'_>| {
            let text = node.text()?;
            let found = versions.iter().position(|version| version.name == text);
            if found.is_none() {
                node.not("the name of one of the versions");
            }
            found
        };
        let stable = object.need("stable").and_then(|node| place(&node));
        let off = object
            .get("everyone_on_stable")
            .and_then(|node| node.flag());
        let mut built = Self {
            name: service.clone(),
            header,
            stable: stable.unwrap_or_default(),
            everyone_on_stable: off.unwrap_or(false),
            headers: Vec::new(),
            from_outside: Vec::new(),
            query: None,
            cookie: None,
            users: Vec::new(),
            groups: Vec::new(),
            versions: Vec::new(),
        };
        if let Some(choose) = object.get("choose").and_then(|node| node.object()) {
            let headers = choose.get("headers").map(|node| node.list());
            for node in headers.unwrap_or_default() {
                let Some(object) = node.object() else {
                    continue;
                };
                let version = object.need("version").and_then(|node| place(&node));
                if let Some(test) = HeaderTest::of(&object) {
                    built.headers.push(HeaderChoice {
                        test,
                        version: version.unwrap_or_default(),
                    });
                }
            }
            let outside = choose.get("from_outside").map(|node| node.list());
            let outside = outside.unwrap_or_default();
            built.from_outside = outside.iter().filter_map(header_name).collect();
            built.query = choose.get("query").and_then(|node| cookie_name(&node));
            built.cookie = choose.get("cookie").and_then(|node| cookie_name(&node));
            let members = |name| {
                let lists = choose.get(name).map(|node| node.list()).unwrap_or_default();
                let mut members = Vec::new();
                for node in lists {
                    let Some(object) = node.object() else {
                        continue;
                    };
                    let version = object.need("version").and_then(|node| place(&node));
                    let names = object.need("names").map(|node| node.texts());
                    for name in names.unwrap_or_default() {
                        members.push((name, version.unwrap_or_default()));
                    }
                }
                members
            };
            built.users = members("users");
            built.groups = members("groups");
        }
        built.versions = versions;
        Some(built)
    }
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
            .and_then(|node| node.integer(0..=WEIGHTS))
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
    if sum != WEIGHTS {
        node.fault(&format!("the weights add up to {sum}, expected {WEIGHTS}"));
    }
    versions
}
