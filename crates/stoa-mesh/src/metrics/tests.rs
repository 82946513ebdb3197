//! Tests of the metrics. Each test counts lines of an access log and reads the resulting page. The file has more than 400 lines
//! because each test has its own log lines and expected labels.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::Metrics;
use super::series::BUCKET_BOUNDS;
use crate::addresses::Addresses;
use crate::compiled::{Compiled, Workload};
use crate::exposition::render;

struct Shop {
    compiled: Compiled,
    addresses: Addresses,
    metrics: Metrics,
}

impl Shop {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio/compiled");
        let compiled = Compiled::read(&folder).expect("istio/compiled, which `make mesh` writes");
        let addresses = Addresses::choose(&compiled).expect("loopback addresses");
        let metrics = Metrics::new(&compiled, &addresses).expect("metrics");
        Self {
            compiled,
            addresses,
            metrics,
        }
    }

    fn workload(&self, pod: &str) -> &Workload {
        let found = self.compiled.workloads.iter().find(|w| w.pod == pod);
        found.unwrap_or_else(|| panic!("no workload {pod}"))
    }

    /// The address on this machine that replaces a port of a Pod.
    fn at(&self, pod: &str, port: u16) -> String {
        let ip = self.workload(pod).ip;
        self.addresses
            .endpoint(ip, port)
            .expect("an address")
            .to_string()
    }

    fn record(&self, pod: &str, line: &Value) {
        self.metrics.record(self.workload(pod), &line.to_string());
    }

    /// The samples of a metric. Each item is a pair: a map of the sample's labels, and the sample's value.
    fn samples(&self, name: &str) -> Vec<(BTreeMap<String, String>, u64)> {
        let page = render(vec![Box::new(self.metrics.families())]);
        let sample = |line: &str| {
            let (metric, rest) = line.split_once('{')?;
            let (labels, value) = rest.rsplit_once("} ")?;
            let labels = labels
                .split("\",")
                .filter_map(|label| label.split_once("=\""));
            let labels = labels
                .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
            (metric == name).then(|| (labels.collect(), parse_whole(value)))
        };
        page.lines().filter_map(sample).collect()
    }

    /// The labels of the only series of `istio_requests_total`.
    fn only_labels(&self) -> BTreeMap<String, String> {
        let mut samples = self.samples("istio_requests_total");
        assert_eq!(samples.len(), 1, "{samples:?}");
        samples.remove(0).0
    }

    /// The line that the sidecar of the workload `payment` logs about a request from `operator` to `payment`.
    fn inbound_line(&self) -> Value {
        json!({
            "protocol": "HTTP/1.1", "method": "GET", "path": "/payments", "authority": "payment.shop.svc.cluster.local",
            "response_code": 200, "response_flags": "-", "duration": 7,
            "upstream_cluster": "inbound|80||", "upstream_host": "127.0.0.1:12080",
            "downstream_remote_address": self.at("operator-0", 50000),
            "downstream_local_address": self.at("payment-v1-0", 80),
            "downstream_principal": "spiffe://cluster.local/ns/shop/sa/operator",
            "grpc_status": null,
        })
    }

    /// The line that the sidecar of the workload `operator` logs about a request from `operator` to `payment`.
    fn outbound_line(&self) -> Value {
        json!({
            "protocol": "HTTP/1.1", "response_code": 200, "response_flags": "-", "duration": 9,
            "upstream_cluster": "outbound|80||payment.shop.svc.cluster.local",
            "upstream_host": self.at("payment-v1-0", 80),
            "upstream_principal": "spiffe://cluster.local/ns/shop/sa/payment",
            "downstream_remote_address": "127.0.0.1:40000",
            "downstream_local_address": "127.0.0.1:11080",
            "downstream_principal": null,
        })
    }
}

/// Parses a whole number: a count such as `4`, or a sum such as `4.0`.
fn parse_whole(value: &str) -> u64 {
    let value = value.strip_suffix(".0").unwrap_or(value);
    value.parse().expect("a whole number")
}

#[track_caller]
fn assert_labels(labels: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(
            labels.get(*name).map(String::as_str),
            Some(*value),
            "{name} of {labels:?}"
        );
    }
}

