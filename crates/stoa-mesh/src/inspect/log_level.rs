//! Reads and sets the log levels of an Envoy.

use super::envoy::Envoy;
use super::error::InspectError;
use super::find::near;
use super::levels::LEVELS;

/// Applies `set`, and returns the levels of an Envoy's loggers. `set` is `debug` for all loggers, `rbac:debug` for one, or a list
/// separated by commas.
///
/// # Errors
/// If there is no such level or logger, or the Envoy does not answer.
pub async fn log_level(envoy: &Envoy, set: Option<&str>) -> Result<String, InspectError> {
    let now = envoy.answered(envoy.admin.post("/logging").await)?;
    let Some(set) = set else { return Ok(now) };
    let loggers = now.lines().filter_map(|line| line.trim().split_once(": "));
    let loggers: Vec<_> = loggers.map(|(name, _)| name).collect();
    let mut all = None;
    let mut some = Vec::new();
    for part in set.split(',').map(str::trim) {
        let (name, level) = match part.split_once([':', '=']) {
            Some((name, level)) => (Some(name), level),
            None => (None, part),
        };
        let known = LEVELS.iter().find(|known| **known == level);
        let level = known.ok_or_else(|| InspectError::Level {
            level: level.to_owned(),
        })?;
        match name {
            None => all = Some(*level),
            Some(name) if loggers.contains(&name) => some.push(format!("{name}:{level}")),
            Some(name) => {
                return Err(InspectError::Logger {
                    name: name.to_owned(),
                    near: near(name, loggers.iter().copied()),
                });
            }
        }
    }
    let mut levels = now;
    // All loggers first: this must not undo a level for one logger.
    let all = all.map(|level| format!("/logging?level={level}"));
    let some = (!some.is_empty()).then(|| format!("/logging?paths={}", some.join(",")));
    for path in all.into_iter().chain(some) {
        levels = envoy.answered(envoy.admin.post(&path).await)?;
    }
    Ok(levels)
}
