//! `stoa canary get` and `stoa fault get`: what is in force, and where it comes from. `stoa up` shows the same of what was set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use stoa_mesh::{Compiled, Overrides};
use stoa_up::Run;

use super::{FAULT, GetArgs, ROUTER, WHOLE, switch, usage};
use crate::exit::{Code, Failure};
use crate::failures::compiled_failure;
use crate::output::print;

/// The configuration that the manifests give to each filter, and the workloads whose Envoys have it.
pub(super) type Plugins = BTreeMap<String, (Value, Vec<String>)>;

/// Which filters are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Canary,
    Fault,
}

impl Kind {
    fn of(plugin: &str) -> Option<Self> {
        match plugin {
            ROUTER => Some(Self::Canary),
            _ => plugin.ends_with(FAULT).then_some(Self::Fault),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Fault => "fault",
        }
    }
}

/// The filters of what was compiled.
pub(super) fn plugins(compiled: &Compiled) -> Result<Plugins, Failure> {
    compiled.plugins().map_err(|error| compiled_failure(&error))
}

/// No Envoy has this filter.
pub(super) fn no_filter(plugin: &str, plugins: &Plugins) -> Failure {
    let service = plugin.strip_suffix(FAULT).filter(|_| plugin != ROUTER);
    let Some(service) = service else {
        return usage(format!("no Envoy has a filter {plugin}"));
    };
    let of_kind = plugins.keys().filter_map(|name| name.strip_suffix(FAULT));
    usage(match of_kind.collect::<Vec<_>>().as_slice() {
        [] => format!("no Envoy has a fault filter, {plugin} neither"),
        known => format!(
            "no Envoy has a filter {plugin}, so {service} cannot be made to fail; there is one for {}",
            known.join(", ")
        ),
    })
}

/// What is in force for a service.
struct InForce {
    service: String,
    /// What was set on this machine, if anything was.
    set: Option<String>,
    /// What the manifests say.
    manifests: String,
    /// The workloads whose Envoys have the filter.
    workloads: Vec<String>,
}

/// Runs the command.
pub(super) fn get(arguments: &GetArgs, kind: Kind) -> Result<(), Failure> {
    let folder = arguments.place.folder()?;
    let state_dir = arguments.place.state.state_dir.display();
    let plugins = plugins(&arguments.place.compiled()?)?;
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let mut all = in_force(kind, &plugins, &Overrides::read(&folder).map_err(io)?);
    if let Some(service) = &arguments.service {
        if all.iter().all(|one| one.service != *service) {
            return Err(no_such(kind, service, &all));
        }
        all.retain(|one| one.service == *service);
    }
    let mut lines: Vec<_> = all.iter().map(|one| one.line(kind, &state_dir)).collect();
    if lines.is_empty() {
        lines.push(format!("no service has a {}", kind.word()));
    }
    if Run::running(&arguments.place.state.state_dir).is_none() {
        lines.push("No mesh runs: this is what the next `stoa up` starts with.".to_owned());
    }
    print(&format!("{}\n", lines.join("\n")))
}

/// All services with a filter of this kind, one that was set and that no Envoy has among them.
fn in_force(kind: Kind, plugins: &Plugins, set: &Overrides) -> Vec<InForce> {
    let names: BTreeSet<_> = plugins.keys().chain(set.0.keys()).collect();
    let mut all = Vec::new();
    for plugin in names.into_iter().filter(|p| Kind::of(p) == Some(kind)) {
        let (manifest, workloads) = plugins.get(plugin).cloned().unwrap_or_default();
        let set = set.0.get(plugin);
        for service in services(plugin, set.unwrap_or(&manifest)) {
            all.push(InForce {
                set: set.map(|config| described(plugin, &service, config)),
                manifests: described(plugin, &service, &manifest),
                workloads: workloads.clone(),
                service,
            });
        }
    }
    all
}

impl InForce {
    fn line(&self, kind: Kind, state_dir: &impl fmt::Display) -> String {
        let (service, manifests) = (&self.service, &self.manifests);
        let at = match self.workloads.as_slice() {
            [] => "no Envoy has this filter".to_owned(),
            workloads => format!("at {}", workloads.join(", ")),
        };
        match &self.set {
            None => format!("{service}: {manifests}, as the manifests have it, {at}"),
            Some(set) => format!(
                "{service}: {set}, set in {state_dir}, {at}; the manifests have {manifests}{}",
                way_back(kind, service)
            ),
        }
    }
}

fn no_such(kind: Kind, service: &str, all: &[InForce]) -> Failure {
    let (word, known) = (kind.word(), all.iter().map(|one| one.service.as_str()));
    usage(match known.collect::<Vec<_>>().as_slice() {
        [] => format!("{service} has no {word}: no service has one"),
        known => format!(
            "{service} has no {word}; there is one for {}",
            known.join(", ")
        ),
    })
}

/// A line for each filter whose configuration was set, for who starts a mesh and may not remember.
pub(crate) fn told(set: &Overrides) -> Vec<String> {
    let mut lines = Vec::new();
    for (plugin, config) in &set.0 {
        // Only filters of these kinds can be set.
        let kind = Kind::of(plugin).unwrap_or(Kind::Fault);
        for service in services(plugin, config) {
            let described = described(plugin, &service, config);
            let (kind_word, back) = (kind.word(), way_back(kind, &service));
            lines.push(format!("{kind_word} {service}: {described}{back}"));
        }
    }
    lines
}

