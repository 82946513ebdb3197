//! The client of the service `user`, which has the customers' accounts.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::outbound::{Caller, Peer, PeerError};

/// Timeout of one call to the service `user`. It is short because an order can continue without the customer's telephone number.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The client of the service `user`.
pub struct UserClient<'a>(Peer<'a>);

/// The contact data of a user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// The e-mail address.
    pub email: String,
    /// The user's name, for the salutation in messages.
    pub name: String,
    /// The telephone number in the format E.164; `None` if the user has none.
    pub phone: Option<String>,
}

impl<'a> UserClient<'a> {
    /// A client of the service `user` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the user service", url, TIMEOUT))
    }

    /// Reads the current contact data of the token's user. The data in the token may be out of date.
    pub fn contact(&self, token: &str) -> Result<Contact, PeerError> {
        self.0
            .fetch(self.0.call(Method::GET, "/user/me").bearer(token))
    }
}
