//! The preparation of a run, which reads the catalogue and creates accounts.

use std::time::Duration;

use humantime::format_duration;

use super::error::RunError;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::transport::NoAnswer;
use crate::wire::Product;

/// Interval between two new accounts. The gateway permits 20 log-ins and registrations a second, and a new account needs one log-in
/// and one registration.
pub(super) const ACCOUNT_INTERVAL: Duration = Duration::from_millis(125);

/// Returns the catalogue. Fails if it could not be read, or if the plan has buyers and no product has a price.
pub(super) fn check_catalogue(
    plan: &Plan,
    read: Result<Vec<Product>, Failure>,
) -> Result<Vec<Product>, RunError> {
    let target = plan.target.to_string();
    let catalogue = match read {
        Ok(catalogue) => catalogue,
        Err(failure) => {
            let reason = describe(failure, plan.timeout);
            return Err(RunError::NoShop { target, reason });
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
            format!("no connection, or no response within {timeout}")
        }
        Failure::NoAnswer(reason) => reason.to_string(),
        Failure::Wrong(error) => error,
        other => other.to_string(),
    }
}
