//! Holds answers against the OpenAPI documents of the shop and of the third parties it is tried with.

use std::sync::LazyLock;

use api::Contract;

use crate::client::Answer;

static DOCUMENTS: LazyLock<Result<[Contract; 2], String>> =
    LazyLock::new(|| Ok([Contract::shop()?, Contract::partners()?]));

/// For [`crate::Client::checked_by`]: what does not fit in the answer to `method` and `path` (with its query).
///
/// A request that is no operation has to be refused with a problem document; `HEAD` is `GET` without a body.
///
/// # Errors
/// What does not fit.
pub fn contract(method: &str, path: &str, answer: &Answer) -> Result<(), String> {
    let documents = DOCUMENTS.as_ref().map_err(String::clone)?;
    let path = path.split('?').next().unwrap_or_default();
    let kind = answer.header("content-type");
    let (status, body) = (answer.status, answer.body.as_slice());
    if method == "HEAD" {
        return if body.is_empty() {
            Ok(())
        } else {
            Err(format!("HEAD {path}: a body"))
        };
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
            "{method} {path} -> {status}: no such operation, but no refusal"
        )),
    }
}
