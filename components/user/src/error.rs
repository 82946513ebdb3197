//! The errors of this service: one variant for each case that a caller can act on. `http.rs` maps each variant to a status and
//! code.

use stoa_service::Invalid;
use stoa_service::sql::SqlError;

use crate::keys::KeyError;
use crate::password::PasswordError;

/// The reason why a request failed. The failed request changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value in the request breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The e-mail address already has an account.
    #[error("email: this address already has an account")]
    EmailTaken,
    /// No account has this address and this password. The caller does not learn whether the address or the password is wrong.
    #[error("email, password: no account has this address and this password")]
    InvalidCredentials,
    /// The account to which a token belongs no longer exists.
    #[error("Authorization: the token's account does not exist")]
    NoAccount,
    /// Too many log-ins have failed, so this attempt was rejected without a check of the password.
    #[error("email, password: too many failed log-ins; try again in {seconds} s")]
    TooManyAttempts {
        /// Seconds until the next attempt is allowed, at least 1.
        seconds: u32,
        /// The kind of the limit that is reached, such as `account and address`, for the log.
        bucket: &'static str,
    },
    /// The password cannot be hashed, or the stored hash cannot be read. A retry does not help.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The signing key cannot be used. A retry does not help.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed. A retry may help.
    #[error(transparent)]
    Database(#[from] SqlError),
}
