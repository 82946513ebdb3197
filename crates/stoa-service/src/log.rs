//! Structured logs: one JSON object per line on standard output, with the ids of the request and the trace.

use serde_json::{Map, Value};

use crate::context::Context;
use crate::time;

/// The severity of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For information.
    Info,
    /// Something went wrong and was handled.
    Warn,
    /// Something that needs a person's attention.
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

/// Writes one line. `fields` is a JSON object; its members appear beside `ts`, `level`, `service`, `msg` and the ids.
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
    // One write per line: hosts do not split a locked write of a whole line.
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
