//! Structured logs: one JSON object a line on standard output, carrying the request's and the trace's id.

use serde_json::{Map, Value};

use crate::context::Context;
use crate::time;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Something went wrong and was dealt with.
    Warn,
    /// Something a person should look at.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// Writes one line. `fields` is a JSON object; its members stand beside `ts`, `level`, `service`, `msg` and the ids.
///
/// Never put a secret, a token, a password or a whole request body into a line.
pub fn write(level: Level, context: &Context, msg: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("ts".into(), time::rfc3339(time::now()).into());
    line.insert("level".into(), level.word().into());
    line.insert("service".into(), context.service().into());
    line.insert("msg".into(), msg.into());
    line.insert("request_id".into(), context.request_id().into());
    line.insert("trace_id".into(), context.trace_id().into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    // One write a line: hosts keep a locked write of a whole line whole.
    println!("{}", Value::Object(line));
}

/// [`write()`] at [`Level::Info`].
pub fn info(context: &Context, msg: &str, fields: Value) {
    write(Level::Info, context, msg, fields);
}

/// [`write()`] at [`Level::Warn`].
pub fn warn(context: &Context, msg: &str, fields: Value) {
    write(Level::Warn, context, msg, fields);
}

/// [`write()`] at [`Level::Error`].
pub fn error(context: &Context, msg: &str, fields: Value) {
    write(Level::Error, context, msg, fields);
}
