//! Runs a [proxy-wasm](https://github.com/proxy-wasm/spec) filter (ABI 0.2.1, as the Rust SDK 0.2 builds it) without
//! Envoy. So a test takes microseconds per stream and controls the clock. A test runs the same `.wasm` file that is shipped.
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
//! let seen = stream.request().forwarded(); // the request that the upstream receives
//! assert_eq!(seen.headers.get("x-late"), Some("yes"));
//!
//! let seen = stream.answer(Response::ok("done")).forwarded(); // the response that the caller receives
//! assert_eq!(seen.text(), "done");
//! assert_eq!(vm.trap(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Supported features
//! The host supports what Envoy 1.40 offers to an HTTP filter: headers, bodies, trailers, properties, ticks, shared data and
//! queues, HTTP calls, metrics, the log and foreign functions. Local replies, pausing and resuming, and the lifecycle of contexts
//! and configurations follow Envoy's rules as well. These rules come from Envoy's sources. `tests/against_envoy.rs` runs the same
//! [`Script`]s in this host and in a real Envoy, and compares what the upstream and the caller receive.
//!
//! # Limits
//! - gRPC calls return `Unimplemented`. Callbacks of TCP filters and of HTTP/2 metadata are not called. `FAIL_RELOAD` is not
//!   supported.
//! - `clear_route_cache` is the only built-in foreign function. [`Options::foreign`] adds others.
//! - A filter with an unknown import is rejected. The error names the import ([`LoadError::Imports`]).
//! - The host computes the properties of the request and the response, except for `response.backend_latency`. The test must set all
//!   other properties (`connection.*`, `source.*`, `metadata.*`, `upstream.*`, `xds.*`).
//! - The host does not add the headers that Envoy itself adds (`x-request-id`, `date`, `server`, …).
//!
//! # Misuse
//! Host calls do not reject some mistakes of a filter. Examples are resuming a message that is not paused, replying twice, and
//! sending a body that does not match its `content-length`. In Envoy, such a mistake crashes the proxy, corrupts a message or
//! hangs a client. In this host, the method that ran the filter **panics** with a message that names the mistake: see [`Misuse`].
//! With [`Options::tolerate_misuse`] the test continues. A crash of the filter does not cause a panic: [`Vm::trap`] reports the
//! crash, and streams end as in Envoy.
//!
//! # Layout
//! Read `flow.rs` first: it passes a message through the filter. `local_reply.rs` defines local replies, and `reply.rs` sends them
//! to the caller. `machine.rs` has the calls into the filter's code, and `abi/` has the calls that the filter makes. Tests use
//! `vm.rs` and `stream.rs`.
#![expect(clippy::panic, reason = "a misuse of the host fails the test")]
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
pub use property::{ForeignResult, Path, Value};
pub use script::{CallerResult, Outcome, Script};
pub use shared::Shared;
pub use status::Status;
pub use stream::Stream;
pub use vm::configure::ConfigureError;
pub use vm::{StartError, Vm};
