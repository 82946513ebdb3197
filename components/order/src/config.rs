//! Reads and checks the settings. Only this file states their defaults; `spin.toml` leaves the variables empty.

use stoa_service::settings::{Faults, Settings};
use stoa_service::time::Millis;

use crate::domain::FailPoint;

/// Default length of a driver's lease, in seconds. A lease is longer than the time limit of a request (30 s). So when the next
/// driver takes over an order, the earlier driver has ended, and none of its calls is in flight.
pub const DEFAULT_LEASE_SECONDS: u32 = 60;
/// Default age, in seconds, at which an order is cancelled if the outcome of its charge is still unknown.
pub const DEFAULT_MAX_PENDING_SECONDS: u32 = 900;

/// The settings of the service `order`.
#[derive(Debug, Clone)]
pub struct Config {
    /// `product_url`: the base URL of the service `product`.
    pub product_url: String,
    /// `cart_url`: the base URL of the service `cart`.
    pub cart_url: String,
    /// `payment_url`: the base URL of the service `payment`.
    pub payment_url: String,
    /// `user_url`: the base URL of the service `user`.
    pub user_url: String,
    /// `inventory_url`: the base URL of the service `inventory`.
    pub inventory_url: String,
    /// `shipping_url`: the base URL of the service `shipping`.
    pub shipping_url: String,
    /// `notification_url`: the base URL of the service `notification`.
    pub notification_url: String,
    /// `order_lease_seconds`: the length of a driver's lease, 31 to 3,600 seconds.
    pub lease_seconds: u32,
    /// `max_pending_seconds`: the age at which an order with an unknown charge is cancelled, 60 to 82,800 seconds.
    pub max_pending_seconds: u32,
    /// `fail_at`: the point at which the component dies, such as `charging:after`. Only tests of recovery set this variable.
    pub fail_at: Option<FailPoint>,
}

impl Config {
    /// Reads and checks the settings. `source` returns the value of the Spin variable with a given name. Another function,
    /// [`crate::saga::steps::check_fail_point`], checks that `fail_at` names a step of the saga.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut settings = Settings::new(source);
        let fail_at = settings.optional("fail_at").and_then(|text| {
            let point = text.parse::<FailPoint>();
            point
                .map_err(|error| {
                    settings.fault(format!("variable fail_at: `{text}` given, {error}"))
                })
                .ok()
        });
        let config = Self {
            product_url: settings.url("product_url"),
            cart_url: settings.url("cart_url"),
            payment_url: settings.url("payment_url"),
            user_url: settings.url("user_url"),
            inventory_url: settings.url("inventory_url"),
            shipping_url: settings.url("shipping_url"),
            notification_url: settings.url("notification_url"),
            lease_seconds: settings.number(
                "order_lease_seconds",
                DEFAULT_LEASE_SECONDS,
                31..=3_600,
            ),
            max_pending_seconds: settings.number(
                "max_pending_seconds",
                DEFAULT_MAX_PENDING_SECONDS,
                60..=82_800,
            ),
            fail_at,
        };
        settings.finish(config)
    }

    /// The length of a driver's lease, in milliseconds.
    pub fn lease(&self) -> Millis {
        Millis::from(self.lease_seconds) * 1000
    }

    /// The age at which an order with an unknown charge is cancelled, in milliseconds.
    pub fn max_pending(&self) -> Millis {
        Millis::from(self.max_pending_seconds) * 1000
    }

    /// The minimum lifetime of a reservation, in seconds. The reservation expires only after the last moment at which the order may
    /// still be charged.
    pub fn hold_seconds(&self) -> u32 {
        self.max_pending_seconds + self.lease_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &'static [(&str, &str)]) -> Result<Config, Faults> {
        Config::read(&|name| {
            let given = extra.iter().find(|(n, _)| *n == name);
            given.map(|(_, v)| (*v).to_owned()).or_else(|| {
                name.ends_with("_url")
                    .then(|| format!("http://{}.spin.internal", name.trim_end_matches("_url")))
            })
        })
    }

    #[test]
    fn a_fail_point_is_a_step_and_a_moment() {
        use crate::domain::{Moment, StepName};
        assert_eq!(read(&[]).unwrap().fail_at, None);
        assert_eq!(
            read(&[("fail_at", "charging:after")]).unwrap().fail_at,
            Some(FailPoint {
                step: StepName::new("charging"),
                moment: Moment::After
            })
        );
        for bad in [
            &[("fail_at", "charging")],
            &[("fail_at", "charging:during")],
        ] {
            assert!(read(bad).unwrap_err().to_string().contains("fail_at"));
        }
    }

    #[test]
    fn a_lease_shorter_than_a_request_is_rejected() {
        assert!(read(&[("order_lease_seconds", "30")]).is_err());
        assert_eq!(read(&[]).unwrap().lease(), 60_000);
    }
}
