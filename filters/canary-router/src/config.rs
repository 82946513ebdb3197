//! `pluginConfig`: JSON to a [`Config`] that cannot be wrong, or every fault with its path.

use stoa_filter::chance::seed;
use stoa_filter::document::{self, Faults, Node};
use stoa_filter::matching::{HeaderTest, Presence, TextTest, header_name};

use crate::cookie::{Cookie, SameSite, cookie_name};
use crate::service::{HeaderChoice, Service, Version};

/// Default lifetime of a session: longer than a rollout takes.
const MAX_AGE_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Prefixes of the `User-Agent` of common health checks.
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
    /// Prefixes of the identities of callers inside the mesh; all others are outside.
    pub inside: Vec<String>,
    /// The key of `envoy.filters.http.jwt_authn` that holds the verified claims.
    pub payload: String,
    /// The header that carries a token: the claims of a request without it are not read. `None`: claims are always read.
    pub token_header: Option<String>,
    /// The claim that names the user.
    pub subject_claim: String,
    /// The claim that names the user's groups.
    pub groups_claim: String,
    /// A header that names the session.
    pub session_header: Option<String>,
    /// A cookie that names the session and that this filter does not set.
    pub session_cookie: Option<String>,
    /// The cookie in which this filter keeps a session that it begins; `None`: it sets no cookie.
    pub cookie: Option<Cookie>,
    /// Prefixes of the `User-Agent` of health checks.
    pub health_checkers: Vec<String>,
    /// Paths of health checks.
    pub health_paths: Vec<String>,
    /// Whether responses report the version.
    pub tell: bool,
}

impl Default for Config {
    /// The shop's configuration: 10 % get product v2.
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
                        test: Presence::Value(TextTest::Exact("true".to_owned())),
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
                config.cookie = Cookie::read(&node, config.cookie.take());
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

fn services(node: &Node<'_>) -> Vec<Service> {
    let services: Vec<Service> = node.list().iter().filter_map(Service::read).collect();
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
