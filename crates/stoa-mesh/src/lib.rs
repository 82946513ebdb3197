//! Runs a mesh of real Envoys on one machine: a gateway, and a sidecar for every workload. The Envoys run the configuration that
//! Istio itself makes from the manifests (`tools/istio-compile`). This crate changes only those parts of the configuration that
//! cannot be the same on one machine as on a cluster.
//!
//! Read in this order:
//! - `compiled.rs`: the workloads, and each proxy's resources, as istio-compile wrote them; `scenario.rs`: a scenario, which
//!   replaces these workloads and resources.
//! - `addresses.rs`: the loopback addresses that replace the Pods' addresses.
//! - `local.rs`: every change to Istio's configuration, all in one place; `code.rs`: the filters' .wasm files.
//! - `authority.rs`: signs the certificates; `secrets.rs`: the certificates' names; `files.rs`: the Envoys' files.
//! - `access.rs`: writes the Envoys' access logs.
//! - `envoy.rs`: one supervised Envoy process; `admin.rs`: a client of an Envoy's administration interface.
//! - `mesh.rs` and `mesh/`: start, update, watch and stop all Envoys.
//! - `metrics.rs`: Istio's standard metrics, from the access logs; `stats.rs`: the names of Envoy's own metrics; `exposition.rs`:
//!   the page with Istio's and Envoy's metrics.
//! - `inspect.rs`: istioctl's views of a proxy, one file for each table of `stoa mesh`.

mod access;
mod addresses;
pub mod admin;
mod authority;
mod code;
mod compiled;
mod envoy;
mod exposition;
mod files;
pub mod inspect;
mod local;
mod mesh;
mod metrics;
mod scenario;
mod secrets;
mod stats;

pub use access::AccessLogs;
pub use addresses::{Addresses, NoAddresses, Pod};
pub use admin::{Admin, AdminError};
pub use compiled::{Compiled, CompiledError, Endpoint, Proxy, Service, ServicePort, Workload};
pub use envoy::{NoEnvoy, NoRoots, find_envoy, find_roots};
pub use exposition::{CONTENT_TYPE, ScrapeTarget, exposition};
pub use local::Overrides;
pub use mesh::{Mesh, MeshError, MeshOptions, OnAccess};
pub use metrics::Metrics;
pub use scenario::{Scenario, active_compiled_folder};
