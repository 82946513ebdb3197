//! Checks of accounts, tokens and inboxes.

use std::collections::BTreeSet;

use serde_json::json;

use super::{ID, OTHER, read, with, wrong};
use crate::check::account::{inbox, token, user};

#[test]
fn an_account_is_the_customers_own_and_its_token_valid() {
    let registered = read(&json!({"user_id": ID, "email": "a@example.com"}));
    assert_eq!(user(&registered, "a@example.com"), Ok(()));
    wrong(
        user(&registered, "b@example.com"),
        "b@example.com registered",
    );
    let good = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600});
    assert_eq!(token(&read(&good)), Ok(()));
    wrong(
        token(&read(&with(&good, "/access_token", json!("")))),
        "not a bearer token",
    );
    wrong(
        token(&read(&with(&good, "/token_type", json!("MAC")))),
        "`MAC`",
    );
    for absurd in [5, 86_401, u64::MAX] {
        wrong(
            token(&read(&with(&good, "/expires_in", json!(absurd)))),
            &format!("a token for {absurd} s"),
        );
    }
}

#[test]
fn an_inbox_has_the_customers_own_messages() {
    let message = json!({"notification_id": ID, "title": "Thanks", "order_id": ID});
    let letters = read(&json!({"items": [message], "next_page_token": null}));
    let own = |id: &str| BTreeSet::from([id.parse().unwrap()]);
    assert_eq!(inbox(&letters, &own(ID)), Ok(()));
    wrong(inbox(&letters, &own(OTHER)), "not this customer's");
}
