//! `stoa canary` and `stoa fault`: other configuration for the mesh's own filters than the manifests give, on this machine alone. A
//! mesh that runs takes it at once; it is kept in the state folder, and holds until it is taken back by `reset`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stoa_mesh::inspect::Envoy;
use stoa_mesh::{Compiled, Overrides};

use crate::check;
use crate::exit::{Code, Failure};
use crate::mesh::{StateArgs, envoys};
use crate::up::Run;

/// The filter that chooses versions.
const ROUTER: &str = "canary-router";
/// How long the Envoys may take to take it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Shares are in ten-thousandths, as the filters' are.
const WHOLE: u32 = 10_000;

/// `stoa canary`.
#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Send a share of a service's callers to a version
    #[command(after_help = "\
Examples:
  stoa canary set product v2=25%      a quarter to v2, the rest to v1
  stoa canary set product off         everyone to the stable version, whatever he asks for
  stoa canary set product reset       what the manifests say")]
    Set(SetArgs),
}

/// `stoa fault`.
#[derive(Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Make a service fail for a share of its callers
    #[command(after_help = "\
Kinds: decline, abort (503), lost_response. The service is the beginning of its filter's name: payment is for payment-fault. A share is of
POST requests, decided by their Idempotency-Key where they have one: a retry meets the same fate.

Examples:
  stoa fault set payment decline=30%
  stoa fault set payment abort=5% lost_response=1%
  stoa fault set payment off          no fault
  stoa fault set payment reset        what the manifests say")]
    Set(SetArgs),
}

/// What is set.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The service
    pub(crate) service: String,

    /// NAME=SHARE, such as v2=25%; or `off`; or `reset`
    #[arg(required = true, value_name = "NAME=SHARE|off|reset")]
    pub(crate) what: Vec<String>,

    /// What istio-compile made of the manifests
    #[arg(long, value_name = "DIR", default_value = "istio/compiled")]
    pub(crate) mesh: PathBuf,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// What was asked for.
enum Wanted {
    Off,
    Reset,
    Shares(Vec<(String, u32)>),
}

/// Runs `stoa canary`.
pub(crate) fn canary(command: &CanaryCommand) -> Result<(), Failure> {
    let CanaryCommand::Set(arguments) = command;
    set(arguments, ROUTER, |config, wanted| {
        routed(config, &arguments.service, wanted)
    })
}

/// Runs `stoa fault`.
pub(crate) fn fault(command: &FaultCommand) -> Result<(), Failure> {
    let FaultCommand::Set(arguments) = command;
    let plugin = format!("{}-fault", arguments.service);
    set(arguments, &plugin, failing)
}

fn usage(what: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, what.into())
}

fn set(
    arguments: &SetArgs,
    plugin: &str,
    change: impl Fn(Value, Vec<(String, u32)>) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let compiled = Compiled::read(&arguments.mesh)
        .and_then(|compiled| compiled.plugin(plugin))
        .map_err(|error| Failure::new(Code::Data, error.to_string()))?;
    let Some((manifest, workloads)) = compiled else {
        return Err(usage(format!("no Envoy has a filter {plugin}")));
    };
    let folder = arguments.state.state_dir.join("mesh");
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let before = Overrides::read(&folder).map_err(io)?;
    let mut now = before.clone();
    let current = || in_force(&before, plugin, &manifest).clone();
    let said = match wanted(&arguments.what)? {
        Wanted::Reset => {
            now.0.remove(plugin);
            "as the manifests have it".to_owned()
        }
        Wanted::Off => {
            let mut config = current();
            let (field, off) = switch(plugin);
            put(&mut config, field, off.into());
            now.0.insert(plugin.to_owned(), config);
            "off".to_owned()
        }
        Wanted::Shares(shares) => {
            let mut config = current();
            remove(&mut config, "everyone_on_stable");
            remove(&mut config, "enabled");
            now.0.insert(plugin.to_owned(), change(config, shares)?);
            arguments.what.join(" ")
        }
    };
    let state = &arguments.state.state_dir;
    if Run::read(state).is_none() {
        now.write(&folder).map_err(io)?;
        return check::print(&format!("{plugin}: {said}, from the next `stoa up` on\n"));
    }
    let envoys = envoys(state)?;
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    let having = |envoy: &&Envoy| workloads.contains(&envoy.name);
    let having: Vec<_> = envoys.iter().filter(having).collect();
    threads.block_on(async {
        let taken = counts(&having, plugin).await?;
        now.write(&folder).map_err(io)?;
        // What they have already they do not take again.
        if in_force(&now, plugin, &manifest) == in_force(&before, plugin, &manifest) {
            return Ok(());
        }
        match follow(&having, plugin, &taken).await {
            Ok(()) => Ok(()),
            Err(failure) => {
                before.write(&folder).map_err(io)?;
                Err(failure)
            }
        }
    })?;
    let names: Vec<_> = having.iter().map(|envoy| envoy.name.as_str()).collect();
    check::print(&format!("{plugin}: {said}, at {}\n", names.join(", ")))
}

