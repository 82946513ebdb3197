//! Tests of traffic that leaves the mesh, as `istio/base/third-parties.yaml` defines it. A service uses plain HTTP, and its sidecar
//! adds TLS and verifies the server. The database uses TCP.
//!
//! The tests use the production manifests, without `partners`. The hosts are not in DNS, so each ServiceEntry gets an endpoint: a
//! port of this machine. TLS, names, routes and limits stay unchanged.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;

use serde_json::Value;
use stoa_testkit::envoy::{Authority, Call, Connection, Reply};
use stoa_testkit::mesh::{Mesh, istio_compile};
use stoa_testkit::{Shop, ShopOptions, Stub, StubResponse, wait_for};

use crate::customer::{EFFECT_TIMEOUT, key};

/// The allowed calls: a service, and the host of the third party that it may call.
const CALLS: [(&str, &str); 5] = [
    ("payment", "processor.example.com"),
    ("product", "pim.example.com"),
    ("shipping", "carrier.example.com"),
    ("notification", "courier.example.com"),
    ("notification", "sms.example.com"),
];
/// The services with a database.
const WITH_DATABASE: [&str; 8] = [
    "cart",
    "inventory",
    "notification",
    "order",
    "payment",
    "product",
    "shipping",
    "user",
];
/// Envoy's cluster for the database.
const DATABASE_CLUSTER: &str = "outbound|5432||postgresql.example.com";

/// The production manifests.
const MANIFESTS: [&str; 5] = [
    "k8s/base",
    "istio/base",
    "istio/plugins",
    "k8s/overlays/local/cluster.yaml",
    "k8s/overlays/local/operator.yaml",
];

/// A patch that removes the Telemetry object's setting `tracing`, because the tests have no trace collector.
const NO_TRACES: &str = "
  - target: {kind: Telemetry, name: mesh}
    patch: |
      - {op: remove, path: /spec/tracing}";

/// Writes a kustomize component with these patches into a folder. Returns the path of the folder.
fn write_component(folder: &Path, patches: &str) -> String {
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:{NO_TRACES}{patches}\n"
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("kustomization.yaml"), text).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// Starts a shop with these addresses of the third parties and of the database.
fn shop(folder: &Path, https: SocketAddr, database: SocketAddr, roots: &Path) -> Shop {
    let patches = format!(
        "
  - target: {{kind: ServiceEntry, name: pim|processor|carrier|courier|sms}}
    patch: |
      - {{op: add, path: /spec/endpoints, value: [{{address: localhost, ports: {{http: {}}}}}]}}
  - target: {{kind: ServiceEntry, name: postgresql}}
    patch: |
      - {{op: add, path: /spec/endpoints, value: [{{address: localhost, ports: {{tcp-postgres: {}}}}}]}}
  - target: {{kind: Sidecar, name: {}|storefront}}
    patch: |
      - op: copy
        from: /spec/egress/0
        path: /spec/egress/1
      - {{op: replace, path: /spec/egress/1/port, value: {{number: 5432, protocol: TCP, name: tcp-postgres}}}}",
        https.port(),
        database.port(),
        WITH_DATABASE.join("|"),
    );
    let patches = write_component(&folder.join("addresses"), &patches);
    let mut arguments = vec!["--component", "k8s/overlays/local/no-iptables"];
    arguments.extend(["--component", &patches]);
    arguments.extend(MANIFESTS);
    let compiled = folder.join("compiled");
    istio_compile(&arguments, &compiled);
    let options = ShopOptions::mesh().timers(false).compiled(&compiled);
    Shop::start(options.environment("SSL_CERT_FILE", roots))
}

fn address(url: &str) -> SocketAddr {
    url.rsplit('/').next().unwrap().parse().unwrap()
}

