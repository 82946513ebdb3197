//! `pluginConfig`: JSON to a [`Config`] that cannot be wrong, or every fault with its path.

use std::time::SystemTime;

use stoa_filter::chance::{Fraction, MILLION};
use stoa_filter::document::{self, Faults, Node};
use stoa_filter::matching::header_name;

use crate::delay::Delay;
use crate::fault::Fault;
use crate::matching::{Matcher, principals};

/// The rule name that is reported and counted for faults requested by header. Rules cannot have it.
pub const HEADER_RULE: &str = "asked";

/// Default limit of the body bytes kept for body tests: a payment has about 200.
const MAX_BODY_BYTES: usize = 16 << 10;
/// The highest limit that can be configured: Envoy itself does not buffer more than 1 MiB.
const LARGEST_BODY_BYTES: u64 = 1 << 20;
/// Default limit of concurrent requests with a fault in a worker.
const MAX_ACTIVE_FAULTS: u64 = 1_000;
/// The highest limit that can be configured: every tick reads each of them.
const MOST_ACTIVE_FAULTS: u64 = 100_000;
/// Default share of injected faults that is logged: 1 %.
const LOGGED: u32 = MILLION / 100;
/// The shortest secret that can be configured, in bytes.
const SHORTEST_SECRET: usize = 16;

/// What the filter does.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// False: nothing is injected at all.
    pub enabled: bool,
    /// The first rule that matches decides.
    pub rules: Vec<Rule>,
    /// Faults that callers request by header; `None`: not allowed.
    pub header_faults: Option<HeaderFaults>,
    /// Limit of concurrent requests with a fault in a worker; further requests pass.
    pub max_active_faults: u64,
    /// Limit of a body in bytes; a longer body fails every body test.
    pub max_body_bytes: usize,
    /// Whether responses report which rule acted.
    pub tell: bool,
    /// The share of injected faults that is logged.
    pub log: Fraction,
}

/// Which requests get a fault, and which fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// For the header, the counters and the log.
    pub name: String,
    /// The requests to which it applies.
    pub matcher: Matcher,
    /// The share of these requests that gets the fault.
    pub share: Fraction,
    /// Decides by a hash of this header instead of at random.
    pub by: Option<Key>,
    /// Requests outside the share continue with the next rule that matches. Its share also counts against all requests.
    /// The shares never overlap: both rules use the same random draw.
    pub fall_through: bool,
    /// The rule has no effect from this time on.
    pub until: Option<SystemTime>,
    /// What happens; a rule may only delay.
    pub fault: Option<Fault>,
    /// The delay before it.
    pub delay: Option<Delay>,
}

/// Requests with the same value of this header get the same outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The header. A request without it is decided at random.
    pub header: String,
    /// Another seed selects other values.
    pub seed: String,
}

/// Callers that may request a fault by header: those with one of these identities, and those that know the secret.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderFaults {
    /// SPIFFE identities.
    pub principals: Vec<String>,
    /// The shared secret.
    pub secret: Option<String>,
    /// The requests for which they may request a fault.
    pub matcher: Matcher,
}

impl Default for Config {
    /// 10 % of `POST /payments` are declined, by a hash of the key: a retry gets the same outcome, so 10 % of orders fail, not
    /// 10 % of attempts.
    fn default() -> Self {
        Self {
            enabled: true,
            rules: vec![Rule {
                name: "default-decline".to_owned(),
                matcher: Matcher::payments(),
                share: Fraction::new(MILLION / 10),
                by: Some(Key {
                    header: "idempotency-key".to_owned(),
                    seed: String::new(),
                }),
                fall_through: false,
                until: None,
                fault: Some(Fault::default()),
                delay: None,
            }],
            header_faults: None,
            max_active_faults: MAX_ACTIVE_FAULTS,
            max_body_bytes: MAX_BODY_BYTES,
            tell: true,
            log: Fraction::new(LOGGED),
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
            let usual = Self::default();
            let enabled = root.get("enabled").and_then(|node| node.flag());
            let rules = root.get("rules").map(|node| rules(&node));
            let header_faults = root
                .get("header_faults")
                .and_then(|node| HeaderFaults::read(&node));
            let active = root.get("max_active_faults");
            let active = active.and_then(|node| node.integer(0..=MOST_ACTIVE_FAULTS));
            let body = root.get("max_body_bytes");
            let body = body.and_then(|node| node.integer(0..=LARGEST_BODY_BYTES));
            let tell = root.get("tell").and_then(|node| node.flag());
            let log = root.get("log").map(|node| Fraction::read(&node));
            Self {
                enabled: enabled.unwrap_or(true),
                rules: rules.unwrap_or(usual.rules),
                header_faults,
                max_active_faults: active.unwrap_or(MAX_ACTIVE_FAULTS),
                max_body_bytes: body.map_or(usual.max_body_bytes, |bytes| bytes as usize),
                tell: tell.unwrap_or(true),
                log: log.unwrap_or(usual.log),
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
            node.fault(&["two rules have the name ", &rule.name].concat());
        }
    }
    rules
}

impl Rule {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let name = object.need("name").and_then(|node| name(&node));
        let matcher = object.get("match").map(|node| Matcher::read(&node));
        let share = object.get("percentage").map(|node| Fraction::read(&node));
        let by = object.get("by").and_then(|node| Key::read(&node));
        let fall_through = object.get("fall_through").and_then(|node| node.flag());
        let until = object.get("until").and_then(|node| time(&node));
        let (fault, delay) = (object.get("fault"), object.get("delay"));
        if fault.is_none() && delay.is_none() {
            node.fault("expected fault, delay or both");
        }
        Some(Self {
            name: name.unwrap_or_default(),
            matcher: matcher.unwrap_or_default(),
            share: share.unwrap_or(Fraction::ALL),
            by,
            fall_through: fall_through.unwrap_or(false),
            until,
            fault: fault.and_then(|node| Fault::read(&node)),
            delay: delay.and_then(|node| Delay::read(&node)),
        })
    }
}

/// Reads a rule's name, which becomes part of the name of a counter and the value of a header.
fn name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > 63 || !text.bytes().all(allowed) || text == HEADER_RULE {
        node.not("at most 63 lower-case letters, digits and hyphens, and not \"asked\"");
    }
    Some(text)
}

fn time(node: &Node<'_>) -> Option<SystemTime> {
    let time = humantime::parse_rfc3339(&node.text()?).ok();
    if time.is_none() {
        node.not("a time in UTC such as 2026-12-31T18:00:00Z");
    }
    time
}

impl Key {
    fn read(node: &Node<'_>) -> Option<Self> {
        let object = node.object()?;
        let header = object.need("header").and_then(|node| header_name(&node));
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
            if text.len() < SHORTEST_SECRET || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
                // The message does not repeat the secret, because it is logged.
                node.fault(&format!(
                    "expected at least {SHORTEST_SECRET} letters and digits"
                ));
            }
            Some(text)
        });
        let matcher = object.get("match").map(|node| Matcher::read(&node));
        let principals = principals.unwrap_or_default();
        if principals.is_empty() && secret.is_none() {
            node.fault(
                "expected principals, a secret or both: without them nobody may request a fault",
            );
        }
        Some(Self {
            principals,
            secret,
            matcher: matcher.unwrap_or_else(Matcher::payments),
        })
    }
}
