//! Tests of mutual TLS and authorization: every cell of the table in docs/mesh.md.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde_json::Value;
use stoa_testkit::envoy::{Call, Connection, Reply};
use stoa_testkit::mesh::Mesh;
use stoa_testkit::{Shop, ShopOptions, workspace};

const SERVICES: [&str; 9] = [
    "product",
    "cart",
    "order",
    "payment",
    "user",
    "inventory",
    "shipping",
    "notification",
    "storefront",
];
const CALLERS: [&str; 11] = [
    "istio-ingressgateway",
    "storefront",
    "product",
    "cart",
    "order",
    "payment",
    "user",
    "inventory",
    "shipping",
    "notification",
    "operator",
];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// An operation of api/openapi.yaml.
struct Operation {
    service: String,
    method: String,
    path: String,
    internal: bool,
}

fn operations() -> Vec<Operation> {
    let text = std::fs::read_to_string(workspace().join("api/openapi.yaml")).unwrap();
    let document: Value = serde_saphyr::from_str(&text).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(service) = operation["tags"][0].as_str() else {
                continue;
            };
            found.push(Operation {
                service: service.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                internal: operation["x-internal"] == true,
            });
        }
    }
    assert!(found.len() > 40, "{} operations", found.len());
    found
}

/// The calls that the policies allow inside the mesh: caller, method and path. A path that ends with `*` is a prefix. [`allowed`]
/// adds the rules for public operations and for the operator.
const ALLOWED_CALLS: [(&str, &str, &str); 22] = [
    ("product", "POST", "/order"),
    ("product", "GET", "/items*"),
    ("cart", "GET", "/items*"),
    ("cart", "GET", "/product*"),
    ("order", "GET", "/items*"),
    ("order", "POST", "/reservations*"),
    ("order", "DELETE", "/reservations*"),
    ("order", "POST", "/payments*"),
    ("order", "GET", "/payments*"),
    // Looks up a shipment by its order after a lost response.
    ("order", "GET", "/shipments"),
    ("order", "POST", "/shipments"),
    ("order", "POST", "/shipments/{shipment_id}/cancel"),
    ("order", "GET", "/cart"),
    ("order", "DELETE", "/internal/carts/*"),
    ("order", "GET", "/product*"),
    ("order", "POST", "/events"),
    ("product", "GET", "/user/jwks"),
    ("cart", "GET", "/user/jwks"),
    ("order", "GET", "/user/jwks"),
    ("order", "GET", "/user/me"),
    ("notification", "GET", "/user/jwks"),
    ("shipping", "POST", "/events"),
];

fn matches_pattern(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        // `/items*` matches `/items` and all paths below `/items`, but not `/itemsx`.
        Some(beginning) => path
            .strip_prefix(beginning.trim_end_matches('/'))
            .is_some_and(|rest| {
                rest.starts_with('/') || rest.is_empty() && !beginning.ends_with('/')
            }),
        None => pattern == path,
    }
}

/// True if the policies allow this call. `path` contains the names of parameters, as in `api/openapi.yaml`. If the service has
/// no operation for the path, the call is denied, even if a pattern with `*` matches the path. Only the operator may GET every
/// path.
fn allowed(
    operations: &[Operation],
    caller: &str,
    service: &str,
    method: &str,
    path: &str,
) -> bool {
    let public = operations
        .iter()
        .any(|o| o.service == service && o.method == method && o.path == path && !o.internal);
    let known = operations
        .iter()
        .any(|o| o.service == service && o.method == method && o.path == path);
    match caller {
        "operator" if method == "GET" => true,
        _ if !known => false,
        "istio-ingressgateway" | "storefront" => public,
        "operator" => {
            method == "PUT" && matches_pattern("/items*", path)
                || method == "POST" && path.starts_with("/internal/")
        }
        "user" => method == "GET" && path == "/user/jwks",
        _ => ALLOWED_CALLS.iter().any(|(from, verb, pattern)| {
            *from == caller && *verb == method && matches_pattern(pattern, path)
        }),
    }
}

