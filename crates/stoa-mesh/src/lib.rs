//! A mesh of real Envoys on one machine: a gateway and a sidecar for every workload, with the configuration that Istio itself
//! makes of its manifests (`tools/istio-compile`), and nothing changed but what a cluster does otherwise.
//!
//! Read in this order:
//! - `compiled.rs`: what was compiled: the workloads, and a folder of resources for each proxy; `scenario.rs`: what this machine has in its place.
//! - `addresses.rs`: the loopback addresses that take the place of Pods'.
//! - `local.rs`: every change to what Istio made, all in one place; `code.rs`: the filters' .wasm.
//! - `authority.rs`: what signs the certificates; `secrets.rs`: their names; `files.rs`: the Envoys' files.
//! - `access.rs`: their access logs, in files.
//! - `envoy.rs`: one process, kept alive; `admin.rs`: its administration.
//! - `mesh.rs` and `mesh/`: all of them: started, given new certificates and configuration, watched, stopped.
//! - `metrics.rs`: Istio's standard metrics, made of the access logs; `stats.rs`: how Envoy names its own; `exposition.rs`: both on a page.
//! - `inspect.rs`: what istioctl shows of a proxy, a file for each table of `stoa mesh`.

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
pub use scenario::{Scenario, in_force};
