//! The values that every request handler uses, and the check of log-ins.

use std::net::IpAddr;

use stoa_service::sql::Database;
use stoa_service::time::Millis;

use crate::config::Config;
use crate::domain::User;
use crate::error::Error;
use crate::password::{self, Password, Passwords};
use crate::signing_keys::SigningKeys;
use crate::store::{accounts, login_attempts, signing_key};
use crate::throttle::LoginAttempt;

/// The values that every request handler uses.
pub struct App {
    /// The validated settings.
    pub config: Config,
    /// The database of this service.
    pub db: Box<dyn Database>,
    /// Hashes and verifies passwords.
    pub passwords: Box<dyn Passwords>,
    /// Returns the wall-clock time in milliseconds. Tests replace this function.
    pub clock: Box<dyn Fn() -> Millis>,
}

impl App {
    /// Returns the current time, in milliseconds.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Returns the keys for tokens: the configured keys, or the generated key if no key is configured.
    pub fn signing_keys(&self) -> Result<SigningKeys, Error> {
        match &self.config.keys {
            Some(keys) => Ok(keys.clone()),
            None => Ok(signing_key::find_or_generate(&*self.db, self.now())?.into()),
        }
    }

    /// Returns the account of `email` (in lower case) if `password` is right. `address` is the client's IP address.
    ///
    /// Errors:
    /// - [`Error::InvalidCredentials`] if no account has this e-mail address, or if the password is wrong. The work is the same in
    ///   these two cases.
    /// - [`Error::TooManyAttempts`] if too many log-ins have failed. The password is not hashed in this case.
    pub fn authenticate(
        &self,
        email: &str,
        password: &Password,
        address: Option<IpAddr>,
    ) -> Result<User, Error> {
        let (db, limits) = (&*self.db, &self.config.login_attempts);
        let attempt = LoginAttempt::new(email, address);
        let admitted = login_attempts::admit(db, &attempt, limits, self.now())?;
        let account = accounts::find_by_email(db, email)?;
        let hash = account.as_ref().map(|(_, hash)| hash.as_str());
        let is_right = password::check(&*self.passwords, password, hash)?;
        let (user, _) = account
            .filter(|_| is_right)
            .ok_or(Error::InvalidCredentials)?;
        login_attempts::record_success(db, &admitted, self.now())?;
        Ok(user)
    }
}
