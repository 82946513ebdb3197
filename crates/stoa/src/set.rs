//! `stoa canary` and `stoa fault`: other configuration for the mesh's own filters than the manifests give, on this machine alone. A
//! mesh that runs takes it at once; it is kept in the state folder, and holds until it is taken back by `reset`. What is in force is
//! shown by `set/get.rs`.

mod get;

pub(crate) use get::told;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stoa_mesh::inspect::Envoy;
use stoa_mesh::{Compiled, Overrides};
use stoa_up::{Run, known_state_folder};

use crate::args::StateArgs;
use crate::envoys::envoys;
use crate::exit::{Code, Failure};
use crate::failures::compiled_failure;
use crate::output::print;

/// The filter that chooses versions.
const ROUTER: &str = "canary-router";
/// How the name of a service's fault filter ends.
const FAULT: &str = "-fault";
/// How long the Envoys may take to take it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Shares are in ten-thousandths, as the filters' are.
const WHOLE: u32 = 10_000;

/// `stoa canary`.
#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Show the share of each version, and whether it was set here or comes from the manifests
    Get(GetArgs),
    /// Send a share of a service's callers to a version
    #[command(after_help = "\
Examples:
  stoa canary set product v2=25%      a quarter to v2, the rest to v1
  stoa canary set product off         everyone to the stable version
  stoa canary set product reset       what the manifests say")]
    Set(SetCanaryArgs),
}

/// `stoa fault`.
#[derive(Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Show the faults of each service, and whether they were set here or come from the manifests
    Get(GetArgs),
    /// Make a service fail for a share of its callers
    #[command(after_help = "\
Kinds: decline, abort (503), lost_response. The service is the beginning of its filter's name: payment is for payment-fault. \
A share is of POST requests, decided by their Idempotency-Key where they have one: a retry gets the same outcome.

Examples:
  stoa fault set payment decline=30%
  stoa fault set payment abort=5% lost_response=1%
  stoa fault set payment off          no fault
  stoa fault set payment reset        what the manifests say")]
    Set(SetFaultArgs),
}

/// `stoa canary get`, `stoa fault get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The service [default: all that can be set]
    pub(crate) service: Option<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// `stoa canary set`.
#[derive(Debug, Args)]
pub(crate) struct SetCanaryArgs {
    /// The service
    pub(crate) service: String,

    /// The share of a version, such as v2=25%; or `off`; or `reset`
    #[arg(required = true, value_name = "VERSION=SHARE|off|reset")]
    pub(crate) what: Vec<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// `stoa fault set`.
#[derive(Debug, Args)]
pub(crate) struct SetFaultArgs {
    /// The service
    pub(crate) service: String,

    /// The share of a kind of fault, such as decline=30%; or `off`; or `reset`
    #[arg(required = true, value_name = "KIND=SHARE|off|reset")]
    pub(crate) what: Vec<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Which mesh.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// What istio-compile made of the manifests [default: what the mesh of the state folder runs with, else istio/compiled]
    #[arg(long, value_name = "DIR")]
    pub(crate) mesh: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

impl PlaceArgs {
    /// What was compiled.
    fn compiled(&self) -> Result<Compiled, Failure> {
        let running = || Run::running(&self.state.state_dir)?.compiled;
        let folder = self.mesh.clone().or_else(running);
        let folder = folder.unwrap_or_else(|| Path::new("istio").join("compiled"));
        let folder = stoa_mesh::in_force(&folder, &self.state.state_dir.join("mesh"));
        Compiled::read(&folder).map_err(|error| compiled_failure(&error))
    }

    /// The mesh's part of the state folder, which has to be there: an override in a folder that nobody starts from is lost.
    fn folder(&self) -> Result<PathBuf, Failure> {
        known_state_folder(&self.state.state_dir)?;
        Ok(self.state.state_dir.join("mesh"))
    }
}

/// What was asked for.
enum Wanted {
    Off,
    Reset,
    Shares(Vec<(String, u32)>),
}

/// Runs `stoa canary`.
pub(crate) fn canary(command: &CanaryCommand) -> Result<(), Failure> {
    match command {
        CanaryCommand::Get(arguments) => get::get(arguments, get::Kind::Canary),
        CanaryCommand::Set(arguments) => {
            let change = |config, wanted| routed(config, &arguments.service, wanted);
            set(&arguments.place, &arguments.what, ROUTER, change)
        }
    }
}

/// Runs `stoa fault`.
pub(crate) fn fault(command: &FaultCommand) -> Result<(), Failure> {
    match command {
        FaultCommand::Get(arguments) => get::get(arguments, get::Kind::Fault),
        FaultCommand::Set(arguments) => {
            let plugin = format!("{}{FAULT}", arguments.service);
            set(&arguments.place, &arguments.what, &plugin, failing)
        }
    }
}

fn usage(what: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, what.into())
}

fn set(
    place: &PlaceArgs,
    what: &[String],
    plugin: &str,
    change: impl Fn(Value, Vec<(String, u32)>) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let folder = place.folder()?;
    let plugins = get::plugins(&place.compiled()?)?;
    let Some((manifest, workloads)) = plugins.get(plugin).cloned() else {
        return Err(get::no_filter(plugin, &plugins));
    };
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let before = Overrides::read(&folder).map_err(io)?;
    let mut now = before.clone();
    let current = || in_force(&before, plugin, &manifest).clone();
    let said = match wanted(what)? {
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
            what.join(" ")
        }
    };
    let state = &place.state.state_dir;
    if Run::running(state).is_none() {
        now.write(&folder).map_err(io)?;
        return print(&format!("{plugin}: {said}, from the next `stoa up` on\n"));
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
    print(&format!("{plugin}: {said}, at {}\n", names.join(", ")))
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
}
