//! The application's parts, and the check of log-ins.

use std::net::IpAddr;

use stoa_service::sql::Database;
use stoa_service::time::Millis;

use crate::config::Config;
use crate::domain::User;
use crate::error::Error;
use crate::keys::SigningKey;
use crate::password::{self, Password, Passwords};
use crate::store::{accounts, login_attempts, signing_key};
use crate::throttle::LoginAttempt;

/// The dependencies of the handlers.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// Hashes passwords.
    pub passwords: Box<dyn Passwords>,
    /// The wall clock; a test has its own.
    pub clock: Box<dyn Fn() -> Millis>,
}

impl App {
    /// The current time, in milliseconds.
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// The key that signs tokens: the configured one, else the generated one.
    pub fn signing_key(&self) -> Result<SigningKey, Error> {
        match &self.config.key {
            Some(key) => Ok(key.clone()),
            None => Ok(signing_key::generated(&*self.db, self.now())?),
        }
    }

    /// The account of `email` (in lower case), if `password` is its password. `address` is the client's. Errors:
    /// [`Error::InvalidCredentials`] after the same work for every cause, [`Error::TooManyAttempts`] before any work.
    pub fn authenticate(
        &self,
        email: &str,
        password: &Password,
        address: Option<IpAddr>,
    ) -> Result<User, Error> {
        let (db, limits) = (&*self.db, &self.config.login_attempts);
        let attempt = LoginAttempt::new(email, address);
        let admitted = login_attempts::admit(db, &attempt, limits, self.now())?;
        let account = accounts::by_email(db, email)?;
        let hash = account.as_ref().map(|(_, hash)| hash.as_str());
        let is_right = password::check(&*self.passwords, password, hash)?;
        let (user, _) = account
            .filter(|_| is_right)
            .ok_or(Error::InvalidCredentials)?;
        login_attempts::succeed(db, &admitted, self.now())?;
        Ok(user)
    }
}