fn way_back(kind: Kind, service: &str) -> String {
    let kind = kind.word();
    format!(" (`stoa {kind} set {service} reset` goes back to the manifests)")
}

/// The services whose callers a filter concerns.
fn services(plugin: &str, config: &Value) -> Vec<String> {
    if plugin != ROUTER {
        return vec![plugin.strip_suffix(FAULT).unwrap_or(plugin).to_owned()];
    }
    let services = config.get("services").and_then(Value::as_array);
    let names = services.into_iter().flatten().filter_map(|service| {
        let name = service.get("name").and_then(Value::as_str);
        name.map(str::to_owned)
    });
    names.collect()
}

/// `v1=75% v2=25%`, `decline=30%`, `off` or `no faults`.
fn described(plugin: &str, service: &str, config: &Value) -> String {
    let (field, off) = switch(plugin);
    if config.get(field) == Some(&off.into()) {
        return "off".to_owned();
    }
    let items: Vec<_> = if plugin == ROUTER {
        let services = config.get("services").and_then(Value::as_array);
        let mut services = services.into_iter().flatten();
        let own = services.find(|s| s.get("name").and_then(Value::as_str) == Some(service));
        let versions = own.and_then(|own| own.get("versions")?.as_array());
        versions.into_iter().flatten().filter_map(version).collect()
    } else {
        let rules = config.get("rules").and_then(Value::as_array);
        rules.into_iter().flatten().filter_map(fault).collect()
    };
    match items.as_slice() {
        [] => "no faults".to_owned(),
        items => items.join(" "),
    }
}

/// A version with its share, `v2=25%`.
fn version(version: &Value) -> Option<String> {
    let name = version.get("name")?.as_str()?;
    let weight = u32::try_from(version.get("weight")?.as_u64()?).ok()?;
    Some(share(name, f64::from(weight) / f64::from(WHOLE)))
}

/// A fault's rule with its share, `decline=30%`.
fn fault(rule: &Value) -> Option<String> {
    let name = rule.get("name")?.as_str()?;
    // What a filter has where a rule says nothing of it.
    let part = |pointer, default: f64| rule.pointer(pointer).map_or(Some(default), Value::as_f64);
    let own = part("/percentage/numerator", 100.0)? / part("/percentage/denominator", 100.0)?;
    // The rules of `stoa fault set` are named for their kind.
    let kind = name.strip_prefix("set-").map(|kind| kind.replace('-', "_"));
    Some(share(kind.as_deref().unwrap_or(name), own))
}

fn share(name: &str, share: f64) -> String {
    // To hundredths of a percent, which is what can be set.
    format!("{name}={}%", (share * 10_000.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::failing;
    use super::*;

    /// Rules as `stoa fault set` writes them.
    fn rules(shares: &[(&str, u32)]) -> Value {
        let rule = |(kind, share): &(&str, u32)| {
            let name = format!("set-{}", kind.replace('_', "-"));
            json!({"name": name, "percentage": {"numerator": share, "denominator": WHOLE}})
        };
        json!({"rules": shares.iter().map(rule).collect::<Vec<_>>()})
    }

    #[test]
    fn faults_are_described_with_their_shares() {
        for (set, expected) in [
            (&[("decline", 3000)][..], "decline=30%"),
            (
                &[("abort", 500), ("lost_response", 1)],
                "abort=5% lost_response=0.01%",
            ),
            (&[], "no faults"),
        ] {
            assert_eq!(described("payment-fault", "payment", &rules(set)), expected);
        }
        let manifest =
            json!({"rules": [{"name": "default-decline", "percentage": {"numerator": 10}}]});
        let described = |config| described("payment-fault", "payment", &config);
        assert_eq!(described(manifest), "default-decline=10%");
        let set = failing(json!({}), vec![("decline".to_owned(), 3000)]);
        assert_eq!(described(set.unwrap()), "decline=30%");
    }

    #[test]
    fn what_was_set_is_told_with_the_way_back() {
        let told = |plugin: &str, config: Value| {
            told(&Overrides([(plugin.to_owned(), config)].into())).join("\n")
        };
        let router = |off: bool| {
            let versions = json!([{"name": "v1", "weight": 9950}, {"name": "v2", "weight": 50}]);
            json!({"everyone_on_stable": off, "services": [{"name": "product", "versions": versions}]})
        };
        let back = "(`stoa canary set product reset` goes back to the manifests)";
        for (off, said) in [(true, "off"), (false, "v1=99.5% v2=0.5%")] {
            let expected = format!("canary product: {said} {back}");
            assert_eq!(told(ROUTER, router(off)), expected);
        }
        let back = "(`stoa fault set payment reset` goes back to the manifests)";
        let rules = rules(&[("decline", 3000), ("abort", 500)]);
        for (config, said) in [
            (rules, "decline=30% abort=5%"),
            (json!({"enabled": false}), "off"),
        ] {
            let expected = format!("fault payment: {said} {back}");
            assert_eq!(told("payment-fault", config), expected);
        }
        assert!(super::told(&Overrides::default()).is_empty());
    }

    #[test]
    fn every_service_of_the_router_is_described_by_its_own_versions() {
        let config = json!({"services": [
            {"name": "product", "versions": [{"name": "v1", "weight": 10_000}]},
            {"name": "cart", "versions": [{"name": "a", "weight": 2_500}, {"name": "b", "weight": 7_500}]},
        ]});
        assert_eq!(services(ROUTER, &config), ["product", "cart"]);
        assert_eq!(described(ROUTER, "cart", &config), "a=25% b=75%");
    }
}
