//! Tokens that the shop rejects.

use crate::account::Account;
use crate::failure::Failure;

/// Makes the account log in again before its next journey if the shop rejected its token.
pub(super) fn log_out_on_401<R>(
    account: &mut Account,
    result: Result<R, Failure>,
) -> Result<R, Failure> {
    if result.as_ref().is_err_and(|failure| failure.is_status(401)) {
        account.log_out();
    }
    result
}
