//! The paths that the runtime itself answers before any route, as Spin does: health, and information about the app.
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::body::{Body, empty, full};

const PREFIX: &str = "/.well-known/spin/";

/// Whether the runtime itself answers a path.
pub(crate) fn is_runtime_path(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Returns the response for a path that the runtime itself answers; None for any other path. `name` and `version` describe the
/// app; the version may be empty. As in Spin, the response is the same for all methods.
pub(crate) fn response(name: &str, version: &str, path: &str) -> Option<Response<Body>> {
    let response = match path.strip_prefix(PREFIX)? {
        "health" => Response::new(full(Bytes::from_static(b"OK"))),
        "info" => {
            let info = json!({ "name": name, "version": version });
            let mut response = Response::new(full(format!("{info:#}")));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
        _ => {
            let mut response = Response::new(empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    Some(response)
}
