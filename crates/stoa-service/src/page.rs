//! Pages of lists. A response is `{items, next_page_token}`, and a request selects its page with `limit` and `page_token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;
use crate::problem::Problem;

/// The number of items in a page if the request has no `limit`.
pub const DEFAULT_LIMIT: u32 = 20;
/// The largest accepted `limit`.
pub const MAX_LIMIT: u32 = 100;

/// A page of a list, as responses show it.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items of this page, at most `limit`.
    pub items: Vec<T>,
    /// The `page_token` of the next page; null on the last page.
    pub next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items. An extra item means that there is a next page. The next page's token encodes the
    /// `cursor` of the last item of this page.
    pub fn new<C: Serialize>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_page_token = items
            .last()
            .filter(|_| more)
            .and_then(|last| encode_cursor(&cursor(last)));
        Self {
            items,
            next_page_token,
        }
    }
}

/// Encodes a cursor as a `page_token`. Only lists that do not use [`Page::new`] call this.
pub fn encode_cursor<C: Serialize>(cursor: &C) -> Option<String> {
    let json = serde_json::to_vec(cursor).ok()?;
    Some(URL_SAFE_NO_PAD.encode(json))
}

/// Reads the parameter `limit`: 1 to 100, or 20 if it is absent.
pub fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = text else {
        return Ok(DEFAULT_LIMIT);
    };
    match text.parse::<u32>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(
            "bad_limit",
            format!(
                "limit: `{}` is not a number from 1 to {MAX_LIMIT}",
                crate::text::shorten(text)
            ),
        )),
    }
}

/// Decodes a `page_token` into the cursor that [`Page::new`] encoded.
pub fn cursor<C: DeserializeOwned>(token: Option<&str>) -> Result<Option<C>, Problem> {
    let Some(token) = token else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|json| json::read(&json).ok())
        .map(Some)
        .ok_or_else(|| {
            Problem::bad_request(
                "bad_page_token",
                "page_token: not a next_page_token of this list; start again without page_token",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_token_only_if_more_items_follow() {
        let page = Page::new(vec![1, 2, 3], 2, |last| *last);
        assert_eq!(page.items, [1, 2]);
        let token = page.next_page_token.unwrap();
        assert_eq!(cursor::<i32>(Some(&token)).unwrap(), Some(2));
        assert_eq!(Page::new(vec![1, 2], 2, |last| *last).next_page_token, None);
    }

    #[test]
    fn limits_out_of_range_and_malformed_tokens_are_rejected() {
        for bad in ["0", "101", "-1", "x", "", "1e1"] {
            assert_eq!(limit(Some(bad)).unwrap_err().code(), "bad_limit");
        }
        assert_eq!(limit(None).unwrap(), 20);
        for bad in ["", "!!", "bnVsbA=", "eyJ4Ijox"] {
            assert_eq!(
                cursor::<i32>(Some(bad)).unwrap_err().code(),
                "bad_page_token"
            );
        }
    }
}
