//! Finds the caller and the callee of a request among the workloads, by their addresses or their certificates. The caller or the
//! callee may also be unknown.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::Value;

use crate::addresses::Addresses;
use crate::compiled::{Compiled, CompiledError, Proxy, Workload};

/// Istio's value for an unknown label.
pub(super) const UNKNOWN: &str = "unknown";
/// The name that Istio gives a Kubernetes cluster by default.
const CLUSTER_NAME: &str = "Kubernetes";
/// The value of the revision's label for a workload that defines no revision, as with Istio.
const DEFAULT_REVISION: &str = "latest";

/// Index into [`Peers::all`].
pub(super) type PeerId = u16;

/// The index of the unknown peer.
pub(super) const UNKNOWN_PEER: PeerId = 0;

/// A workload that is the caller or the callee of a request, with the values of the labels that describe the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) workload: String,
    pub(super) namespace: String,
    pub(super) app: String,
    pub(super) version: String,
    pub(super) canonical_service: String,
    pub(super) canonical_revision: String,
    pub(super) cluster: &'static str,
    /// The name of the workload's Pod; `unknown` for the unknown peer.
    pub(super) pod: String,
    pub(super) identity: String,
    pub(super) is_gateway: bool,
}

/// A Service that a request calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CalledService {
    /// The Service's host name, such as `ratings.bookinfo.svc.cluster.local`.
    pub(super) host: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

/// All workloads and Services, with indexes to find them.
pub(super) struct Peers {
    pub(super) all: Vec<Peer>,
    /// The workloads by their addresses on a cluster.
    workloads: HashMap<Ipv4Addr, PeerId>,
    /// The workloads by their addresses on this machine.
    local: HashMap<Ipv4Addr, PeerId>,
    /// The workloads by the identities in their certificates.
    identities: HashMap<String, PeerId>,
    /// The addresses on this machine where sidecars accept requests for their workloads.
    inbound: HashSet<SocketAddrV4>,
    /// The Service to which each Envoy cluster sends requests, by the workload of the Envoy, and then by the name of the Envoy
    /// cluster.
    called: HashMap<PeerId, HashMap<String, CalledService>>,
    /// The Services by their host names.
    by_host: HashMap<String, CalledService>,
}

impl Peers {
    pub(super) fn new(compiled: &Compiled, addresses: &Addresses) -> Result<Self, CompiledError> {
        let mut peers = Self {
            all: vec![Peer::unknown()],
            workloads: HashMap::new(),
            local: HashMap::new(),
            identities: HashMap::new(),
            inbound: HashSet::new(),
            called: HashMap::new(),
            by_host: HashMap::new(),
        };
        let mut identities: BTreeMap<String, Vec<PeerId>> = BTreeMap::new();
        for workload in &compiled.workloads {
            let id = peers.add(Peer::from_workload(workload));
            peers.workloads.insert(workload.ip, id);
            if let Some(pod) = addresses.pod(workload.ip) {
                peers.local.insert(pod.ip, id);
            }
            identities.entry(workload.identity()).or_default().push(id);
            if workload.proxy != Proxy::None {
                let clusters = compiled.resources(workload)?.clusters;
                let called = clusters.iter().filter_map(called_service).collect();
                peers.called.insert(id, called);
            }
        }
        for (identity, ids) in identities {
            let id = peers.add_common(&ids);
            peers.identities.insert(identity, id);
        }
        for service in &compiled.services {
            let called = CalledService {
                host: service.host(),
                name: service.name.clone(),
                namespace: service.namespace.clone(),
            };
            for endpoint in service.ports.iter().flat_map(|port| &port.endpoints) {
                if let Some(id) = peers.workloads.get(&endpoint.ip) {
                    // The name of an inbound Envoy cluster does not contain a Service. This Envoy cluster belongs to the Service of
                    // which this Pod is an endpoint.
                    let inbound = format!("inbound|{}||", endpoint.port);
                    let by_cluster = peers.called.entry(*id).or_default();
                    by_cluster.entry(inbound).or_insert_with(|| called.clone());
                }
                if let Some(std::net::SocketAddr::V4(address)) =
                    addresses.endpoint(endpoint.ip, endpoint.port)
                {
                    peers.inbound.insert(address);
                }
            }
            peers.by_host.insert(service.host(), called);
        }
        Ok(peers)
    }

    fn add(&mut self, peer: Peer) -> PeerId {
        let id = PeerId::try_from(self.all.len()).unwrap_or(UNKNOWN_PEER);
        self.all.push(peer);
        id
    }

