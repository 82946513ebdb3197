//! Accounts, tokens and inboxes.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::ensure::{Checked, ensure};
use crate::wire::{Message, Page, Token, User};

/// The account belongs to the address that registered.
pub(crate) fn user(user: &User, email: &str) -> Checked {
    ensure(user.email == email, || {
        format!("an account for {}, and {email} registered", user.email)
    })
}

/// A token that can be used.
pub(crate) fn token(token: &Token) -> Checked {
    ensure(
        token.token_type == "Bearer" && !token.access_token.is_empty(),
        || format!("not a bearer token, but `{}`", token.token_type),
    )?;
    ensure((60..=86_400).contains(&token.expires_in), || {
        format!("a token for {} s, expected 60 to 86400", token.expires_in)
    })
}

/// An inbox has messages about its owner's orders only.
pub(crate) fn inbox(inbox: &Page<Message>, own: &BTreeSet<Uuid>) -> Checked {
    match inbox.items.iter().find(|m| !own.contains(&m.order_id)) {
        None => Ok(()),
        Some(message) => Err(format!(
            "a message about order {}, which is not this customer's",
            message.order_id
        )),
    }
}
