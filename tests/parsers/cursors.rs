//! Property tests of page tokens: a token of a list is accepted, and any other text is rejected with 400.

use product::domain::Release;
use product::listing::Listing;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use stoa_service::Problem;
use stoa_service::page::{Page, cursor, encode_cursor, limit};
use uuid::Uuid;

use crate::{config, mutated};

/// The types of the keys by which services sort lists: time and id, or a text.
type ByTime = (i64, Uuid);
type ByText = String;

/// Reads a text as a page token. If the text is accepted, its key must be valid; otherwise the error must be `bad_page_token`.
fn check_read<C: DeserializeOwned + serde::Serialize>(text: &str) -> Result<(), TestCaseError> {
    match cursor::<C>(Some(text)) {
        Ok(read) => {
            // An accepted key can be written as a page token again.
            let again = encode_cursor(&read.unwrap()).unwrap();
            prop_assert!(cursor::<C>(Some(&again)).is_ok());
        }
        Err(problem) => {
            prop_assert_eq!(
                (problem.status().as_u16(), problem.code()),
                (400, "bad_page_token")
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_cursor_that_is_encoded_and_decoded_is_unchanged(time in any::<i64>(), id in any::<u128>(), text in any::<String>()) {
        let by_time = (time, Uuid::from_u128(id));
        prop_assert_eq!(cursor::<ByTime>(encode_cursor(&by_time).as_deref()).unwrap(), Some(by_time));
        prop_assert_eq!(cursor::<ByText>(encode_cursor(&text).as_deref()).unwrap(), Some(text));
    }

    #[test]
    fn fuzz_a_mutated_cursor(text in mutated(&encode_cursor(&(7_i64, Uuid::nil())).unwrap(), "[A-Za-z0-9_=+/-]{0,6}")) {
        check_read::<ByTime>(&text)?;
        check_read::<ByText>(&text)?;
        check_read::<serde_json::Value>(&text)?;
    }

    #[test]
    fn fuzz_any_text_as_a_cursor(text in ".{0,60}") {
        check_read::<ByTime>(&text)?;
        check_read::<ByText>(&text)?;
    }

    #[test]
    fn fuzz_json_as_a_cursor(json in "[\\[\\]{}\"a-z:,0-9.-]{0,40}") {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&json);
        check_read::<ByTime>(&text)?;
        check_read::<ByText>(&text)?;
    }

    #[test]
    fn a_limit_is_1_to_100_or_is_rejected(text in prop_oneof![".{0,8}", any::<i64>().prop_map(|n| n.to_string()), (0..200_u32).prop_map(|n| n.to_string())]) {
        match limit(Some(&text)) {
            Ok(limit) => prop_assert!((1..=100).contains(&limit)),
            Err(problem) => prop_assert_eq!(problem.code(), "bad_limit"),
        }
    }

    #[test]
    fn a_page_is_never_longer_than_its_limit_and_has_a_token_if_there_is_more(items in 0..220_u32, limit in 1..=100_u32) {
        let all: Vec<u32> = (0..items.min(limit + 1)).collect();
        let page = Page::new(all, limit, |last| *last);
        prop_assert!(page.items.len() <= limit as usize);
        let next = page.next_page_token.map(|token| cursor::<u32>(Some(&token)).unwrap());
        prop_assert_eq!(next, (items > limit).then(|| page.items.last().copied()));
    }

    #[test]
    fn fuzz_any_search(q in proptest::option::of(".{0,80}"), category in proptest::option::of(".{0,20}")) {
        for release in [Release::V1, Release::V2] {
            if let Err(error) = Listing::new(q.as_deref(), category.as_deref(), release) {
                prop_assert_eq!(Problem::from(error).code(), "bad_search");
            }
        }
    }
}
