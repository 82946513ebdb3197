//! How much an Envoy logs.

use super::envoy::Envoy;
use super::error::InspectError;
use super::find::near;
use super::levels::LEVELS;

/// The levels of an Envoy's loggers, after `set` was applied: `debug` for all of them, `rbac:debug` for one, or several of
/// those with commas between.
///
/// # Errors
/// If there is no such level or logger, or it does not answer.
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
    // All loggers first: a level for one of them must not be undone.
    let all = all.map(|level| format!("/logging?level={level}"));
    let some = (!some.is_empty()).then(|| format!("/logging?paths={}", some.join(",")));
    for path in all.into_iter().chain(some) {
        levels = envoy.answered(envoy.admin.post(&path).await)?;
    }
    Ok(levels)
}
