//! The labels of Istio's standard metrics.

use std::borrow::Cow;

use super::key::{InternedTexts, Key, Reporter, Security};
use super::peers::{CalledService, Peer, Peers, UNKNOWN};

/// Names and values of labels, in Istio's order.
pub(super) type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// The names of the labels that describe the caller or the callee of a request.
type EndNames = [&'static str; 8];

const SOURCE_LABELS: EndNames = [
    "source_workload",
    "source_workload_namespace",
    "source_principal",
    "source_app",
    "source_version",
    "source_cluster",
    "source_canonical_service",
    "source_canonical_revision",
];

const DESTINATION_LABELS: EndNames = [
    "destination_workload",
    "destination_workload_namespace",
    "destination_principal",
    "destination_app",
    "destination_version",
    "destination_cluster",
    "destination_canonical_service",
    "destination_canonical_revision",
];

/// Istio's labels for the requests that are counted under this key.
pub(super) fn labels(peers: &Peers, key: &Key, texts: &InternedTexts) -> Labels {
    let own = peers.peer(key.own);
    let other = peers.peer(key.other);
    let principal = key.principal.map(|id| texts.text(id));
    // With mutual TLS, both ends of a connection present certificates. So if the log line shows that the other workload presented a
    // certificate, this workload presented a certificate too.
    let (own_principal, other_principal) = match principal {
        Some(uri) => (own.identity.as_str(), uri),
        None => (UNKNOWN, UNKNOWN),
    };
    let (reporter, source, destination) = match key.reporter {
        Reporter::Source => ("source", (own, own_principal), (other, other_principal)),
        Reporter::Destination => (
            "destination",
            (other, other_principal),
            (own, own_principal),
        ),
    };
    let called = peers.called_service(key.own, texts.text(key.cluster));
    let mut labels = Labels::with_capacity(27);
    labels.push(("reporter", reporter.into()));
    add_end(&mut labels, SOURCE_LABELS, source.0, source.1);
    add_end(
        &mut labels,
        DESTINATION_LABELS,
        destination.0,
        destination.1,
    );
    add_service(&mut labels, called);
    let protocol = if key.grpc.is_some() { "grpc" } else { "http" };
    let grpc = key.grpc.map(|id| texts.text(id)).unwrap_or_default();
    let security = match key.security {
        Security::MutualTls => "mutual_tls",
        Security::None => "none",
        Security::Unknown => UNKNOWN,
    };
    let flags = texts.text(key.flags).to_owned();
    labels.extend([
        ("request_protocol", protocol.into()),
        ("response_code", key.code.to_string().into()),
        ("grpc_response_status", grpc.to_owned().into()),
        ("response_flags", flags.into()),
        ("connection_security_policy", security.into()),
        // On a cluster, Prometheus adds the labels `namespace` and `pod` when it scrapes a Pod.
        ("namespace", own.namespace.clone().into()),
        ("pod", own.pod.clone().into()),
    ]);
    labels
}

fn add_end(labels: &mut Labels, names: EndNames, peer: &Peer, principal: &str) {
    let values = [
        &peer.workload,
        &peer.namespace,
        principal,
        &peer.app,
        &peer.version,
        peer.cluster,
        &peer.canonical_service,
        &peer.canonical_revision,
    ];
    let owned = values.map(|value| Cow::Owned(value.to_owned()));
    labels.extend(names.into_iter().zip(owned));
}

fn add_service(labels: &mut Labels, called: CalledService) {
    labels.extend([
        ("destination_service", Cow::Owned(called.host)),
        ("destination_service_name", called.name.into()),
        ("destination_service_namespace", called.namespace.into()),
    ]);
}
