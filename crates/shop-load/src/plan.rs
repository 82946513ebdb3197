//! The plan of a load: the number of customers, the duration, and the customers' behavior.

use std::time::Duration;

use humantime::format_duration;
use serde::Serialize;

use crate::seconds::seconds;
use crate::target::Target;

/// The plan of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The shop's address.
    pub target: Target,
    /// The kind of loop, with the number or the rate of customers.
    pub load: Load,
    /// Time in which the load grows evenly from zero to its full size. This time is a part of `duration`.
    #[serde(rename = "ramp_seconds", serialize_with = "seconds")]
    pub ramp: Duration,
    /// Duration of the load. After this time, no journey begins. A buyer whose order has no result yet continues until the order
    /// has one, or until the buyer gives up.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// Share of journeys that buy, 0 to 1. All other journeys only browse.
    pub buyers: f64,
    /// Mean pause of a customer between two steps. A pause is 0.5 to 1.5 times this mean.
    #[serde(rename = "think_time_seconds", serialize_with = "seconds")]
    pub think_time: Duration,
    /// Timeout of a request.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// Time for which a buyer repeats an order without a result. This time should be longer than a minute: after a crash, the shop
    /// resumes an order only when the order's lease of one minute has expired.
    #[serde(rename = "give_up_seconds", serialize_with = "seconds")]
    pub give_up: Duration,
    /// Number of accounts to create before the load begins. `None` selects the default of [`Plan::accounts`]. A buyer creates a new
    /// account if no account is free.
    pub accounts_wanted: Option<u32>,
    /// Seed of the arrival times and of the customers' random choices.
    pub seed: u64,
}

/// The kind of loop, and its number or rate of customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Load {
    /// Closed loop: each customer waits for a response before the next request, so a slow shop gets fewer requests.
    Closed {
        /// Number of customers at the same time.
        users: u32,
    },
    /// Open loop: customers arrive by a schedule that does not depend on the shop's speed.
    Open {
        /// Mean number of arrivals a second.
        rate: f64,
        /// Maximum number of customers at the same time. Further customers wait, and the wait is part of the latency.
        max_in_flight: u32,
    },
}

impl Plan {
    /// The default plan: ten customers for 30 seconds, and 20 % of the journeys buy.
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
            accounts_wanted: None,
            seed: 0,
        }
    }

    /// Number of accounts to create before the load begins: `accounts_wanted`, or by default about the number of buyers who are
    /// active at the same time.
    pub fn accounts(&self) -> u32 {
        // 100 registrations take about 15 s at the rate that the gateway permits.
        const MAX_DEFAULT_ACCOUNTS: f64 = 100.0;
        const STEPS_OF_A_BUYER: f64 = 8.0;
        let concurrent_buyers = match self.load {
            // Buying takes about four times as long as browsing, so the share of users who are buying is higher than `buyers`.
            Load::Closed { users } => f64::from(users) * (4.0 * self.buyers).min(1.0),
            Load::Open { rate, .. } => {
                rate * self.buyers * (1.0 + STEPS_OF_A_BUYER * self.think_time.as_secs_f64())
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value is clamped to 0 to 100"
        )]
        let default = concurrent_buyers.ceil().clamp(0.0, MAX_DEFAULT_ACCOUNTS) as u32;
        self.accounts_wanted.unwrap_or(default)
    }

    /// Describes each invalid value of the plan; empty if the plan is valid.
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
            "duration: 0 s, expected more than 0 s".to_owned(),
        );
        check(
            self.ramp <= self.duration,
            format!(
                "ramp: {}, expected at most the duration, {}",
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
            "timeout: 0 s, expected more than 0 s".to_owned(),
        );
        check(
            self.accounts_wanted
                .is_none_or(|accounts| accounts <= 10_000),
            format!(
                "accounts: {}, expected at most 10000",
                self.accounts_wanted.unwrap_or_default()
            ),
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
            accounts_wanted: Some(1_000_000),
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
    fn the_default_number_of_accounts_is_about_the_number_of_concurrent_buyers() {
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
                accounts_wanted: Some(0),
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
