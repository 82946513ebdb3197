//! The account of a simulated customer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::wire::Token;

/// A customer's account. Customers reuse an account until the state of its cart is uncertain.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) user_id: Uuid,
    pub(crate) token: String,
    expires_at: Instant,
    /// Whether the cart may hold items.
    pub(crate) cart_may_hold_items: bool,
    /// True if the account must not be reused, because the shop may still empty the cart, or may have created an order whose id no
    /// response contained.
    pub(crate) uncertain: bool,
    pub(crate) orders: BTreeSet<Uuid>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Account {
    pub(crate) fn new(email: String, user_id: Uuid, token: Token) -> Self {
        let mut account = Self {
            email,
            user_id,
            token: String::new(),
            expires_at: Instant::now(),
            cart_may_hold_items: false,
            uncertain: false,
            orders: BTreeSet::new(),
            cookies: BTreeMap::new(),
        };
        account.log_in(token);
        account
    }

    /// Stores a new token, which all further requests use.
    pub(crate) fn log_in(&mut self, token: Token) {
        self.token = token.access_token;
        self.expires_at = Instant::now() + Duration::from_secs(token.expires_in);
    }

    /// Marks the token as expired, so that the next journey with this account logs in again.
    pub(crate) fn log_out(&mut self) {
        self.expires_at = Instant::now();
    }

    /// Whether the token is valid for longer than `needed`.
    pub(crate) fn is_valid_for(&self, needed: Duration) -> bool {
        self.expires_at.duration_since(Instant::now()) > needed
    }
}
