//! Reads and sets the log levels of an Envoy.

use super::envoy::Envoy;
use super::error::InspectError;
use super::find::similar_names;
use super::levels::LEVELS;

/// Sets log levels as `set` requests, and returns the levels of all loggers of an Envoy. An example of `set` is `debug` for all
/// loggers, or `rbac:debug` for the logger `rbac`. Several such items are separated by commas.
///
/// # Errors
/// If there is no such level or logger, or the Envoy does not answer.
pub async fn log_level(envoy: &Envoy, set: Option<&str>) -> Result<String, InspectError> {
    let current = envoy.named_error(envoy.admin.post("/logging").await)?;
    let Some(set) = set else {
        return Ok(current);
    };
    let loggers = current
        .lines()
        .filter_map(|line| line.trim().split_once(": "));
    let loggers: Vec<_> = loggers.map(|(name, _)| name).collect();
    let mut for_all = None;
    let mut by_logger = Vec::new();
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
            None => for_all = Some(*level),
            Some(name) if loggers.contains(&name) => by_logger.push(format!("{name}:{level}")),
            Some(name) => {
                return Err(InspectError::Logger {
                    name: name.to_owned(),
                    similar: similar_names(name, loggers.iter().copied()),
                });
            }
        }
    }
    let mut levels = current;
    // The level for all loggers is set first. If it were set last, it would replace the levels of the single loggers.
    let for_all = for_all.map(|level| format!("/logging?level={level}"));
    let by_logger =
        (!by_logger.is_empty()).then(|| format!("/logging?paths={}", by_logger.join(",")));
    for path in for_all.into_iter().chain(by_logger) {
        levels = envoy.named_error(envoy.admin.post(&path).await)?;
    }
    Ok(levels)
}
