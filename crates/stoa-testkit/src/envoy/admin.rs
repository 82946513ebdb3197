//! An Envoy's statistics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::process::Envoy;
use crate::client::Answer;
use crate::wait::wait_for;

/// Workers update statistics within milliseconds; a busy machine may take longer.
const STAT_DEADLINE: Duration = Duration::from_secs(20);

impl Envoy {
    /// Reads a path of the administration interface.
    #[track_caller]
    pub fn admin(&self, path: &str) -> Answer {
        self.admin.get(path).send().expect(200)
    }

    /// A counter or gauge, if there is one of this name.
    #[track_caller]
    pub fn stat(&self, name: &str) -> Option<u64> {
        self.stats(name).remove(name)
    }

    /// All counters and gauges whose names begin with `prefix`.
    #[track_caller]
    pub fn stats(&self, prefix: &str) -> BTreeMap<String, u64> {
        let text = self.admin("/stats").text();
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        let numbers = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?)) // a histogram is not a number
        });
        numbers.collect()
    }

    /// Waits until a counter or gauge matches, and returns it. Panics with its last value if it does not match in time.
    #[track_caller]
    pub fn wait_for_stat(&self, name: &str, fits: impl Fn(u64) -> bool) -> u64 {
        let begun = Instant::now();
        let found = wait_for(STAT_DEADLINE * 2, name, || match self.stat(name) {
            Some(value) if fits(value) => Some(Ok(value)),
            last if begun.elapsed() > STAT_DEADLINE => Some(Err(last)),
            _ => None,
        });
        match found {
            Ok(value) => value,
            Err(last) => panic!("{name} stayed {last:?}"),
        }
    }
}