/// Sends a call as a workload's component would. Returns the response, and the line of the call in the sidecar's access log.
fn call(mesh: &Mesh, workload: &str, host: &str) -> (Reply, Value) {
    let id = key();
    let call = Call::get("/hello?token=1").header("host", host);
    let mut connection = Connection::plain(mesh.workload(workload).egress()).unwrap();
    let reply = connection.send(&call.header("x-request-id", &id)).unwrap();
    let line = wait_for(EFFECT_TIMEOUT, "a line in the access log", || {
        let lines = mesh.access_log(workload).into_iter();
        lines.rev().find(|line| line["request_id"] == *id)
    });
    (reply, line)
}

#[test]
fn calls_to_a_third_party_use_tls_and_require_a_valid_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) = (Authority::new(), Authority::new());
    let certificate_for = |host: &str| known.server(host);
    let party = Stub::start_tls(&certificate_for("unused.example.com"), |seen| {
        StubResponse::json(200, serde_json::json!({"you": seen.server_name}))
    });
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certificate_for("x.example.com").authority).unwrap();
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let shop = shop(
        folder.path(),
        address(party.url()),
        database.local_addr().unwrap(),
        &roots,
    );
    let mesh = shop.mesh();

    for (caller, host) in CALLS {
        party.present(&certificate_for(host));
        let before = party.seen("/").len();
        let (reply, line) = call(&mesh, caller, host);
        assert_eq!(
            reply.status,
            200,
            "{caller} to {host}: {}\n{line}",
            reply.text()
        );
        assert_eq!(reply.json()["you"], host);
        let seen = party.seen("/");
        assert_eq!(seen.len(), before + 1);
        let last = seen.last().unwrap();
        assert_eq!(last.header("host"), Some(host));
        assert_eq!(last.path, "/hello?token=1");
        assert!(last.header("x-forwarded-client-cert").is_none());
        assert_eq!(line["upstream_cluster"], format!("outbound|80||{host}"));
        assert_eq!(line["upstream_tls_version"], "TLSv1.3");
        assert!(line["upstream_local_principal"].is_null(), "{line}");
    }

    // The sidecar rejects a certificate for a different host, and a certificate from an unknown authority.
    for (problem, certificate) in [
        (
            "certificate for a different host",
            certificate_for("evil.example.com"),
        ),
        (
            "certificate from an unknown authority",
            unknown.server("processor.example.com"),
        ),
    ] {
        party.present(&certificate);
        let before = party.seen("/").len();
        let (reply, line) = call(&mesh, "payment", "processor.example.com");
        println!(
            "{problem}: {} {} {}",
            reply.status, line["response_flags"], line["response_code_details"]
        );
        assert_eq!(reply.status, 503, "{problem}: {line}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(line["response_flags"], "UF", "{problem}");
        let reason = line["upstream_transport_failure_reason"].as_str().unwrap();
        assert!(
            reason.contains("CERTIFICATE_VERIFY_FAILED"),
            "{problem}: {reason}"
        );
        assert_eq!(
            party.seen("/").len(),
            before,
            "{problem}: the third party received a request"
        );
    }
    for (caller, host) in CALLS.into_iter().skip(1) {
        party.present(&certificate_for("evil.example.com"));
        let (reply, line) = call(&mesh, caller, host);
        assert_eq!(reply.status, 503, "{caller} to {host}: {line}");
    }
    party.present(&certificate_for("processor.example.com"));
    assert_eq!(
        call(&mesh, "payment", "processor.example.com").0.status,
        200
    );

    // A workload has no access to a third party's host that is not listed for this workload in `CALLS`.
    let before = party.seen("/").len();
    for (caller, host) in [
        ("cart", "processor.example.com"),
        ("order", "processor.example.com"),
        ("payment", "pim.example.com"),
        ("shipping", "sms.example.com"),
        ("operator", "processor.example.com"),
    ] {
        let (reply, line) = call(&mesh, caller, host);
        assert_eq!(reply.status, 502, "{caller} to {host}");
        assert_eq!(line["route_name"], "block_all", "{caller} to {host}");
    }
    assert_eq!(party.seen("/").len(), before);

    check_database_access(&mesh, &database);
}

