//! Handles tokens that the shop rejects.

use crate::account::Account;
use crate::failure::Failure;

/// If the shop rejected the account's token (401), marks the token as expired, so that the next journey logs in again.
pub(super) fn log_out_on_401<R>(
    account: &mut Account,
    result: Result<R, Failure>,
) -> Result<R, Failure> {
    if result.as_ref().is_err_and(|failure| failure.is_status(401)) {
        account.log_out();
    }
    result
}
