//! The preparation: reads the catalogue, and makes accounts.

use std::time::Duration;

use humantime::format_duration;

use super::error::RunError;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::transport::NoAnswer;
use crate::wire::Product;

/// Interval between two new accounts. The gateway lets 20 log-ins and registrations a second through, and an account needs one of each.
pub(super) const ACCOUNT_INTERVAL: Duration = Duration::from_millis(125);

/// Checks that there is something to buy, if the plan has buyers.
pub(super) fn catalogue(
    plan: &Plan,
    read: Result<Vec<Product>, Failure>,
) -> Result<Vec<Product>, RunError> {
    let target = plan.target.to_string();
    let catalogue = match read {
        Ok(catalogue) => catalogue,
        Err(failure) => {
            let why = describe(failure, plan.timeout);
            return Err(RunError::NoShop { target, why });
        }
    };
    if plan.buyers > 0.0 && catalogue.iter().all(|product| product.price.is_none()) {
        return Err(RunError::NothingToBuy { target });
    }
    Ok(catalogue)
}

fn describe(failure: Failure, timeout: Duration) -> String {
    match failure {
        Failure::NoAnswer(NoAnswer::Timeout) => {
            let timeout = format_duration(timeout);
            format!("no connection, or no answer within {timeout}")
        }
        Failure::NoAnswer(why) => why.to_string(),
        Failure::Wrong(what) => what,
        other => other.to_string(),
    }
}
