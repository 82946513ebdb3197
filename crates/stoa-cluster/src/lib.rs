//! Starts a private Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager, each the real program. There
//! is no node, so no Pod ever runs. But every object is validated by the real API, and reconciled by the real controllers.
//!
//! - [`ControlPlane`] is the running control plane (`control_plane.rs`). It can also run SpinKube's operator (`spin_operator.rs`) and
//!   Istio's control plane (`istiod.rs`), both with their webhooks.
//! - `programs.rs` finds the programs, which `scripts/cluster-tools install` builds.
//! - `process.rs` runs a program that ends when the test ends, even after a crash of the test.
//! - `credentials.rs` creates the certificates, the tokens and the kubeconfig.
//! - [`Kubectl`] calls the API with kubectl (`kubectl.rs`).
#![forbid(unsafe_code)]

mod control_plane;
mod credentials;
mod istiod;
mod kubectl;
mod process;
mod programs;
mod spin_operator;

pub use control_plane::{ControlPlane, StartError};
pub use kubectl::{Kubectl, KubectlError};
