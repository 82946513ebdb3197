//! Runs a Spin application on this machine: in one process, or in a mesh with an Envoy in front of every workload.
//!
//! The command `stoa up` calls this crate. Other commands use it to find a running application. This crate logs with `tracing`, and
//! prints nothing itself: a [`Reporter`] receives the reports that a caller can show.
//!
//! Read `lifecycle.rs` first: that file has the whole sequence of a run, from locking the state folder to the shutdown. Then read:
//! - `placement.rs`: the steps that differ with and without a mesh; `placement/plain.rs` and `placement/meshed.rs` implement them.
//! - `options.rs`, `application.rs`: the settings of a run, and its application.
//! - `document.rs`: the OpenAPI document; `exposure.rs`: the operations that the main listener exposes.
//! - `state.rs`, `run.rs`, `folder.rs`: the state folder, which only one process at a time can lock, and the file `run.json` in the
//!   state folder.
//! - `engine.rs`: loads components; `listeners.rs`: binds and serves listeners.
//! - `timers.rs`: calls operations periodically; `operator.rs`: serves the operator's address, and sends the operator's requests
//!   into a mesh; `rebuild.rs`: rebuilds components of a running application.
//! - `signals.rs`, `stopping.rs`: Ctrl-C, and the grace period; `notice.rs`, `error.rs`: reports and errors for the caller.
#![forbid(unsafe_code)]

mod application;
mod document;
mod duration;
mod engine;
mod error;
mod exposure;
mod folder;
mod lifecycle;
mod listeners;
mod notice;
mod operator;
mod options;
mod placement;
mod rebuild;
mod route;
mod run;
mod signals;
mod state;
mod stopping;
mod timers;

pub use application::{AppSource, missing_components};
pub use document::{BadDocument, Document, Timer};
pub use duration::{BadDuration, parse_duration};
pub use error::{ListenerRole, UpError};
pub use folder::{known_state_folder, logs_folder, mesh_folder};
pub use lifecycle::run;
pub use notice::{Announcement, Notice, Reporter};
pub use options::{MeshChoice, Options, Watch, compiled_beside};
pub use run::{Run, RunWorkload};
pub use signals::Signals;
pub use state::StateDir;
