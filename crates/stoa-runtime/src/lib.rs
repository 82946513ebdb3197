//! An embedded runtime for Spin applications. It loads a `spin.toml` (read by stoa-manifest), and serves HTTP with a fresh
//! instance for each request. It does not depend on a particular application.
//!
//! Read in this order:
//! - `runtime.rs`: a runtime; `shared.rs`: state that all its apps share; `config.rs`: settings; `admission.rs`: how many
//!   requests may run.
//! - `load.rs`, with `component.rs`, `compose.rs`, `cache.rs` and `engine.rs`: from a .wasm file to a component that is ready to run.
//! - `app.rs` and `routes.rs`: which component answers; `authority.rs`: for which host; `spin_headers.rs`: the headers that
//!   report this to the guest; `intake.rs` and `gather.rs`: the request's body; `problem.rs`: responses of the runtime itself.
//! - `request.rs`: one request, from a fresh instance to its end; `response.rs`: checks a response before it is sent.
//! - `host.rs` and `host/`: what a guest may import. **To add an interface of Spin, add a file `host/NAME.rs` and an entry in the
//!   list in `host/interfaces.rs`** (and its `mod` line in `host.rs`). Each interface sees only its own state, built from the
//!   component's manifest.
//! - `database.rs`, `postgres.rs` and `outbound.rs`: the backends of the interfaces; `local_service.rs`: calls between
//!   components.
//! - `serve.rs`: an app behind a socket; `leftover.rs`: when its connection must end; `well_known.rs`: the runtime's own paths;
//!   `threads.rs`, `ticker.rs`: how guests share the machine; `output.rs`: what guests print.
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
pub use load::{LoadError, check_files};
pub use output::{Output, ProcessOutput, Stream};
pub use runtime::{Runtime, StartError};
pub use serve::{Exposure, Filter, ServeOptions, accept, serve};
pub use threads::tokio_runtime;
