//! Where an application's components run, and the listeners in front of them. `lifecycle.rs` has the sequence; a placement
//! implements the steps that differ. `plain.rs` has two listeners; `meshed.rs` has a gateway, sidecars and workloads.

pub(crate) mod meshed;
pub(crate) mod plain;

use std::net::TcpListener;
use std::sync::Arc;

use stoa_runtime::Runtime;

use crate::document::Document;
use crate::engine::LoadedPart;
use crate::error::UpError;
use crate::notice::Reporter;
use crate::run::Addresses;
use crate::stopping::Tasks;
use crate::timers::Callee;

/// The steps that differ with and without a mesh, in the order of their calls.
pub(crate) trait Placement {
    /// The parts to load.
    type Parts: Send + 'static;
    /// The loaded parts: one without a mesh, one per workload in a mesh.
    type Loaded: AsRef<[LoadedPart]> + Send + 'static;

    /// Reports what starts, and starts other processes early: they start up while components are loaded.
    fn start(&mut self, reporter: &dyn Reporter) -> Result<(), UpError>;

    /// Loads the parts. Blocks the thread.
    fn load(runtime: &Runtime, parts: Self::Parts) -> Result<Self::Loaded, UpError>;

    /// Serves the listeners that only other processes of the placement call, until `tasks` end.
    fn serve(&mut self, loaded: &Self::Loaded, tasks: &mut Tasks) -> Result<(), UpError>;

    /// Waits until the other processes accept requests.
    async fn ready(&self) -> Result<(), UpError>;

    /// The addresses of the application.
    fn addresses(&self) -> Result<Addresses, UpError>;

    /// Serves the listeners that callers connect to, until `tasks` end. Returns the target of the timers' calls.
    fn open(
        &mut self,
        operator: TcpListener,
        loaded: &Self::Loaded,
        document: Option<&Arc<Document>>,
        tasks: &mut Tasks,
    ) -> Result<Callee, UpError>;

    /// Closes the entrances of other processes, and waits within the grace period for their requests to finish.
    async fn close(&self);

    /// Stops the other processes. Also called after an error.
    async fn stop(self);
}