/// Replaces the parameters of a path with ids.
fn with_ids(path: &str) -> String {
    path.split('/')
        .map(|part| {
            if part.starts_with('{') {
                "00000000-0000-7000-8000-000000000000"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// True if Envoy denied the call: the status is 403, and the problem document has the code `forbidden`. If a service responds with
/// 403, the code is a different one.
fn is_denied(reply: &Reply) -> bool {
    reply.status == 403 && reply.json()["code"] == "forbidden"
}

/// Number of calls that the RBAC filters of the service's sidecars have denied.
fn rbac_denials(mesh: &Mesh, service: &str) -> u64 {
    let pods = mesh
        .workloads
        .iter()
        .filter(|w| w.name.starts_with(&format!("shop/{service}-v")));
    pods.map(|pod| mesh.stat(&pod.name, r"^http\..*rbac\.denied$"))
        .sum()
}

#[test]
fn exactly_the_calls_in_the_table_are_allowed() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let (mesh, operations) = (shop.mesh(), operations());
    let mut wrong = Vec::new();
    let (mut allowed_calls, mut denied_calls) = (0, BTreeMap::new());
    for service in SERVICES {
        let before = rbac_denials(&mesh, service);
        let mut refused = 0;
        let mut paths: Vec<_> = operations
            .iter()
            .filter(|o| o.service == service)
            .map(|o| o.path.clone())
            .collect();
        paths.dedup();
        paths.push("/nowhere".to_owned());
        for caller in CALLERS {
            let mut connection = mesh.connect(caller, service);
            for path in &paths {
                for method in METHODS {
                    let call = Call::new(method, &with_ids(path)).body("");
                    let reply = connection.send(&call).unwrap();
                    let expected = allowed(&operations, caller, service, method, path);
                    if is_denied(&reply) {
                        refused += 1;
                    } else {
                        allowed_calls += 1;
                    }
                    if is_denied(&reply) == expected {
                        wrong.push(format!(
                            "{caller} {method} {path} of {service}: status {}, expected allowed: {expected}",
                            reply.status
                        ));
                    }
                }
            }
        }
        assert_eq!(
            rbac_denials(&mesh, service) - before,
            refused,
            "RBAC denials at {service}"
        );
        denied_calls.insert(service, refused);
    }
    println!(
        "{allowed_calls} calls were allowed; denials that the RBAC filters counted: {denied_calls:?}"
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn unusual_spellings_of_a_path_do_not_bypass_the_policies() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    for (callee, method, path) in [
        ("cart", "DELETE", "//internal/carts/x"),
        ("cart", "DELETE", "/internal%2Fcarts/x"),
        ("cart", "DELETE", "/internal%2fcarts%2fx"),
        ("cart", "DELETE", "/%69nternal/carts/x"),
        ("cart", "DELETE", "/cart/../internal/carts/x"),
        ("cart", "DELETE", "/cart/items/..%2f..%2finternal/carts/x"),
        ("cart", "DELETE", "/./internal/carts/x"),
        ("cart", "DELETE", "/internal\\carts\\x"),
        ("order", "POST", "//internal///orders/recover"),
        (
            "order",
            "POST",
            "/order/x/cancel/../../../internal/orders/recover",
        ),
        ("order", "POST", "/internal/orders/recover?x=/order"),
        ("order", "POST", "/internal/orders/recover;/order"),
        ("payment", "GET", "//payments"),
        ("payment", "GET", "/%70ayments"),
        ("shipping", "POST", "/shipments/%2e%2e/shipments"),
        ("shipping", "POST", "/shipments/"),
        ("shipping", "POST", "/shipments"),
    ] {
        let mut connection = mesh.connect("istio-ingressgateway", callee);
        let reply = connection.send(&Call::new(method, path).body("")).unwrap();
        assert!(
            is_denied(&reply) || reply.status == 400,
            "{callee} {method} {path}: {} {}",
            reply.status,
            reply.text()
        );
    }
}

#[test]
fn plaintext_to_a_sidecar_fails_and_all_calls_use_mutual_tls() {
    let shop = Shop::start(ShopOptions::mesh());
    let mesh = shop.mesh();
    let sidecars: Vec<_> = mesh
        .workloads
        .iter()
        .filter(|w| w.admin.is_some() && w.app.is_some())
        .collect();
    assert_eq!(sidecars.len(), 11);
    for workload in &sidecars {
        let reply = Connection::plain(workload.inbound()).and_then(|mut connection| {
            connection.send(&Call::get("/").header("host", "shop.test"))
        });
        let error = reply.expect_err(&workload.name);
        let kinds = [
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
        ];
        assert!(
            kinds.contains(&error.kind()),
            "{}: {error:?}",
            workload.name
        );
    }
    // Together, these requests cause calls to every service.
    let customer = crate::customer::Customer::register(&shop, "ann");
    let _ = customer.put_in_cart("COF-001", 1).expect(200);
    let _ = customer.order_cart("tok_visa").expect(201);
    let _ = shop.gateway().get("/shop/").send().expect(200);
    let _ = customer.get("/notification").expect(200);
    for workload in &sidecars {
        let inbound = mesh.stat(&workload.name, r"^listener\..*_10080\.downstream_cx_total$");
        let handshakes = mesh.stat(&workload.name, r"^listener\..*_10080\.ssl\.handshake$");
        let refused = mesh.stat(
            &workload.name,
            r"^listener\..*_10080\.no_filter_chain_match$",
        );
        let verified = mesh.stat(&workload.name, r"^listener\..*_10080\.ssl\.no_certificate$");
        assert_eq!(handshakes, inbound, "{}", workload.name);
        assert_eq!(
            (refused, verified),
            (1, 0),
            "{}: expected one rejected connection (the plaintext above) and no client without a certificate",
            workload.name
        );
    }
}
