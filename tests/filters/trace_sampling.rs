//! Tests of the decision whether a request is traced. Real Envoys with the OpenTelemetry tracer use the manifests' EnvoyFilter
//! `request-ids` and the sampling percentage of the manifests' Telemetry object. The tests count the sampled `traceparent` headers
//! that arrive at the upstream.

use serde_json::{Value, json};
use stoa_testkit::envoy::{Call, Envoy, Setup, Upstream};

const REQUESTS: usize = 200;

/// The object of `istio/base/mesh.yaml` with this kind and name.
fn manifest(kind: &str, name: &str) -> Value {
    let path = stoa_testkit::workspace().join("istio/base/mesh.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let all: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let mut found = all.into_iter();
    let wanted = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
    found.find(wanted).unwrap()
}

/// The settings of the HTTP connection managers in this context, such as `GATEWAY`: the EnvoyFilter's patch, and the tracing
/// settings that Istio generates from the Telemetry.
fn manager(context: &str) -> Value {
    let filter = manifest("EnvoyFilter", "request-ids");
    let patches = filter["spec"]["configPatches"].as_array().unwrap();
    let mut patch = patches.iter().filter(|p| p["match"]["context"] == context);
    let mut manager = patch.next().unwrap()["patch"]["value"]["typed_config"].clone();
    assert!(patch.next().is_none(), "expected one patch for {context}");
    let telemetry = manifest("Telemetry", "mesh");
    let percentage = &telemetry["spec"]["tracing"][0]["randomSamplingPercentage"];
    assert_eq!(percentage, 10, "this test expects 10 %");
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

/// An Envoy with the settings of this context, in front of an upstream. The cluster of the trace collector has no endpoint.
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

/// The `traceparent` of a caller. Each number gives a different trace id.
fn parent(number: usize, flags: &str) -> String {
    format!("00-{number:032x}-00000000000000ff-{flags}")
}

/// The first eight hexadecimal digits of UUID number `number`, as a number. The numbers are evenly scattered, because they are
/// multiples of 2^32 / phi, where phi is the golden ratio (Knuth, 6.4).
fn scattered(number: usize) -> u32 {
    u32::try_from(number).unwrap().wrapping_mul(2_654_435_769)
}

fn uuid(number: usize) -> String {
    format!("{:08x}-0000-4000-8000-000000000000", scattered(number))
}

fn order_name(number: usize) -> String {
    format!("order-{number}")
}

/// Number of UUIDs that Envoy samples at 10 %. Envoy takes the first eight digits modulo 10,000, and samples the request if the
/// result is below 1,000.
fn sampled_uuids() -> usize {
    let numbers = 1..=REQUESTS;
    numbers.filter(|n| scattered(*n) % 10_000 < 1_000).count()
}

/// Sends requests, and returns the number of sampled requests at the upstream. Checks that each request keeps its trace and its id.
fn count_sampled(
    envoy: &Envoy,
    upstream: &Upstream,
    flags: Option<&str>,
    id: fn(usize) -> String,
) -> usize {
    let mut connection = envoy.connect();
    upstream.take_requests();
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
    let seen = upstream.take_requests();
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
fn inside_the_mesh_the_parent_decides_and_the_request_id_does_not() {
    for context in ["SIDECAR_INBOUND", "SIDECAR_OUTBOUND"] {
        let upstream = Upstream::named("ok");
        let envoy = envoy(context, upstream.address());
        for id in [uuid as fn(usize) -> String, order_name] {
            let with_flags = |flags| count_sampled(&envoy, &upstream, Some(flags), id);
            assert_eq!(
                [with_flags("01"), with_flags("00")],
                [REQUESTS, 0],
                "{context}, {}",
                id(1)
            );
        }
    }
}

#[test]
fn a_trace_that_a_workload_begins_is_sampled() {
    let upstream = Upstream::named("ok");
    let envoy = envoy("SIDECAR_OUTBOUND", upstream.address());
    assert_eq!(count_sampled(&envoy, &upstream, None, uuid), REQUESTS);
}

#[test]
fn at_the_gateway_the_request_id_decides_and_a_parent_from_outside_does_not() {
    let upstream = Upstream::named("ok");
    let envoy = envoy("GATEWAY", upstream.address());
    assert!(
        (10..=30).contains(&sampled_uuids()),
        "{} of {REQUESTS}",
        sampled_uuids()
    );
    for flags in [Some("01"), None] {
        assert_eq!(
            count_sampled(&envoy, &upstream, flags, uuid),
            sampled_uuids()
        );
    }
    assert_eq!(count_sampled(&envoy, &upstream, Some("00"), uuid), 0);
    assert_eq!(count_sampled(&envoy, &upstream, Some("01"), order_name), 0);
}

#[test]
fn the_decision_of_the_gateway_applies_behind_the_gateway() {
    let upstream = Upstream::named("ok");
    let sidecar = envoy("SIDECAR_INBOUND", upstream.address());
    let gateway = envoy("GATEWAY", sidecar.address());
    assert_eq!(
        count_sampled(&gateway, &upstream, Some("01"), uuid),
        sampled_uuids()
    );
}
