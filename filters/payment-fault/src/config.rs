//! Reads a `pluginConfig` (JSON): returns a valid [`Config`], or all errors, each with its path.

use std::time::SystemTime;

use stoa_filter::chance::{Fraction, MILLION};
use stoa_filter::document::{self, ConfigErrors, Node};
use stoa_filter::matching::header_name;

use crate::delay::Delay;
use crate::fault::Fault;
use crate::matching::{Matcher, principals};

/// The name that replaces a rule's name in reports and counters if a caller requested the fault by header. A rule in the
/// configuration cannot have this name, because a rule's name contains no underscore.
pub const HEADER_RULE: &str = "by_header";
/// The name that [`HEADER_RULE`] had in release 0.1. Until release 0.3, the counters also exist under this old name, and no rule
/// in the configuration can have it.
pub const OLD_HEADER_RULE: &str = "asked";

/// Default of `max_body_bytes`: 16 KiB. The body of a payment has about 200 bytes.
const DEFAULT_MAX_BODY_BYTES: usize = 16 << 10;
/// Highest permitted `max_body_bytes`: 1 MiB, because Envoy itself does not buffer a longer body.
const HIGHEST_MAX_BODY_BYTES: u64 = 1 << 20;
/// Default of `max_active_faults`.
const DEFAULT_MAX_ACTIVE_FAULTS: u64 = 1_000;
/// Highest permitted `max_active_faults`. A limit is necessary, because every tick goes through all delayed requests.
const HIGHEST_MAX_ACTIVE_FAULTS: u64 = 100_000;
/// Default share of the injected faults that the filter logs: 1 %, in millionths.
const DEFAULT_LOG_MILLIONTHS: u32 = MILLION / 100;
/// Shortest permitted secret, in bytes.
const MIN_SECRET_BYTES: usize = 16;

/// The configuration of the filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `false` turns off all faults and delays.
    pub enabled: bool,
    /// The rules in order. The first rule that matches a request decides.
    pub rules: Vec<Rule>,
    /// The callers that may request a fault by header. `None`: no caller may.
    pub header_faults: Option<HeaderFaults>,
    /// The maximum number of requests that have a fault at the same time, in one worker. Further requests get no fault.
    pub max_active_faults: u64,
    /// The maximum length of a body that rules read, in bytes. If a body is longer, a rule that tests a value in the body does not
    /// match the request.
    pub max_body_bytes: usize,
    /// Whether a response reports the rule that injected the fault.
    pub reports_rule: bool,
    /// The share of the injected faults that is logged.
    pub log: Fraction,
    /// Warnings about the `pluginConfig`, for example about an old member name. The filter logs these warnings.
    pub warnings: Vec<String>,
}

/// A rule: selects requests, and defines the fault or the delay that they get.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule's name, for the response header, the counters and the log.
    pub name: String,
    /// The requests to which the rule applies.
    pub matcher: Matcher,
    /// The share of the matching requests that gets the fault.
    pub share: Fraction,
    /// The header whose hash decides whether a request belongs to the share. `None`: a random draw decides.
    pub hash_key: Option<HashKey>,
    /// If true, a request that matches this rule but is outside the rule's share continues with the next matching rule. That next
    /// rule uses the same random draw. So the shares of the two rules do not overlap, and each share is a part of all requests.
    pub fall_through: bool,
    /// The time at which the rule expires.
    pub until: Option<SystemTime>,
    /// The fault. `None`: the rule only delays requests.
    pub fault: Option<Fault>,
    /// The delay before the fault.
    pub delay: Option<Delay>,
}

/// A header whose hash decides whether a request gets the fault. So requests with the same value of this header get the same
/// outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashKey {
    /// The header's name. For a request without this header, a random draw decides.
    pub header: String,
    /// The seed of the hash. A different seed selects different header values.
    pub seed: String,
}

/// The callers that may request a fault by header. A caller must have one of the identities, or must send the secret.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderFaults {
    /// The SPIFFE identities of permitted callers.
    pub principals: Vec<String>,
    /// The secret that permits every caller that sends it.
    pub secret: Option<String>,
    /// The requests on which these callers may request a fault.
    pub matcher: Matcher,
}

