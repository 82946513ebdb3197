//! A small mesh of real Envoys, and its reports. All tests of this file share it; each test leaves the Envoys of the others
//! alone.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests panic as the tests do"
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
/// Deadline for a condition, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Small {
    runtime: Runtime,
    mesh: Mesh,
    metrics: Arc<Metrics>,
}

static MESH: LazyLock<Small> = LazyLock::new(Small::start);

impl Small {
    fn start() -> Self {
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stoa-mesh");
        let _ = std::fs::remove_dir_all(&state);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().expect("the checkout");
        let compiled = state.join("compiled");
        copy_some(&root.join("istio/compiled"), &compiled);
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
        // Not in the thread of the first test: Envoys end with the thread that started them.
        let starting = runtime.spawn(async move {
            let payment = pod(&mesh, "payment-v1-0").app(80);
            tokio::spawn(answer(
                TcpListener::bind(payment).await.expect("payment's port"),
            ));
            mesh.start(&on_access).expect("started");
            mesh.ready(PATIENCE).await.expect("ready");
            mesh
        });
        let mesh = runtime.block_on(starting).expect("no panic");
        Self {
            runtime,
            mesh,
            metrics,
        }
    }

    fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn envoy(&self, name: &str) -> Envoy {
        let envoys = self.mesh.envoys();
        inspect::find(&envoys, name).expect("an Envoy").clone()
    }

    /// Sends a request the way a workload does, through its sidecar.
    async fn call(&self, from: &str, method: &str, host: &str, path: &str) -> u16 {
        request(pod(&self.mesh, from).egress(80), method, host, path).await
    }

    async fn page(&self) -> String {
        exposition(&self.metrics, &self.mesh.scrape_targets(), PATIENCE).await
    }
}

fn pod(mesh: &Mesh, name: &str) -> stoa_mesh::Pod {
    let compiled = mesh.compiled();
    let workload = compiled.workloads.iter().find(|w| w.pod == name);
    let workload = workload.unwrap_or_else(|| panic!("no workload {name}"));
    *mesh.addresses().pod(workload.ip).expect("an address")
}

/// A copy with fewer workloads: Envoys take memory, and time to start.
fn copy_some(from: &Path, to: &Path) {
    let read = Compiled::read(from).expect("`make mesh` writes it");
    std::fs::create_dir_all(to).expect("a folder");
    for workload in read.proxies().filter(|w| PODS.contains(&w.pod.as_str())) {
        let own = Path::new(&workload.namespace).join(&workload.pod);
        std::fs::create_dir_all(to.join(&own)).expect("a folder");
        for file in std::fs::read_dir(from.join(&own)).expect("a folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), to.join(&own).join(file.file_name())).expect("copied");
        }
    }
    let text = std::fs::read(from.join("workloads.json")).expect("a file");
    let mut list: Value = serde_json::from_slice(&text).expect("JSON");
    let workloads = list["workloads"].as_array_mut().expect("a list");
    workloads.retain(|w| w["pod"].as_str().is_some_and(|pod| PODS.contains(&pod)));
    assert_eq!(workloads.len(), PODS.len());
    std::fs::write(to.join("workloads.json"), list.to_string()).expect("written");
}

/// A workload that answers every request with success.
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
    let mut stream = TcpStream::connect(to).await.expect("somebody listens");
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

