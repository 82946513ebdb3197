//! A real Envoy for tests of filters, with the test's own configuration.
//!
//! [`Setup`] describes the Envoy (`setup.rs`; `filter.rs`: filters, `route.rs`: routes, `bootstrap.rs` and `address.rs`: Envoy's JSON),
//! and starts it (`start.rs`). [`Envoy`] is the process (`process.rs`, with `log.rs` and `watch.rs`). It has statistics (`admin.rs`), and
//! its filters can get a new configuration while it runs (`push.rs`, `pushed.rs`). A [`Call`] goes through it (`call.rs`) to an
//! [`Upstream`], which records its requests (`upstream.rs`); both see every header, in order (`message.rs`). [`Scenario`] runs named
//! steps (`scenario.rs`). [`Authority`] issues identities for listeners that require mutual TLS (`tls.rs`).
//! `scripts/envoy` chooses the Envoy; if there is none, it fails and names `make setup`.
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
