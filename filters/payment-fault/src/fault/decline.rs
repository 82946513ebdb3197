//! `decline`: the response that payment sends when the card processor declines the card.

use super::kind::{Effect, Fault, Kind};
use crate::reply::Problem;

/// The most common code of card processors; it gives no reason.
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
            node.not("a word in snake_case, at most 64 letters");
        }
        Some(decline(&code))
    },
    read_header: |value| match value.unwrap_or(DEFAULT_CODE) {
        code if is_code(code) => Ok(decline(code)),
        _ => Err("decline= and a word in snake_case".to_owned()),
    },
    #[cfg(not(target_family = "wasm"))]
    setting: super::kind::SettingSyntax {
        value: "[:CODE]",
        summary: "402: the card is declined [card_declined]",
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

/// 402 with a problem document and this `decline_code`.
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

/// Whether `text` can be a decline code, which becomes part of a JSON document and a log line.
fn is_code(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
