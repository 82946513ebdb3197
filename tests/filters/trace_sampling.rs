//! The decision whether a request is traced: the manifests' EnvoyFilter `request-ids` and the percentage of their Telemetry, in
//! real Envoys with the OpenTelemetry tracer. The tests count the `traceparent` headers that arrive at the upstream.

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Envoy, Setup, Upstream};

const REQUESTS: usize = 200;

/// The objects of `istio/base/mesh.yaml`.
fn manifest(kind: &str, name: &str) -> Value {
    let path = stoa_testkit::workspace().join("istio/base/mesh.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let all: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let mut found = all.into_iter();
    let wanted = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
    found.find(wanted).unwrap()
}

/// The settings that the EnvoyFilter merges into the connection managers of a context, with the tracing that Istio makes of the
/// Telemetry.
fn manager(context: &str) -> Value {
    let filter = manifest("EnvoyFilter", "request-ids");
    let patches = filter["spec"]["configPatches"].as_array().unwrap();
    let mut patch = patches.iter().filter(|p| p["match"]["context"] == context);
    let mut manager = patch.next().unwrap()["patch"]["value"]["typed_config"].clone();
    assert!(patch.next().is_none(), "one patch for {context}");
    let telemetry = manifest("Telemetry", "mesh");
    let percentage = &telemetry["spec"]["tracing"][0]["randomSamplingPercentage"];
    assert_eq!(percentage, 10, "what this test counts with");
    let fields = manager.as_object_mut().unwrap();
    fields.remove("@type");
    let collector = json!({"envoy_grpc": {"cluster_name": "collector"}});
    fields.insert(
        "tracing".to_owned(),
        json!({
            "client_sampling": {"value": 100},
            "random_sampling": {"value": percentage},
            "overall_sampling": {"value": 100},
            "spawn_upstream_span": context == "GATEWAY",
            "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": collector, "service_name": "test"}},
        }),
    );
    manager
}

/// An Envoy of this context before an upstream. Its traces have no collector.
fn envoy(context: &str, to: std::net::SocketAddr) -> Envoy {
    Setup::new()
        .cluster("next", to)
        .raw_cluster(json!({
            "name": "collector",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": "collector"},
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            },
        }))
        .manager(manager(context))
        .start()
}

/// The `traceparent` of a caller, with its own trace.
fn parent(number: usize, flags: &str) -> String {
    format!("00-{number:032x}-00000000000000ff-{flags}")
}

/// The first digits of a UUID that looks random: multiples of 2^32 divided by the golden ratio scatter evenly (Knuth, 6.4).
fn scattered(number: usize) -> u32 {
    u32::try_from(number).unwrap().wrapping_mul(2_654_435_769)
}

fn uuid(number: usize) -> String {
    format!("{:08x}-0000-4000-8000-000000000000", scattered(number))
}

fn name(number: usize) -> String {
    format!("order-{number}")
}

/// Number of UUIDs that Envoy samples at 10 %: it takes the first eight digits modulo 10,000.
fn drawn() -> usize {
    let numbers = 1..=REQUESTS;
    numbers.filter(|n| scattered(*n) % 10_000 < 1_000).count()
}

/// Number of sampled requests that arrive; each must keep its trace and its id.
fn sampled(
    envoy: &Envoy,
    upstream: &Upstream,
    flags: Option<&str>,
    id: fn(usize) -> String,
) -> usize {
    let mut connection = envoy.connect();
    upstream.take();
    let mut ids = Vec::new();
    for number in 1..=REQUESTS {
        let id = id(number);
        let mut call = Call::get("/").header("x-request-id", &id);
        if let Some(flags) = flags {
            call = call.header("traceparent", &parent(number, flags));
        }
        assert_eq!(connection.send(&call).unwrap().status, 200);
        ids.push(id);
    }
    let seen = upstream.take();
    assert_eq!(seen.len(), REQUESTS);
    let traced = seen.iter().enumerate().filter(|(index, received)| {
        assert_eq!(received.header("x-request-id"), Some(ids[*index].as_str()));
        let traceparent = received.header("traceparent").unwrap_or_default();
        let trace = format!("00-{:032x}-", index + 1);
        assert!(
            flags.is_none() || traceparent.starts_with(&trace),
            "{traceparent}"
        );
        traceparent.ends_with("-01")
    });
    traced.count()
}

#[test]
fn a_parent_from_inside_the_mesh_decides_whatever_the_request_is_called() {
    for context in ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"] {
        let upstream = Upstream::named("ok");
        let envoy = envoy(context, upstream.address());
        for id in [uuid as fn(usize) -> String, name] {
            let of = |flags| sampled(&envoy, &upstream, Some(flags), id);
            assert_eq!([of("01"), of("00")], [REQUESTS, 0], "{context}, {}", id(1));
        }
    }
}

#[test]
fn a_trace_that_a_workload_begins_is_sampled() {
    let upstream = Upstream::named("ok");
    let envoy = envoy("SIDECAR_OUTBOUND", upstream.address());
    assert_eq!(sampled(&envoy, &upstream, None, uuid), REQUESTS);
}

#[test]
fn at_the_gateway_a_draw_from_the_id_decides_and_no_parent_from_outside() {
    let upstream = Upstream::named("ok");
    let envoy = envoy("GATEWAY", upstream.address());
    assert!((10..=30).contains(&drawn()), "{} of {REQUESTS}", drawn());
    for flags in [Some("01"), None] {
        assert_eq!(sampled(&envoy, &upstream, flags, uuid), drawn());
    }
    assert_eq!(sampled(&envoy, &upstream, Some("00"), uuid), 0);
    assert_eq!(sampled(&envoy, &upstream, Some("01"), name), 0);
}

#[test]
fn what_the_gateway_has_drawn_holds_behind_it() {
    let upstream = Upstream::named("ok");
    let sidecar = envoy("SIDECAR_INBOUND", upstream.address());
    let gateway = envoy("GATEWAY", sidecar.address());
    assert_eq!(sampled(&gateway, &upstream, Some("01"), uuid), drawn());
}