/// Waits until the condition holds.
async fn until<F: Future<Output = Option<T>>, T>(what: &str, so: impl Fn() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = so().await {
            return found;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "after {PATIENCE:?} still not: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The cells of the line with this beginning.
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
        let page = until("both ends have counted both requests", || async {
            let page = small.page().await;
            let all = [
                ("source", "200"),
                ("source", "403"),
                ("destination", "200"),
                ("destination", "403"),
            ];
            let all = all.into_iter().all(|(reporter, code)| {
                let own = [
                    format!(r#"reporter="{reporter}""#),
                    format!(r#"response_code="{code}""#),
                ];
                let mut labels: Vec<_> = own.iter().map(String::as_str).collect();
                // A caller that was rejected makes no further calls.
                labels.extend(both);
                count(&page, &labels)
            });
            all.then_some(page)
        })
        .await;
        let arrived = [
            r#"reporter="destination""#,
            r#"connection_security_policy="mutual_tls""#,
        ];
        let who = [
            r#"source_principal="spiffe://cluster.local/ns/shop/sa/operator""#,
            r#"destination_principal="spiffe://cluster.local/ns/shop/sa/payment""#,
        ];
        assert!(count(&page, &[arrived, who].concat()), "{page}");
        let left = [
            r#"reporter="source""#,
            r#"connection_security_policy="unknown""#,
        ];
        assert!(count(&page, &[left, who].concat()), "{page}");
        assert!(
            page.contains("istio_request_duration_milliseconds_bucket{"),
            "{page}"
        );
        assert_eq!(small.metrics.malformed(), 0);
    });
}

/// Checks what `promtool check metrics` accepts. Prometheus 3.16 itself is less strict: it accepts a second `# TYPE` line, and it
/// drops the second sample of a series that is there twice.
#[track_caller]
fn assert_exposition(page: &str) -> HashMap<String, String> {
    let mut kinds: HashMap<String, String> = HashMap::new();
    let mut series = BTreeSet::new();
    let mut family = String::new();
    let mut explained = "";
    for line in page.lines() {
        if let Some(said) = line.strip_prefix("# HELP ") {
            explained = said.split(' ').next().expect("a name");
            assert!(said.len() > explained.len() + 10, "{line}");
            continue;
        }
        if let Some(said) = line.strip_prefix("# TYPE ") {
            let (name, kind) = said.split_once(' ').expect("a name and a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let other = kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(other, None, "the type of {name} twice");
            family = name.to_owned();
            assert!(
                explained.is_empty() || explained == family,
                "{explained} before {family}"
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
        let own = ["", "_bucket", "_sum", "_count"].map(|suffix| format!("{family}{suffix}"));
        assert!(
            own.contains(&name.to_owned()),
            "{name} stands below {family}"
        );
        let (labels, value) = rest.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert((name, sorted(labels))), "twice: {line}");
    }
    kinds
}

/// The labels of a sample; each occurs once.
#[track_caller]
fn sorted(labels: &str) -> BTreeMap<&str, &str> {
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
        assert_eq!(all.insert(name, value), None, "{name} twice in {labels}");
        rest = after.trim_start_matches('"').trim_start_matches(',');
    }
    all
}

#[test]
fn the_page_of_all_envoys_is_one_that_prometheus_takes() {
    let small = &*MESH;
    let page = small.run(async {
        let host = "payment.shop.svc.cluster.local";
        assert_eq!(
            small.call("operator-0", "GET", host, "/payments").await,
            200
        );
        small.page().await
    });
    // Kept for other parsers, for example `promtool check metrics`.
    let left = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stoa-mesh/metrics.txt");
    std::fs::write(left, &page).expect("written");
    let kinds = assert_exposition(&page);
    assert_eq!(kinds["envoy_cluster_upstream_rq_total"], "counter");
    assert_eq!(kinds["envoy_cluster_upstream_cx_active"], "gauge");
    // As under Istio: a cluster's whole name is a label, and no part of it is in a metric's name.
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
        // Another test stops the gateway's Envoy.
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
        admin: nobody(),
        restarts: Arc::default(),
    };
    let page = small.run(exposition(&small.metrics, &[target], PATIENCE));
    assert_exposition(&page);
    assert!(
        page.lines()
            .any(|line| line.starts_with("stoa_envoy_up{") && line.ends_with(" 0")),
        "{page}"
    );
}

/// The value of the series with this name and all these labels.
fn value(page: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let begin = format!("{name}{{");
    let mut samples = page.lines().filter(|line| line.starts_with(&begin));
    let sample = samples.find(|line| labels.iter().all(|label| line.contains(label)))?;
    sample.rsplit(' ').next()?.parse().ok()
}

#[test]
fn what_an_operator_alerts_on_is_there_before_it_happens_and_is_explained() {
    let small = &*MESH;
    let page = small.run(small.page());
    let operator = r#"pod="operator-0""#;
    let to_payment = r#"cluster_name="outbound|80||payment.shop.svc.cluster.local""#;
    // They start at 0, so that the first burst is an increase.
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
    // The certificates of these tests are valid for an hour.
    let subject = r#"subject="spiffe://cluster.local/ns/shop/sa/operator""#;
    let name = "stoa_certificate_expiry_timestamp_seconds";
    let expires = value(&page, name, &[operator, subject]).expect("the identity");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = expires - now.expect("a time").as_secs_f64();
    assert!((0.0..=3600.0).contains(&left), "{left} s");
    for family in [
        "istio_requests_total",
        "stoa_envoy_up",
        "stoa_envoy_restarts_total",
        name,
    ] {
        assert!(page.contains(&format!("# HELP {family} ")), "{family}");
    }
}

/// An address where no program listens.
fn nobody() -> Admin {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    Admin::new(listener.local_addr().expect("its address"))
}

#[test]
fn status_has_a_line_for_each_envoy() {
    let small = &*MESH;
    let mut envoys = small.mesh.envoys();
    let logs = Path::new("/nowhere");
    envoys.push(Envoy::new("shop/gone-v1-0", nobody(), logs, logs));
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
    let age = humantime::parse_duration(payment[10]).expect("how long it runs");
    assert!(age < Duration::from_secs(120), "{payment:?}");
    let gone = line(&table, "shop/gone-v1-0");
    assert_eq!(gone[1], "NOT ANSWERING");
    assert!(
        table.contains("shop/gone-v1-0: Envoy's administration at"),
        "{table}"
    );
}

#[test]
fn routes_say_what_goes_where() {
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
            "its VirtualService: {route}"
        );
        assert!(
            route.ends_with("outbound|80||payment.shop.svc.cluster.local"),
            "{route}"
        );
    }
    // product's sidecar also has the route to its own workload.
    let gateway = small
        .run(inspect::routes(
            &small.envoy("product-v1-0"),
            &View::default(),
        ))
        .expect("a table");
    assert!(gateway.contains("inbound|80||"), "{gateway}");
}

