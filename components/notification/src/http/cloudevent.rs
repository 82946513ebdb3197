//! CloudEvents 1.0 over HTTP, structured and binary mode, one event per request. Unknown attributes are extensions and accepted.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use stoa_service::{Problem, Request, text, time};

use crate::domain::CloudEvent;

/// The longest `id`, `source`, `type` and `subject`, in characters.
pub const MAX_ATTRIBUTE: usize = 256;

/// The envelope as received, in either mode. Unknown members are extensions.
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

/// Reads the event of a request. 415 for another content type, 400 for malformed JSON, 422 for an invalid attribute or
/// invalid data.
pub fn read(request: &Request) -> Result<CloudEvent, Problem> {
    let content_type = request.header("content-type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        "application/cloudevents+json" => check(request.json()?, ""),
        "application/json" => check(binary(request)?, "ce-"),
        "application/cloudevents-batch+json" => Err(unsupported(
            "batches of events are not accepted; send each event in a request of its own"
                .to_owned(),
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

fn binary(request: &Request) -> Result<Envelope, Problem> {
    let header = |name: &str| request.header(name).map(unescape);
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

/// Header values are percent-encoded (HTTP binding, section 3.1.3.2); a sequence that is not well encoded stays as it is.
fn unescape(value: &str) -> String {
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

/// `prefix` precedes an attribute's name in errors, so that the name is the one that the caller sent.
fn check(envelope: Envelope, prefix: &str) -> Result<CloudEvent, Problem> {
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
                "{prefix}specversion: is missing, expected 1.0"
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
            .ok_or_else(|| Problem::invalid(format!("{prefix}{name}: is missing")))
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
    let fits = |v: &str| {
        (1..=MAX_ATTRIBUTE).contains(&v.chars().count()) && !v.chars().any(char::is_control)
    };
    match value {
        Some(value) if !fits(&value) => Err(Problem::invalid(format!(
            "{prefix}{name}: `{}` is not 1 to {MAX_ATTRIBUTE} characters without control characters",
            text::shorten(&value.escape_debug().to_string())
        ))),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_unescaped_where_they_are_well_encoded() {
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
            assert_eq!(unescape(value), text, "{value}");
        }
    }
}
