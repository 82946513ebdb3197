//! Decodes CloudEvents 1.0 from HTTP requests, in structured and binary mode. A request contains one event. Unknown attributes are
//! accepted as extensions.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use stoa_service::{Problem, Request, text, time};

use crate::domain::CloudEvent;

/// The maximum length of `id`, `source`, `type` and `subject`, in characters.
pub const MAX_ATTRIBUTE_LENGTH: usize = 256;

/// The attributes and the data of an event as received, in either mode. Unknown members are accepted as extensions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope {
    specversion: Option<String>,
    id: Option<String>,
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    data: Value,
}

/// Decodes the event of a request. The response is 415 for an unsupported content type, 400 for malformed JSON, and 422 for an
/// invalid attribute.
pub fn read(request: &Request) -> Result<CloudEvent, Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        "application/cloudevents+json" => check_attributes(request.json()?, ""),
        "application/json" => check_attributes(read_binary_mode(request)?, "ce-"),
        "application/cloudevents-batch+json" => Err(unsupported(
            "batches of events are not accepted; send one event in each request".to_owned(),
        )),
        other => Err(unsupported(format!(
            "`{}` is neither application/cloudevents+json nor application/json with ce- headers",
            text::shorten(other)
        ))),
    }
}

fn unsupported(fault: String) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("content-type: {fault}"),
    )
}

fn read_binary_mode(request: &Request) -> Result<Envelope, Problem> {
    let header = |name: &str| request.header(name).map(percent_decode);
    Ok(Envelope {
        specversion: header("ce-specversion"),
        id: header("ce-id"),
        source: header("ce-source"),
        kind: header("ce-type"),
        subject: header("ce-subject"),
        time: header("ce-time"),
        data: if request.body().is_empty() {
            Value::Null
        } else {
            request.json()?
        },
    })
}

/// Decodes a percent-encoded header value (CloudEvents HTTP binding, section 3.1.3.2). A malformed percent sequence stays
/// unchanged.
fn percent_decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|hex| *byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = after
            .get(if escaped.is_some() { 2.. } else { 0.. })
            .unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

/// Checks the attributes of an event. In an error, `prefix` precedes the name of the attribute. In binary mode the attributes are
/// headers, so the prefix is `ce-`.
fn check_attributes(envelope: Envelope, prefix: &str) -> Result<CloudEvent, Problem> {
    match envelope.specversion.as_deref() {
        Some("1.0") => {}
        Some(other) => {
            return Err(Problem::invalid(format!(
                "{prefix}specversion: `{}` is not 1.0",
                text::shorten(other)
            )));
        }
        None => {
            return Err(Problem::invalid(format!(
                "{prefix}specversion: missing; expected 1.0"
            )));
        }
    }
    if let Some(text) = envelope.time.filter(|t| time::parse(t).is_none()) {
        return Err(Problem::invalid(format!(
            "{prefix}time: `{}` is not an RFC 3339 instant",
            text::shorten(&text)
        )));
    }
    let required = |name: &str, value: Option<String>| {
        attribute(prefix, name, value)?
            .ok_or_else(|| Problem::invalid(format!("{prefix}{name}: missing")))
    };
    Ok(CloudEvent {
        id: required("id", envelope.id)?,
        source: required("source", envelope.source)?,
        kind: required("type", envelope.kind)?,
        subject: attribute(prefix, "subject", envelope.subject)?,
        data: envelope.data,
    })
}

fn attribute(prefix: &str, name: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    let is_valid = |v: &str| {
        (1..=MAX_ATTRIBUTE_LENGTH).contains(&v.chars().count()) && !v.chars().any(char::is_control)
    };
    match value {
        Some(value) if !is_valid(&value) => Err(Problem::invalid(format!(
            "{prefix}{name}: `{}` must have 1 to {MAX_ATTRIBUTE_LENGTH} characters and no control characters",
            text::shorten(&value.escape_debug().to_string())
        ))),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_encoded_header_values_are_decoded_and_others_stay_unchanged() {
        for (value, text) in [
            ("/stoa/order", "/stoa/order"),
            ("a%20b%C3%A4", "a bä"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%ff", "%ff"),
            ("%+4", "%+4"),
            ("", ""),
        ] {
            assert_eq!(percent_decode(value), text, "{value}");
        }
    }
}
