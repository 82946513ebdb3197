//! How to audit, and within which bounds.

use std::collections::BTreeMap;
use std::time::Duration;

/// Whether third parties' books are read: the card processor's ledger and the carrier's book, as `components/partners` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdParties {
    /// Read them, unless they answer 404.
    IfPresent,
    /// Never read them.
    Never,
}

/// Order's default of `max_pending_seconds`.
const MAX_PENDING_SECONDS: u64 = 900;
/// Order's default of `order_lease_seconds`.
const LEASE_SECONDS: u64 = 60;

/// A variable of the component `order` that is not a number of seconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {name}: `{value}` is not a number of seconds")]
pub struct BadVariable {
    name: &'static str,
    value: String,
}

/// How to audit.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address at which an operator may read everything, such as `http://127.0.0.1:8081`.
    pub operator: String,
    /// Whether third parties' books are read.
    pub third_parties: ThirdParties,
    /// Longest time that an order may be pending.
    pub stuck_after: Duration,
    /// Longest time that an event or a message may wait, and that a carrier may still expect a cancelled parcel.
    pub undelivered_after: Duration,
    /// Pause between a snapshot with a new suspect and the next one.
    pub look_again_after: Duration,
}

impl Options {
    /// For a shop whose order service has its default settings: `max_pending_seconds` (900), after which an undecided order is
    /// cancelled, plus one `order_lease_seconds` (60), during which a dead driver still holds the order. A test compares the sum with
    /// order's own configuration.
    pub const STUCK_AFTER: Duration = Duration::from_secs(MAX_PENDING_SECONDS + LEASE_SECONDS);
    /// Longer than notification tries to send a message: twelve attempts of 5 s at most, and between them 1, 2, ... 256, 300 and
    /// 300 s, which is 1,111 s.
    pub const UNDELIVERED_AFTER: Duration = Duration::from_secs(25 * 60);
    /// Longer than most requests.
    pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

    /// The bounds for a shop with default settings.
    pub fn new(operator: impl Into<String>) -> Self {
        Self {
            operator: operator.into(),
            third_parties: ThirdParties::IfPresent,
            stuck_after: Self::STUCK_AFTER,
            undelivered_after: Self::UNDELIVERED_AFTER,
            look_again_after: Self::LOOK_AGAIN_AFTER,
        }
    }

    /// The bounds for these variables of the component `order`, after template expansion. An empty variable means the default.
    ///
    /// # Errors
    /// A variable that is not a number.
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
        let lease = seconds("order_lease_seconds", LEASE_SECONDS)?;
        // Order holds stock for as long as it may still charge for it.
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

    /// The bound that order's own configuration implies.
    fn hold(settings: &[(&str, &str)]) -> Duration {
        let config = order::config::Config::read(&|name| {
            let given = settings.iter().find(|(given, _)| *given == name);
            let value = given.map(|(_, value)| (*value).to_owned());
            value.or_else(|| name.ends_with("_url").then(|| format!("http://{name}")))
        });
        Duration::from_secs(config.unwrap().hold_seconds().into())
    }

    #[test]
    fn an_order_is_stuck_after_the_bounds_that_order_itself_has() {
        assert_eq!(hold(&[]), Options::STUCK_AFTER);
        for settings in [
            &[][..],
            &[("max_pending_seconds", ""), ("order_lease_seconds", "")],
            &[
                ("max_pending_seconds", "120"),
                ("order_lease_seconds", "31"),
            ],
            &[("order_lease_seconds", "300")],
        ] {
            assert_eq!(stuck_after(settings), Ok(hold(settings)), "{settings:?}");
        }
    }

    #[test]
    fn a_variable_that_is_not_a_number_gives_no_bounds() {
        let error = stuck_after(&[("max_pending_seconds", "soon")]).unwrap_err();
        assert!(
            error.to_string().contains("max_pending_seconds: `soon`"),
            "{error}"
        );
    }
}
