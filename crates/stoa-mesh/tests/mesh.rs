//! Tests with one small mesh of real Envoys, which all tests of this file share. A test must not change an Envoy that another test
//! uses.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "if a helper fails, the test must fail"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_mesh::inspect::{self, Envoy, InspectError, View};
use stoa_mesh::{
    Admin, Compiled, Mesh, MeshError, MeshOptions, Metrics, OnAccess, ScrapeTarget, exposition,
    find_envoy,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The shop's Pods that the tests need.
const PODS: [&str; 6] = [
    "istio-ingressgateway-0",
    "operator-0",
    "partners-v1-0",
    "payment-v1-0",
    "product-v1-0",
    "user-v1-0",
];
/// Deadline for a condition to become true. It is long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

struct SmallMesh {
    runtime: Runtime,
    mesh: Mesh,
    metrics: Arc<Metrics>,
}

static MESH: LazyLock<SmallMesh> = LazyLock::new(SmallMesh::start);

impl SmallMesh {
    fn start() -> Self {
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stoa-mesh");
        let _ = std::fs::remove_dir_all(&state);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().expect("the checkout");
        let compiled = state.join("compiled");
        copy_needed_pods(&root.join("istio/compiled"), &compiled);
        let options = MeshOptions {
            compiled,
            state_dir: state.join("mesh"),
            logs: state.join("logs"),
            envoy: find_envoy(&root.join("target/envoy")).expect("an Envoy"),
            filters: root.join("target/wasm32-wasip1/release"),
            roots: PathBuf::from("/nowhere"),
            gateway: BTreeMap::new(),
            certificate_lifetime: Duration::from_secs(3600),
        };
        let runtime = Runtime::new().expect("threads");
        let mut mesh = Mesh::prepare(options).expect("a mesh");
        let metrics = Metrics::new(&mesh.compiled(), mesh.addresses()).expect("metrics");
        let metrics = Arc::new(metrics);
        let counting = Arc::clone(&metrics);
        let on_access: OnAccess = Arc::new(move |workload, line| counting.record(workload, line));
        // The mesh is started in a thread of the runtime, which all tests share. If the thread of one test started the mesh, the
        // Envoys would end together with that test.
        let starting = runtime.spawn(async move {
            let payment = pod(&mesh, "payment-v1-0").app(80);
            tokio::spawn(answer(
                TcpListener::bind(payment)
                    .await
                    .expect("payment's port is free"),
            ));
            mesh.start(&on_access).expect("started");
            mesh.ready(DEADLINE).await.expect("ready");
            mesh
        });
        let mesh = runtime.block_on(starting).expect("no panic");
        Self {
            runtime,
            mesh,
            metrics,
        }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn envoy(&self, name: &str) -> Envoy {
        let envoys = self.mesh.envoys();
        inspect::find(&envoys, name).expect("an Envoy").clone()
    }

    /// Sends a request through the sidecar of the workload `from`, as that workload itself sends requests. Returns the response's
    /// status.
    async fn call(&self, from: &str, method: &str, host: &str, path: &str) -> u16 {
        request(pod(&self.mesh, from).egress(80), method, host, path).await
    }

    async fn page(&self) -> String {
        exposition(&self.metrics, &self.mesh.scrape_targets(), DEADLINE).await
    }
}

fn pod(mesh: &Mesh, name: &str) -> stoa_mesh::Pod {
    let compiled = mesh.compiled();
    let workload = compiled.workloads.iter().find(|w| w.pod == name);
    let workload = workload.unwrap_or_else(|| panic!("no workload {name}"));
    *mesh.addresses().pod(workload.ip).expect("an address")
}

/// Copies only the compiled configuration of the Pods in [`PODS`]. With all Pods of the shop, the mesh would need more memory, and
/// more time to start.
fn copy_needed_pods(from: &Path, to: &Path) {
    let compiled =
        Compiled::read(from).expect("istio/compiled must be readable; `make mesh` writes it");
    std::fs::create_dir_all(to).expect("a folder");
    for workload in compiled
        .proxies()
        .filter(|w| PODS.contains(&w.pod.as_str()))
    {
        let folder = Path::new(&workload.namespace).join(&workload.pod);
        std::fs::create_dir_all(to.join(&folder)).expect("a folder");
        for file in std::fs::read_dir(from.join(&folder)).expect("a folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), to.join(&folder).join(file.file_name())).expect("copied");
        }
    }
    let text = std::fs::read(from.join("workloads.json")).expect("a file");
    let mut list: Value = serde_json::from_slice(&text).expect("JSON");
    let workloads = list["workloads"].as_array_mut().expect("a list");
    workloads.retain(|w| w["pod"].as_str().is_some_and(|pod| PODS.contains(&pod)));
    assert_eq!(workloads.len(), PODS.len());
    std::fs::write(to.join("workloads.json"), list.to_string()).expect("written");
}

/// Runs a workload that answers every request with 200.
async fn answer(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut read = Vec::new();
            while stream
                .read_buf(&mut read)
                .await
                .is_ok_and(|count| count > 0)
            {
                if read.ends_with(b"\r\n\r\n") {
                    read.clear();
                    let yes = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";
                    stream.write_all(yes).await.expect("written");
                }
            }
        });
    }
}

