//! Reads a `pluginConfig` (JSON): returns a valid [`Config`], or all errors, each with its path.

use stoa_filter::chance::seed;
use stoa_filter::document::{self, ConfigErrors, Node};
use stoa_filter::matching::{HeaderTest, Presence, TextTest, header_name};

use crate::cookie::{Cookie, SameSite, cookie_name};
use crate::service::{HeaderChoice, Service, Version};

/// Default lifetime of a session cookie: 30 days, which is longer than a rollout takes.
const DEFAULT_MAX_AGE_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Prefixes of the `User-Agent` of common health checks.
const DEFAULT_HEALTH_CHECKERS: [&str; 5] = [
    "Envoy/HC",
    "kube-probe/",
    "GoogleHC/",
    "ELB-HealthChecker/",
    "Edge Health Probe",
];

/// The configuration of the filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The kill switch for all services. If it is on, every request gets the stable version of every service.
    pub everyone_on_stable: bool,
    /// The services for which the filter chooses versions. Each service has its own version header.
    pub services: Vec<Service>,
    /// Prefixes of the SPIFFE identities of callers inside the mesh. All other callers count as outside the mesh.
    pub inside_identities: Vec<String>,
    /// The key under which Envoy stores the verified claims, in the metadata of `envoy.filters.http.jwt_authn`.
    pub jwt_payload_key: String,
    /// The request header that contains a token. If a request does not have this header, the filter does not read the claims of the
    /// request. `None`: the filter reads the claims of every request.
    pub token_header: Option<String>,
    /// The claim that contains the user's id.
    pub subject_claim: String,
    /// The claim that contains the user's groups.
    pub groups_claim: String,
    /// A request header that contains a session id.
    pub session_header: Option<String>,
    /// A cookie that contains a session id and that this filter does not set.
    pub session_cookie: Option<String>,
    /// The cookie with which this filter starts a session. `None`: the filter sets no cookie.
    pub cookie: Option<Cookie>,
    /// Prefixes of the `User-Agent` of health checks.
    pub health_checkers: Vec<String>,
    /// Paths of health checks.
    pub health_paths: Vec<String>,
    /// Whether responses report the version.
    pub reports_version: bool,
    /// Warnings about the `pluginConfig`, for example about an old member name. The filter logs these warnings.
    pub warnings: Vec<String>,
}

impl Default for Config {
    /// The shop's configuration: 10 % of the callers get product v2.
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
            inside_identities: vec!["spiffe://".to_owned()],
            jwt_payload_key: "payload".to_owned(),
            token_header: Some("authorization".to_owned()),
            subject_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            session_header: None,
            session_cookie: None,
            cookie: Some(Cookie {
                name: "shop-session".to_owned(),
                path: "/".to_owned(),
                max_age_seconds: DEFAULT_MAX_AGE_SECONDS,
                same_site: SameSite::Lax,
                secure: true,
            }),
            health_checkers: DEFAULT_HEALTH_CHECKERS.map(str::to_owned).to_vec(),
            health_paths: Vec::new(),
            reports_version: true,
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a `pluginConfig`. An empty text gives the default configuration.
    ///
    /// # Errors
    /// All errors of the configuration, each with its path.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigErrors> {
        document::read(text, |root| {
            let mut config = Self::default();
            let flag = |name| root.get(name).and_then(|node| node.flag());
            config.everyone_on_stable = flag("everyone_on_stable").unwrap_or(false);
            let report = root.get_renamed("report_version", "tell");
            config.reports_version = report.and_then(|node| node.flag()).unwrap_or(true);
            if let Some(node) = root.get("services") {
                config.services = services(&node);
            }
            if let Some(node) = root.get("inside") {
                config.inside_identities = node.texts();
            }
            if let Some(jwt) = root.get("jwt").and_then(|node| node.object()) {
                let text = |name, setting: &mut String| {
                    if let Some(text) = jwt.get(name).and_then(|node| node.text()) {
                        *setting = text;
                    }
                };
                text("payload", &mut config.jwt_payload_key);
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
            config.warnings = root.warnings();
            config
        })
    }
}

fn services(node: &Node<'_>) -> Vec<Service> {
    let services: Vec<Service> = node.list().iter().filter_map(Service::read).collect();
    for (index, service) in services.iter().enumerate() {
        let earlier = services.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.name == service.name) {
            node.add_error(&["two services have the name ", &service.name].concat());
        }
        if earlier.iter().any(|other| other.header == service.header) {
            node.add_error(&["two services have the header ", &service.header].concat());
        }
    }
    services
}
