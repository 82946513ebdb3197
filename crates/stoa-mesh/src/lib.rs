//! A mesh of real Envoys on one machine: a gateway, and a sidecar for every workload. They run the configuration that Istio itself makes
//! of its manifests (`tools/istio-compile`). Only what differs on a cluster is changed.
//!
//! Read in this order:
//! - `compiled.rs`: the compiled workloads, and a folder of resources for each proxy; `scenario.rs`: a local replacement for them.
//! - `addresses.rs`: the loopback addresses that replace the Pods' addresses.
//! - `local.rs`: every change to Istio's configuration, all in one place; `code.rs`: the filters' .wasm.
//! - `authority.rs`: signs the certificates; `secrets.rs`: their names; `files.rs`: the Envoys' files.
//! - `access.rs`: their access logs.
//! - `envoy.rs`: one supervised process; `admin.rs`: its administration.
//! - `mesh.rs` and `mesh/`: all Envoys: started, given new certificates and configuration, watched, stopped.
//! - `metrics.rs`: Istio's standard metrics, from the access logs; `stats.rs`: the names of Envoy's own; `exposition.rs`: both on one page.
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
pub use scenario::{Scenario, in_force};
