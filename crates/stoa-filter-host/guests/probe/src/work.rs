//! The operations of a program. Each operation makes one or two host calls.

use std::cell::Cell;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MetricType};

use crate::output::{self, report};
use crate::phase::Phase;
use crate::program::Program;

thread_local! {
    /// The number of times that the operation `static` ran in this VM, for all plugins together.
    static STATIC_COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Runs the operations of a phase. Returns `Pause` if one of them is `pause` or `refuse`, otherwise `Continue`. In a body phase,
/// `size` is the size of the body.
pub(crate) fn perform(program: &Program, phase: Phase, size: usize) -> Action {
    let mut action = Action::Continue;
    for operation in program.operations(phase) {
        let words: Vec<&str> = operation.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {}
            ["pause" | "refuse"] => action = Action::Pause,
            ["in-header", words @ ..] => {
                output::into_headers(phase.map(), || run(phase, words, size));
            }
            words => run(phase, words, size),
        }
    }
    action
}

fn run(phase: Phase, words: &[&str], size: usize) {
    if let Err(status) = perform_one(phase, words, size) {
        let _reported = report(&format!("{}: {status:?}", words.join(" ")));
    }
}

fn perform_one(phase: Phase, words: &[&str], size: usize) -> Result<(), proxy_wasm::types::Status> {
    match words {
        ["set", name, value] => hostcalls::set_map_value(phase.map(), name, Some(value)),
        ["add", name, value] => hostcalls::add_map_value(phase.map(), name, value),
        ["remove", name] => hostcalls::set_map_value(phase.map(), name, None),
        ["get", name] => {
            let value = hostcalls::get_map_value(phase.map(), name)?;
            report(&format!("{name}={}", value.as_deref().unwrap_or("none")))
        }
        ["map"] => {
            let map = hostcalls::get_map(phase.map())?;
            let map: Vec<_> = map
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            report(&map.join(" "))
        }
        ["only", name, value] => hostcalls::set_map(phase.map(), vec![(name, value)]),
        ["body", text] => hostcalls::set_buffer(phase.body(), 0, usize::MAX, text.as_bytes()),
        ["prepend", text] => hostcalls::set_buffer(phase.body(), 0, 0, text.as_bytes()),
        ["append", text] => hostcalls::set_buffer(phase.body(), size.max(1), 0, text.as_bytes()),
        ["insert", text] => hostcalls::set_buffer(phase.body(), 1, 1, text.as_bytes()),
        ["show-body"] => {
            let body = hostcalls::get_buffer(phase.body(), 0, usize::MAX)?;
            report(&format!("body={}", text(&body.unwrap_or_default())))
        }
        ["reply", status, body @ ..] => {
            let headers = vec![("x-reply", "yes")];
            let body = body.first().map(|body| body.as_bytes());
            hostcalls::send_http_response(status.parse().unwrap_or(500), headers, body)
        }
        ["reply-grpc", status] => {
            let status = match *status {
                "unavailable" => proxy_wasm::types::GrpcStatusCode::Unavailable,
                _ => proxy_wasm::types::GrpcStatusCode::Aborted,
            };
            hostcalls::send_grpc_response(status, Some("why not"), vec![])
        }
        ["resume-request"] => hostcalls::resume_http_request(),
        ["resume-response"] => hostcalls::resume_http_response(),
        ["reset"] => hostcalls::reset_http_request(),
        ["call", cluster, path, timeout] => {
            let timeout = Duration::from_millis(timeout.parse().unwrap_or_default());
            let headers = vec![(":method", "GET"), (":path", *path), (":authority", "x")];
            hostcalls::dispatch_http_call(cluster, headers, None, vec![], timeout).map(|_| ())
        }
        ["property", path @ ..] => {
            let value = hostcalls::get_property(path.to_vec())?;
            report(&format!(
                "{}={}",
                path.join("."),
                value.map_or("none".into(), |v| text(&v))
            ))
        }
        ["property-bytes", path @ ..] => {
            let value = hostcalls::get_property(path.to_vec())?;
            report(&format!("{}={value:?}", path.join(".")))
        }
        ["set-property", name, value] => {
            hostcalls::set_property(vec![name], Some(value.as_bytes()))
        }
        ["share", key, value] => {
            let (_, stamp) = hostcalls::get_shared_data(key)?;
            hostcalls::set_shared_data(key, Some(value.as_bytes()), stamp)
        }
        ["share-stale", key, value] => {
            hostcalls::set_shared_data(key, Some(value.as_bytes()), Some(u32::MAX))
        }
        ["shared", key] => {
            let (value, stamp) = hostcalls::get_shared_data(key)?;
            let value = value.map_or("none".into(), |value| text(&value));
            report(&format!("{key}={value} stamped {}", stamp.is_some()))
        }
        ["register", queue] => hostcalls::register_shared_queue(queue).map(|_| ()),
        ["enqueue", queue, item] => match hostcalls::resolve_shared_queue("", queue)? {
            Some(token) => hostcalls::enqueue_shared_queue(token, Some(item.as_bytes())),
            None => report("the queue does not exist"),
        },
        ["foreign", name, argument] => {
            let result = hostcalls::call_foreign_function(name, Some(argument.as_bytes()))?;
            report(&format!("{name}={}", text(&result.unwrap_or_default())))
        }
        ["count", name, by] => metric(MetricType::Counter, name, by),
        ["gauge", name, by] => metric(MetricType::Gauge, name, by),
        ["record", name, value] => {
            let id = hostcalls::define_metric(MetricType::Histogram, name)?;
            hostcalls::record_metric(id, value.parse().unwrap_or_default())
        }
        ["time"] => {
            let now = hostcalls::get_current_time()?;
            let since = now
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            report(&format!("time={}", since.as_millis()))
        }
        ["static"] => {
            STATIC_COUNT.set(STATIC_COUNT.get() + 1);
            report(&format!("static={}", STATIC_COUNT.get()))
        }
        ["done"] => hostcalls::done(),
        ["print", word] => {
            println!("{word}");
            Ok(())
        }
        ["log", words @ ..] => report(&words.join(" ")),
        ["panic"] => panic!("as scripted"),
        other => panic!("unknown operation {}", other.join(" ")),
    }
}

fn metric(kind: MetricType, name: &str, by: &str) -> Result<(), proxy_wasm::types::Status> {
    let id = hostcalls::define_metric(kind, name)?;
    hostcalls::increment_metric(id, by.parse().unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