#[test]
fn a_request_is_counted_at_its_destination() {
    let shop = Shop::new();
    shop.record("payment-v1-0", &shop.inbound_line());
    let labels = shop.only_labels();
    assert_labels(
        &labels,
        &[
            ("reporter", "destination"),
            ("source_workload", "operator"),
            ("source_workload_namespace", "shop"),
            (
                "source_principal",
                "spiffe://cluster.local/ns/shop/sa/operator",
            ),
            ("source_app", "operator"),
            ("source_version", "v1"),
            ("source_cluster", "Kubernetes"),
            ("source_canonical_service", "operator"),
            ("source_canonical_revision", "v1"),
            ("destination_workload", "payment-v1"),
            ("destination_workload_namespace", "shop"),
            (
                "destination_principal",
                "spiffe://cluster.local/ns/shop/sa/payment",
            ),
            ("destination_app", "payment"),
            ("destination_version", "v1"),
            ("destination_cluster", "Kubernetes"),
            ("destination_canonical_service", "payment"),
            ("destination_canonical_revision", "v1"),
            ("destination_service", "payment.shop.svc.cluster.local"),
            ("destination_service_name", "payment"),
            ("destination_service_namespace", "shop"),
            ("request_protocol", "http"),
            ("response_code", "200"),
            ("response_flags", "-"),
            ("grpc_response_status", ""),
            ("connection_security_policy", "mutual_tls"),
            ("namespace", "shop"),
            ("pod", "payment-v1-0"),
        ],
    );
    assert_eq!(
        labels.len(),
        27,
        "labels that Istio's metric does not have: {labels:?}"
    );
}

#[test]
fn a_request_is_counted_at_its_source() {
    let shop = Shop::new();
    shop.record("operator-0", &shop.outbound_line());
    assert_labels(
        &shop.only_labels(),
        &[
            ("reporter", "source"),
            ("source_workload", "operator"),
            (
                "source_principal",
                "spiffe://cluster.local/ns/shop/sa/operator",
            ),
            ("destination_workload", "payment-v1"),
            (
                "destination_principal",
                "spiffe://cluster.local/ns/shop/sa/payment",
            ),
            ("destination_service", "payment.shop.svc.cluster.local"),
            ("connection_security_policy", "unknown"),
            ("pod", "operator-0"),
        ],
    );
}

#[test]
fn requests_with_equal_labels_are_one_series() {
    let shop = Shop::new();
    for _ in 0..3 {
        shop.record("payment-v1-0", &shop.inbound_line());
    }
    let mut rejected = shop.inbound_line();
    rejected["response_code"] = 403.into();
    shop.record("payment-v1-0", &rejected);
    let mut counts: Vec<_> = shop.samples("istio_requests_total");
    counts.sort_by_key(|(_, count)| *count);
    assert_eq!(counts.len(), 2);
    assert_eq!(
        (counts[0].0["response_code"].as_str(), counts[0].1),
        ("403", 1)
    );
    assert_eq!(
        (counts[1].0["response_code"].as_str(), counts[1].1),
        ("200", 3)
    );
}

#[test]
fn two_releases_with_one_identity_are_distinguished_by_their_addresses() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["downstream_principal"] = "spiffe://cluster.local/ns/shop/sa/product".into();
    line["downstream_remote_address"] = shop.at("product-v2-0", 50000).into();
    shop.record("payment-v1-0", &line);
    assert_labels(
        &shop.only_labels(),
        &[("source_workload", "product-v2"), ("source_version", "v2")],
    );
}

#[test]
fn a_caller_with_an_unknown_address_is_found_by_its_certificate() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    // The caller's address in the log line is from the header x-forwarded-for, and no workload has this address.
    line["downstream_remote_address"] = "203.0.113.7:0".into();
    shop.record("payment-v1-0", &line);
    assert_labels(&shop.only_labels(), &[("source_workload", "operator")]);
}

#[test]
fn an_identity_of_two_releases_gets_only_their_common_labels() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["downstream_principal"] = "spiffe://cluster.local/ns/shop/sa/product".into();
    line["downstream_remote_address"] = "203.0.113.7:0".into();
    shop.record("payment-v1-0", &line);
    assert_labels(
        &shop.only_labels(),
        &[
            ("source_workload", "unknown"),
            ("source_version", "unknown"),
            ("source_app", "product"),
            ("source_workload_namespace", "shop"),
            ("source_canonical_service", "product"),
        ],
    );
}

