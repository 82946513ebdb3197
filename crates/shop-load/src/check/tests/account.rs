//! Checks of accounts, tokens and inboxes.

use std::collections::BTreeSet;

use serde_json::json;

use super::{ID, OTHER, assert_wrong, read, with_member};
use crate::check::account::{inbox, token, user};

#[test]
fn an_account_has_the_registered_address_and_its_token_is_valid() {
    let registered = read(&json!({"user_id": ID, "email": "a@example.com"}));
    assert_eq!(user(&registered, "a@example.com"), Ok(()));
    assert_wrong(
        user(&registered, "b@example.com"),
        "b@example.com was registered",
    );
    let good = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600});
    assert_eq!(token(&read(&good)), Ok(()));
    assert_wrong(
        token(&read(&with_member(&good, "/access_token", json!("")))),
        "expected a bearer token",
    );
    assert_wrong(
        token(&read(&with_member(&good, "/token_type", json!("MAC")))),
        "`MAC`",
    );
    for absurd in [5, 86_401, u64::MAX] {
        assert_wrong(
            token(&read(&with_member(&good, "/expires_in", json!(absurd)))),
            &format!("expires_in: {absurd} s"),
        );
    }
}

#[test]
fn an_inbox_has_only_messages_about_the_customers_own_orders() {
    let message = json!({"notification_id": ID, "title": "Thanks", "order_id": ID});
    let messages = read(&json!({"items": [message], "next_page_token": null}));
    let own = |id: &str| BTreeSet::from([id.parse().unwrap()]);
    assert_eq!(inbox(&messages, &own(ID)), Ok(()));
    assert_wrong(
        inbox(&messages, &own(OTHER)),
        "which is another customer's order",
    );
}