#[test]
fn programs_get_json_and_only_what_they_asked_for() {
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
    let names = |of: &Value| -> Vec<String> {
        let all = of.as_array().expect("a list").iter();
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
        let own = status.as_array().expect("a list").iter();
        let mut own = own.filter(|one| one["name"] == "shop/operator-0");
        let own = own.next().expect("the operator");
        assert_eq!(
            (&own["state"], &own["note"]),
            (&json!("LIVE"), &Value::Null)
        );
        assert!(
            own["lds"]
                .as_str()
                .is_some_and(|lds| lds.starts_with("SYNCED")),
            "{own}"
        );
        let rules = read(inspect::authz(&small.envoy("payment"), true).await);
        assert_eq!(rules["rules"][0]["action"], "ALLOW");
        assert!(rules["denied"].is_u64(), "{rules}");
    });
}

#[test]
fn clusters_are_told_by_service_port_and_subset() {
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
fn endpoints_say_whose_they_are() {
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
fn listeners_say_what_becomes_of_a_connection() {
    let small = &*MESH;
    let table = small
        .run(inspect::listeners(
            &small.envoy("payment"),
            &View::default(),
        ))
        .expect("a table");
    println!("{table}");
    let own = pod(&small.mesh, "payment-v1-0");
    let ip = own.ip.to_string();
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
fn authz_says_who_may_do_what() {
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
    let nobody = table
        .lines()
        .find(|line| line.contains("deny-by-default.shop"));
    assert!(
        nobody.is_some_and(|line| line.contains("   nobody   ")),
        "{table}"
    );
    let order = table
        .lines()
        .find(|line| line.contains("spiffe://cluster.local/ns/shop/sa/order"));
    let order = order.unwrap_or_else(|| panic!("order may not call payment:\n{table}"));
    assert!(
        order.contains("payment.shop") && order.contains("/payments"),
        "{order}"
    );
    let counted = table.lines().last().unwrap_or_default();
    assert!(
        counted.starts_with("since it started: ") && !counted.ends_with(" 0 denied"),
        "{counted}"
    );
    let none = small
        .run(inspect::authz(&small.envoy("operator"), false))
        .expect("a text");
    assert_eq!(
        none,
        "no AuthorizationPolicy applies to shop/operator-0: it refuses nobody\n"
    );
}

#[test]
fn a_log_level_is_read_and_set() {
    let small = &*MESH;
    let payment = small.envoy("payment");
    let level = |set: Option<&'static str>| small.run(inspect::log_level(&payment, set));
    let of = |said: &str, logger: &str| {
        let mut lines = said.lines().filter_map(|line| line.trim().split_once(": "));
        lines
            .find(|(name, _)| *name == logger)
            .map(|(_, level)| level.to_owned())
    };
    assert_eq!(
        of(&level(None).expect("levels"), "rbac").as_deref(),
        Some("warning")
    );
    let said = level(Some("rbac:debug,jwt:info")).expect("set");
    assert_eq!(of(&said, "rbac").as_deref(), Some("debug"));
    assert_eq!(of(&said, "jwt").as_deref(), Some("info"));
    assert_eq!(of(&said, "http").as_deref(), Some("warning"));
    let said = level(Some("rbac:error,off")).expect("set");
    assert_eq!(of(&said, "http").as_deref(), Some("off"));
    assert_eq!(of(&said, "rbac").as_deref(), Some("error"));
    let said = level(Some("warning")).expect("set");
    assert_eq!(of(&said, "rbac").as_deref(), Some("warning"));
    let error = level(Some("rbak:debug"))
        .expect_err("no such logger")
        .to_string();
    assert_eq!(error, "Envoy has no logger rbak; did you mean rbac?");
    let error = level(Some("rbac:loud"))
        .expect_err("no such level")
        .to_string();
    assert!(
        error.starts_with("loud is not a level: there are trace, debug"),
        "{error}"
    );
}

#[test]
fn a_name_that_is_not_there_is_answered_with_those_that_are() {
    let envoys = MESH.mesh.envoys();
    let said = |name: &str| match inspect::find(&envoys, name) {
        Ok(envoy) => envoy.name.clone(),
        Err(error) => error.to_string(),
    };
    assert_eq!(said("shop/payment-v1-0"), "shop/payment-v1-0");
    assert_eq!(said("payment-v1-0.shop"), "shop/payment-v1-0");
    assert_eq!(said("payment"), "shop/payment-v1-0");
    assert_eq!(
        said("istio-ingressgateway"),
        "istio-system/istio-ingressgateway-0"
    );
    assert!(
        said("paymnet").ends_with("is called paymnet; did you mean shop/payment-v1-0?"),
        "{}",
        said("paymnet")
    );
    for unlike in ["zzz", ""] {
        let begin = format!(
            "no workload with an Envoy is called {unlike}; there are istio-system/istio-ingressgateway-0, "
        );
        let said = said(unlike);
        assert!(
            said.starts_with(&begin) && said.contains("shop/user-v1-0"),
            "{said}"
        );
    }
    let twice = |pod: &str| Envoy::new(pod, nobody(), Path::new("/"), Path::new("/"));
    let replicas = [twice("shop/product-v1-0"), twice("shop/product-v1-1")];
    let error = inspect::find(&replicas, "product").expect_err("two of them");
    assert_eq!(
        error.to_string(),
        "product may be shop/product-v1-0 or shop/product-v1-1: say which"
    );
    assert!(matches!(error, InspectError::Ambiguous { .. }));
}

#[test]
fn an_envoy_that_does_not_answer_is_named() {
    let gone = Envoy::new("shop/gone-v1-0", nobody(), Path::new("/"), Path::new("/"));
    let error = MESH
        .run(inspect::routes(&gone, &View::default()))
        .expect_err("nobody is there")
        .to_string();
    assert!(
        error.starts_with("shop/gone-v1-0: Envoy's administration at 127.0.0.1:"),
        "{error}"
    );
    assert!(error.contains("does not answer"), "{error}");
}

#[test]
fn what_an_envoy_refuses_is_told_with_the_reason() {
    let small = &*MESH;
    let product = small.envoy("product");
    let file = product.files.join("lds/listeners.json");
    let good = std::fs::read(&file).expect("a file");
    let mut bad: Value = serde_json::from_slice(&good).expect("JSON");
    bad["resources"][0]["address"]["socket_address"]["port_value"] = json!(70_000);
    replace(&file, bad.to_string().as_bytes());
    small.run(async {
        let one = [product.clone()];
        let table = until("the listeners are refused", || async {
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
            table.contains("shop/product-v1-0 keeps what it had, and refused:\n  LDS listeners\n"),
            "{table}"
        );
        assert!(
            table.contains("value must be less than or equal to 65535"),
            "{table}"
        );
        let error = small
            .mesh
            .ready(PATIENCE)
            .await
            .expect_err("one refused something");
        let MeshError::Rejected { envoy, stat, log } = &error else {
            panic!("{error}");
        };
        assert_eq!(envoy, "shop/product-v1-0");
        assert_eq!(stat, "listener_manager.lds.update_rejected: 1");
        assert_eq!(log, &product.log);
        replace(&file, &good);
        until("the listeners are taken again", || async {
            let table = inspect::status(&one, false).await.expect("a table");
            (!table.contains("REJECTED") && !table.contains("STALE")).then_some(())
        })
        .await;
    });
}

/// Replaces a file as the mesh does for an Envoy: as a whole.
fn replace(file: &Path, text: &[u8]) {
    let new: PathBuf = file.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, file).expect("renamed");
}

#[test]
fn an_envoy_that_is_killed_comes_back() {
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
        until("another process answers", || async {
            let (now, again) = small.mesh.processes()[name];
            let ready = small.envoy("istio-ingressgateway").admin.is_ready().await;
            (now != 0 && now != pid && again == restarts + 1 && ready).then_some(())
        })
        .await;
        println!("back after {:?}", begin.elapsed());
        let page = small.page().await;
        let labels = [r#"pod="istio-ingressgateway-0""#];
        let counted = value(&page, "stoa_envoy_restarts_total", &labels);
        assert_eq!(counted, Some(f64::from(restarts + 1)));
        // The new Envoy has its configuration too: the host is there, and has no such route.
        let status = request(gateway, "GET", "localhost", "/no/such/thing").await;
        assert_eq!(status, 404);
    });
}

#[test]
fn what_is_compiled_anew_is_taken_without_a_restart() {
    let small = &*MESH;
    let user = small.envoy("user");
    let folder = small.mesh.compiled().folder.clone();
    let own = folder.join("shop/user-v1-0");
    let read = |path: &Path| -> Value {
        let text = std::fs::read(path).expect("a file");
        serde_json::from_slice(&text).expect("JSON")
    };
    // A new filter and a new certificate: what a listener names must exist before the listener does.
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
    let mut listeners = read(&own.join("listeners.json"));
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
    let mut extensions = read(&own.join("extensions.json"));
    extensions["resources"]
        .as_array_mut()
        .expect("a list")
        .push(extension);
    replace(
        &own.join("listeners.json"),
        listeners.to_string().as_bytes(),
    );
    replace(
        &own.join("extensions.json"),
        extensions.to_string().as_bytes(),
    );
    let list = folder.join("workloads.json");
    replace(&list, &std::fs::read(&list).expect("a file"));
    small.run(async {
        let certificates = until(
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