#[test]
fn the_direct_address_wins_over_an_address_from_a_header() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["downstream_remote_address"] = shop.at("order-v1-0", 1234).into();
    line["downstream_direct_remote_address"] = shop.at("operator-0", 1234).into();
    shop.record("payment-v1-0", &line);
    assert_labels(&shop.only_labels(), &[("source_workload", "operator")]);
}

#[test]
fn plaintext_is_not_confused_with_a_missing_field() {
    for (principal, expected) in [(Some(Value::Null), "none"), (None, "unknown")] {
        let shop = Shop::new();
        let mut line = shop.inbound_line();
        match principal {
            Some(principal) => line["downstream_principal"] = principal,
            None => drop(
                line.as_object_mut()
                    .expect("an object")
                    .remove("downstream_principal"),
            ),
        }
        shop.record("payment-v1-0", &line);
        let expected = [
            ("connection_security_policy", expected),
            ("source_principal", "unknown"),
            ("destination_principal", "unknown"),
            ("source_workload", "operator"),
        ];
        assert_labels(&shop.only_labels(), &expected);
    }
}

#[test]
fn a_request_without_an_upstream_host_has_no_destination_workload() {
    let shop = Shop::new();
    let mut line = shop.outbound_line();
    line["upstream_host"] = Value::Null;
    line["upstream_principal"] = Value::Null;
    line["response_flags"] = "UH".into();
    line["response_code"] = 503.into();
    shop.record("operator-0", &line);
    assert_labels(
        &shop.only_labels(),
        &[
            ("response_flags", "UH"),
            ("destination_workload", "unknown"),
            ("destination_canonical_revision", "unknown"),
            ("destination_service_name", "payment"),
            ("source_principal", "unknown"),
        ],
    );
}

#[test]
fn requests_to_two_subsets_of_a_service_are_one_series() {
    let shop = Shop::new();
    for cluster in [
        "outbound|80|v1|product.shop.svc.cluster.local",
        "outbound|80|v2|product.shop.svc.cluster.local",
    ] {
        let mut line = shop.outbound_line();
        line["upstream_cluster"] = cluster.into();
        line["upstream_host"] = Value::Null;
        shop.record("istio-ingressgateway-0", &line);
    }
    // The two requests have the same labels. If the page contained one sample for each request, Prometheus would drop the second
    // sample.
    let samples = shop.samples("istio_requests_total");
    assert_eq!(samples.len(), 1, "{samples:?}");
    assert_eq!(samples[0].1, 2);
    assert_labels(
        &samples[0].0,
        &[
            ("destination_service_name", "product"),
            ("source_workload", "istio-ingressgateway"),
        ],
    );
}

#[test]
fn a_request_without_a_service_has_istios_service_names() {
    let shop = Shop::new();
    for (cluster, service) in [
        (json!("BlackHoleCluster"), "BlackHoleCluster"),
        (Value::Null, "unknown"),
    ] {
        let mut line = shop.outbound_line();
        line["upstream_cluster"] = cluster;
        line["upstream_host"] = Value::Null;
        shop.record("operator-0", &line);
        let samples = shop.samples("istio_requests_total");
        let found = samples
            .iter()
            .find(|(labels, _)| labels["destination_service_name"] == service);
        let (labels, _) = found.unwrap_or_else(|| panic!("{service} is not in {samples:?}"));
        assert_labels(
            labels,
            &[("destination_service", "unknown"), ("reporter", "source")],
        );
    }
}

#[test]
fn a_request_that_was_rejected_before_it_had_a_cluster_is_counted_at_its_destination() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["upstream_cluster"] = Value::Null;
    shop.record("payment-v1-0", &line);
    assert_labels(
        &shop.only_labels(),
        &[
            ("reporter", "destination"),
            ("destination_service_name", "payment"),
        ],
    );
}

#[test]
fn a_call_with_a_grpc_status_is_grpc() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["grpc_status"] = 14.into();
    shop.record("payment-v1-0", &line);
    assert_labels(
        &shop.only_labels(),
        &[("request_protocol", "grpc"), ("grpc_response_status", "14")],
    );
}

