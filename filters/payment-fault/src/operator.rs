//! Changes and describes a configuration, for `stoa fault set` and `stoa fault get` on one machine. Native only.
//!
//! Each setting becomes a rule of the configuration. Each kind of fault defines the format of its setting in `fault/`.

use serde_json::{Map, Value, json};
use stoa_filter::document::ConfigErrors;
use stoa_filter::setting::{self, Percent, Setting, SettingError, Share};

use crate::config::{Config, Rule};
use crate::delay::{self, Delay};
use crate::fault::{self, KINDS, SettingSyntax};

/// The format of a setting, for error messages.
const SETTING_FORMAT: &str = "KIND=SHARE or KIND=SHARE:VALUE with a share from 0% to 100% and at most two decimals, such as decline=30%";
/// In the names of the rules that `stoa fault set` makes, the prefix before the kind of fault.
const RULE_PREFIX: &str = "set-";

/// Replaces the rules of `config` by one rule for each setting. A setting is, for example, `decline=30%` or `delay=10%:200ms`. The
/// new rules apply to POST requests to the path that the first replaced rule matches. All other parts of `config` stay unchanged.
///
/// # Errors
/// If a setting is not valid, or if the filter would reject the changed configuration.
pub fn set(config: Value, settings: &[String]) -> Result<Value, SettingError> {
    let settings = setting::read(settings, SETTING_FORMAT)?;
    let path = config.pointer("/rules/0/match/path").cloned();
    let matcher = match path {
        Some(path) => json!({"methods": ["POST"], "path": path}),
        None => json!({"methods": ["POST"]}),
    };
    // All rules use one common draw, so every rule gets the seed of the first rule.
    let seed = settings.first().map_or("", |setting| setting.name);
    let rules: Result<Vec<_>, _> = settings
        .iter()
        .map(|setting| rule(setting, &matcher, seed))
        .collect();
    let mut fields = fields(config);
    fields.remove("enabled");
    fields.insert("rules".to_owned(), rules?.into());
    validated(fields)
}

/// Turns off all faults and delays of `config`.
///
/// # Errors
/// If the filter would reject the changed configuration.
pub fn turn_off(config: Value) -> Result<Value, SettingError> {
    let mut fields = fields(config);
    fields.insert("enabled".to_owned(), false.into());
    validated(fields)
}

/// Describes a configuration in the format of settings, such as `decline=30% delay=10%:200ms`. Returns `off` if the filter is
/// turned off, and `no faults` if there are no rules.
pub fn describe(config: &Value) -> String {
    match parse(config) {
        Err(errors) => format!("not valid ({errors})"),
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

/// The end of the help text of `stoa fault set`: the kinds of faults, and examples.
pub fn help() -> String {
    let kinds: Vec<_> = settings()
        .map(|(name, setting)| {
            let syntax = format!("{name}=SHARE{}", setting.value);
            format!("  {syntax:<24}{}", setting.summary)
        })
        .collect();
    format!(
        "\
Kinds of faults. If the colon and the value are left out, the default in brackets at the end of the line is used:
{}

SERVICE is the first part of the filter's name: payment for payment-fault. A share is a part of the POST requests. A hash of the \
Idempotency-Key selects the requests, so a retry gets the same outcome; without this header the choice is random. No request gets \
two kinds, because all kinds share one random draw.

Examples:
  stoa fault set payment decline=30%
  stoa fault set payment abort=5% lost_response=1%
  stoa fault set payment delay=10%:200ms throttle=5%:64B/s
  stoa fault set payment off          no faults
  stoa fault set payment reset        the configuration of the manifests",
        kinds.join("\n")
    )
}

/// The names and formats of all settings: the kinds of faults, and the delay.
fn settings() -> impl Iterator<Item = (&'static str, &'static SettingSyntax)> {
    let faults = KINDS.iter().map(|kind| (kind.name, &kind.setting));
    faults.chain([(Delay::NAME, &delay::SETTING)])
}

/// Converts a setting to a rule of the configuration.
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
        expected: format!("{} after the share", syntax.expected),
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

/// Describes a rule: as a setting if `stoa fault set` made the rule, otherwise by the rule's name and share.
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

/// The JSON members of the configuration. Empty if there is no configuration.
fn fields(config: Value) -> Map<String, Value> {
    match config {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn validated(fields: Map<String, Value>) -> Result<Value, SettingError> {
    let config = Value::Object(fields);
    parse(&config)?;
    Ok(config)
}

/// Parses a configuration. `null` gives the default configuration, as in Envoy.
fn parse(config: &Value) -> Result<Config, ConfigErrors> {
    match config {
        Value::Null => Config::parse(b""),
        config => Config::parse(config.to_string().as_bytes()),
    }
}
