//! The fault `decline`: the caller gets the response that payment sends when the card processor declines the card.

use super::kind::{Effect, Fault, Kind};
use crate::reply::Problem;

/// The most common `decline_code` of card processors. This code gives no reason.
pub(super) const DEFAULT_CODE: &str = "card_declined";

const NAME: &str = "decline";

pub(super) const KIND: Kind = Kind {
    name: NAME,
    read: |settings| {
        let Some(node) = settings.get("code") else {
            return Some(decline(DEFAULT_CODE));
        };
        let code = node.text()?;
        if !is_code(&code) {
            node.add_mismatch("a word in snake_case of at most 64 characters");
        }
        Some(decline(&code))
    },
    read_header: |value| match value.unwrap_or(DEFAULT_CODE) {
        code if is_code(code) => Ok(decline(code)),
        _ => Err("decline=CODE with a code in snake_case".to_owned()),
    },
    #[cfg(not(target_family = "wasm"))]
    setting: super::kind::SettingSyntax {
        value: "[:CODE]",
        summary: "the caller gets 402 with this code [card_declined]",
        expected: "a decline_code in snake_case, such as insufficient_funds",
        configure: |value| {
            let code = value.unwrap_or(DEFAULT_CODE);
            is_code(code).then(|| serde_json::json!({"code": code}))
        },
    },
    #[cfg(not(target_family = "wasm"))]
    describe: |fault| match &fault.effect {
        Effect::Reply(problem) => problem
            .decline_code
            .clone()
            .filter(|code| code != DEFAULT_CODE),
        _ => None,
    },
};

/// A decline: status 402, and a problem document with this `decline_code`.
pub fn decline(code: &str) -> Fault {
    let detail = ["the card processor declined the payment: ", code].concat();
    Fault {
        kind: NAME,
        effect: Effect::Reply(Problem {
            status: 402,
            code: "payment_declined",
            detail,
            decline_code: Some(code.to_owned()),
            grpc_status: None,
        }),
    }
}

/// Whether `text` is a valid `decline_code`. The code becomes a part of a JSON document and a log line.
fn is_code(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