/// Sends a request, and returns the response's status.
async fn request(to: SocketAddr, method: &str, host: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(to).await.expect("a listener");
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer}"))
}

/// Waits until `condition` returns a value, and returns that value.
async fn wait_until<F: Future<Output = Option<T>>, T>(what: &str, condition: impl Fn() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "after {DEADLINE:?}, this is still not true: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Finds the first line of a table that begins with the text `begin`, and returns the cells of this line.
#[track_caller]
fn line<'a>(table: &'a str, begin: &str) -> Vec<&'a str> {
    let found = table.lines().find(|line| line.starts_with(begin));
    let found = found.unwrap_or_else(|| panic!("no line begins with {begin}:\n{table}"));
    found
        .split("   ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

#[test]
fn requests_are_counted_with_istios_labels_at_both_ends() {
    let small = &*MESH;
    let host = "payment.shop.svc.cluster.local";
    small.run(async {
        assert_eq!(
            small.call("operator-0", "GET", host, "/payments").await,
            200
        );
        assert_eq!(
            small.call("operator-0", "DELETE", host, "/payments").await,
            403
        );
        let count = |page: &str, labels: &[&str]| {
            let mut samples = page
                .lines()
                .filter(|line| line.starts_with("istio_requests_total{"));
            samples.any(|sample| labels.iter().all(|label| sample.contains(label)))
        };
        let both = [
            r#"source_workload="operator""#,
            r#"source_canonical_service="operator""#,
            r#"destination_workload="payment-v1""#,
            r#"destination_service="payment.shop.svc.cluster.local""#,
            r#"destination_service_name="payment""#,
            r#"request_protocol="http""#,
        ];
        let page = wait_until("both ends have counted both requests", || async {
            let page = small.page().await;
            let all = [
                ("source", "200"),
                ("source", "403"),
                ("destination", "200"),
                ("destination", "403"),
            ];
            let all = all.into_iter().all(|(reporter, code)| {
                let own_labels = [
                    format!(r#"reporter="{reporter}""#),
                    format!(r#"response_code="{code}""#),
                ];
                let mut labels: Vec<_> = own_labels.iter().map(String::as_str).collect();
                labels.extend(both);
                count(&page, &labels)
            });
            all.then_some(page)
        })
        .await;
        let inbound = [
            r#"reporter="destination""#,
            r#"connection_security_policy="mutual_tls""#,
        ];
        let principals = [
            r#"source_principal="spiffe://cluster.local/ns/shop/sa/operator""#,
            r#"destination_principal="spiffe://cluster.local/ns/shop/sa/payment""#,
        ];
        assert!(count(&page, &[inbound, principals].concat()), "{page}");
        let outbound = [
            r#"reporter="source""#,
            r#"connection_security_policy="unknown""#,
        ];
        assert!(count(&page, &[outbound, principals].concat()), "{page}");
        assert!(
            page.contains("istio_request_duration_milliseconds_bucket{"),
            "{page}"
        );
        assert_eq!(small.metrics.malformed(), 0);
    });
}

/// Checks that `promtool check metrics` would accept the page, and returns the type of each family. Prometheus 3.16 itself is less
/// strict: it accepts a second `# TYPE` line for a family, and if a series has two samples, it drops the second sample.
#[track_caller]
fn assert_exposition(page: &str) -> HashMap<String, String> {
    let mut kinds: HashMap<String, String> = HashMap::new();
    let mut series = BTreeSet::new();
    let mut family = String::new();
    let mut explained = "";
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            explained = help.split(' ').next().expect("a name");
            assert!(help.len() > explained.len() + 10, "{line}");
            continue;
        }
        if let Some(text) = line.strip_prefix("# TYPE ") {
            let (name, kind) = text.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let other = kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(other, None, "{name} has two # TYPE lines");
            family = name.to_owned();
            assert!(
                explained.is_empty() || explained == family,
                "the HELP line of {explained} is directly before the TYPE line of {family}"
            );
            explained = "";
            continue;
        }
        let at = line.find(['{', ' ']).expect("a name");
        let (name, rest) = line.split_at(at);
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b)),
            "{line}"
        );
        let sample_names =
            ["", "_bucket", "_sum", "_count"].map(|suffix| format!("{family}{suffix}"));
        assert!(
            sample_names.contains(&name.to_owned()),
            "the sample {name} is below the TYPE line of {family}"
        );
        let (labels, value) = rest.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(
            series.insert((name, sorted_labels(labels))),
            "a series with two samples: {line}"
        );
    }
    kinds
}

