//! The names of the certificates that Envoys need.

use std::collections::{BTreeMap, BTreeSet};

/// The names of the certificates that each proxy needs, by the name of the proxy's workload.
pub(crate) type Secrets = BTreeMap<String, BTreeSet<String>>;

/// Istio's name for the public authorities of the system.
pub(crate) const SYSTEM_ROOTS: &str = "file-root:system";

/// True if the certificate with the name `secret` never changes while the mesh runs. This is the case only for the certificates of
/// authorities.
pub(crate) fn is_static(secret: &str) -> bool {
    matches!(secret, "ROOTCA" | SYSTEM_ROOTS)
}
