//! stoa's own log lines, on stderr. stoa does not change the log lines of components.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::exit::{Code, Failure};
use crate::output::note;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text if stderr is a terminal, else JSON
    Auto,
    /// Lines of text for people
    Text,
    /// One JSON object per line
    Json,
}

/// True if log lines are JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Starts the process's logger.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure::new(Code::Usage, format!("--log-level {level:?}: {error}")))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
    };
    JSON.store(json, Ordering::Relaxed);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if json {
        builder.event_format(JsonLine).try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).try_init()
    };
    started
        .map_err(|error| Failure::new(Code::Internal, format!("cannot start the logger: {error}")))
}

/// Reports a step of a run to the user. Without JSON logs, the text is printed at any log level. With JSON logs, the text becomes
/// the message of a log line. The text is for people, and no program reads it.
pub(crate) fn report_step(text: &str) {
    if JSON.load(Ordering::Relaxed) {
        tracing::info!("{text}");
    } else {
        note(text);
    }
}

/// Formats one JSON object per line. Components' log lines have the same members: `ts`, `level`, `service`, `msg`.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut ts = String::new();
        SystemTime.format_time(&mut Writer::new(&mut ts))?;
        let level = event.metadata().level().as_str().to_lowercase();
        let mut line = Members::default();
        line.add("ts", ts.into());
        line.add("level", level.into());
        line.add("service", "stoa".into());
        line.add("target", event.metadata().target().into());
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

/// The members of a log line. A number in a field stays a number, and the field `message` becomes the member `msg`.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn add(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    fn record(&mut self, field: &Field, value: Value) {
        match field.name() {
            "message" => self.add("msg", value),
            name => self.add(name, value),
        }
    }

    /// Records an integer. An integer that does not fit into 64 bits becomes a string, because many JSON parsers cannot represent
    /// such a number.
    fn integer<T: ToString + TryInto<i64> + TryInto<u64> + Copy>(
        &mut self,
        field: &Field,
        value: T,
    ) {
        let signed = TryInto::<i64>::try_into(value).map(Value::from);
        let number = signed.or_else(|_| TryInto::<u64>::try_into(value).map(Value::from));
        self.record(field, number.unwrap_or_else(|_| value.to_string().into()));
    }
}

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value.into());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(act: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(JsonLine)
            .with_writer(move || written.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        let text = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn a_log_line_has_the_members_of_components_log_lines_and_keeps_numbers() {
        let mut line = logged(|| {
            let millis = Duration::from_millis(3497).as_millis();
            let (error, name) = (io::Error::other("no"), "cart");
            tracing::warn!(millis, small = -1, part = 0.5, many = u128::MAX, yes = true, name, %error, "a \"b\"");
        });
        let ts = line["ts"].take();
        let ts = ts.as_str().unwrap();
        assert!(ts.ends_with('Z') && ts.contains('T'), "{ts}");
        let target = line["target"].take();
        assert_eq!(target, "stoa::log::tests");
        assert_eq!(
            line,
            json!({"ts": null, "level": "warn", "service": "stoa", "target": null, "msg": "a \"b\"", "millis": 3497, "small": -1,
                "part": 0.5, "many": u128::MAX.to_string(), "yes": true, "name": "cart", "error": "no"})
        );
    }
}
