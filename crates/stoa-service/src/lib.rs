//! What every service of stoa shares, so that a service's own crate holds only what is its own.
//!
//! A service is a table of [`route::Route`]s over an application type of its own. The same code runs natively in tests
//! and as a component: only `component` (wasm) and `testing` (native, feature `testing`) know where they are.
//!
//! | module | what |
//! |---|---|
//! | [`request`] | an HTTP request with its path parameters and its [`request::Context`] (request id, trace, headers to pass on) |
//! | [`route`] | method and path -> handler; 404, 405, HEAD |
//! | [`problem`] | the one error answer: RFC 9457 |
//! | [`sql`] | statements, transactions, migrations |
//! | [`idempotency`] | `Idempotency-Key` |
//! | [`outbound`] | calls to other services |
//! | [`outbox`] | events that leave at least once |
//! | [`token`] | Bearer tokens, verified against user's JWKS |
//! | [`settings`] | Spin variables -> validated settings |
//! | [`money`], [`json`], [`page`], [`time`], [`id`], [`log`] | what their names say |
//!
//! Read [`route`] first, then `components/inventory`, the smallest service that uses nearly all of it.

#[cfg(target_family = "wasm")]
pub mod component;
pub mod id;
pub mod idempotency;
pub mod json;
pub mod log;
pub mod money;
pub mod outbound;
pub mod outbox;
pub mod page;
pub mod problem;
pub mod request;
pub mod route;
pub mod settings;
pub mod sql;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
pub mod time;
pub mod token;

pub use problem::Problem;
pub use request::{Context, Request};
pub use route::Response;