/// A filter's configuration: what was set, or else what the manifests say.
fn in_force<'a>(set: &'a Overrides, plugin: &str, manifest: &'a Value) -> &'a Value {
    set.0.get(plugin).unwrap_or(manifest)
}

/// What of a filter's configuration turns it off.
fn switch(plugin: &str) -> (&'static str, bool) {
    if plugin == ROUTER {
        ("everyone_on_stable", true)
    } else {
        ("enabled", false)
    }
}

/// A line for each filter whose configuration was set, for who starts a mesh and may not remember.
pub(crate) fn told(set: &Overrides) -> Vec<String> {
    let line = |(plugin, config): (&String, &Value)| {
        let (kind, service, list) = if plugin == ROUTER {
            let name = config.pointer("/services/0/name").and_then(Value::as_str);
            ("canary", name.unwrap_or("SERVICE"), "/services/0/versions")
        } else {
            let service = plugin.strip_suffix("-fault").unwrap_or(plugin);
            ("fault", service, "/rules")
        };
        let (field, off) = switch(plugin);
        let said = if config.get(field) == Some(&off.into()) {
            "off".to_owned()
        } else {
            let items = config.pointer(list).and_then(Value::as_array);
            let items = items.into_iter().flatten().filter_map(brief);
            items.collect::<Vec<_>>().join(" ")
        };
        format!(
            "{kind} {service}: {said} (`stoa {kind} set {service} reset` goes back to the manifests)"
        )
    };
    set.0.iter().map(line).collect()
}

/// A version with its share, `v2=25%`, or the name of a fault's rule.
fn brief(item: &Value) -> Option<String> {
    let name = item.get("name")?.as_str()?;
    let weight = item.get("weight").and_then(Value::as_u64);
    let Some(weight) = weight.and_then(|weight| u32::try_from(weight).ok()) else {
        return Some(name.strip_prefix("set-").unwrap_or(name).to_owned());
    };
    Some(format!("{name}={}%", f64::from(weight) / 100.0))
}

/// How often each Envoy has taken and refused configuration of this filter.
async fn counts(envoys: &[&Envoy], plugin: &str) -> Result<Vec<(u64, u64)>, Failure> {
    let mut counts = Vec::new();
    for envoy in envoys {
        let path = format!(
            "/stats?filter=extension_config_discovery.*{plugin}.*(config_reload|config_fail)$"
        );
        let stats = envoy.admin.get(&path).await;
        let stats = stats.map_err(|error| Failure::new(Code::Unavailable, error.to_string()))?;
        let sum = |what: &str| -> u64 {
            let values = stats.lines().filter_map(|line| line.split_once(": "));
            values
                .filter(|(name, _)| name.ends_with(what))
                .filter_map(|(_, value)| value.parse::<u64>().ok())
                .sum()
        };
        counts.push((sum("config_reload"), sum("config_fail")));
    }
    Ok(counts)
}