impl Default for Config {
    /// Declines 10 % of the requests `POST /payments`. A hash of the idempotency key decides, so a retry gets the same outcome,
    /// and 10 % of orders fail, not 10 % of attempts.
    fn default() -> Self {
        Self {
            enabled: true,
            rules: vec![Rule {
                name: "default-decline".to_owned(),
                matcher: Matcher::payments(),
                share: Fraction::new(MILLION / 10),
                hash_key: Some(HashKey {
                    header: "idempotency-key".to_owned(),
                    seed: String::new(),
                }),
                fall_through: false,
                until: None,
                fault: Some(Fault::default()),
                delay: None,
            }],
            header_faults: None,
            max_active_faults: DEFAULT_MAX_ACTIVE_FAULTS,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            reports_rule: true,
            log: Fraction::new(DEFAULT_LOG_MILLIONTHS),
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
            let default = Self::default();
            let enabled = root.get("enabled").and_then(|node| node.flag());
            let rules = root.get("rules").map(|node| rules(&node));
            let header_faults = root
                .get("header_faults")
                .and_then(|node| HeaderFaults::read(&node));
            let active = root.get("max_active_faults");
            let active = active.and_then(|node| node.integer(0..=HIGHEST_MAX_ACTIVE_FAULTS));
            let body = root.get("max_body_bytes");
            let body = body.and_then(|node| node.integer(0..=HIGHEST_MAX_BODY_BYTES));
            let reports_rule = root
                .get_renamed("report_rule", "tell")
                .and_then(|node| node.flag());
            let log = root.get("log").map(|node| Fraction::read(&node));
            Self {
                enabled: enabled.unwrap_or(true),
                rules: rules.unwrap_or(default.rules),
                header_faults,
                max_active_faults: active.unwrap_or(DEFAULT_MAX_ACTIVE_FAULTS),
                max_body_bytes: body.map_or(default.max_body_bytes, |bytes| bytes as usize),
                reports_rule: reports_rule.unwrap_or(true),
                log: log.unwrap_or(default.log),
                warnings: root.warnings(),
            }
        })
    }
}

fn rules(node: &Node<'_>) -> Vec<Rule> {
    let items = node.list();
    let rules: Vec<Rule> = items.iter().filter_map(Rule::read).collect();
    for (index, rule) in rules.iter().enumerate() {
        let earlier = rules.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.name == rule.name) {
            node.add_error(&["two rules have the name ", &rule.name].concat());
        }
    }
    rules
}

impl Rule {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let name = object.required("name").and_then(|node| name(&node));
        let matcher = object.get("match").map(|node| Matcher::read(&node));
        let share = object.get("percentage").map(|node| Fraction::read(&node));
        let hash_key = object.get("by").and_then(|node| HashKey::read(&node));
        let fall_through = object.get("fall_through").and_then(|node| node.flag());
        let until = object.get("until").and_then(|node| time(&node));
        let (fault, delay) = (object.get("fault"), object.get("delay"));
        if fault.is_none() && delay.is_none() {
            node.add_error("expected fault, delay or both");
        }
        Some(Self {
            name: name.unwrap_or_default(),
            matcher: matcher.unwrap_or_default(),
            share: share.unwrap_or(Fraction::ALL),
            hash_key,
            fall_through: fall_through.unwrap_or(false),
            until,
            fault: fault.and_then(|node| Fault::read(&node)),
            delay: delay.and_then(|node| Delay::read(&node)),
        })
    }
}

/// Reads a rule's name. The name becomes a part of a counter's name, and the value of a response header.
fn name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > 63 || !text.bytes().all(allowed) {
        node.add_mismatch("a name of at most 63 lower-case letters, digits and hyphens");
    }
    if text == OLD_HEADER_RULE {
        node.add_error(
            "reserved until release 0.3, because this name is the old name of by_header",
        );
    }
    Some(text)
}

fn time(node: &Node<'_>) -> Option<SystemTime> {
    let time = humantime::parse_rfc3339(&node.text()?).ok();
    if time.is_none() {
        node.add_mismatch("a time in UTC such as 2026-12-31T18:00:00Z");
    }
    time
}

impl HashKey {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let header = object
            .required("header")
            .and_then(|node| header_name(&node));
        let seed = object.get("seed").and_then(|node| node.text());
        Some(Self {
            header: header.unwrap_or_default(),
            seed: seed.unwrap_or_default(),
        })
    }
}

impl HeaderFaults {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let principals = object.get("principals").map(|node| principals(&node));
        let secret = object.get("secret").and_then(|node| {
            let text = node.text()?;
            if text.len() < MIN_SECRET_BYTES || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
                // The message must not contain the secret, because the message is logged.
                node.add_error(&format!(
                    "expected at least {MIN_SECRET_BYTES} characters, only letters and digits"
                ));
            }
            Some(text)
        });
        let matcher = object.get("match").map(|node| Matcher::read(&node));
        let principals = principals.unwrap_or_default();
        if principals.is_empty() && secret.is_none() {
            node.add_error(
                "expected principals, secret or both; otherwise no caller may request a fault",
            );
        }
        Some(Self {
            principals,
            secret,
            matcher: matcher.unwrap_or_else(Matcher::payments),
        })
    }
}