/// The startup message of a PostgreSQL driver: the length, protocol 3.0, and the user.
const STARTUP: &[u8] = b"\x00\x00\x00\x17\x00\x03\x00\x00user\x00payment\x00\x00\x00";
/// PostgreSQL's message AuthenticationOk.
const AUTHENTICATION_OK: &[u8] = b"R\x00\x00\x00\x08\x00\x00\x00\x00";

/// Checks that each service with a database can connect to the database, and that the storefront, which has no database, cannot.
fn check_database_access(mesh: &Mesh, database: &TcpListener) {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in WITH_DATABASE {
                let (mut stream, _) = database.accept().unwrap();
                let mut received = vec![0; STARTUP.len()];
                stream.read_exact(&mut received).unwrap();
                stream.write_all(AUTHENTICATION_OK).unwrap();
                // Reads until the client closes the connection.
                stream.read_to_end(&mut received).unwrap();
                sender.send(received).unwrap();
            }
        });
        for service in WITH_DATABASE {
            let sidecar = mesh.workload(service).egress_to(5432);
            let mut stream = TcpStream::connect(sidecar).unwrap();
            stream.set_read_timeout(Some(EFFECT_TIMEOUT)).unwrap();
            stream.write_all(STARTUP).unwrap();
            let mut answer = vec![0; AUTHENTICATION_OK.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, AUTHENTICATION_OK, "{service}");
            stream.write_all(b"X\x00\x00\x00\x04").unwrap();
            drop(stream);
            let received = receiver.recv_timeout(EFFECT_TIMEOUT).unwrap();
            let sent = [STARTUP, b"X\x00\x00\x00\x04"].concat();
            assert_eq!(received, sent, "{service}");
        }
    });
    let line = wait_for(EFFECT_TIMEOUT, "the log line of the connection", || {
        let lines = mesh.access_log("payment").into_iter();
        lines
            .rev()
            .find(|line| line["upstream_cluster"] == DATABASE_CLUSTER)
    });
    assert!(
        line["protocol"].is_null() && line["upstream_tls_version"].is_null(),
        "{line}"
    );
    assert_eq!(line["response_flags"], "-", "{line}");
    assert_eq!(line["bytes_received"], STARTUP.len() + 5, "{line}");
    assert_eq!(line["bytes_sent"], AUTHENTICATION_OK.len(), "{line}");

    // The storefront has no database. Its Sidecar object lists the database's port, but its Envoy must not listen at this port.
    let refused = TcpStream::connect(mesh.workload("storefront").egress_to(5432));
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    let (reply, _) = call(mesh, "storefront", "postgresql.example.com:5432");
    assert_eq!(reply.status, 502, "{}", reply.text());
}

/// On a cluster with iptables, a sidecar listens at the address that the ServiceEntry assigns to the database.
#[test]
fn on_a_cluster_only_services_with_a_database_listen_at_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let plain = write_component(&folder.path().join("plain"), "");
    let arguments: Vec<_> = ["--component", &plain]
        .into_iter()
        .chain(MANIFESTS)
        .collect();
    let compiled = folder.path().join("compiled");
    istio_compile(&arguments, &compiled);
    let read =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let list = read(&compiled.join("workloads.json"));
    let mut pods_with_listener = 0;
    for workload in list["workloads"].as_array().unwrap() {
        let text = |name: &str| workload[name].as_str().unwrap();
        let listeners = read(
            &compiled
                .join(text("namespace"))
                .join(text("pod"))
                .join("listeners.json"),
        );
        let listeners = listeners["resources"].as_array().unwrap();
        let listens = listeners.iter().any(|l| {
            let at = &l["address"]["socket_address"];
            at["address"] == "240.240.0.1"
                && at["port_value"] == 5432
                && l.to_string().contains(DATABASE_CLUSTER)
        });
        let service = workload["labels"]["app"].as_str().unwrap();
        assert_eq!(listens, WITH_DATABASE.contains(&service), "{}", text("pod"));
        pods_with_listener += usize::from(listens);
    }
    assert_eq!(
        pods_with_listener, 10,
        "expected 10 Pods: eight services have a database, and one of them, product, has three Pods"
    );
}
