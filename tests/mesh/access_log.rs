//! Tests of the access log: the fields of a request, and the secrets that the log must not have.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use stoa_testkit::mesh::Mesh;
use stoa_testkit::{Client, Shop, ShopOptions, wait_for, workspace};

use crate::customer::{Customer, EFFECT_TIMEOUT, PASSWORD, key};

/// Trace id of the test's request.
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
/// The beginning of the identities of the shop's workloads.
const IDENTITY_PREFIX: &str = "spiffe://cluster.local/ns/shop/sa/";
/// The identity of the gateway.
const GATEWAY_IDENTITY: &str =
    "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account";

/// The fields of the access log that `istio/install` configures.
fn configured_fields() -> BTreeSet<String> {
    let text = std::fs::read_to_string(workspace().join("istio/install/istio.yaml")).unwrap();
    let install: Value = serde_saphyr::from_str(&text).unwrap();
    let format = install["spec"]["meshConfig"]["accessLogFormat"]
        .as_str()
        .unwrap();
    let format: Value = serde_json::from_str(format).unwrap();
    format.as_object().unwrap().keys().cloned().collect()
}

/// The access log line of a request at a workload, in this direction (`1`: inbound, `2`: outbound). Fails if there are several
/// lines. The path is needed, because all calls for a request have the same request id.
#[track_caller]
fn line(mesh: &Mesh, workload: &str, direction: &str, path: &str, id: &str) -> Value {
    let lines = || -> Vec<Value> {
        let lines = mesh.access_log(workload).into_iter();
        let is_match = |line: &Value| {
            line["request_id"] == *id && line["direction"] == *direction && line["path"] == *path
        };
        lines.filter(is_match).collect()
    };
    let found = wait_for(EFFECT_TIMEOUT, &format!("a line of {workload}"), || {
        Some(lines()).filter(|lines| !lines.is_empty())
    });
    assert_eq!(found.len(), 1, "{found:?}");
    let names: BTreeSet<_> = found[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, configured_fields());
    found[0].clone()
}

#[track_caller]
fn assert_fields(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
}

