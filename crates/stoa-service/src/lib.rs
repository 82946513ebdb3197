//! The code that all services of stoa share, so that a service's own crate has only its own logic.
//!
//! A service implements [`service::Service`]: it has an application type, a name and a table of [`route::Route`]s. The same code
//! runs natively in tests and as a component. Only the modules `component` (wasm) and `testing` (native, feature `testing`) depend
//! on the platform.
//!
//! | module | contents |
//! |---|---|
//! | [`service`] | the trait that every service implements |
//! | [`context`] | a request's id and trace, and the headers that outgoing calls forward |
//! | [`request`] | an HTTP request with its path parameters and its [`Context`] |
//! | [`route`] | finds the handler for a method and a path; makes the responses 404, 405 and those to `HEAD` |
//! | [`problem`] | the format of all error responses (RFC 9457) |
//! | [`invalid`] | the error for a value that breaks a rule |
//! | [`sql`] | SQL statements, transactions and migrations |
//! | [`idempotency`] | one effect and one response for each `Idempotency-Key` |
//! | [`outbound`] | calls to other services |
//! | [`queue`] | a work queue in a database table, with claims and retries |
//! | [`outbox`] | events that are sent at least once |
//! | [`token`] | verifies Bearer tokens with the public keys (JWKS) of the `user` service |
//! | [`settings`] | reads and validates Spin variables |
//! | [`money`], [`sku`] | amounts of money; stock keeping units |
//! | [`json`], [`page`] | strict JSON decoding; pages of lists |
//! | [`time`], [`id`] | instants; identifiers |
//! | [`text`], [`log`] | values quoted in errors; JSON log lines |
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
