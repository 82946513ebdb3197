//! How to audit, and within which bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use order::config::{Config, DEFAULT_LEASE_SECONDS, DEFAULT_MAX_PENDING_SECONDS};
use stoa_service::settings::Faults;

/// Whether third parties' books are read: the card processor's ledger and the carrier's book, as `components/partners` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdParties {
    /// Unless they answer 404.
    IfPresent,
    /// Not at all.
    Never,
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
    /// For a shop whose order service has its default settings: `max_pending_seconds`, after which an undecided order is cancelled,
    /// and one `order_lease_seconds`, for which a driver that died still holds it.
    pub const STUCK_AFTER: Duration =
        Duration::from_secs((DEFAULT_MAX_PENDING_SECONDS + DEFAULT_LEASE_SECONDS) as u64);
    /// Longer than notification tries to send a message: twelve attempts of 5 s at most, and between them 1, 2, ... 256, 300 and
    /// 300 s, which is 1,111 s.
    pub const UNDELIVERED_AFTER: Duration = Duration::from_secs(25 * 60);
    /// Longer than most requests.
    pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

    /// With the bounds of a shop whose settings are the defaults.
    pub fn new(operator: impl Into<String>) -> Self {
        Self {
            operator: operator.into(),
            third_parties: ThirdParties::IfPresent,
            stuck_after: Self::STUCK_AFTER,
            undelivered_after: Self::UNDELIVERED_AFTER,
            look_again_after: Self::LOOK_AGAIN_AFTER,
        }
    }

    /// With the bounds that follow from the variables of the component `order`, templates filled in.
    ///
    /// # Errors
    /// All variables that order itself rejects.
    pub fn with_order_variables(
        mut self,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Faults> {
        let config = Config::read(&|name| variables.get(name).cloned())?;
        // Order holds stock for as long as it may still charge for it.
        self.stuck_after = Duration::from_secs(config.hold_seconds().into());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck_after(settings: &[(&str, &str)]) -> Result<Duration, Faults> {
        let urls = [
            "product",
            "cart",
            "payment",
            "user",
            "inventory",
            "shipping",
            "notification",
        ];
        let urls = urls.map(|name| {
            (
                format!("{name}_url"),
                format!("http://{name}.spin.internal"),
            )
        });
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = urls.into_iter().chain(settings).collect();
        let options = Options::new("http://shop").with_order_variables(&variables)?;
        Ok(options.stuck_after)
    }

    #[test]
    fn an_order_is_stuck_after_the_bounds_that_order_is_set_to() {
        assert_eq!(stuck_after(&[]), Ok(Options::STUCK_AFTER));
        let settings = [
            ("max_pending_seconds", "120"),
            ("order_lease_seconds", "31"),
        ];
        assert_eq!(stuck_after(&settings), Ok(Duration::from_secs(151)));
    }

    #[test]
    fn settings_that_order_rejects_give_no_bounds() {
        let faults = stuck_after(&[("max_pending_seconds", "soon")]).unwrap_err();
        assert!(
            faults.to_string().contains("max_pending_seconds: `soon`"),
            "{faults}"
        );
    }
}
