//! Writes an override, and waits until the Envoys apply it.

use std::time::{Duration, Instant};

use serde_json::Value;
use stoa_filter::setting::SettingError;
use stoa_mesh::Overrides;
use stoa_mesh::inspect::Envoy;

use super::{PlaceArgs, Plugins, usage};
use crate::envoys::envoys;
use crate::exit::{Code, Failure};
use crate::output::print;
use stoa_up::Run;

/// The longest time that Envoys may take to apply an override.
const APPLY_DEADLINE: Duration = Duration::from_secs(15);
/// Interval at which their counters are read meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// An operator's change to a filter.
enum Change<'t> {
    /// Back to the manifests' configuration.
    Reset,
    /// Turn the filter off.
    Off,
    /// Apply these settings, written as `NAME=SHARE`.
    Settings(&'t [String]),
}

impl<'t> Change<'t> {
    fn read(words: &'t [String]) -> Self {
        match words {
            [word] if word == "off" => Self::Off,
            [word] if word == "reset" => Self::Reset,
            settings => Self::Settings(settings),
        }
    }
}

/// How a kind of filter changes its configuration.
pub(crate) struct Changes<O, S> {
    /// Turns it off.
    pub(crate) turn_off: O,
    /// Applies settings.
    pub(crate) set: S,
    /// The error message if the mesh does not have the filter.
    pub(crate) missing: fn(plugin: &str, plugins: &Plugins) -> String,
}

/// Changes a filter: `off`, `reset`, or settings.
pub(crate) fn set<O, S>(
    place: &PlaceArgs,
    plugin: &str,
    words: &[String],
    changes: Changes<O, S>,
) -> Result<(), Failure>
where
    O: FnOnce(Value) -> Result<Value, SettingError>,
    S: FnOnce(Value, &[String]) -> Result<Value, SettingError>,
{
    let folder = place.folder()?;
    let plugins = place.plugins()?;
    let Some((manifest, workloads)) = plugins.get(plugin) else {
        return Err(usage((changes.missing)(plugin, &plugins)));
    };
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let before = Overrides::read(&folder).map_err(io)?;
    let current = in_force(&before, plugin, manifest).clone();
    let (changed, description) = match Change::read(words) {
        Change::Reset => (None, "as the manifests have it".to_owned()),
        Change::Off => (Some((changes.turn_off)(current)?), "off".to_owned()),
        Change::Settings(settings) => (Some((changes.set)(current, settings)?), settings.join(" ")),
    };
    let mut after = before.clone();
    match changed {
        Some(config) => after.0.insert(plugin.to_owned(), config),
        None => after.0.remove(plugin),
    };
    let state = &place.state.state_dir;
    if Run::running(state).is_none() {
        after.write(&folder).map_err(io)?;
        let line = format!("{plugin}: {description}, from the next `stoa up` on\n");
        return print(&line);
    }
    let mut envoys = envoys(state)?;
    envoys.retain(|envoy| workloads.contains(&envoy.name));
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Unavailable, "no threads"))?;
    threads.block_on(async {
        let counts = reloads(&envoys, plugin).await?;
        after.write(&folder).map_err(io)?;
        // Envoys do not reload a configuration that they already have.
        if in_force(&after, plugin, manifest) == in_force(&before, plugin, manifest) {
            return Ok(());
        }
        let applied = await_reload(&envoys, plugin, &counts).await;
        if applied.is_err() {
            before.write(&folder).map_err(io)?;
        }
        applied
    })?;
    let names: Vec<_> = envoys.iter().map(|envoy| envoy.name.as_str()).collect();
    print(&format!(
        "{plugin}: {description}, at {}\n",
        names.join(", ")
    ))
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        let code = match error {
            SettingError::Rejected(_) => Code::Data,
            _ => Code::Usage,
        };
        match error {
            SettingError::Invalid { .. } => Self::new(code, format!("{error}; or off; or reset")),
            error => Self::new(code, error.to_string()),
        }
    }
}

/// A filter's configuration: the override, or else the one in the manifests.
fn in_force<'a>(overrides: &'a Overrides, plugin: &str, manifest: &'a Value) -> &'a Value {
    overrides.0.get(plugin).unwrap_or(manifest)
}

/// How many times an Envoy has loaded and rejected configuration of a filter.
#[derive(Debug, Clone, Copy)]
struct Reloads {
    loaded: u64,
    rejected: u64,
}

async fn reloads(envoys: &[Envoy], plugin: &str) -> Result<Vec<Reloads>, Failure> {
    let mut counts = Vec::new();
    for envoy in envoys {
        let path = format!(
            "/stats?filter=extension_config_discovery.*{plugin}.*(config_reload|config_fail)$"
        );
        let stats = envoy.admin.get(&path).await;
        let stats = stats.map_err(|error| Failure::new(Code::Unavailable, error.to_string()))?;
        let sum = |counter: &str| -> u64 {
            let values = stats.lines().filter_map(|line| line.split_once(": "));
            values
                .filter(|(name, _)| name.ends_with(counter))
                .filter_map(|(_, value)| value.parse::<u64>().ok())
                .sum()
        };
        counts.push(Reloads {
            loaded: sum("config_reload"),
            rejected: sum("config_fail"),
        });
    }
    Ok(counts)
}

async fn await_reload(envoys: &[Envoy], plugin: &str, before: &[Reloads]) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let now = reloads(envoys, plugin).await?;
        let pairs = || now.iter().zip(before);
        if pairs().any(|(now, before)| now.rejected > before.rejected) {
            let logs: Vec<_> = envoys.iter().map(|e| e.log.display().to_string()).collect();
            let logs = logs.join(", ");
            return Err(Failure::new(
                Code::Data,
                format!(
                    "{plugin} rejects this configuration, and keeps the one it has; the reason is in {logs}"
                ),
            ));
        }
        if pairs().all(|(now, before)| now.loaded > before.loaded) {
            return Ok(());
        }
        if begin.elapsed() > APPLY_DEADLINE {
            return Err(Failure::new(
                Code::Unavailable,
                format!(
                    "the Envoys did not load it within {APPLY_DEADLINE:?}; `stoa mesh status` shows what they have"
                ),
            ));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_override_that_equals_the_manifests_changes_nothing() {
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
