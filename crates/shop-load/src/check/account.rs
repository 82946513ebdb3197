//! Checks of accounts, tokens and inboxes.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::ensure::{CheckResult, ensure};
use crate::wire::{Message, Page, Token, User};

/// Checks that the new account has the registered e-mail address.
pub(crate) fn user(user: &User, email: &str) -> CheckResult {
    ensure(user.email == email, || {
        format!("email: {}, but {email} was registered", user.email)
    })
}

/// Checks that the token is a bearer token with a plausible lifetime.
pub(crate) fn token(token: &Token) -> CheckResult {
    ensure(
        token.token_type == "Bearer" && !token.access_token.is_empty(),
        || {
            format!(
                "expected a bearer token that is not empty, got a token of type `{}`",
                token.token_type
            )
        },
    )?;
    ensure((60..=86_400).contains(&token.expires_in), || {
        format!("expires_in: {} s, expected 60 to 86400 s", token.expires_in)
    })
}

/// Checks that all messages of the inbox are about the customer's own orders.
pub(crate) fn inbox(inbox: &Page<Message>, own_orders: &BTreeSet<Uuid>) -> CheckResult {
    let foreign = |message: &&Message| !own_orders.contains(&message.order_id);
    match inbox.items.iter().find(foreign) {
        None => Ok(()),
        Some(message) => Err(format!(
            "the inbox has a message about order {}, which is another customer's order",
            message.order_id
        )),
    }
}
