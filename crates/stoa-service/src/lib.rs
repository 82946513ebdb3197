//! The code that every service of stoa shares, so that a service's own crate has only its own logic.
//!
//! A service is a table of [`route::Route`]s over an application type of its own ([`service::Service`]). The same code runs natively
//! in tests and as a component: only `component` (wasm) and `testing` (native, feature `testing`) depend on the platform.
//!
//! | module | what |
//! |---|---|
//! | [`service`] | the trait of a service |
//! | [`context`] | request id, trace, and the headers that calls pass on |
//! | [`request`] | an HTTP request with its path parameters and its [`Context`] |
//! | [`route`] | method and path -> handler; 404, 405, HEAD |
//! | [`problem`] | the one error response: RFC 9457 |
//! | [`invalid`] | a value that breaks a rule |
//! | [`sql`] | statements, transactions, migrations |
//! | [`idempotency`] | `Idempotency-Key` |
//! | [`outbound`] | calls to other services |
//! | [`queue`] | entries with leases and retries in a table |
//! | [`outbox`] | events, sent at least once |
//! | [`token`] | Bearer tokens, verified against user's JWKS |
//! | [`settings`] | Spin variables -> validated settings |
//! | [`money`], [`sku`], [`json`], [`page`], [`time`], [`id`], [`text`], [`log`] | as named |
//!
//! Read [`route`] first, then `components/inventory`, the smallest service that uses nearly all modules.

#[cfg(target_family = "wasm")]
pub mod component;
pub mod context;
pub mod id;
pub mod idempotency;
pub mod invalid;
pub mod json;
pub mod log;
pub mod money;
pub mod outbound;
pub mod outbox;
pub mod page;
pub mod problem;
pub mod queue;
pub mod request;
pub mod route;
pub mod service;
pub mod settings;
pub mod sku;
pub mod sql;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
pub mod text;
pub mod time;
pub mod token;

pub use context::Context;
pub use invalid::Invalid;
pub use problem::Problem;
pub use request::Request;
pub use route::Response;
pub use service::Service;
pub use sku::Sku;
