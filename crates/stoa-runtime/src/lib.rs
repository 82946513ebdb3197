//! An embedded runtime for Spin applications. The runtime loads a `spin.toml` (read by stoa-manifest), and serves HTTP with a fresh
//! instance for each request. This crate does not depend on a particular application.
//!
//! Read in this order:
//! - `runtime.rs`: a runtime; `shared.rs`: the state that all apps of a runtime share; `config.rs`: settings; `admission.rs`: the
//!   limits of concurrent requests.
//! - `load.rs`, with `component.rs`, `compose.rs`, `guard.rs`, `cache.rs` and `engine.rs`: prepares the component in a .wasm file for running.
//! - `app.rs` and `routes.rs`: select the component for a request; `authority.rs`: checks the request's host; `spin_headers.rs`:
//!   the headers that report route and host to the guest; `intake.rs` and `gather.rs`: the request's body; `problem.rs`: the
//!   responses that the runtime itself sends.
//! - `request.rs`: runs one request in a fresh instance; `response.rs`: checks a response before the client gets it.
//! - `host.rs` and `host/`: the interfaces that a guest may import. **To add an interface of Spin, add a file `host/NAME.rs`, a
//!   `mod` line in `host.rs`, and an entry in the list in `host/interfaces.rs`.** Each interface sees only its own state, which is
//!   built from the component's manifest.
//! - `database.rs`, `postgres.rs` and `outbound.rs`: the backends of the interfaces; `local_service.rs`: calls between
//!   components.
//! - `serve.rs`: serves an app on a socket; `leftover.rs`: decides whether a connection must end; `well_known.rs`: the paths that
//!   the runtime itself answers; `threads.rs`, `ticker.rs`: divide the CPU among guests; `output.rs`: the lines that guests print.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use stoa_runtime::{AppOptions, Runtime, RuntimeConfig, ServeOptions, serve};
//! let app = stoa_manifest::load("spin.toml".as_ref(), &stoa_manifest::LoadOptions::default())?;
//! let runtime = Runtime::new(RuntimeConfig::new(".state"))?;
//! let app = runtime.load(&app, AppOptions::default())?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! serve(listener, app, ServeOptions::default(), async {
//!     let _ = tokio::signal::ctrl_c().await;
//! })
//! .await;
//! # Ok(())
//! # }
//! ```

mod admission;
mod app;
mod authority;
mod bindings;
pub mod body;
mod cache;
mod component;
mod compose;
mod config;
mod database;
mod engine;
mod gather;
mod guard;
mod host;
mod intake;
mod leftover;
mod load;
mod local_service;
mod outbound;
mod output;
mod postgres;
mod problem;
mod request;
mod response;
mod routes;
mod runtime;
mod serve;
mod shared;
mod spin_headers;
mod threads;
mod ticker;
mod well_known;

pub use app::{LoadedApp, NoSuchComponent};
pub use body::{Body, BodyError};
pub use config::{AppOptions, Limits, RuntimeConfig};
pub use database::DatabaseError;
pub use load::{LoadError, check_files, standalone_component};
pub use output::{Output, ProcessOutput, Stream};
pub use runtime::{Runtime, StartError};
pub use serve::{Exposure, Filter, ServeOptions, accept, serve};
pub use threads::tokio_runtime;
