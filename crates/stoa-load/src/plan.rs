//! What is to be done: how many customers, for how long, and what they are like.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use serde::{Serialize, Serializer};

/// A load, as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The shop.
    pub target: Target,
    /// How customers come.
    pub load: Load,
    /// The load grows evenly from nothing during this time, which is a part of `duration`.
    #[serde(rename = "ramp_seconds", serialize_with = "seconds")]
    pub ramp: Duration,
    /// After this long no journey begins, and no step of one but what an order still needs.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// The part of journeys that buy, 0 to 1; the others only look.
    pub buyers: f64,
    /// What a customer thinks between two steps, on average: from half to one and a half of it.
    #[serde(rename = "think_time_seconds", serialize_with = "seconds")]
    pub think_time: Duration,
    /// How long an answer may take.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// How long a buyer who does not hear how his order went repeats it. After a crash the shop takes an order up again when
    /// its lease of a minute is over.
    #[serde(rename = "give_up_seconds", serialize_with = "seconds")]
    pub give_up: Duration,
    /// Accounts made before the load begins; who finds none free makes his own. `None`: as many as [`Plan::accounts`] says.
    #[serde(rename = "accounts_wanted")]
    pub prepared: Option<u32>,
    /// What all choices follow from: the arrivals, and each customer's own.
    pub seed: u64,
}

/// How customers come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Load {
    /// Closed loop: so many customers, each of whom waits for an answer before he goes on. A slow shop is asked less.
    Closed {
        /// How many at the same time.
        users: u32,
    },
    /// Open loop: customers come when they come, however slow the shop is.
    Open {
        /// How many a second, on average.
        rate: f64,
        /// No more than this many at the same time; who comes then waits, and the wait counts.
        max_in_flight: u32,
    },
}

impl Plan {
    /// Ten customers for half a minute, two in ten of whom buy.
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

    /// How many accounts are made before the load begins: about as many as there are buyers at the same time.
    pub fn accounts(&self) -> u32 {
        const MOST: f64 = 100.0; // a quarter of a minute, at the pace that a gateway lets customers register
        let steps = 8.0;
        let wanted = match self.load {
            // To buy takes longer than to look, so that more than the buyers' part of users is at it.
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
        let usual = wanted.ceil().clamp(0.0, MOST) as u32;
        self.prepared.unwrap_or(usual)
    }

    /// Everything that is wrong with it; nothing if it can be run.
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
                "ramp: {:?} is longer than the duration, {:?}",
                self.ramp, self.duration
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

/// Where the shop answers: scheme and authority, such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target(String);

impl Target {
    /// The address of a path that begins with `/`.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |what: &str| {
            Err(format!(
                "`{text}`: {what}; expected an address such as http://127.0.0.1:8080"
            ))
        };
        let Ok(uri) = text.parse::<Uri>() else {
            return fault("is no URL");
        };
        let (scheme, authority) = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(authority)) => (scheme, authority),
            _ => return fault("has no scheme http or https, or no host"),
        };
        if authority.as_str().contains('@') {
            return fault("names a user");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return fault("has a path: the shop is at the root of its address");
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new("http://127.0.0.1:8080".parse().unwrap())
    }

    #[test]
    fn a_target_is_scheme_host_and_port() {
        for (text, read) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://shop.example.com", "https://shop.example.com"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), read);
        }
        for text in [
            "",
            "shop.example.com",
            "127.0.0.1:8080",
            "ftp://shop.example.com",
            "http://shop.example.com/shop/",
            "http://shop.example.com/?x=1",
            "http://ann@shop.example.com",
            "http://",
        ] {
            let fault = text.parse::<Target>().unwrap_err();
            assert!(fault.contains(&format!("`{text}`")), "{fault}");
        }
    }

    #[test]
    fn all_faults_are_told_together() {
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
    fn accounts_are_about_as_many_as_buyers_at_a_time() {
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
