//! The names of the certificates that Envoys need.

use std::collections::{BTreeMap, BTreeSet};

/// The names of the certificates that each proxy needs, by the name of its workload.
pub(crate) type Secrets = BTreeMap<String, BTreeSet<String>>;

/// Istio's name for the system's authorities.
pub(crate) const SYSTEM_ROOTS: &str = "file-root:system";

/// Whether a certificate never changes while the mesh runs: this holds for authorities.
pub(crate) fn is_static(secret: &str) -> bool {
    matches!(secret, "ROOTCA" | SYSTEM_ROOTS)
}
