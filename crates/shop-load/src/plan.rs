//! The load to generate: how many customers, for how long, and how they behave.

use std::time::Duration;

use humantime::format_duration;
use serde::Serialize;

use crate::seconds::seconds;
use crate::target::Target;

/// The load to generate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The shop.
    pub target: Target,
    /// How customers arrive.
    pub load: Load,
    /// Time in which the load grows evenly from nothing; a part of `duration`.
    #[serde(rename = "ramp_seconds", serialize_with = "seconds")]
    pub ramp: Duration,
    /// After this time no journey begins, and no step except those that settle an order.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// Share of journeys that buy, 0 to 1; the others browse.
    pub buyers: f64,
    /// Mean pause of a customer between two steps; a pause is 0.5 to 1.5 times as long.
    #[serde(rename = "think_time_seconds", serialize_with = "seconds")]
    pub think_time: Duration,
    /// Timeout of a request.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// Time for which a buyer repeats an order without a result. After a crash the shop resumes an order when its lease of a
    /// minute expires.
    #[serde(rename = "give_up_seconds", serialize_with = "seconds")]
    pub give_up: Duration,
    /// Accounts made before the load begins; a buyer who finds none free makes one. `None`: as many as [`Plan::accounts`]
    /// returns.
    #[serde(rename = "accounts_wanted")]
    pub prepared: Option<u32>,
    /// Seed of all choices: the arrivals, and those of each customer.
    pub seed: u64,
}

/// How customers arrive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Load {
    /// Closed loop: each customer waits for an answer before the next request. A slow shop gets fewer requests.
    Closed {
        /// Customers at the same time.
        users: u32,
    },
    /// Open loop: customers arrive by a schedule, however slow the shop is.
    Open {
        /// Arrivals a second, on average.
        rate: f64,
        /// Most customers at the same time; more wait, and their wait counts as latency.
        max_in_flight: u32,
    },
}

impl Plan {
    /// Ten customers for 30 seconds; 20 % of the journeys buy.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            load: Load::Closed { users: 10 },
            ramp: Duration::ZERO,
            duration: Duration::from_secs(30),
            buyers: 0.2,
            think_time: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
            give_up: Duration::from_secs(90),
            prepared: None,
            seed: 0,
        }
    }

    /// Accounts made before the load begins: about the number of buyers at the same time.
    pub fn accounts(&self) -> u32 {
        const MOST: f64 = 100.0; // 15 s, at the rate at which the gateway lets customers register
        let steps = 8.0;
        let wanted = match self.load {
            // Buying takes longer than browsing, so more than their share of the users is buying at any time.
            Load::Closed { users } => f64::from(users) * (4.0 * self.buyers).min(1.0),
            Load::Open { rate, .. } => {
                rate * self.buyers * (1.0 + steps * self.think_time.as_secs_f64())
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        let default = wanted.ceil().clamp(0.0, MOST) as u32;
        self.prepared.unwrap_or(default)
    }

    /// Everything that is wrong with the plan; empty if it can be run.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        match self.load {
            Load::Closed { users } => check(
                (1..=10_000).contains(&users),
                format!("users: {users}, expected 1 to 10000"),
            ),
            Load::Open {
                rate,
                max_in_flight,
            } => {
                check(
                    (0.01..=10_000.0).contains(&rate),
                    format!("rate: {rate} a second, expected 0.01 to 10000"),
                );
                check(
                    (1..=20_000).contains(&max_in_flight),
                    format!("max_in_flight: {max_in_flight}, expected 1 to 20000"),
                );
            }
        }
        check(
            !self.duration.is_zero(),
            "duration: 0 s, expected more".to_owned(),
        );
        check(
            self.ramp <= self.duration,
            format!(
                "ramp: {} is longer than the duration, {}",
                format_duration(self.ramp),
                format_duration(self.duration)
            ),
        );
        check(
            (0.0..=1.0).contains(&self.buyers),
            format!("buyers: {}, expected 0 to 1 (0% to 100%)", self.buyers),
        );
        check(
            !self.timeout.is_zero(),
            "timeout: 0 s, expected more".to_owned(),
        );
        check(
            self.prepared.is_none_or(|accounts| accounts <= 10_000),
            format!("accounts: {:?}, expected 10000 at most", self.prepared),
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new("http://127.0.0.1:8080".parse().unwrap())
    }

    #[test]
    fn all_faults_are_reported_together() {
        assert_eq!(plan().faults(), Vec::<String>::new());
        let wrong = Plan {
            load: Load::Open {
                rate: 0.0,
                max_in_flight: 0,
            },
            ramp: Duration::from_secs(31),
            buyers: 1.5,
            timeout: Duration::ZERO,
            prepared: Some(1_000_000),
            ..plan()
        };
        let faults = wrong.faults();
        for field in [
            "rate",
            "max_in_flight",
            "ramp",
            "buyers",
            "timeout",
            "accounts",
        ] {
            let named = format!("{field}: ");
            assert!(faults.iter().any(|f| f.starts_with(&named)), "{faults:?}");
        }
        let none = Plan {
            load: Load::Closed { users: 0 },
            duration: Duration::ZERO,
            ramp: Duration::ZERO,
            ..plan()
        };
        assert_eq!(none.faults().len(), 2, "{:?}", none.faults());
        for rate in [f64::NAN, f64::INFINITY, -1.0] {
            let load = Load::Open {
                rate,
                max_in_flight: 1,
            };
            assert_eq!(Plan { load, ..plan() }.faults().len(), 1, "{rate}");
        }
    }

    #[test]
    fn there_are_about_as_many_accounts_as_buyers_at_the_same_time() {
        assert_eq!(plan().accounts(), 8);
        let all = Plan {
            buyers: 1.0,
            ..plan()
        };
        assert_eq!(all.accounts(), 10);
        let open = |rate| Plan {
            load: Load::Open {
                rate,
                max_in_flight: 1,
            },
            ..plan()
        };
        assert_eq!(open(10.0).accounts(), 10);
        assert_eq!(open(10_000.0).accounts(), 100);
        assert_eq!(
            Plan {
                prepared: Some(0),
                ..plan()
            }
            .accounts(),
            0
        );
        assert_eq!(
            Plan {
                buyers: 0.0,
                ..plan()
            }
            .accounts(),
            0
        );
    }
}
