//! A placement decides where an application's components run, and which listeners are in front of the components. `lifecycle.rs`
//! has the sequence of a run, and a placement implements those steps of a run that differ with and without a mesh. `plain.rs` is
//! the placement without a mesh, which has two listeners. `meshed.rs` is the placement in a mesh, which has a gateway, sidecars and
//! workloads.

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

/// The steps of a run that differ with and without a mesh, in the order in which they are called. *Other processes* are the
/// processes that a placement starts: the Envoys in a mesh, and none without a mesh.
pub(crate) trait Placement {
    /// The parts of the application to load.
    type Parts: Send + 'static;
    /// The loaded parts: one part without a mesh, one part per workload in a mesh.
    type Loaded: AsRef<[LoadedPart]> + Send + 'static;

    /// Reports the start to `reporter`, and starts the other processes (in a mesh, the Envoys). The other processes become ready
    /// while components are loaded.
    fn start(&mut self, reporter: &dyn Reporter) -> Result<(), UpError>;

    /// Loads the parts. Blocks the thread until all parts are loaded.
    fn load(runtime: &Runtime, parts: Self::Parts) -> Result<Self::Loaded, UpError>;

    /// Serves the listeners to which only the other processes connect (in a mesh, the Envoys), until `tasks` are stopped.
    fn serve(&mut self, loaded: &Self::Loaded, tasks: &mut Tasks) -> Result<(), UpError>;

    /// Waits until the other processes (in a mesh, the Envoys) accept requests.
    async fn ready(&self) -> Result<(), UpError>;

    /// The addresses of the application.
    fn addresses(&self) -> Result<Addresses, UpError>;

    /// Serves the listeners that callers connect to, until `tasks` are stopped. Returns the target of the timers' calls.
    fn open(
        &mut self,
        operator: TcpListener,
        loaded: &Self::Loaded,
        document: Option<&Arc<Document>>,
        tasks: &mut Tasks,
    ) -> Result<Callee, UpError>;

    /// Closes the listeners that callers connect to and that the other processes serve (in a mesh, the gateway's listeners). Then
    /// waits until the requests in flight at these listeners have finished, but no longer than the grace period.
    async fn close(&self);

    /// Stops the other processes (in a mesh, the Envoys). This method is also called if a previous step failed.
    async fn stop(self);
}
