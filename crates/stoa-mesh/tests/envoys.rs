//! Meshes of one or two workloads: Envoys that do not start, and rebuilt filters.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_mesh::{Mesh, MeshError, MeshOptions, OnAccess, Overrides, Pod, find_envoy};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Deadline for a condition, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for a mesh of some of the shop's workloads.
struct Place(TempDir);

impl Place {
    fn new(pods: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let from = root().join("istio/compiled");
        for pod in pods {
            let to = place.at("compiled/shop").join(pod);
            std::fs::create_dir_all(&to).unwrap();
            for file in std::fs::read_dir(from.join("shop").join(pod)).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        let text = std::fs::read(from.join("workloads.json")).unwrap();
        let mut list: Value = serde_json::from_slice(&text).unwrap();
        let workloads = list["workloads"].as_array_mut().unwrap();
        workloads.retain(|w| w["pod"].as_str().is_some_and(|pod| pods.contains(&pod)));
        assert_eq!(workloads.len(), pods.len());
        std::fs::write(place.at("compiled/workloads.json"), list.to_string()).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn mesh(&self, envoy: PathBuf) -> Mesh {
        let options = MeshOptions {
            compiled: self.at("compiled"),
            state_dir: self.at("mesh"),
            logs: self.at("logs"),
            envoy,
            filters: self.at("filters"),
            roots: PathBuf::from("/nowhere"),
            gateway: BTreeMap::new(),
            certificate_lifetime: Duration::from_secs(3600),
        };
        Mesh::prepare(options).expect("a mesh")
    }

    /// A program with this text.
    fn program(&self, text: &str) -> PathBuf {
        let path = self.at("program");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the checkout")
}

fn envoy() -> PathBuf {
    find_envoy(&root().join("target/envoy")).expect("an Envoy")
}

fn pod(mesh: &Mesh, name: &str) -> Pod {
    let compiled = mesh.compiled();
    let workload = compiled.workloads.iter().find(|w| w.pod == name).unwrap();
    *mesh.addresses().pod(workload.ip).unwrap()
}

/// Starts the mesh, and returns the result.
async fn start(mesh: &mut Mesh) -> Result<(), MeshError> {
    let on_access: OnAccess = Arc::new(|_, _| {});
    mesh.start(&on_access)?;
    mesh.ready(PATIENCE).await
}

/// Why an Envoy did not start. The error comes before the deadline for a slow start.
#[track_caller]
fn ended(place: &Place, mut mesh: Mesh) -> (String, PathBuf) {
    let runtime = Runtime::new().unwrap();
    let error = runtime.block_on(start(&mut mesh)).expect_err("no Envoy");
    println!("{error}");
    runtime.block_on(mesh.stop());
    match error {
        MeshError::Ends {
            envoy, how, log, ..
        } => {
            assert_eq!(envoy, "shop/user-v1-0");
            assert_eq!(log, place.at("logs/user-v1-0.log"));
            (how, log)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_envoy_that_aborts_at_its_start_is_told_with_its_last_words() {
    let place = Place::new(&["user-v1-0"]);
    // As a real Envoy writes it: the cause, then a stack trace.
    let program = place.program(
        "echo '[1][critical][assert] [inotify.cc:25] assert failure: inotify_fd_ >= 0.' >&2
         echo '[1][error][envoy_bug] [assert.h:66] #0 UNKNOWN' >&2
         echo '[1][critical][backtrace] [backtrace.h:173] Caught Aborted' >&2
         kill -ABRT $$",
    );
    let (how, _) = ended(&place, place.mesh(program));
    let expected = "killed by signal 6: [1][critical][assert] [inotify.cc:25] assert failure: inotify_fd_ >= 0.";
    assert_eq!(how, expected);
}

#[test]
fn a_program_that_is_no_envoy_is_told() {
    let place = Place::new(&["user-v1-0"]);
    std::fs::create_dir(place.at("logs")).unwrap();
    std::fs::write(place.at("logs/user-v1-0.log"), "of another time\n").unwrap();
    let (how, _) = ended(&place, place.mesh(PathBuf::from("/bin/false")));
    assert_eq!(how, "exit status: 1, without a word");
    let mut mesh = place.mesh(place.at("compiled/workloads.json"));
    let runtime = Runtime::new().unwrap();
    let error = runtime.block_on(start(&mut mesh)).expect_err("no program");
    assert!(
        matches!(&error, MeshError::Io { what, .. } if what.contains("workloads.json")),
        "{error}"
    );
}

#[test]
fn a_real_envoy_that_cannot_start_is_told_with_its_last_words() {
    let place = Place::new(&["user-v1-0"]);
    let mesh = place.mesh(envoy());
    let taken = TcpListener::bind(pod(&mesh, "user-v1-0").admin()).unwrap();
    let (how, _) = ended(&place, mesh);
    assert!(how.starts_with("exit status: 1: "), "{how}");
    assert!(how.contains("Address already in use"), "{how}");
    drop(taken);
}

#[test]
fn an_envoy_that_ends_twice_and_then_lives_is_waited_for() {
    let place = Place::new(&["user-v1-0"]);
    let (count, envoy) = (place.at("count"), envoy());
    let program = place.program(&format!(
        "echo x >> {0}; [ $(wc -l < {0}) -gt 2 ] || exit 1; exec {1} \"$@\"",
        count.display(),
        envoy.display()
    ));
    let mut mesh = place.mesh(program);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(start(&mut mesh)).expect("it lives");
    assert_eq!(mesh.processes()["shop/user-v1-0"].1, 2);
    runtime.block_on(mesh.stop());
}

/// Sends a request as order does, and returns the status and the body.
async fn charge(order: SocketAddr) -> (u16, Value) {
    let mut stream = TcpStream::connect(order).await.expect("a sidecar");
    let body = r#"{"order_id": "x"}"#;
    let request = format!(
        "POST /payments HTTP/1.1\r\nhost: payment.shop.svc.cluster.local\r\nidempotency-key: k\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    (
        status.unwrap_or_default(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

/// The same filter with one word of its responses replaced by another of the same length.
fn with_another_word(wasm: &[u8], word: &str, other: &str) -> Vec<u8> {
    assert_eq!(word.len(), other.len());
    let found = wasm
        .windows(word.len())
        .position(|part| part == word.as_bytes());
    let at = found.expect("the word");
    [&wasm[..at], other.as_bytes(), &wasm[at + word.len()..]].concat()
}

#[test]
fn a_filter_that_is_built_again_is_used_without_a_restart_if_it_is_one() {
    let place = Place::new(&["order-v1-0", "payment-v1-0"]);
    let built = root().join("target/wasm32-wasip1/release/payment_fault.wasm");
    let built = std::fs::read(&built).expect("`make wasm` builds it");
    let filter = place.at("filters/payment_fault.wasm");
    std::fs::create_dir(place.at("filters")).unwrap();
    std::fs::write(&filter, &built).unwrap();
    let always = json!({"rules": [
        {"name": "all", "match": {"methods": ["POST"]}, "percentage": {"numerator": 100}, "fault": {"decline": {}}},
    ]});
    let set = Overrides(BTreeMap::from([("payment-fault".to_owned(), always)]));
    set.write(&place.at("mesh")).unwrap();

    let runtime = Runtime::new().unwrap();
    let mut mesh = place.mesh(envoy());
    let order = pod(&mesh, "order-v1-0").egress(80);
    runtime.block_on(async {
        start(&mut mesh).await.expect("ready");
        let processes = mesh.processes();
        let answers = |code: &'static str| async move {
            let begin = Instant::now();
            loop {
                let (status, body) = charge(order).await;
                // Either filter answers the request itself: there is no upstream behind it.
                assert_eq!(status, 402, "{body}");
                if body["code"] == code {
                    return begin.elapsed();
                }
                assert!(begin.elapsed() < PATIENCE, "{body}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        answers("payment_declined").await;
        // Written in pieces, as by a linker, and in place, as by `cp`.
        let other = with_another_word(&built, "payment_declined", "payment_rejected");
        let half = other.len() / 2;
        std::fs::write(&filter, &other[..half]).unwrap();
        std::fs::write(&filter, &other).unwrap();
        println!("in use after {:?}", answers("payment_rejected").await);
        // The file is missing for a moment, then it is the old one again.
        std::fs::remove_file(&filter).unwrap();
        std::fs::write(&filter, &built).unwrap();
        println!("and back after {:?}", answers("payment_declined").await);
        assert_eq!(mesh.processes(), processes, "an Envoy was started again");
        mesh.ready(PATIENCE).await.expect("nothing was refused");
        // A file that is not a filter is rejected, and the current filter continues.
        std::fs::write(&filter, &other[..half]).unwrap();
        let begin = Instant::now();
        let error = loop {
            answers("payment_declined").await;
            if let Err(error) = mesh.ready(PATIENCE).await {
                break error;
            }
            assert!(begin.elapsed() < PATIENCE, "half a filter was taken");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        println!("{error}");
        assert!(
            matches!(&error, MeshError::Rejected { envoy, .. } if envoy == "shop/payment-v1-0"),
            "{error}"
        );
        answers("payment_declined").await;
        mesh.stop().await;
    });
}
