//! The two ends of a request. Each is a workload, known by its address or certificate, or an unknown peer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::Value;

use crate::addresses::Addresses;
use crate::compiled::{Compiled, CompiledError, Proxy, Workload};

/// Istio's value for an unknown label.
pub(super) const UNKNOWN: &str = "unknown";
/// Istio's default cluster name.
const CLUSTER: &str = "Kubernetes";
/// Istio's value for a revision without a name.
const LATEST: &str = "latest";

/// Index into [`Peers::all`].
pub(super) type PeerId = u16;

/// The unknown peer.
pub(super) const UNKNOWN_PEER: PeerId = 0;

/// One end of a request, as in its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) workload: String,
    pub(super) namespace: String,
    pub(super) app: String,
    pub(super) version: String,
    pub(super) canonical_service: String,
    pub(super) canonical_revision: String,
    pub(super) cluster: &'static str,
    /// Set for workloads only.
    pub(super) pod: String,
    pub(super) identity: String,
    pub(super) is_gateway: bool,
}

/// A Service that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    /// `ratings.bookinfo.svc.cluster.local`
    pub(super) host: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

/// All workloads.
pub(super) struct Peers {
    pub(super) all: Vec<Peer>,
    /// By cluster address.
    workloads: HashMap<Ipv4Addr, PeerId>,
    /// By address on this machine.
    local: HashMap<Ipv4Addr, PeerId>,
    identities: HashMap<String, PeerId>,
    /// The addresses where sidecars accept requests for their workloads.
    inbound: HashSet<SocketAddrV4>,
    /// By the proxy's workload, and the cluster's name.
    called: HashMap<PeerId, HashMap<String, Called>>,
    by_host: HashMap<String, Called>,
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
            let id = peers.add(Peer::of(workload));
            peers.workloads.insert(workload.ip, id);
            if let Some(pod) = addresses.pod(workload.ip) {
                peers.local.insert(pod.ip, id);
            }
            identities.entry(workload.identity()).or_default().push(id);
            if workload.proxy != Proxy::None {
                let clusters = compiled.resources(workload)?.clusters;
                let called = clusters.iter().filter_map(called).collect();
                peers.called.insert(id, called);
            }
        }
        for (identity, ids) in identities {
            let id = peers.shared(&ids);
            peers.identities.insert(identity, id);
        }
        for service in &compiled.services {
            let called = Called {
                host: service.host(),
                name: service.name.clone(),
                namespace: service.namespace.clone(),
            };
            for endpoint in service.ports.iter().flat_map(|port| &port.endpoints) {
                if let Some(id) = peers.workloads.get(&endpoint.ip) {
                    // An inbound cluster does not name a Service: it belongs to the Service in front of the Pod.
                    let inbound = format!("inbound|{}||", endpoint.port);
                    let own = peers.called.entry(*id).or_default();
                    own.entry(inbound).or_insert_with(|| called.clone());
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

    /// A peer with the fields that all of these share: two releases of a service have one identity.
    fn shared(&mut self, ids: &[PeerId]) -> PeerId {
        let peers: Vec<_> = ids.iter().map(|id| self.peer(*id).clone()).collect();
        let Some((first, others)) = peers.split_first() else {
            return UNKNOWN_PEER;
        };
        let same = |of: fn(&Peer) -> &str| {
            let all = others.iter().all(|other| of(other) == of(first));
            if all { of(first) } else { UNKNOWN }.to_owned()
        };
        let common = Peer {
            workload: same(|p| &p.workload),
            app: same(|p| &p.app),
            version: same(|p| &p.version),
            canonical_service: same(|p| &p.canonical_service),
            canonical_revision: same(|p| &p.canonical_revision),
            ..first.clone()
        };
        self.add(common)
    }

    pub(super) fn peer(&self, id: PeerId) -> &Peer {
        static UNKNOWN_PEER_DATA: std::sync::LazyLock<Peer> =
            std::sync::LazyLock::new(Peer::unknown);
        self.all.get(usize::from(id)).unwrap_or(&UNKNOWN_PEER_DATA)
    }

    /// The workload with this cluster address.
    pub(super) fn workload(&self, ip: Ipv4Addr) -> PeerId {
        self.workloads.get(&ip).copied().unwrap_or(UNKNOWN_PEER)
    }

    /// The workload with this address on this machine.
    pub(super) fn at(&self, address: Option<SocketAddrV4>) -> Option<PeerId> {
        self.local.get(address?.ip()).copied()
    }

    /// The workload with this identity in its certificate.
    pub(super) fn identified(&self, uri: &str) -> Option<PeerId> {
        self.identities.get(uri).copied()
    }

    pub(super) fn is_inbound(&self, address: Option<SocketAddrV4>) -> bool {
        address.is_some_and(|address| self.inbound.contains(&address))
    }

    /// The Service behind a cluster of this workload's proxy.
    pub(super) fn called(&self, proxy: PeerId, cluster: &str) -> Called {
        if let Some(called) = self.called.get(&proxy).and_then(|of| of.get(cluster)) {
            return called.clone();
        }
        let unknown = || UNKNOWN.to_owned();
        let host = cluster.split('|').nth(3).unwrap_or_default();
        match host {
            // `BlackHoleCluster`, as Istio labels it.
            "" if !cluster.is_empty() && !cluster.contains('|') => Called {
                host: unknown(),
                name: cluster.to_owned(),
                namespace: unknown(),
            },
            "" => Called {
                host: unknown(),
                name: unknown(),
                namespace: unknown(),
            },
            // The host is from a configuration that was compiled later.
            host => self.by_host.get(host).cloned().unwrap_or_else(|| Called {
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

    fn of(workload: &Workload) -> Self {
        let label = |name: &str| workload.labels.get(name).cloned();
        let unknown = || UNKNOWN.to_owned();
        let (app, version) = (label("app"), label("version"));
        Self {
            canonical_service: label("service.istio.io/canonical-name")
                .or_else(|| app.clone())
                .unwrap_or_else(|| workload.owner.clone()),
            canonical_revision: label("service.istio.io/canonical-revision")
                .or_else(|| version.clone())
                .unwrap_or_else(|| LATEST.to_owned()),
            workload: workload.owner.clone(),
            namespace: workload.namespace.clone(),
            app: app.unwrap_or_else(unknown),
            version: version.unwrap_or_else(unknown),
            cluster: CLUSTER,
            pod: workload.pod.clone(),
            identity: workload.identity(),
            is_gateway: workload.proxy == Proxy::Gateway,
        }
    }
}

/// Istio's metadata of a cluster: the cluster's name, and its Service.
fn called(cluster: &Value) -> Option<(String, Called)> {
    let service = cluster.pointer("/metadata/filter_metadata/istio/services/0")?;
    let text = |name: &str| Some(service.get(name)?.as_str()?.to_owned());
    let called = Called {
        host: text("host")?,
        name: text("name")?,
        namespace: text("namespace")?,
    };
    Some((cluster.get("name")?.as_str()?.to_owned(), called))
}
