//! A real Envoy for a test of filters, with a configuration of the test's own.
//!
//! [`Setup`] states what it is to do (`setup.rs`; `filter.rs`: filters, `route.rs`: routes, `bootstrap.rs` and `address.rs`: Envoy's JSON for
//! it), and starts it (`start.rs`). [`Envoy`] is the process (`process.rs`, with `log.rs` and `watch.rs`), with its statistics (`admin.rs`) and
//! new configurations for its filters while it runs (`push.rs`, `pushed.rs`). [`Call`] goes through it (`call.rs`) to an [`Upstream`] that
//! keeps what reaches it (`upstream.rs`); both see every header, in order (`message.rs`). [`Scenario`] runs named steps (`scenario.rs`).
//! [`Authority`] gives identities where the listener requires mutual TLS (`tls.rs`).
//! `scripts/envoy` chooses the Envoy; it fails, and names `make setup`, where there is none.
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
