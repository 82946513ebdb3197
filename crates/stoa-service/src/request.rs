//! An HTTP request with its path parameters, and the checks of headers, query and body that handlers share.

use http::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::json;
use crate::problem::Problem;
use crate::{id, text};

/// The largest accepted request body, in bytes. A larger body gets 413.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// An HTTP request with its path parameters and its [`Context`].
#[derive(Debug)]
pub struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
    context: Context,
    pub(crate) params: Vec<(&'static str, String)>,
}

impl Request {
    /// Wraps an HTTP request to `service`.
    pub fn new(service: &'static str, request: http::Request<Vec<u8>>) -> Self {
        let context = Context::new(service, request.headers());
        Self::within(context, request)
    }

    /// Wraps an HTTP request whose context is already known.
    pub fn within(context: Context, request: http::Request<Vec<u8>>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            context,
            params: Vec::new(),
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as received, still percent-encoded.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The context of the request, for logs and outgoing calls.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The value of a header; `None` if the header is absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The decoded path parameter `name`; empty if the route has no parameter with this name.
    pub fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(n, _)| *n == name)
            .map_or("", |(_, v)| v.as_str())
    }

    /// Reads a path parameter as an identifier. Any other text gets 404, because no resource has such an identifier.
    pub fn id_param(&self, name: &str) -> Result<uuid::Uuid, Problem> {
        id::parse(name, self.param(name)).map_err(|error| Problem::not_found(error.to_string()))
    }

    /// Decodes the JSON body with [`json::read`]. Malformed JSON or UTF-8 gets 400. A wrong type, a missing field or an unknown
    /// field gets 422.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !(kind.eq_ignore_ascii_case("application/json")
            || (kind.starts_with("application/") && kind.ends_with("+json")))
        {
            return Err(Problem::new(
                http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!(
                    "content-type: `{}` is not application/json",
                    text::shorten(kind)
                ),
            ));
        }
        json::read(&self.body).map_err(|error| match error.without_location().classify() {
            serde_json::error::Category::Data => Problem::invalid(error.to_string()),
            _ => Problem::bad_request(
                "malformed_json",
                format!("body: not valid JSON: {}", error.without_location()),
            ),
        })
    }

    /// The decoded query parameters, in the order of `known`. An unknown or repeated parameter, or bad encoding, gets 400.
    pub fn query<const N: usize>(
        &self,
        known: [&'static str; N],
    ) -> Result<[Option<String>; N], Problem> {
        let mut values = [const { None }; N];
        for pair in self
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|p| !p.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = known
                .iter()
                .position(|k| *k == name)
                .and_then(|i| values.get_mut(i));
            let Some(slot) = slot else {
                return Err(Problem::bad_request(
                    "unknown_parameter",
                    format!(
                        "query: unknown parameter `{}`; {}",
                        text::shorten(name),
                        if N == 0 {
                            "this path has no parameters".to_owned()
                        } else {
                            format!("expected {}", known.join(", "))
                        }
                    ),
                ));
            };
            let Some(value) = decode(&value.replace('+', " ")) else {
                return Err(Problem::bad_request(
                    "bad_encoding",
                    format!(
                        "query: {name} is not percent-encoded UTF-8, or contains the character NUL"
                    ),
                ));
            };
            if slot.replace(value).is_some() {
                return Err(Problem::bad_request(
                    "repeated_parameter",
                    format!("query: {name} is given twice"),
                ));
            }
        }
        Ok(values)
    }

    /// The value of the header `Idempotency-Key`: 1 to 255 visible ASCII characters. A missing, repeated or malformed header gets
    /// 400.
    pub fn idempotency_key(&self) -> Result<&str, Problem> {
        let mut all = self.headers.get_all("idempotency-key").iter();
        let key = all.next().and_then(|v| v.to_str().ok()).unwrap_or_default();
        if all.next().is_some()
            || !(1..=255).contains(&key.len())
            || !key.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Problem::bad_request(
                "idempotency_key_required",
                "Idempotency-Key: expected one header of 1 to 255 visible ASCII characters, such as a UUID",
            ));
        }
        Ok(key)
    }

    /// The token of the header `Authorization: Bearer`. A request without a token gets 401.
    pub fn bearer(&self) -> Result<&str, Problem> {
        let value = self.header("authorization").unwrap_or_default();
        match value.split_once(' ') {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() =>
            {
                Ok(token.trim())
            }
            _ => Err(Problem::unauthorized(
                "Authorization: expected `Bearer <token>` from POST /user/login",
            )),
        }
    }
}

/// Decodes percent-encoded text (RFC 3986, section 2.1). `None` if the text is malformed, is not UTF-8, or contains the character
/// NUL, which PostgreSQL cannot store.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests;
