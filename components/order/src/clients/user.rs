//! The customer's account.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of one call: an order does not wait longer for its customer's telephone number.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The service user.
pub struct UserClient<'a>(Peer<'a>);

/// How to reach a user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// The e-mail address.
    pub email: String,
    /// The name for the salutation.
    pub name: String,
    /// E.164; `None` if the user gave no number.
    pub phone: Option<String>,
}

impl<'a> UserClient<'a> {
    /// The accounts at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("user", url, TIMEOUT))
    }

    /// The current contact of the token's user: the token may be older than a change.
    pub fn contact(&self, token: &str) -> Result<Contact, PeerError> {
        self.0
            .fetch(self.0.call(Method::GET, "/user/me").bearer(token))
    }
}
