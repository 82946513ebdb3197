//! The options of an audit, such as the longest time that an order may be pending.

use std::collections::BTreeMap;
use std::time::Duration;

/// Whether to read the third parties' records: the card processor's ledger and the carrier's book. The stand-in
/// `components/partners` serves the ledger and the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdParties {
    /// Reads the ledger and the book. If the shop answers 404 for one of them, the audit continues without it.
    IfPresent,
    /// Does not read the card processor's ledger and the carrier's book.
    Never,
}

/// Default of the variable `max_pending_seconds` in the component `order`.
const MAX_PENDING_SECONDS: u64 = 900;
/// Default of the variable `order_lease_seconds` in the component `order`.
const ORDER_LEASE_SECONDS: u64 = 60;

/// The error for a variable of the component `order` that is not a number of seconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {name}: `{value}` is not a number of seconds")]
pub struct BadVariable {
    name: &'static str,
    value: String,
}

/// The options of an audit.
#[derive(Debug, Clone)]
pub struct Options {
    /// The operator's address of the shop, such as `http://127.0.0.1:8081`.
    pub operator: String,
    /// Whether to read the third parties' records: the card processor's ledger and the carrier's book.
    pub third_parties: ThirdParties,
    /// Longest time that an order may be pending.
    pub stuck_after: Duration,
    /// Longest time that an event or a message may wait in its queue. Also the longest time that the carrier may list the parcel of
    /// a cancelled order as `created`.
    pub undelivered_after: Duration,
    /// If a snapshot has a new suspect: the pause between this snapshot and the next one.
    pub recheck_after: Duration,
}

impl Options {
    /// Default of `stuck_after`, for the default settings of the component `order`. A pending order is cancelled after
    /// `max_pending_seconds` (900). If its driver has died, the driver's lease may delay the cancellation by `order_lease_seconds`
    /// (60). A test compares the sum with the configuration of `order`.
    pub const STUCK_AFTER: Duration =
        Duration::from_secs(MAX_PENDING_SECONDS + ORDER_LEASE_SECONDS);
    /// Default of `undelivered_after`: 25 minutes. The component `notification` retries a message for a shorter time: twelve
    /// attempts of at most 5 s, with pauses of 1, 2, ... 256, 300 and 300 s (1,111 s in total).
    pub const UNDELIVERED_AFTER: Duration = Duration::from_secs(25 * 60);
    /// Default of `recheck_after`: 5 s, which is longer than most requests take.
    pub const RECHECK_AFTER: Duration = Duration::from_secs(5);

    /// The options for a shop with default settings.
    pub fn new(operator: impl Into<String>) -> Self {
        Self {
            operator: operator.into(),
            third_parties: ThirdParties::IfPresent,
            stuck_after: Self::STUCK_AFTER,
            undelivered_after: Self::UNDELIVERED_AFTER,
            recheck_after: Self::RECHECK_AFTER,
        }
    }

    /// Sets `stuck_after` from the values of the component `order`'s variables. Templates in these values must already be expanded.
    /// An empty value selects the variable's default.
    ///
    /// # Errors
    /// If a variable is not a number.
    pub fn with_order_variables(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, BadVariable> {
        let seconds = |name: &'static str, default| {
            let value = variables.get(name).filter(|value| !value.is_empty());
            value.map_or(Ok(default), |value| {
                value.parse().map_err(|_| BadVariable {
                    name,
                    value: value.clone(),
                })
            })
        };
        let pending: u64 = seconds("max_pending_seconds", MAX_PENDING_SECONDS)?;
        let lease = seconds("order_lease_seconds", ORDER_LEASE_SECONDS)?;
        // The sum of the longest pending time and of the lease must stay equal to the time for which the component `order` holds
        // the stock of an order.
        self.stuck_after = Duration::from_secs(pending.saturating_add(lease));
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck_after(settings: &[(&str, &str)]) -> Result<Duration, BadVariable> {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options::new("http://shop").with_order_variables(&settings.collect())?;
        Ok(options.stuck_after)
    }

    /// The time for which the component `order`, with the variables `settings`, holds the stock of an order.
    fn hold_time(settings: &[(&str, &str)]) -> Duration {
        let config = order::config::Config::read(&|name| {
            let given = settings.iter().find(|(given, _)| *given == name);
            let value = given.map(|(_, value)| (*value).to_owned());
            value.or_else(|| name.ends_with("_url").then(|| format!("http://{name}")))
        });
        Duration::from_secs(config.unwrap().hold_seconds().into())
    }

    #[test]
    fn an_order_counts_as_stuck_after_the_time_for_which_its_stock_is_held() {
        assert_eq!(hold_time(&[]), Options::STUCK_AFTER);
        for settings in [
            &[][..],
            &[("max_pending_seconds", ""), ("order_lease_seconds", "")],
            &[
                ("max_pending_seconds", "120"),
                ("order_lease_seconds", "31"),
            ],
            &[("order_lease_seconds", "300")],
        ] {
            assert_eq!(
                stuck_after(settings),
                Ok(hold_time(settings)),
                "{settings:?}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_a_number_is_an_error() {
        let error = stuck_after(&[("max_pending_seconds", "soon")]).unwrap_err();
        assert!(
            error.to_string().contains("max_pending_seconds: `soon`"),
            "{error}"
        );
    }
}
