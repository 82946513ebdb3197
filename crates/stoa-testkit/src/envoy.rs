//! A real Envoy for tests of filters, with the test's own configuration.
//!
//! - [`Setup`] describes the Envoy (`setup.rs`, `filter.rs`, `route.rs`; `bootstrap.rs` and `address.rs` write Envoy's JSON), and
//!   starts it (`start.rs`).
//! - [`Envoy`] is the process (`process.rs`, `log.rs`, `watch.rs`). A test can read the Envoy's statistics (`admin.rs`), and push a
//!   new configuration to a filter (`push.rs`, `pushed.rs`).
//! - A [`Call`] is a request through the Envoy (`call.rs`) to an [`Upstream`], which records its requests (`upstream.rs`). The
//!   caller and the upstream see every header, in order (`message.rs`).
//! - [`Scenario`] runs named steps (`scenario.rs`). [`Authority`] issues certificates for mutual TLS (`tls.rs`).
//!
//! `scripts/envoy` prints the path of the Envoy to use. If no Envoy is installed, the script fails and names `make setup`.
//!
//! ```no_run
//! use stoa_testkit::envoy::{Call, Filter, Setup, Upstream};
//!
//! let shop = Upstream::start(|_| Default::default());
//! let envoy = Setup::new()
//!     .filter(Filter::built("payment-fault", serde_json::json!({})))
//!     .cluster("shop", shop.address())
//!     .start();
//! let reply = envoy.send(Call::get("/payments"));
//! assert_eq!((reply.status, shop.seen().len()), (200, 1));
//! ```

mod address;
mod admin;
mod bootstrap;
mod call;
mod filter;
mod log;
mod message;
mod must;
mod process;
mod push;
mod pushed;
mod route;
mod scenario;
mod setup;
mod start;
mod tls;
mod upstream;
mod watch;

pub use call::{Call, Connection, Reply};
pub use filter::{Filter, OnFailure};
pub use process::Envoy;
pub use push::Rejected;
pub use route::Route;
pub use scenario::Scenario;
pub use setup::Setup;
pub(crate) use tls::server;
pub use tls::{Authority, Identity};
pub use upstream::{Received, Response, Upstream};
