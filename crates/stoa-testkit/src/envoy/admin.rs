//! Reads the statistics of an Envoy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::process::Envoy;
use crate::client::Answer;
use crate::wait::wait_for;

/// Deadline for a statistic to change. Workers update statistics within milliseconds, but a busy machine may take longer.
const STAT_DEADLINE: Duration = Duration::from_secs(20);

impl Envoy {
    /// Reads a path of the administration interface.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Answer {
        self.admin.get(path).send().expect(200)
    }

    /// The value of a counter or gauge; `None` if the Envoy has no statistic with this name.
    #[track_caller]
    pub fn stat(&self, name: &str) -> Option<u64> {
        self.stats(name).remove(name)
    }

    /// The names and values of all counters and gauges whose names begin with `prefix`.
    #[track_caller]
    pub fn stats(&self, prefix: &str) -> BTreeMap<String, u64> {
        let text = self.admin("/stats").text();
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        let numbers = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?)) // the text of a histogram is not a number
        });
        numbers.collect()
    }

    /// Waits until the value of a counter or gauge matches, and returns the value. Panics with the last value if no value matches
    /// before the deadline.
    #[track_caller]
    pub fn wait_for_stat(&self, name: &str, matches: impl Fn(u64) -> bool) -> u64 {
        let begun = Instant::now();
        let found = wait_for(STAT_DEADLINE * 2, name, || match self.stat(name) {
            Some(value) if matches(value) => Some(Ok(value)),
            last if begun.elapsed() > STAT_DEADLINE => Some(Err(last)),
            _ => None,
        });
        match found {
            Ok(value) => value,
            Err(last) => panic!(
                "{name}: no value matched within {STAT_DEADLINE:?}; the last value is {last:?}"
            ),
        }
    }
}