#[test]
fn a_duration_is_counted_in_istios_buckets() {
    let shop = Shop::new();
    for duration in [0, 1, 7, 7, 30, 4_000_000] {
        let mut line = shop.inbound_line();
        line["duration"] = duration.into();
        shop.record("payment-v1-0", &line);
    }
    let buckets = shop.samples("istio_request_duration_milliseconds_bucket");
    let counts: BTreeMap<_, _> = buckets
        .iter()
        .map(|(labels, count)| (labels["le"].clone(), *count))
        .collect();
    assert_eq!(counts.len(), BUCKET_BOUNDS.len() + 1);
    for (bound, count) in [
        ("0.5", 1),
        ("1", 2),
        ("5", 2),
        ("10", 4),
        ("25", 4),
        ("50", 5),
        ("3.6e+06", 5),
        ("+Inf", 6),
    ] {
        assert_eq!(counts[bound], count, "at most {bound} ms");
    }
    let counted = shop.samples("istio_request_duration_milliseconds_count");
    assert_eq!(counted[0].1, 6);
    let sum = shop.samples("istio_request_duration_milliseconds_sum");
    assert_eq!(sum[0].1, 4_000_045);
}

#[test]
fn sizes_are_counted_if_the_log_has_them() {
    let shop = Shop::new();
    shop.record("payment-v1-0", &shop.inbound_line());
    assert!(shop.samples("istio_request_bytes_count").is_empty());
    let mut line = shop.inbound_line();
    line["downstream_wire_bytes_received"] = 300.into();
    line["downstream_wire_bytes_sent"] = 900.into();
    shop.record("payment-v1-0", &line);
    assert_eq!(shop.samples("istio_request_bytes_sum")[0].1, 300);
    assert_eq!(shop.samples("istio_response_bytes_sum")[0].1, 900);
}

#[test]
fn a_malformed_line_is_counted_and_dropped() {
    let shop = Shop::new();
    let workload = shop.workload("payment-v1-0");
    for line in [
        "",
        "{",
        "[1]",
        "hello",
        "{}",
        r#"{"protocol":"HTTP/1.1"}"#,
        r#"{"protocol":{},"response_code":200}"#,
    ] {
        shop.metrics.record(workload, line);
    }
    assert_eq!(shop.metrics.malformed(), 7);
    // A log line about a connection counts neither as a request nor as malformed.
    let mut line = shop.inbound_line();
    line["protocol"] = Value::Null;
    shop.record("payment-v1-0", &line);
    assert_eq!(shop.metrics.malformed(), 7);
    assert!(shop.samples("istio_requests_total").is_empty());
}

#[test]
fn escapes_in_a_line_and_in_a_label_are_kept() {
    let shop = Shop::new();
    let mut line = shop.inbound_line();
    line["response_flags"] = "a\"b\\c\n".into();
    shop.record("payment-v1-0", &line);
    let page = render(vec![Box::new(shop.metrics.families())]);
    let samples = page
        .lines()
        .filter(|l| l.starts_with("istio_requests_total{"));
    let samples: Vec<_> = samples.collect();
    assert_eq!(samples.len(), 1, "{page}");
    assert!(
        samples[0].contains(r#"response_flags="a\"b\\c\n""#),
        "{page}"
    );
}

/// Prints the time that it takes to count one log line. Only the release build's time matters: `cargo test --release -- --nocapture
/// a_line`.
#[test]
fn a_line_of_an_access_log_is_counted_quickly() {
    let shop = Shop::new();
    let lines: Vec<String> = (0..16_u16)
        .map(|n| {
            let mut line = shop.inbound_line();
            line["response_code"] = (200 + n).into();
            line["user_agent"] =
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into();
            line["request_id"] = "58afc915-6dd7-47b9-8134-5e8f22f01905".into();
            line["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
            line["route_name"] = "read".into();
            line["response_code_details"] = "via_upstream".into();
            line["requested_server_name"] = "outbound_.80_._.payment.shop.svc.cluster.local".into();
            line["upstream_transport_failure_reason"] = Value::Null;
            line.to_string()
        })
        .collect();
    let workload = shop.workload("payment-v1-0");
    const ROUNDS: u32 = 5_000;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        for line in &lines {
            shop.metrics.record(workload, line);
        }
    }
    let each = begin.elapsed() / (ROUNDS * 16);
    println!(
        "a line of {} bytes: {:.2} µs",
        lines[0].len(),
        each.as_secs_f64() * 1e6
    );
    let counted: u64 = shop
        .samples("istio_requests_total")
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(counted, u64::from(ROUNDS) * 16);
}