/// The labels of a sample, sorted by name. Panics if a label occurs twice.
#[track_caller]
fn sorted_labels(labels: &str) -> BTreeMap<&str, &str> {
    let mut all = BTreeMap::new();
    let Some(labels) = labels.strip_prefix('{') else {
        return all;
    };
    let mut rest = labels.strip_suffix('}').expect("a closing brace");
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a label");
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (value, after) = value.split_at(end.expect("a closing quote"));
        assert_eq!(
            all.insert(name, value),
            None,
            "the label {name} occurs twice in {labels}"
        );
        rest = after.trim_start_matches('"').trim_start_matches(',');
    }
    all
}

#[test]
fn prometheus_accepts_the_page_of_all_envoys() {
    let small = &*MESH;
    let page = small.run(async {
        let host = "payment.shop.svc.cluster.local";
        assert_eq!(
            small.call("operator-0", "GET", host, "/payments").await,
            200
        );
        small.page().await
    });
    // The page is also written to a file, so that other parsers can read it, for example `promtool check metrics`.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stoa-mesh/metrics.txt");
    std::fs::write(file, &page).expect("written");
    let kinds = assert_exposition(&page);
    assert_eq!(kinds["envoy_cluster_upstream_rq_total"], "counter");
    assert_eq!(kinds["envoy_cluster_upstream_cx_active"], "gauge");
    // As with Istio, the whole name of an Envoy cluster is a label, and no part of it is in a metric's name.
    let sample = r#"envoy_cluster_upstream_rq_total{workload="operator",namespace="shop",pod="operator-0",cluster_name="outbound|80||payment.shop.svc.cluster.local"} "#;
    assert!(page.contains(sample), "{page}");
    let broken: Vec<_> = kinds
        .keys()
        .filter(|name| name.contains("svc_cluster_local"))
        .collect();
    assert_eq!(broken, [""; 0]);
    let answered = page
        .lines()
        .filter(|line| line.starts_with("envoy_cluster_upstream_rq{"));
    let mut answered = answered.filter(|line| line.contains(r#"pod="operator-0""#));
    assert!(
        answered.any(|line| line.contains(r#"response_code="200""#)),
        "{page}"
    );
    for name in PODS.into_iter().filter(|name| *name != "partners-v1-0") {
        let up = format!("pod=\"{name}\"}} 1");
        let up = page
            .lines()
            .any(|line| line.starts_with("stoa_envoy_up{") && line.ends_with(&up));
        // Another test may kill the gateway's Envoy at the same time. So it is not an error if the gateway's Envoy is down.
        assert!(
            up || name == "istio-ingressgateway-0",
            "{name} is not up:\n{page}"
        );
    }
}

#[test]
fn an_envoy_that_does_not_answer_is_down_on_the_page() {
    let small = &*MESH;
    let compiled = small.mesh.compiled();
    let target = ScrapeTarget {
        workload: compiled.proxies().next().expect("a workload").clone(),
        admin: unreachable_admin(),
        restarts: Arc::default(),
    };
    let page = small.run(exposition(&small.metrics, &[target], DEADLINE));
    assert_exposition(&page);
    assert!(
        page.lines()
            .any(|line| line.starts_with("stoa_envoy_up{") && line.ends_with(" 0")),
        "{page}"
    );
}

/// The value of a series with this name and all these labels; `None` if the page contains no such series.
fn value(page: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let begin = format!("{name}{{");
    let mut samples = page.lines().filter(|line| line.starts_with(&begin));
    let sample = samples.find(|line| labels.iter().all(|label| line.contains(label)))?;
    sample.rsplit(' ').next()?.parse().ok()
}

#[test]
fn counters_for_alerts_are_on_the_page_at_0_and_have_help_texts() {
    let small = &*MESH;
    let page = small.run(small.page());
    let operator = r#"pod="operator-0""#;
    let to_payment = r#"cluster_name="outbound|80||payment.shop.svc.cluster.local""#;
    // These counters are on the page even if they are 0, so that Prometheus sees an increase at the first burst of events.
    for name in [
        "envoy_cluster_upstream_rq_pending_overflow",
        "envoy_cluster_upstream_cx_overflow",
        "envoy_cluster_upstream_cx_connect_fail",
        "envoy_cluster_upstream_rq_retry",
        "envoy_cluster_upstream_rq_retry_overflow",
        "envoy_cluster_upstream_rq_retry_limit_exceeded",
        "envoy_cluster_outlier_detection_ejections_enforced_total",
        "envoy_cluster_ssl_connection_error",
        "envoy_cluster_ssl_fail_verify_error",
        "envoy_cluster_ssl_fail_verify_san",
    ] {
        let found = value(&page, name, &[operator, to_payment]);
        assert_eq!(found, Some(0.0), "{name}");
        assert!(page.contains(&format!("# HELP {name} ")), "{name}");
    }
    let listener = value(
        &page,
        "envoy_listener_no_filter_chain_match",
        &[r#"pod="payment-v1-0""#],
    );
    assert!(listener.is_some(), "no_filter_chain_match");
    for kind in ["cds", "lds", "rds", "ecds", "sds"] {
        let labels = [operator, &format!("type=\"{kind}\"")];
        let found = value(&page, "stoa_envoy_rejected_updates_total", &labels);
        assert_eq!(found, Some(0.0), "{kind}");
    }
    let restarts = value(&page, "stoa_envoy_restarts_total", &[operator]);
    assert_eq!(restarts, Some(0.0));
    // In these tests, certificates are valid for an hour.
    let subject = r#"subject="spiffe://cluster.local/ns/shop/sa/operator""#;
    let name = "stoa_certificate_expiry_timestamp_seconds";
    let expires = value(&page, name, &[operator, subject]).expect("the identity");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let remaining = expires - now.expect("a time").as_secs_f64();
    assert!((0.0..=3600.0).contains(&remaining), "{remaining} s");
    for family in [
        "istio_requests_total",
        "stoa_envoy_up",
        "stoa_envoy_restarts_total",
        name,
    ] {
        assert!(page.contains(&format!("# HELP {family} ")), "{family}");
    }
}

/// A client of an administration address where no program listens.
fn unreachable_admin() -> Admin {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    Admin::new(listener.local_addr().expect("its address"))
}

#[test]
fn status_has_a_line_for_each_envoy() {
    let small = &*MESH;
    let mut envoys = small.mesh.envoys();
    let logs = Path::new("/nowhere");
    envoys.push(Envoy::new(
        "shop/gone-v1-0",
        unreachable_admin(),
        logs,
        logs,
    ));
    let table = small.run(inspect::status(&envoys, false)).expect("a table");
    println!("{table}");
    assert_eq!(
        line(&table, "NAME"),
        [
            "NAME",
            "STATE",
            "VERSION",
            "CDS",
            "LDS",
            "EDS",
            "RDS",
            "ECDS",
            "CERTIFICATE",
            "VALID FOR",
            "RUNS FOR"
        ]
    );
    let payment = line(&table, "shop/payment-v1-0");
    assert_eq!(payment[1..3], ["LIVE", "1.40.0"]);
    for cell in &payment[3..8] {
        assert!(cell.starts_with("SYNCED ("), "{payment:?}");
    }
    assert_eq!(payment[8].len(), 12, "a serial number: {payment:?}");
    assert!(
        payment[9].starts_with("59m") || payment[9].starts_with("58m"),
        "{payment:?}"
    );
    let age = humantime::parse_duration(payment[10]).expect("the age of the Envoy");
    assert!(age < Duration::from_secs(120), "{payment:?}");
    let gone = line(&table, "shop/gone-v1-0");
    assert_eq!(gone[1], "NOT ANSWERING");
    assert!(
        table.contains("shop/gone-v1-0: Envoy's administration interface at"),
        "{table}"
    );
}

#[test]
fn routes_show_their_virtual_service_and_destination() {
    let small = &*MESH;
    let table = small
        .run(inspect::routes(&small.envoy("operator"), &View::default()))
        .expect("a table");
    println!("{table}");
    assert_eq!(
        line(&table, "NAME"),
        ["NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE", "DESTINATION"]
    );
    let payment = table
        .lines()
        .filter(|line| line.contains("   payment, payment.shop"));
    let payment: Vec<_> = payment.collect();
    assert!(!payment.is_empty(), "{table}");
    for route in payment {
        assert!(
            route.contains("payment.shop"),
            "the route must show its VirtualService: {route}"
        );
        assert!(
            route.ends_with("outbound|80||payment.shop.svc.cluster.local"),
            "{route}"
        );
    }
    // The routes of product's sidecar also contain the inbound route to product itself.
    let gateway = small
        .run(inspect::routes(
            &small.envoy("product-v1-0"),
            &View::default(),
        ))
        .expect("a table");
    assert!(gateway.contains("inbound|80||"), "{gateway}");
}

#[test]
fn json_views_have_only_the_requested_items() {
    let small = &*MESH;
    let read = |text: Result<String, InspectError>| -> Value {
        serde_json::from_str(&text.expect("an answer")).expect("JSON")
    };
    let view = |port: Option<u16>, name: Option<&str>| View {
        json: true,
        port,
        name: name.map(str::to_owned),
        fqdn: None,
    };
    let names = |list: &Value| -> Vec<String> {
        let all = list.as_array().expect("a list").iter();
        all.map(|one| one["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let (operator, envoys) = (small.envoy("operator"), small.mesh.envoys());
    small.run(async {
        let routes = read(inspect::routes(&operator, &view(None, Some("80"))).await);
        assert_eq!(names(&routes), ["80"]);
        assert!(routes[0]["virtual_hosts"].is_array(), "{routes}");
        let none = read(inspect::routes(&operator, &view(None, Some("81"))).await);
        assert_eq!(none, json!([]));
        let payment = View {
            fqdn: Some("payment.shop".to_owned()),
            ..view(Some(80), None)
        };
        let clusters = read(inspect::clusters(&operator, &payment).await);
        assert_eq!(
            names(&clusters),
            ["outbound|80||payment.shop.svc.cluster.local"]
        );
        let other_port = View {
            port: Some(81),
            ..payment
        };
        assert_eq!(
            read(inspect::clusters(&operator, &other_port).await),
            json!([])
        );
        let listeners = read(inspect::listeners(&operator, &view(Some(11_080), None)).await);
        assert_eq!(listeners.as_array().map(Vec::len), Some(1), "{listeners}");
        let endpoints = inspect::endpoints(&operator, &envoys, &view(Some(10_080), None)).await;
        let endpoints = read(endpoints);
        let all = endpoints.as_array().expect("a list");
        let port =
            |one: &Value| one["endpoint"]["address"]["socket_address"]["port_value"] == 10_080;
        assert!(!all.is_empty() && all.iter().all(port), "{endpoints}");
        let status = read(inspect::status(&envoys, true).await);
        let mut lines = status.as_array().expect("a list").iter();
        let line = lines.find(|line| line["name"] == "shop/operator-0");
        let line = line.expect("the operator");
        assert_eq!(
            (&line["state"], &line["note"]),
            (&json!("LIVE"), &Value::Null)
        );
        assert!(
            line["lds"]
                .as_str()
                .is_some_and(|lds| lds.starts_with("SYNCED")),
            "{line}"
        );
        let rules = read(inspect::authz(&small.envoy("payment"), true).await);
        assert_eq!(rules["rules"][0]["action"], "ALLOW");
        assert!(rules["denied"].is_u64(), "{rules}");
    });
}

#[test]
fn clusters_are_shown_with_service_port_and_subset() {
    let small = &*MESH;
    let table = small
        .run(inspect::clusters(
            &small.envoy("operator-0.shop"),
            &View::default(),
        ))
        .expect("a table");
    println!("{table}");
    assert_eq!(
        line(&table, "SERVICE"),
        [
            "SERVICE FQDN",
            "PORT",
            "SUBSET",
            "DIRECTION",
            "TYPE",
            "DESTINATION RULE"
        ]
    );
    let payment = line(&table, "payment.shop.svc.cluster.local");
    assert_eq!(
        payment,
        [
            "payment.shop.svc.cluster.local",
            "80",
            "-",
            "outbound",
            "STATIC",
            "payment.shop"
        ]
    );
    assert_eq!(line(&table, "BlackHoleCluster")[1..4], ["-", "-", "-"]);
}

#[test]
fn endpoints_are_shown_with_their_workloads() {
    let small = &*MESH;
    let (operator, envoys) = (small.envoy("shop/operator-0"), small.mesh.envoys());
    let table = small
        .run(inspect::endpoints(&operator, &envoys, &View::default()))
        .expect("a table");
    println!("{table}");
    let payment = pod(&small.mesh, "payment-v1-0").port(80).to_string();
    assert_eq!(
        line(&table, &payment),
        [
            payment.as_str(),
            "HEALTHY",
            "OK",
            "outbound|80||payment.shop.svc.cluster.local",
            "shop/payment-v1-0"
        ]
    );
}

#[test]
fn listeners_show_the_destinations_of_connections() {
    let small = &*MESH;
    let table = small
        .run(inspect::listeners(
            &small.envoy("payment"),
            &View::default(),
        ))
        .expect("a table");
    println!("{table}");
    let payment = pod(&small.mesh, "payment-v1-0");
    let ip = payment.ip.to_string();
    let rows: Vec<_> = table.lines().filter(|row| row.starts_with(&ip)).collect();
    let inbound = rows
        .iter()
        .find(|row| row.contains("10080"))
        .expect("a listener");
    assert!(
        inbound.contains("Trans: tls; Addr: *:10080") && inbound.ends_with("Cluster: inbound|80||"),
        "{table}"
    );
    let outbound = rows
        .iter()
        .find(|row| row.contains("11080"))
        .expect("a listener");
    assert!(
        outbound.contains("ALL") && outbound.ends_with("Route: 80"),
        "{table}"
    );
}

#[test]
fn the_configuration_is_shown_without_keys() {
    let small = &*MESH;
    let text = small
        .run(inspect::config(&small.envoy("payment")))
        .expect("JSON");
    let dump: Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        dump["configs"]
            .as_array()
            .is_some_and(|configs| configs.len() > 5)
    );
    assert!(text.contains("[redacted]") && !text.contains("PRIVATE KEY"));
}

#[test]
fn authz_shows_the_rules_and_the_numbers_of_allowed_and_denied_requests() {
    let small = &*MESH;
    let table = small.run(async {
        let host = "payment.shop.svc.cluster.local";
        assert_eq!(
            small.call("operator-0", "PUT", host, "/payments").await,
            403
        );
        inspect::authz(&small.envoy("payment"), false)
            .await
            .expect("a table")
    });
    println!("{table}");
    let head = line(&table, "ACTION");
    assert_eq!(
        head,
        [
            "ACTION",
            "AuthorizationPolicy",
            "RULE",
            "FROM",
            "METHODS",
            "PATHS",
            "WHEN"
        ]
    );
    let deny_all = table
        .lines()
        .find(|line| line.contains("deny-by-default.shop"));
    assert!(
        deny_all.is_some_and(|line| line.contains("   nobody   ")),
        "{table}"
    );
    let order = table
        .lines()
        .find(|line| line.contains("spiffe://cluster.local/ns/shop/sa/order"));
    let order = order.unwrap_or_else(|| panic!("no rule allows order to call payment:\n{table}"));
    assert!(
        order.contains("payment.shop") && order.contains("/payments"),
        "{order}"
    );
    let counted = table.lines().last().unwrap_or_default();
    assert!(
        counted.starts_with("requests since the Envoy started: ")
            && !counted.ends_with(" 0 denied"),
        "{counted}"
    );
    let none = small
        .run(inspect::authz(&small.envoy("operator"), false))
        .expect("a text");
    assert_eq!(
        none,
        "no AuthorizationPolicy applies to shop/operator-0, so its Envoy rejects no caller\n"
    );
}

#[test]
fn a_log_level_is_read_and_set() {
    let small = &*MESH;
    let payment = small.envoy("payment");
    let apply = |set: Option<&'static str>| small.run(inspect::log_level(&payment, set));
    let level_of = |levels: &str, logger: &str| {
        let mut lines = levels
            .lines()
            .filter_map(|line| line.trim().split_once(": "));
        lines
            .find(|(name, _)| *name == logger)
            .map(|(_, level)| level.to_owned())
    };
    assert_eq!(
        level_of(&apply(None).expect("levels"), "rbac").as_deref(),
        Some("warning")
    );
    let levels = apply(Some("rbac:debug,jwt:info")).expect("set");
    assert_eq!(level_of(&levels, "rbac").as_deref(), Some("debug"));
    assert_eq!(level_of(&levels, "jwt").as_deref(), Some("info"));
    assert_eq!(level_of(&levels, "http").as_deref(), Some("warning"));
    let levels = apply(Some("rbac:error,off")).expect("set");
    assert_eq!(level_of(&levels, "http").as_deref(), Some("off"));
    assert_eq!(level_of(&levels, "rbac").as_deref(), Some("error"));
    let levels = apply(Some("warning")).expect("set");
    assert_eq!(level_of(&levels, "rbac").as_deref(), Some("warning"));
    let error = apply(Some("rbak:debug"))
        .expect_err("no such logger")
        .to_string();
    assert_eq!(error, r#"Envoy has no logger "rbak"; did you mean rbac?"#);
    let error = apply(Some("rbac:loud"))
        .expect_err("no such level")
        .to_string();
    assert!(
        error.starts_with(r#"unknown log level "loud"; expected one of trace, debug"#),
        "{error}"
    );
}

#[test]
fn the_error_for_an_unknown_name_lists_similar_or_all_names() {
    let envoys = MESH.mesh.envoys();
    let find = |name: &str| match inspect::find(&envoys, name) {
        Ok(envoy) => envoy.name.clone(),
        Err(error) => error.to_string(),
    };
    assert_eq!(find("shop/payment-v1-0"), "shop/payment-v1-0");
    assert_eq!(find("payment-v1-0.shop"), "shop/payment-v1-0");
    assert_eq!(find("payment"), "shop/payment-v1-0");
    assert_eq!(
        find("istio-ingressgateway"),
        "istio-system/istio-ingressgateway-0"
    );
    assert!(
        find("paymnet").ends_with(r#"matches the name "paymnet"; did you mean shop/payment-v1-0?"#),
        "{}",
        find("paymnet")
    );
    for unlike in ["zzz", ""] {
        let begin = format!(
            "no workload that has an Envoy matches the name {unlike:?}; expected one of istio-system/istio-ingressgateway-0, "
        );
        let error = find(unlike);
        assert!(
            error.starts_with(&begin) && error.contains("shop/user-v1-0"),
            "{error}"
        );
    }
    let replica = |pod: &str| Envoy::new(pod, unreachable_admin(), Path::new("/"), Path::new("/"));
    let replicas = [replica("shop/product-v1-0"), replica("shop/product-v1-1")];
    let error = inspect::find(&replicas, "product").expect_err("two matches");
    assert_eq!(
        error.to_string(),
        r#"several workloads match "product": shop/product-v1-0, shop/product-v1-1; use a full name"#
    );
    assert!(matches!(error, InspectError::Ambiguous { .. }));
}

#[test]
fn the_error_for_an_envoy_that_does_not_answer_names_it() {
    let gone = Envoy::new(
        "shop/gone-v1-0",
        unreachable_admin(),
        Path::new("/"),
        Path::new("/"),
    );
    let error = MESH
        .run(inspect::routes(&gone, &View::default()))
        .expect_err("no program listens")
        .to_string();
    assert!(
        error.starts_with("shop/gone-v1-0: Envoy's administration interface at 127.0.0.1:"),
        "{error}"
    );
    assert!(error.contains("does not answer"), "{error}");
}

#[test]
fn the_status_shows_rejected_configuration_with_the_reason() {
    let small = &*MESH;
    let product = small.envoy("product");
    let file = product.files.join("lds/listeners.json");
    let good = std::fs::read(&file).expect("a file");
    let mut bad: Value = serde_json::from_slice(&good).expect("JSON");
    bad["resources"][0]["address"]["socket_address"]["port_value"] = json!(70_000);
    replace(&file, bad.to_string().as_bytes());
    small.run(async {
        let one = [product.clone()];
        let table = wait_until("the listeners are rejected", || async {
            let table = inspect::status(&one, false).await.expect("a table");
            table.contains("REJECTED").then_some(table)
        })
        .await;
        println!("{table}");
        let cells = line(&table, "shop/product-v1-0");
        assert!(
            cells[4].starts_with("REJECTED (") && cells[3].starts_with("SYNCED ("),
            "{table}"
        );
        assert!(
            table.contains("shop/product-v1-0 keeps its previous configuration, because it rejected:\n  LDS listeners\n"),
            "{table}"
        );
        assert!(
            table.contains("value must be less than or equal to 65535"),
            "{table}"
        );
        let error = small
            .mesh
            .ready(DEADLINE)
            .await
            .expect_err("an Envoy that rejected its listeners");
        let MeshError::Rejected { envoy, stat, log } = &error else {
            panic!("{error}");
        };
        assert_eq!(envoy, "shop/product-v1-0");
        assert_eq!(stat, "listener_manager.lds.update_rejected: 1");
        assert_eq!(log, &product.log);
        replace(&file, &good);
        wait_until("the listeners are applied again", || async {
            let table = inspect::status(&one, false).await.expect("a table");
            (!table.contains("REJECTED") && !table.contains("STALE")).then_some(())
        })
        .await;
    });
}

/// Replaces a file by writing a new file and renaming it, as the mesh does.
fn replace(file: &Path, text: &[u8]) {
    let new: PathBuf = file.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, file).expect("renamed");
}

#[test]
fn a_killed_envoy_is_restarted() {
    let small = &*MESH;
    let name = "istio-system/istio-ingressgateway-0";
    let (pid, restarts) = small.mesh.processes()[name];
    let killed = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(killed.expect("a process"), rustix::process::Signal::KILL)
        .expect("killed");
    let begin = Instant::now();
    let gateway = small.mesh.gateway(8080).expect("a gateway");
    small.run(async {
        wait_until("a new process answers", || async {
            let (now, again) = small.mesh.processes()[name];
            let ready = small.envoy("istio-ingressgateway").admin.is_ready().await;
            (now != 0 && now != pid && again == restarts + 1 && ready).then_some(())
        })
        .await;
        println!("restarted after {:?}", begin.elapsed());
        let page = small.page().await;
        let labels = [r#"pod="istio-ingressgateway-0""#];
        let counted = value(&page, "stoa_envoy_restarts_total", &labels);
        assert_eq!(counted, Some(f64::from(restarts + 1)));
        // The status is 404, because the host `localhost` exists in the configuration, but has no such route. So the new Envoy
        // process has applied its configuration.
        let status = request(gateway, "GET", "localhost", "/no/such/thing").await;
        assert_eq!(status, 404);
    });
}

#[test]
fn new_compiled_configuration_is_applied_without_a_restart() {
    let small = &*MESH;
    let user = small.envoy("user");
    let folder = small.mesh.compiled().folder.clone();
    let user_folder = folder.join("shop/user-v1-0");
    let read = |path: &Path| -> Value {
        let text = std::fs::read(path).expect("a file");
        serde_json::from_slice(&text).expect("JSON")
    };
    // The changed listener refers to a new filter and a new certificate. The mesh must write the filter and the certificate before
    // it writes the listener.
    let filter = json!({
        "name": "limit",
        "config_discovery": {
            "config_source": {"ads": {}, "resource_api_version": "V3"},
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer"],
        },
    });
    let extension = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "limit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1000,
        },
    });
    let mut listeners = read(&user_folder.join("listeners.json"));
    let chain = listeners
        .pointer_mut("/resources/0/filter_chains/0")
        .expect("a filter chain");
    let filters = chain.pointer_mut("/filters/0/typed_config/http_filters");
    filters
        .and_then(Value::as_array_mut)
        .expect("filters")
        .insert(0, filter);
    let secrets = "/transport_socket/typed_config/common_tls_context/tls_certificate_sds_secret_configs/0/name";
    *chain.pointer_mut(secrets).expect("a certificate") = "kubernetes://another".into();
    let mut extensions = read(&user_folder.join("extensions.json"));
    extensions["resources"]
        .as_array_mut()
        .expect("a list")
        .push(extension);
    replace(
        &user_folder.join("listeners.json"),
        listeners.to_string().as_bytes(),
    );
    replace(
        &user_folder.join("extensions.json"),
        extensions.to_string().as_bytes(),
    );
    let list = folder.join("workloads.json");
    replace(&list, &std::fs::read(&list).expect("a file"));
    small.run(async {
        let certificates = wait_until(
            "the listener has the new filter and certificate",
            || async {
                let table = inspect::status(std::slice::from_ref(&user), false)
                    .await
                    .expect("a table");
                assert!(!table.contains("REJECTED"), "{table}");
                let cells = line(&table, "shop/user-v1-0").join(" ");
                let certificates = user.admin.get("/certs").await.expect("certificates");
                (cells.contains("SYNCED (1)") && certificates.contains("localhost"))
                    .then_some(certificates)
            },
        )
        .await;
        println!("{certificates}");
        let stats = user
            .admin
            .get("/stats?filter=update_rejected")
            .await
            .expect("statistics");
        assert!(stats.lines().all(|line| line.ends_with(": 0")), "{stats}");
        assert_eq!(small.mesh.processes()["shop/user-v1-0"].1, 0);
    });
}