    /// Adds a peer that stands for several workloads with the same identity, such as two releases of a service. A field in which
    /// these workloads differ is `unknown`.
    fn add_common(&mut self, ids: &[PeerId]) -> PeerId {
        let peers: Vec<_> = ids.iter().map(|id| self.peer(*id).clone()).collect();
        let Some((first, others)) = peers.split_first() else {
            return UNKNOWN_PEER;
        };
        let common = |field: fn(&Peer) -> &str| {
            let is_same = others.iter().all(|other| field(other) == field(first));
            if is_same { field(first) } else { UNKNOWN }.to_owned()
        };
        let peer = Peer {
            workload: common(|p| &p.workload),
            app: common(|p| &p.app),
            version: common(|p| &p.version),
            canonical_service: common(|p| &p.canonical_service),
            canonical_revision: common(|p| &p.canonical_revision),
            ..first.clone()
        };
        self.add(peer)
    }

    pub(super) fn peer(&self, id: PeerId) -> &Peer {
        static UNKNOWN_PEER_DATA: std::sync::LazyLock<Peer> =
            std::sync::LazyLock::new(Peer::unknown);
        self.all.get(usize::from(id)).unwrap_or(&UNKNOWN_PEER_DATA)
    }

    /// The workload with this address on a cluster.
    pub(super) fn by_cluster_address(&self, ip: Ipv4Addr) -> PeerId {
        self.workloads.get(&ip).copied().unwrap_or(UNKNOWN_PEER)
    }

    /// The workload with this address on this machine.
    pub(super) fn by_local_address(&self, address: Option<SocketAddrV4>) -> Option<PeerId> {
        self.local.get(address?.ip()).copied()
    }

    /// The workload with this identity in its certificate.
    pub(super) fn by_identity(&self, uri: &str) -> Option<PeerId> {
        self.identities.get(uri).copied()
    }

    /// True if a sidecar accepts requests for its workload at this address.
    pub(super) fn is_inbound(&self, address: Option<SocketAddrV4>) -> bool {
        address.is_some_and(|address| self.inbound.contains(&address))
    }

    /// The Service to which the Envoy cluster `cluster` sends requests. `proxy` is the workload whose Envoy has this cluster.
    pub(super) fn called_service(&self, proxy: PeerId, cluster: &str) -> CalledService {
        let by_cluster = self.called.get(&proxy);
        if let Some(called) = by_cluster.and_then(|services| services.get(cluster)) {
            return called.clone();
        }
        let unknown = || UNKNOWN.to_owned();
        let host = cluster.split('|').nth(3).unwrap_or_default();
        match host {
            // Some Envoy clusters belong to no Service, such as `BlackHoleCluster`. For such a cluster, Istio shows the cluster's
            // name as the Service's name.
            "" if !cluster.is_empty() && !cluster.contains('|') => CalledService {
                host: unknown(),
                name: cluster.to_owned(),
                namespace: unknown(),
            },
            "" => CalledService {
                host: unknown(),
                name: unknown(),
                namespace: unknown(),
            },
            // If the configuration was compiled again after the mesh started, an Envoy cluster may be missing in `called`. Then the
            // Service is found by its host name.
            host => self
                .by_host
                .get(host)
                .cloned()
                .unwrap_or_else(|| CalledService {
                    host: host.to_owned(),
                    name: host.to_owned(),
                    namespace: unknown(),
                }),
        }
    }
}

impl Peer {
    fn unknown() -> Self {
        let unknown = || UNKNOWN.to_owned();
        Self {
            workload: unknown(),
            namespace: unknown(),
            app: unknown(),
            version: unknown(),
            canonical_service: unknown(),
            canonical_revision: unknown(),
            cluster: UNKNOWN,
            pod: unknown(),
            identity: unknown(),
            is_gateway: false,
        }
    }

    fn from_workload(workload: &Workload) -> Self {
        let label = |name: &str| workload.labels.get(name).cloned();
        let unknown = || UNKNOWN.to_owned();
        let (app, version) = (label("app"), label("version"));
        Self {
            canonical_service: label("service.istio.io/canonical-name")
                .or_else(|| app.clone())
                .unwrap_or_else(|| workload.owner.clone()),
            canonical_revision: label("service.istio.io/canonical-revision")
                .or_else(|| version.clone())
                .unwrap_or_else(|| DEFAULT_REVISION.to_owned()),
            workload: workload.owner.clone(),
            namespace: workload.namespace.clone(),
            app: app.unwrap_or_else(unknown),
            version: version.unwrap_or_else(unknown),
            cluster: CLUSTER_NAME,
            pod: workload.pod.clone(),
            identity: workload.identity(),
            is_gateway: workload.proxy == Proxy::Gateway,
        }
    }
}

/// The name of an Envoy cluster, and the Service that Istio's metadata in this Envoy cluster names.
fn called_service(cluster: &Value) -> Option<(String, CalledService)> {
    let service = cluster.pointer("/metadata/filter_metadata/istio/services/0")?;
    let text = |name: &str| Some(service.get(name)?.as_str()?.to_owned());
    let called = CalledService {
        host: text("host")?,
        name: text("name")?,
        namespace: text("namespace")?,
    };
    Some((cluster.get("name")?.as_str()?.to_owned(), called))
}
