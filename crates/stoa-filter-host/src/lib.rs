//! Runs a [proxy-wasm](https://github.com/proxy-wasm/spec) filter (ABI 0.2.1, as the Rust SDK 0.2 builds it) without
//! Envoy, so that its tests take microseconds per stream and control the clock. The tested file is the one that ships.
//!
//! ```
//! use std::time::Duration;
//! use stoa_filter_host::{Filter, Options, Request, Response};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/wasm32-wasip1/release/probe.wasm");
//! let filter = Filter::load(path)?; // compiled once; clones are cheap
//! let vm = filter.start(Options::new())?;
//! vm.configure("every 10; request-headers pause; tick set x-late yes, resume-request")?;
//!
//! let mut stream = vm.stream();
//! stream.set_property("source.address", "10.0.0.7:4711");
//! assert!(stream.send(Request::post("/cart", "{}")).is_paused());
//! vm.advance(Duration::from_millis(10)); // a tick
//! let seen = stream.request().forwarded(); // what the upstream sees
//! assert_eq!(seen.headers.get("x-late"), Some("yes"));
//!
//! let seen = stream.answer(Response::ok("done")).forwarded(); // what the caller sees
//! assert_eq!(seen.text(), "done");
//! assert_eq!(vm.trap(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the filter gets
//! The filter gets everything that Envoy 1.40 gives an HTTP filter, by Envoy's rules. That is headers, bodies, trailers, properties,
//! ticks, shared data and queues, HTTP calls, metrics, the log and foreign functions. Local replies, pausing and resuming, and the
//! life of contexts and configurations follow Envoy as well. The rules were read from Envoy's sources. `tests/against_envoy.rs` runs the same [`Script`]s
//! here and in a real Envoy and compares what the upstream and the caller see.
//!
//! Not supported: gRPC calls return `Unimplemented`, TCP filters and HTTP/2 metadata are never called, `FAIL_RELOAD` is not
//! modelled, and of Envoy's foreign functions only `clear_route_cache` is built in ([`Options::foreign`] adds others).
//! A filter with any other import is rejected, and the error names the import ([`LoadError::Imports`]). Properties of the request
//! and the response follow from the messages, except for `response.backend_latency`. The test sets all others (`connection.*`,
//! `source.*`, `metadata.*`, `upstream.*`, `xds.*`). The headers that Envoy itself adds (`x-request-id`, `date`, `server`, …) are
//! not added.
//!
//! # Misuse
//! Host calls do not reject some mistakes: resuming a message that is not paused, replying twice, a body that no longer
//! matches its `content-length`. In Envoy these crash, corrupt or hang. Here they **panic** with a message that names the
//! mistake, in the test's call that let the filter run: see [`Misuse`]. [`Options::tolerate_misuse`] lets a test continue.
//! A crash of the filter does not panic: [`Vm::trap`] reports it, and streams end as in Envoy.
//!
//! # Layout
//! Read `flow.rs` first: how a message passes the filter. `local_reply.rs` has local replies, and `reply.rs` sends them to the
//! caller. `machine.rs` has the calls into the filter's code, `abi/` the calls out of it. Tests use `vm.rs` and `stream.rs`.
#![expect(
    clippy::panic,
    reason = "what a filter must not do is to fail the test that sees it"
)]
#![forbid(unsafe_code)]

mod abi;
mod call;
mod callbacks;
mod exchange;
mod filter;
mod flow;
mod headers;
mod host;
mod local_reply;
mod machine;
mod message;
mod metrics;
mod misuse;
mod options;
mod pairs;
mod property;
mod reply;
mod script;
mod shared;
mod status;
mod stream;
mod vm;

pub use call::Call;
pub use filter::{Filter, LoadError};
pub use headers::Headers;
pub use host::{Level, Log};
pub use machine::Trap;
pub use message::{Reply, Request, Response, Verdict};
pub use misuse::{Misuse, Side};
pub use options::Options;
pub use property::{Answer, Path, Value};
pub use script::{Outcome, Script, Seen};
pub use shared::Shared;
pub use status::Status;
pub use stream::Stream;
pub use vm::configure::ConfigureError;
pub use vm::{StartError, Vm};