#[test]
fn every_envoy_logs_a_request_with_all_fields_and_without_secrets() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let customer = Customer::register(&shop, "ann");
    let id = key();
    let parent = format!("00-{TRACE_ID}-b7ad6b7169203331-01");
    let secret = "s3cr3t-in-a-query";
    let body = json!({"quantity": 1}).to_string();
    let answer = Client::new(shop.gateway().base())
        .put("/cart/items/COF-001")
        .bearer(&customer.token)
        .header("x-request-id", &id)
        .header("traceparent", &parent)
        .header("user-agent", "a-test/1.0")
        .header("cookie", "session=s3cr3t-in-a-cookie")
        .header("content-type", "application/json")
        .body(body.clone())
        .send()
        .expect(200);

    let (at_gateway, at_cart) = (
        line(
            &mesh,
            "istio-ingressgateway",
            "2",
            "/cart/items/COF-001",
            &id,
        ),
        line(&mesh, "cart", "1", "/cart/items/COF-001", &id),
    );
    let (cart, inventory) = (mesh.workload("cart"), mesh.workload("inventory"));
    let same = json!({
        "method": "PUT", "path": "/cart/items/COF-001", "protocol": "HTTP/1.1", "response_code": 200, "response_flags": "-",
        "response_code_details": "via_upstream", "bytes_received": body.len(), "bytes_sent": answer.body.len(),
        "user_agent": "a-test/1.0", "grpc_status": null, "connection_termination_details": null,
        "upstream_request_attempt_count": 1, "upstream_transport_failure_reason": null,
    });
    assert_fields(&at_gateway, &same);
    assert_fields(&at_cart, &same);
    assert_fields(
        &at_gateway,
        &json!({
            "authority": shop.gateway().base().trim_start_matches("http://"),
            "route_name": "cart-write", "upstream_cluster": "outbound|80||cart.shop.svc.cluster.local",
            "upstream_host": cart.inbound().to_string(),
            "downstream_principal": null, "downstream_local_principal": null, "downstream_tls_version": null,
            "requested_server_name": null,
            "upstream_principal": format!("{IDENTITY_PREFIX}cart"), "upstream_local_principal": GATEWAY_IDENTITY,
            "upstream_tls_version": "TLSv1.3",
        }),
    );
    assert_fields(
        &at_cart,
        &json!({
            "route_name": "default", "upstream_cluster": "inbound|80||",
            "upstream_host": cart.app.unwrap().to_string(),
            "downstream_local_address": cart.inbound().to_string(),
            "downstream_principal": GATEWAY_IDENTITY, "downstream_local_principal": format!("{IDENTITY_PREFIX}cart"),
            "downstream_tls_version": "TLSv1.3",
            "requested_server_name": "outbound_.80_._.cart.shop.svc.cluster.local",
            "upstream_principal": null, "upstream_local_principal": null, "upstream_tls_version": null,
        }),
    );
    // Times and sizes differ between the gateway's line and the cart's line. The trace id is the same in both lines.
    for line in [&at_gateway, &at_cart] {
        for number in [
            "duration",
            "downstream_wire_bytes_received",
            "downstream_wire_bytes_sent",
        ] {
            assert!(line[number].is_u64(), "{number} in {line}");
        }
        assert!(
            line["start_time"].as_str().unwrap().ends_with('Z'),
            "{line}"
        );
        assert!(
            line["traceparent"].as_str().unwrap().contains(TRACE_ID),
            "{line}"
        );
        assert!(
            line["upstream_service_time"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .is_ok(),
            "{line}"
        );
        for end in ["downstream_direct_remote_address", "upstream_local_address"] {
            assert!(
                line[end].as_str().unwrap().starts_with("127."),
                "{end} in {line}"
            );
        }
        let from = line["downstream_remote_address"].as_str().unwrap();
        assert!(from.parse::<SocketAddr>().is_ok(), "{line}");
        // The caller runs on this machine, so X-Forwarded-For contains one of the machine's addresses.
        let from = line["x_forwarded_for"].as_str().unwrap().parse();
        assert!(matches!(from, Ok(IpAddr::V4(_))), "{line}");
    }
    let gateway = mesh.workload("istio-ingressgateway").ip.to_string();
    let from = at_cart["downstream_direct_remote_address"]
        .as_str()
        .unwrap();
    assert_eq!(from.rsplit_once(':').unwrap().0, gateway);

    // For this request, cart calls inventory. The lines of the caller's sidecar and of the callee's sidecar have the same request
    // id.
    let outbound = line(&mesh, "cart", "2", "/items/COF-001", &id);
    assert_fields(
        &outbound,
        &json!({
            "method": "GET", "path": "/items/COF-001", "authority": "inventory.shop.svc.cluster.local", "route_name": "read",
            "upstream_cluster": "outbound|80||inventory.shop.svc.cluster.local", "upstream_host": inventory.inbound().to_string(),
            "upstream_principal": format!("{IDENTITY_PREFIX}inventory"), "upstream_local_principal": format!("{IDENTITY_PREFIX}cart"),
        }),
    );
    let inbound = line(&mesh, "inventory", "1", "/items/COF-001", &id);
    assert_fields(
        &inbound,
        &json!({"path": "/items/COF-001", "downstream_principal": format!("{IDENTITY_PREFIX}cart")}),
    );

    // The gateway, which selects the version, logs the version.
    let id = key();
    let read = shop
        .gateway()
        .get("/product/COF-001")
        .header("x-request-id", &id);
    let _ = read.header("x-shop-version", "v2").send().expect(200);
    let chosen = line(&mesh, "istio-ingressgateway", "2", "/product/COF-001", &id);
    assert_fields(
        &chosen,
        &json!({
            "route_name": "product-read-v2", "shop_version": "v2", "shop_version_answered": "v2",
            "upstream_cluster": "outbound|80|v2|product.shop.svc.cluster.local",
        }),
    );
    // The query of a request is not logged.
    let id = key();
    let search = format!("/product?q={secret}");
    let _ = shop
        .gateway()
        .get(&search)
        .header("x-request-id", &id)
        .send()
        .expect(200);
    assert_fields(
        &line(&mesh, "istio-ingressgateway", "2", "/product", &id),
        &json!({"method": "GET", "path": "/product"}),
    );
    let id = key();
    // The line of a denied call contains the caller and the reason.
    let mut connection = mesh.connect("storefront", "payment");
    let call = stoa_testkit::envoy::Call::get("/payments").header("x-request-id", &id);
    let _ = connection.send(&call).unwrap().expect(403);
    let denied = line(&mesh, "payment", "1", "/payments", &id);
    assert_fields(
        &denied,
        &json!({
            "response_code": 403, "response_code_details": "rbac_access_denied_matched_policy[none]",
            "downstream_principal": format!("{IDENTITY_PREFIX}storefront"), "upstream_host": null,
        }),
    );

    // No log contains a secret.
    let mut logs_with_text = 0;
    for file in std::fs::read_dir(shop.state_dir().join("logs")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        logs_with_text += usize::from(!text.is_empty());
        let secrets = [
            secret,
            "s3cr3t-in-a-cookie",
            PASSWORD,
            &customer.email,
            &customer.token,
            "Bearer",
            "PRIVATE KEY",
        ];
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
    assert!(logs_with_text >= 13, "{logs_with_text} logs");
}
