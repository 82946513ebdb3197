//! Traffic that leaves the mesh, as `istio/base/third-parties.yaml` defines it. A service speaks plain HTTP; its sidecar adds TLS
//! and verifies the server. The database uses TCP.
//!
//! The manifests are the production ones, without `partners`. Their hosts are not in DNS, so each ServiceEntry gets an endpoint, a
//! port of this machine. TLS, names, routes and limits stay unchanged.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;

use serde_json::Value;
use stoa_testkit::envoy::{Authority, Call, Connection, Reply};
use stoa_testkit::mesh::{Mesh, istio_compile};
use stoa_testkit::{Play, Shop, ShopOptions, Stub, wait_for};

use crate::customer::{SOON, key};

/// Callers and their third parties.
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
const DATABASE: &str = "outbound|5432||postgresql.example.com";

/// The production manifests.
const MANIFESTS: [&str; 5] = [
    "k8s/base",
    "istio/base",
    "istio/plugins",
    "k8s/overlays/local/cluster.yaml",
    "k8s/overlays/local/operator.yaml",
];

/// There is no trace collector here.
const NO_TRACES: &str = "
  - target: {kind: Telemetry, name: mesh}
    patch: |
      - {op: remove, path: /spec/tracing}";

fn component(folder: &Path, patches: &str) -> String {
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:{NO_TRACES}{patches}\n"
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("kustomization.yaml"), text).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// The shop, with these addresses for the third parties and the database.
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
    let patches = component(&folder.join("here"), &patches);
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

/// Sends a call as a workload's component would; returns the response and its line in the sidecar's access log.
fn call(mesh: &Mesh, workload: &str, host: &str) -> (Reply, Value) {
    let id = key();
    let call = Call::get("/hello?token=1").header("host", host);
    let mut connection = Connection::plain(mesh.workload(workload).egress()).unwrap();
    let reply = connection.send(&call.header("x-request-id", &id)).unwrap();
    let line = wait_for(SOON, "a line in the access log", || {
        let lines = mesh.access_log(workload).into_iter();
        lines.rev().find(|line| line["request_id"] == *id)
    });
    (reply, line)
}

#[test]
fn a_third_party_is_spoken_to_by_tls_and_has_to_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let (known, unknown) = (Authority::new(), Authority::new());
    let good = |host: &str| known.server(host);
    let party = Stub::start_tls(&good("nobody.example.com"), |seen| {
        Play::json(200, serde_json::json!({"you": seen.server_name}))
    });
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, good("x.example.com").authority).unwrap();
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let shop = shop(
        folder.path(),
        address(party.url()),
        database.local_addr().unwrap(),
        &roots,
    );
    let mesh = shop.mesh();

    for (caller, host) in CALLS {
        party.show(&good(host));
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

    // A valid certificate for another host, and one from an unknown authority.
    for (what, shown) in [
        ("another's", good("evil.example.com")),
        (
            "of an unknown authority",
            unknown.server("processor.example.com"),
        ),
    ] {
        party.show(&shown);
        let before = party.seen("/").len();
        let (reply, line) = call(&mesh, "payment", "processor.example.com");
        println!(
            "{what}: {} {} {}",
            reply.status, line["response_flags"], line["response_code_details"]
        );
        assert_eq!(reply.status, 503, "{what}: {line}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(line["response_flags"], "UF", "{what}");
        let why = line["upstream_transport_failure_reason"].as_str().unwrap();
        assert!(why.contains("CERTIFICATE_VERIFY_FAILED"), "{what}: {why}");
        assert_eq!(
            party.seen("/").len(),
            before,
            "{what}: it received something"
        );
    }
    for (caller, host) in CALLS.into_iter().skip(1) {
        party.show(&good("evil.example.com"));
        let (reply, line) = call(&mesh, caller, host);
        assert_eq!(reply.status, 503, "{caller} to {host}: {line}");
    }
    party.show(&good("processor.example.com"));
    assert_eq!(
        call(&mesh, "payment", "processor.example.com").0.status,
        200
    );

    // Other callers have no access.
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

    the_database_is_reached_by_those_that_have_one(&mesh, &database);
}

/// A driver's startup message: the length, protocol 3.0, and the user.
const STARTUP: &[u8] = b"\x00\x00\x00\x17\x00\x03\x00\x00user\x00payment\x00\x00\x00";
/// AuthenticationOk.
const OK: &[u8] = b"R\x00\x00\x00\x08\x00\x00\x00\x00";

fn the_database_is_reached_by_those_that_have_one(mesh: &Mesh, database: &TcpListener) {
    let (got, read) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in WITH_DATABASE {
                let (mut stream, _) = database.accept().unwrap();
                let mut said = vec![0; STARTUP.len()];
                stream.read_exact(&mut said).unwrap();
                stream.write_all(OK).unwrap();
                // Until the client closes.
                stream.read_to_end(&mut said).unwrap();
                got.send(said).unwrap();
            }
        });
        for service in WITH_DATABASE {
            let sidecar = mesh.workload(service).egress_to(5432);
            let mut stream = TcpStream::connect(sidecar).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(STARTUP).unwrap();
            let mut answer = vec![0; OK.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, OK, "{service}");
            stream.write_all(b"X\x00\x00\x00\x04").unwrap();
            drop(stream);
            let said = read.recv_timeout(SOON).unwrap();
            assert_eq!(said, [STARTUP, b"X\x00\x00\x00\x04"].concat(), "{service}");
        }
    });
    let line = wait_for(SOON, "a line about the connection", || {
        let lines = mesh.access_log("payment").into_iter();
        lines
            .rev()
            .find(|line| line["upstream_cluster"] == DATABASE)
    });
    assert!(
        line["protocol"].is_null() && line["upstream_tls_version"].is_null(),
        "{line}"
    );
    assert_eq!(line["response_flags"], "-", "{line}");
    assert_eq!(line["bytes_received"], STARTUP.len() + 5, "{line}");
    assert_eq!(line["bytes_sent"], OK.len(), "{line}");

    // The storefront has no database: its sidecar has the same port in its manifest, but no listener for it.
    let refused = TcpStream::connect(mesh.workload("storefront").egress_to(5432));
    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    let (reply, _) = call(mesh, "storefront", "postgresql.example.com:5432");
    assert_eq!(reply.status, 502, "{}", reply.text());
}

/// As on a cluster: with iptables, a sidecar listens at the address that the ServiceEntry assigns to the database.
#[test]
fn on_a_cluster_the_database_has_an_address_where_somebody_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let plain = component(&folder.path().join("plain"), "");
    let arguments: Vec<_> = ["--component", &plain]
        .into_iter()
        .chain(MANIFESTS)
        .collect();
    let compiled = folder.path().join("compiled");
    istio_compile(&arguments, &compiled);
    let read =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let list = read(&compiled.join("workloads.json"));
    let mut with = 0;
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
                && l.to_string().contains(DATABASE)
        });
        let service = workload["labels"]["app"].as_str().unwrap();
        assert_eq!(listens, WITH_DATABASE.contains(&service), "{}", text("pod"));
        with += usize::from(listens);
    }
    assert_eq!(with, 10, "product runs three times");
}
