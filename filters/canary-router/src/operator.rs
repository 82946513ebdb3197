//! How an operator changes a configuration on one machine: `stoa canary set` and `stoa canary get`. Native only.

use serde_json::{Map, Value, json};
use stoa_filter::document::Faults;
use stoa_filter::setting::{self, Setting, SettingError, Share};

use crate::config::Config;

/// The end of the help text of `stoa canary set`: the remaining share, and examples.
pub const HELP: &str = "\
Shares that no setting names go to the stable version.

Examples:
  stoa canary set product v2=25%      a quarter to v2, the rest to v1
  stoa canary set product off         everyone to the stable version
  stoa canary set product reset       what the manifests say";

/// What a setting looks like, for error messages.
const EXPECTED: &str =
    "VERSION=SHARE with a share from 0% to 100% and at most two decimals, such as v2=25%";

/// Gives these versions of a service these shares, such as `v2=25%`. The stable version gets the rest. Kill switches are turned
/// off. The rest of `config` does not change.
///
/// # Errors
/// If a setting is not valid, the configuration has no such service or version, or the filter would reject the result.
pub fn set(config: Value, service: &str, settings: &[String]) -> Result<Value, SettingError> {
    let settings = setting::read(settings, EXPECTED)?;
    if let Some(setting) = settings.iter().find(|setting| setting.value.is_some()) {
        return Err(SettingError::Invalid {
            setting: setting.text.to_owned(),
            expected: EXPECTED.to_owned(),
        });
    }
    let mut fields = fields(config, service)?;
    fields.remove("everyone_on_stable");
    let services = fields.get_mut("services").and_then(Value::as_array_mut);
    let mut services = services.into_iter().flatten();
    if let Some(entry) = services.find(|entry| is_named(entry, service)) {
        route(entry, &settings)?;
    }
    valid(fields)
}

/// A configuration that sends everyone to the stable versions, of all services.
///
/// # Errors
/// If the configuration has no such service, or the filter would reject the result.
pub fn turn_off(config: Value, service: &str) -> Result<Value, SettingError> {
    let mut fields = fields(config, service)?;
    fields.insert("everyone_on_stable".to_owned(), true.into());
    valid(fields)
}

/// The services of a configuration; none, if the filter rejects it.
pub fn services(config: &Value) -> Vec<String> {
    let services = parse(config).map(|config| config.services);
    let services = services.unwrap_or_default();
    services.into_iter().map(|service| service.name).collect()
}

/// Describes a configuration for a service, as settings: `v1=75% v2=25%`, or `off`.
pub fn describe(config: &Value, service: &str) -> String {
    let config = match parse(config) {
        Err(faults) => return format!("not valid ({faults})"),
        Ok(config) => config,
    };
    let mut services = config.services.iter();
    match services.find(|other| other.name == service) {
        None => "no versions".to_owned(),
        Some(service) if config.everyone_on_stable || service.everyone_on_stable => {
            "off".to_owned()
        }
        Some(service) => {
            let versions = service.versions.iter();
            let shares =
                versions.map(|version| format!("{}={}", version.name, Share(version.weight)));
            shares.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Writes the weights of a service's versions.
fn route(entry: &mut Value, settings: &[Setting<'_>]) -> Result<(), SettingError> {
    let stable = text(entry, "stable");
    if let Some(fields) = entry.as_object_mut() {
        fields.remove("everyone_on_stable");
    }
    let versions = entry.get_mut("versions").and_then(Value::as_array_mut);
    let mut versions: Vec<_> = versions.into_iter().flatten().collect();
    let names: Vec<_> = versions
        .iter()
        .map(|version| text(version, "name"))
        .collect();
    let unknown = |setting: &&Setting<'_>| !names.iter().any(|name| name == setting.name);
    if let Some(setting) = settings.iter().find(unknown) {
        return Err(SettingError::Unknown {
            kind: "version",
            name: setting.name.to_owned(),
            known: names,
        });
    }
    let named: u32 = settings
        .iter()
        .filter(|setting| setting.name != stable)
        .map(|setting| setting.share.0)
        .sum();
    for (version, name) in versions.iter_mut().zip(&names) {
        let setting = settings.iter().find(|setting| setting.name == name);
        let weight = match setting {
            _ if *name == stable => Share::WHOLE - named,
            Some(setting) => setting.share.0,
            None => 0,
        };
        if let Some(fields) = version.as_object_mut() {
            fields.insert("weight".to_owned(), weight.into());
        }
    }
    Ok(())
}

/// The members of a configuration that has the service, with the default services written out.
fn fields(config: Value, service: &str) -> Result<Map<String, Value>, SettingError> {
    let mut fields = match config {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let services = fields.entry("services").or_insert(Value::Null);
    if services.is_null() {
        *services = default_services();
    }
    let services = services.as_array().into_iter().flatten();
    let known: Vec<_> = services.map(|entry| text(entry, "name")).collect();
    if known.iter().any(|name| name == service) {
        return Ok(fields);
    }
    Err(SettingError::Unknown {
        kind: "service",
        name: service.to_owned(),
        known,
    })
}

/// The services of [`Config::default`], as a configuration writes them.
fn default_services() -> Value {
    json!([{
        "name": "product", "header": "x-shop-version", "stable": "v1",
        "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}],
        "choose": {"headers": [{"name": "x-beta-user", "exact": "true", "version": "v2"}]},
    }])
}

fn is_named(entry: &Value, name: &str) -> bool {
    entry.get("name").and_then(Value::as_str) == Some(name)
}

/// A member that is a text; empty, if there is none.
fn text(entry: &Value, member: &str) -> String {
    let text = entry.get(member).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_services_are_those_of_the_filter() {
        let written = json!({"services": default_services()});
        assert_eq!(parse(&written), Ok(Config::default()));
    }
}
