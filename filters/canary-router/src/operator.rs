//! Changes and describes a configuration, for `stoa canary set` and `stoa canary get` on one machine. Native only.

use serde_json::{Map, Value, json};
use stoa_filter::document::ConfigErrors;
use stoa_filter::setting::{self, Setting, SettingError, Share};

use crate::config::Config;

/// The end of the help text of `stoa canary set`: the version that gets the remaining share, and examples.
pub const HELP: &str = "\
The stable version gets the share that remains.

Examples:
  stoa canary set product v2=25%      25% to v2, the remaining 75% to v1
  stoa canary set product off         every caller to the stable version
  stoa canary set product reset       the configuration of the manifests";

/// The format of a setting, for error messages.
const SETTING_FORMAT: &str =
    "VERSION=SHARE with a share from 0% to 100% and at most two decimals, such as v2=25%";

/// Sets the shares of a service's versions. A setting is, for example, `v2=25%`. The stable version gets the share that remains.
/// This function turns off two kill switches: the switch for all services, and the switch of this service. All other parts of
/// `config` stay unchanged.
///
/// # Errors
/// If a setting is not valid, if the configuration does not contain the service or the version, or if the filter would reject the
/// changed configuration.
pub fn set(config: Value, service: &str, settings: &[String]) -> Result<Value, SettingError> {
    let settings = setting::read(settings, SETTING_FORMAT)?;
    if let Some(setting) = settings.iter().find(|setting| setting.value.is_some()) {
        return Err(SettingError::Invalid {
            setting: setting.text.to_owned(),
            expected: SETTING_FORMAT.to_owned(),
        });
    }
    let mut fields = fields(config, service)?;
    fields.remove("everyone_on_stable");
    let services = fields.get_mut("services").and_then(Value::as_array_mut);
    let mut services = services.into_iter().flatten();
    if let Some(entry) = services.find(|entry| is_named(entry, service)) {
        set_weights(entry, &settings)?;
    }
    validated(fields)
}

/// Turns on the kill switch `everyone_on_stable` of `config`: every request gets the stable version of every service.
///
/// # Errors
/// If the configuration does not contain the service, or if the filter would reject the changed configuration.
pub fn turn_off(config: Value, service: &str) -> Result<Value, SettingError> {
    let mut fields = fields(config, service)?;
    fields.insert("everyone_on_stable".to_owned(), true.into());
    validated(fields)
}

/// The names of a configuration's services. The list is empty if the filter would reject the configuration.
pub fn services(config: &Value) -> Vec<String> {
    let services = parse(config).map(|config| config.services);
    let services = services.unwrap_or_default();
    services.into_iter().map(|service| service.name).collect()
}

/// Describes the shares of a service's versions in the format of settings: `v1=75% v2=25%`. Returns `off` if a kill switch is on.
pub fn describe(config: &Value, service: &str) -> String {
    let config = match parse(config) {
        Err(errors) => return format!("not valid ({errors})"),
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

/// Writes the shares in `settings` as weights into the versions of the service `entry`.
fn set_weights(entry: &mut Value, settings: &[Setting<'_>]) -> Result<(), SettingError> {
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
    let named_share: u32 = settings
        .iter()
        .filter(|setting| setting.name != stable)
        .map(|setting| setting.share.0)
        .sum();
    for (version, name) in versions.iter_mut().zip(&names) {
        let setting = settings.iter().find(|setting| setting.name == name);
        let weight = match setting {
            _ if *name == stable => Share::WHOLE - named_share,
            Some(setting) => setting.share.0,
            None => 0,
        };
        if let Some(fields) = version.as_object_mut() {
            fields.insert("weight".to_owned(), weight.into());
        }
    }
    Ok(())
}

/// The JSON members of the configuration. If the configuration has no `services`, the default services are added. Returns an error
/// if `service` is neither configured nor a default service.
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

/// The services of [`Config::default`] as JSON.
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

/// The string value of a member. Empty if the member is missing or not a string.
fn text(entry: &Value, member: &str) -> String {
    let text = entry.get(member).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_services_equal_the_filters_default_configuration() {
        let written = json!({"services": default_services()});
        assert_eq!(parse(&written), Ok(Config::default()));
    }
}
