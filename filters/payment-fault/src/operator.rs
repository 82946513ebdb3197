//! How an operator changes a configuration on one machine: `stoa fault set` and `stoa fault get`. Native only.
//!
//! Each setting becomes a rule. The kinds of faults define their settings themselves, in `fault/`.

use serde_json::{Map, Value, json};
use stoa_filter::document::Faults;
use stoa_filter::setting::{self, Percent, Setting, SettingError, Share};

use crate::config::{Config, Rule};
use crate::delay::{self, Delay};
use crate::fault::{self, KINDS, SettingSyntax};

/// What a setting looks like, for error messages.
const EXPECTED: &str = "KIND=SHARE or KIND=SHARE:VALUE with a share from 0% to 100% and at most two decimals, such as decline=30%";
/// Prefix of the names of rules that an operator set. The kind follows.
const RULE_PREFIX: &str = "set-";

/// Replaces the rules of `config` with the faults of these settings, such as `decline=30%` or `delay=10%:200ms`. They apply to
/// POST requests to the path of the first rule. The rest of `config` does not change.
///
/// # Errors
/// If a setting is not valid, or the filter would reject the result.
pub fn set(config: Value, settings: &[String]) -> Result<Value, SettingError> {
    let settings = setting::read(settings, EXPECTED)?;
    let path = config.pointer("/rules/0/match/path").cloned();
    let matcher = match path {
        Some(path) => json!({"methods": ["POST"], "path": path}),
        None => json!({"methods": ["POST"]}),
    };
    // All rules share one draw, so they use the seed of the first one.
    let seed = settings.first().map_or("", |setting| setting.name);
    let rules: Result<Vec<_>, _> = settings
        .iter()
        .map(|setting| rule(setting, &matcher, seed))
        .collect();
    let mut fields = fields(config);
    fields.remove("enabled");
    fields.insert("rules".to_owned(), rules?.into());
    valid(fields)
}

/// A configuration that injects nothing.
///
/// # Errors
/// If the filter would reject the result.
pub fn turn_off(config: Value) -> Result<Value, SettingError> {
    let mut fields = fields(config);
    fields.insert("enabled".to_owned(), false.into());
    valid(fields)
}

/// Describes a configuration, as settings where these can express it: `decline=30% delay=10%:200ms`, `off` or `no faults`.
pub fn describe(config: &Value) -> String {
    match parse(config) {
        Err(faults) => format!("not valid ({faults})"),
        Ok(config) if !config.enabled => "off".to_owned(),
        Ok(config) if config.rules.is_empty() => "no faults".to_owned(),
        Ok(config) => config
            .rules
            .iter()
            .map(describe_rule)
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// The help text of `stoa fault set`: kinds and examples.
pub fn help() -> String {
    let kinds: Vec<_> = settings()
        .map(|(name, setting)| {
            let syntax = format!("{name}=SHARE{}", setting.value);
            format!("  {syntax:<24}{}", setting.summary)
        })
        .collect();
    format!(
        "\
Kinds, with the default of what may stand behind the share:
{}

The service is the beginning of its filter's name: payment is for payment-fault. Shares are of POST requests, decided by their \
Idempotency-Key where they have one: a retry gets the same outcome. Several kinds share one draw: no request gets two of them.

Examples:
  stoa fault set payment decline=30%
  stoa fault set payment abort=5% lost_response=1%
  stoa fault set payment delay=10%:200ms throttle=5%:64B/s
  stoa fault set payment off          no fault
  stoa fault set payment reset        what the manifests say",
        kinds.join("\n")
    )
}

/// All settings, by name.
fn settings() -> impl Iterator<Item = (&'static str, &'static SettingSyntax)> {
    let faults = KINDS.iter().map(|kind| (kind.name, &kind.setting));
    faults.chain([(Delay::NAME, &delay::SETTING)])
}

/// The rule of one setting.
fn rule(setting: &Setting<'_>, matcher: &Value, seed: &str) -> Result<Value, SettingError> {
    let name = setting.name;
    let Some((_, syntax)) = settings().find(|(other, _)| *other == name) else {
        return Err(SettingError::Unknown {
            kind: "kind of fault",
            name: name.to_owned(),
            known: settings().map(|(name, _)| name.to_owned()).collect(),
        });
    };
    let content = (syntax.configure)(setting.value).ok_or_else(|| SettingError::Invalid {
        setting: setting.text.to_owned(),
        expected: format!("{} behind the share", syntax.expected),
    })?;
    let (member, content) = match name {
        Delay::NAME => (Delay::NAME, content),
        fault => ("fault", json!({(fault): content})),
    };
    Ok(json!({
        "name": format!("{RULE_PREFIX}{}", name.replace('_', "-")),
        "match": matcher,
        "percentage": {"numerator": setting.share.0, "denominator": Share::WHOLE},
        "by": {"header": "idempotency-key", "seed": seed},
        "fall_through": true,
        (member): content,
    }))
}

/// `decline=30%`, or the name of a rule of the manifests with its share.
fn describe_rule(rule: &Rule) -> String {
    let share = Percent(rule.share.percent());
    let Some(kind) = rule.name.strip_prefix(RULE_PREFIX) else {
        return format!("{}={share}", rule.name);
    };
    let value = match (&rule.fault, &rule.delay) {
        (Some(fault), _) => fault::find(fault.kind).and_then(|kind| (kind.describe)(fault)),
        (None, Some(delay)) => delay::describe(delay),
        (None, None) => None,
    };
    let value = value.map(|value| format!(":{value}")).unwrap_or_default();
    format!("{}={share}{value}", kind.replace('-', "_"))
}

/// The members of a configuration; none, if there is no configuration.
fn fields(config: Value) -> Map<String, Value> {
    match config {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn valid(fields: Map<String, Value>) -> Result<Value, SettingError> {
    let config = Value::Object(fields);
    parse(&config)?;
    Ok(config)
}

/// A missing configuration is the default one, as in Envoy.
fn parse(config: &Value) -> Result<Config, Faults> {
    match config {
        Value::Null => Config::parse(b""),
        config => Config::parse(config.to_string().as_bytes()),
    }
}
