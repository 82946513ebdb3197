//! Structured logs: each line on standard output is one JSON object with the ids of the request and the trace.

use serde_json::{Map, Value};

use crate::context::Context;
use crate::time;

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A normal event.
    Info,
    /// A failure that the service handled.
    Warn,
    /// A failure that needs a person's attention.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// Writes one log line. The members of the JSON object `fields` are added to `ts`, `level`, `service`, `msg`, `request_id` and
/// `trace_id`.
///
/// Never log a secret, a token, a password or a whole request body.
pub fn write(level: Level, context: &Context, msg: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("ts".into(), time::rfc3339(time::now()).into());
    line.insert("level".into(), level.as_str().into());
    line.insert("service".into(), context.service().into());
    line.insert("msg".into(), msg.into());
    line.insert("request_id".into(), context.request_id().into());
    line.insert("trace_id".into(), context.trace_id().into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    // `println!` writes the whole line at once, and hosts do not split such a write.
    println!("{}", Value::Object(line));
}

/// Writes one log line at [`Level::Info`], like [`write()`].
pub fn info(context: &Context, msg: &str, fields: Value) {
    write(Level::Info, context, msg, fields);
}

/// Writes one log line at [`Level::Warn`], like [`write()`].
pub fn warn(context: &Context, msg: &str, fields: Value) {
    write(Level::Warn, context, msg, fields);
}

/// Writes one log line at [`Level::Error`], like [`write()`].
pub fn error(context: &Context, msg: &str, fields: Value) {
    write(Level::Error, context, msg, fields);
}
