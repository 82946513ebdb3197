//! Checks responses against the OpenAPI documents of the shop and of the stand-ins for third parties.

use std::sync::LazyLock;

use api::Contract;

use crate::client::Answer;

static DOCUMENTS: LazyLock<Result<[Contract; 2], String>> =
    LazyLock::new(|| Ok([Contract::shop()?, Contract::partners()?]));

/// Checks the response to a request with `method` and `path` (with its query). This is a [`crate::Check`] for
/// [`crate::Client::checked_by`].
///
/// If the documents contain no operation for the request, the response must be a problem document. The response to `HEAD` must have
/// no body.
///
/// # Errors
/// A description of what is wrong in the response.
pub fn contract(method: &str, path: &str, answer: &Answer) -> Result<(), String> {
    let documents = DOCUMENTS.as_ref().map_err(String::clone)?;
    let path = path.split('?').next().unwrap_or_default();
    let kind = answer.header("content-type");
    let (status, body) = (answer.status, answer.body.as_slice());
    if method == "HEAD" {
        return if body.is_empty() {
            Ok(())
        } else {
            Err(format!("HEAD {path}: the response has a body"))
        };
    }
    if answer.header("x-request-id").is_none() {
        return Err(format!(
            "{method} {path} -> {status}: the response has no x-request-id"
        ));
    }
    match documents.iter().find(|d| d.find(method, path).is_some()) {
        Some(document) => document.check_answer(method, path, status, kind, body),
        None if matches!(status, 400 | 404 | 405) && kind == Some("application/problem+json") => {
            let problem = serde_json::json!({"$ref": "#/components/schemas/Problem"});
            documents
                .iter()
                .try_for_each(|d| d.check(&problem, &answer.json))
        }
        None => Err(format!(
            "{method} {path} -> {status}: no such operation; expected a problem document"
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::contract;
    use crate::client::Answer;

    fn answer(status: u16, kind: &'static str, json: Value) -> Answer {
        let headers = [("content-type", kind), ("x-request-id", "r")];
        let headers = headers.map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        Answer {
            status,
            headers: HeaderMap::from_iter(headers),
            body: json.to_string().into_bytes(),
            json,
        }
    }

    fn problem(status: u16, code: &str) -> Answer {
        let document = json!({"type": "about:blank", "title": "x", "status": status, "detail": "x",
            "instance": "/x", "code": code, "request_id": "r"});
        answer(status, "application/problem+json", document)
    }

    #[test]
    fn documented_responses_and_rejections_of_unknown_operations_pass() {
        let item = json!({"sku": "A", "on_hand": 3, "reserved": 1, "available": 2});
        let item = answer(200, "application/json", item);
        assert_eq!(contract("GET", "/items/A?x=y", &item), Ok(()));
        for (method, path, problem) in [
            ("GET", "/items/A", problem(404, "not_found")),
            ("GET", "/items/A", problem(504, "request_timeout")),
            // Every operation can respond with 400 `bad_request`, because the runtime rejects a request that has no host.
            ("GET", "/items/A", problem(400, "bad_request")),
            ("DELETE", "/items", problem(405, "method_not_allowed")),
            ("GET", "/pim/products/A", problem(404, "not_found")),
        ] {
            assert_eq!(contract(method, path, &problem), Ok(()));
        }
    }

    #[test]
    fn an_undocumented_member_code_status_or_operation_is_an_error() {
        let surplus =
            json!({"sku": "A", "on_hand": 3, "reserved": 1, "available": 2, "colour": "red"});
        for (method, path, answer, fault) in [
            (
                "GET",
                "/items/A",
                answer(200, "application/json", surplus),
                "colour",
            ),
            ("GET", "/items/A", problem(404, "gone"), "gone"),
            (
                "GET",
                "/items/A",
                answer(202, "application/json", json!({})),
                "not documented",
            ),
            (
                "GET",
                "/items/A",
                answer(200, "text/html", json!({})),
                "text/html",
            ),
            (
                "GET",
                "/nowhere",
                answer(200, "application/json", json!({})),
                "no such operation",
            ),
            (
                "HEAD",
                "/items/A",
                answer(200, "application/json", json!({})),
                "a body",
            ),
        ] {
            let found = contract(method, path, &answer).unwrap_err();
            assert!(found.contains(fault), "{found}");
        }
        let mut nameless = answer(200, "application/json", json!({}));
        nameless.headers.remove("x-request-id");
        let found = contract("GET", "/items/A", &nameless).unwrap_err();
        assert!(found.contains("no x-request-id"), "{found}");
    }
}