async fn follow(envoys: &[&Envoy], plugin: &str, before: &[(u64, u64)]) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let now = counts(envoys, plugin).await?;
        let pairs = || now.iter().zip(before);
        if pairs().any(|(now, before)| now.1 > before.1) {
            let logs: Vec<_> = envoys.iter().map(|e| e.log.display().to_string()).collect();
            return Err(Failure::new(
                Code::Data,
                format!(
                    "{plugin} refuses this configuration, and keeps the one it has; why is in {}",
                    logs.join(", ")
                ),
            ));
        }
        if pairs().all(|(now, before)| now.0 > before.0) {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(Failure::new(
                Code::Unavailable,
                format!(
                    "the Envoys did not take it within {PATIENCE:?}; `stoa mesh status` tells more"
                ),
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn wanted(what: &[String]) -> Result<Wanted, Failure> {
    match what {
        [one] if one == "off" => return Ok(Wanted::Off),
        [one] if one == "reset" => return Ok(Wanted::Reset),
        _ => {}
    }
    let mut shares: Vec<(String, u32)> = Vec::new();
    for text in what {
        let share = text.split_once('=').and_then(|(name, share)| {
            Some((name.to_owned(), ten_thousandths(share)?)).filter(|(name, _)| !name.is_empty())
        });
        let Some((name, share)) = share else {
            return Err(usage(format!(
                "{text}: expected NAME=SHARE with a share from 0% to 100% and at most two decimals, such as v2=25%; or off; or reset"
            )));
        };
        if shares.iter().any(|(other, _)| *other == name) {
            return Err(usage(format!("{name} is given twice")));
        }
        shares.push((name, share));
    }
    if shares.iter().map(|(_, share)| share).sum::<u32>() > WHOLE {
        return Err(usage(format!(
            "{}: more than 100% together",
            what.join(" ")
        )));
    }
    Ok(Wanted::Shares(shares))
}

/// `25%`, `0.5%`, `12.25%`.
fn ten_thousandths(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 2 || whole.len() > 3 {
        return None;
    }
    let hundredths: u32 = format!("{decimals:0<2}").parse().ok()?;
    let share = whole.parse::<u32>().ok()? * 100 + hundredths;
    (share <= WHOLE).then_some(share)
}

/// canary-router's configuration with these shares: what is left goes to the stable version.
fn routed(mut config: Value, service: &str, shares: Vec<(String, u32)>) -> Result<Value, Failure> {
    let services = config.get_mut("services").and_then(Value::as_array_mut);
    let mut names = Vec::new();
    for entry in services.into_iter().flatten() {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if name != service {
            names.push(name.to_owned());
            continue;
        }
        let stable = entry
            .get("stable")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let stable = stable.unwrap_or_default();
        let versions = entry.get_mut("versions").and_then(Value::as_array_mut);
        let mut left = WHOLE - shares.iter().map(|(_, share)| share).sum::<u32>();
        let mut known = Vec::new();
        let mut rest = None;
        for version in versions.into_iter().flatten() {
            let name = version
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let share = shares
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, share)| *share);
            put(version, "weight", share.unwrap_or(0).into());
            if name == stable {
                left += share.unwrap_or(0);
                rest = Some(version);
            }
            known.push(name);
        }
        if let Some((unknown, _)) = shares.iter().find(|(name, _)| !known.contains(name)) {
            return Err(usage(format!(
                "{service} has no version {unknown}; there is {}",
                known.join(", ")
            )));
        }
        if let Some(rest) = rest {
            put(rest, "weight", left.into());
        }
        return Ok(config);
    }
    Err(usage(format!(
        "{ROUTER} knows no service {service}; it knows {}",
        names.join(", ")
    )))
}

/// A fault filter's configuration with these faults in the place of its rules.
fn failing(mut config: Value, shares: Vec<(String, u32)>) -> Result<Value, Failure> {
    let path = config.pointer("/rules/0/match/path").cloned();
    let mut rules = Vec::new();
    // All take their parts of one draw, so the first kind's seed decides for all.
    let seed = shares.first().map(|(kind, _)| kind.clone());
    for (kind, share) in shares {
        let fault = match kind.as_str() {
            "decline" => json!({"decline": {"code": "card_declined"}}),
            "abort" => json!({"abort": {"http_status": 503}}),
            "lost_response" => json!({"lost_response": {}}),
            _ => {
                return Err(usage(format!(
                    "{kind}: no such kind of fault; there is decline, abort, lost_response"
                )));
            }
        };
        let mut when = json!({"methods": ["POST"]});
        if let Some(path) = &path {
            put(&mut when, "path", path.clone());
        }
        rules.push(json!({
            "name": format!("set-{}", kind.replace('_', "-")),
            "match": when,
            "percentage": {"numerator": share, "denominator": WHOLE},
            "by": {"header": "idempotency-key", "seed": seed},
            "fall_through": true,
            "fault": fault,
        }));
    }
    put(&mut config, "rules", rules.into());
    Ok(config)
}

fn put(into: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = into {
        fields.insert(key.to_owned(), value);
    }
}

fn remove(from: &mut Value, key: &str) {
    if let Value::Object(fields) = from {
        fields.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_with_two_decimals_at_most() {
        for (text, share) in [
            ("25%", 2500),
            ("0%", 0),
            ("100%", 10_000),
            ("0.5%", 50),
            ("12.25%", 1225),
        ] {
            assert_eq!(ten_thousandths(text), Some(share), "{text}");
        }
        for text in [
            "25",
            "%",
            "-1%",
            "101%",
            "100.01%",
            "1.234%",
            ".5%",
            "5.%",
            "x%",
            "1e1%",
            "99999999999%",
        ] {
            assert_eq!(ten_thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_given_away_stays_with_the_stable_version() {
        let config = json!({"services": [{"name": "product", "stable": "v1",
            "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}]}]});
        let weights = |shares: &[(&str, u32)]| {
            let shares = shares
                .iter()
                .map(|(name, share)| ((*name).to_owned(), *share))
                .collect();
            let config = routed(config.clone(), "product", shares).ok()?;
            let versions = config.pointer("/services/0/versions")?.as_array()?;
            Some(
                versions
                    .iter()
                    .map(|v| v["weight"].as_u64().unwrap_or(0))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(weights(&[("v2", 2500)]), Some(vec![7500, 2500]));
        assert_eq!(weights(&[("v2", 10_000)]), Some(vec![0, 10_000]));
        assert_eq!(weights(&[("v1", 4000)]), Some(vec![10_000, 0]));
        assert_eq!(weights(&[("v3", 1)]), None);
        assert!(routed(config.clone(), "cart", Vec::new()).is_err());
    }

    #[test]
    fn what_is_set_as_the_manifests_have_it_changes_nothing() {
        let manifest = json!({"enabled": false, "rules": []});
        let set = |config: Value| Overrides([("a-fault".to_owned(), config)].into());
        let in_force = |set: &Overrides| in_force(set, "a-fault", &manifest).clone();
        let (none, same) = (Overrides::default(), set(manifest.clone()));
        let other = set(json!({"enabled": true, "rules": []}));
        assert_ne!(none, same);
        assert_eq!(in_force(&none), in_force(&same));
        assert_ne!(in_force(&none), in_force(&other));
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
        let shares = vec![("decline".to_owned(), 3000), ("abort".to_owned(), 500)];
        let rules = failing(json!({}), shares).unwrap_or_default();
        for (config, said) in [(rules, "decline abort"), (json!({"enabled": false}), "off")] {
            let expected = format!("fault payment: {said} {back}");
            assert_eq!(told("payment-fault", config), expected);
        }
        assert!(super::told(&Overrides::default()).is_empty());
    }
}
