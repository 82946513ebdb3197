//! Errors: a variant for each case that a caller can act on. `http.rs` gives each its status and code.

use stoa_service::Invalid;
use stoa_service::sql::SqlError;

use crate::keys::KeyError;
use crate::password::PasswordError;

/// An operation that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The e-mail address already has an account.
    #[error("email: this address has an account already")]
    EmailTaken,
    /// No account has this address and this password. The caller does not learn which of the two is wrong.
    #[error("email, password: no account has these two")]
    InvalidCredentials,
    /// The account of a token no longer exists.
    #[error("Authorization: the token's account does not exist")]
    NoAccount,
    /// Too many log-ins failed.
    #[error("email, password: too many failed log-ins; try again in {seconds} s")]
    TooManyAttempts {
        /// Seconds until the next attempt, at least 1.
        seconds: u32,
        /// The name of the full bucket, for the log.
        bucket: &'static str,
    },
    /// A password cannot be hashed, or a stored hash cannot be read. A retry does not help.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The signing key cannot be used. A retry does not help.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed; a retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
