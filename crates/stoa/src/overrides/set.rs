//! Writes an override, and waits until the Envoys apply it.

use std::time::{Duration, Instant};

use serde_json::Value;
use stoa_filter::setting::SettingError;
use stoa_mesh::Overrides;
use stoa_mesh::inspect::Envoy;

use super::{MeshArgs, Plugins, usage};
use crate::envoys::envoys;
use crate::exit::{Code, Failure};
use crate::output::print;
use stoa_up::Run;

/// Deadline for the Envoys to apply an override.
const APPLY_DEADLINE: Duration = Duration::from_secs(15);
/// Interval at which the Envoys' counters are polled until the Envoys have applied an override.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// An operator's change to a filter.
enum Change<'t> {
    /// Remove the override.
    Reset,
    /// Turn the filter off.
    Off,
    /// Apply these settings, written as `NAME=SHARE`.
    Settings(&'t [String]),
}

impl<'t> Change<'t> {
    fn parse(settings: &'t [String]) -> Self {
        match settings {
            [word] if word == "off" => Self::Off,
            [word] if word == "reset" => Self::Reset,
            settings => Self::Settings(settings),
        }
    }
}

/// The functions that change the configuration of one kind of filter.
pub(crate) struct FilterEditor<O, S> {
    /// Returns the changed configuration, in which the filter is turned off.
    pub(crate) turn_off: O,
    /// Returns the changed configuration, in which the given settings apply.
    pub(crate) set: S,
    /// Returns the error message if the mesh does not have the filter.
    pub(crate) missing: fn(plugin: &str, plugins: &Plugins) -> String,
}

/// Changes the override of a filter. `settings` is `off`, `reset`, or settings such as `v2=25%`.
pub(crate) fn set<O, S>(
    mesh: &MeshArgs,
    plugin: &str,
    settings: &[String],
    editor: FilterEditor<O, S>,
) -> Result<(), Failure>
where
    O: FnOnce(Value) -> Result<Value, SettingError>,
    S: FnOnce(Value, &[String]) -> Result<Value, SettingError>,
{
    let folder = mesh.folder()?;
    let plugins = mesh.plugins()?;
    let Some((manifest, workloads)) = plugins.get(plugin) else {
        return Err(usage((editor.missing)(plugin, &plugins)));
    };
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let before = Overrides::read(&folder).map_err(io)?;
    let current = in_force(&before, plugin, manifest).clone();
    let (changed, description) = match Change::parse(settings) {
        Change::Reset => (
            None,
            "reset to the configuration of the manifests".to_owned(),
        ),
        Change::Off => (Some((editor.turn_off)(current)?), "off".to_owned()),
        Change::Settings(settings) => (Some((editor.set)(current, settings)?), settings.join(" ")),
    };
    let mut after = before.clone();
    match changed {
        Some(config) => after.0.insert(plugin.to_owned(), config),
        None => after.0.remove(plugin),
    };
    let state_dir = &mesh.state.state_dir;
    if Run::running(state_dir).is_none() {
        after.write(&folder).map_err(io)?;
        let line = format!(
            "{plugin}: {description} (no mesh runs; the next `stoa up` starts with this configuration)\n"
        );
        return print(&line);
    }
    let mut envoys = envoys(state_dir)?;
    envoys.retain(|envoy| workloads.contains(&envoy.name));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::io(&error, Code::Unavailable, "cannot start the async runtime")
        })?;
    runtime.block_on(async {
        let counts = reloads(&envoys, plugin).await?;
        after.write(&folder).map_err(io)?;
        // If the configuration in force does not change, the Envoys do not reload it, so there is nothing to wait for.
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
            SettingError::Invalid { .. } => Self::new(
                code,
                format!("{error}; `off` and `reset` are valid as well"),
            ),
            error => Self::new(code, error.to_string()),
        }
    }
}

/// The configuration of a filter that is in force: its override, or else its configuration in the manifests.
fn in_force<'a>(overrides: &'a Overrides, plugin: &str, manifest: &'a Value) -> &'a Value {
    overrides.0.get(plugin).unwrap_or(manifest)
}

/// Counters of an Envoy for one filter: the configurations that the Envoy has loaded since its start, and the configurations that
/// it has rejected.
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
                    "the filter {plugin} rejected the new configuration and keeps the previous configuration; \
                     the reason is in {logs}"
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
                    "the Envoys did not load the new configuration within {APPLY_DEADLINE:?}; \
                     `stoa mesh status` shows their current configuration"
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
    fn an_override_that_equals_the_manifests_does_not_change_the_configuration_in_force() {
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
