//! Tests with meshes of one or two workloads: Envoys that do not start, and filters that are rebuilt.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "if a fixture fails, the test must fail"
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

/// Deadline for a condition to become true. It is long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The folders of a mesh with some of the shop's workloads.
struct MeshFolders(TempDir);

impl MeshFolders {
    fn new(pods: &[&str]) -> Self {
        let folders = Self(tempfile::tempdir().unwrap());
        let from = root().join("istio/compiled");
        for pod in pods {
            let to = folders.at("compiled/shop").join(pod);
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
        std::fs::write(folders.at("compiled/workloads.json"), list.to_string()).unwrap();
        folders
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

    /// Writes a shell script that the mesh runs in place of the Envoy program. Returns the path of this shell script.
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

/// Starts the mesh, and waits until the Envoys are ready.
async fn start(mesh: &mut Mesh) -> Result<(), MeshError> {
    let on_access: OnAccess = Arc::new(|_, _| {});
    mesh.start(&on_access)?;
    mesh.ready(DEADLINE).await
}

/// Starts a mesh whose Envoy ends right after its start. Fails the test if the mesh does not report that the Envoy repeatedly
/// ended. Returns how the Envoy ended, and the path of its log.
#[track_caller]
fn failed_start(folders: &MeshFolders, mut mesh: Mesh) -> (String, PathBuf) {
    let runtime = Runtime::new().unwrap();
    let error = runtime
        .block_on(start(&mut mesh))
        .expect_err("an Envoy that does not start");
    println!("{error}");
    runtime.block_on(mesh.stop());
    match error {
        MeshError::EndsAtStart {
            envoy, how, log, ..
        } => {
            assert_eq!(envoy, "shop/user-v1-0");
            assert_eq!(log, folders.at("logs/user-v1-0.log"));
            (how, log)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_error_for_an_envoy_that_aborts_at_its_start_has_the_last_line_of_its_log() {
    let folders = MeshFolders::new(&["user-v1-0"]);
    // Like an Envoy that crashes, this shell script logs the cause first, and then a stack trace.
    let program = folders.program(
        "echo '[1][critical][assert] [inotify.cc:25] assert failure: inotify_fd_ >= 0.' >&2
         echo '[1][error][envoy_bug] [assert.h:66] #0 UNKNOWN' >&2
         echo '[1][critical][backtrace] [backtrace.h:173] Caught Aborted' >&2
         kill -ABRT $$",
    );
    let (how, _) = failed_start(&folders, folders.mesh(program));
    let expected = "killed by signal 6: [1][critical][assert] [inotify.cc:25] assert failure: inotify_fd_ >= 0.";
    assert_eq!(how, expected);
}

#[test]
fn a_program_that_is_not_an_envoy_is_an_error() {
    let folders = MeshFolders::new(&["user-v1-0"]);
    std::fs::create_dir(folders.at("logs")).unwrap();
    std::fs::write(
        folders.at("logs/user-v1-0.log"),
        "a line of an earlier run\n",
    )
    .unwrap();
    let (how, _) = failed_start(&folders, folders.mesh(PathBuf::from("/bin/false")));
    assert_eq!(how, "exit status: 1, and the Envoy logged nothing");
    let mut mesh = folders.mesh(folders.at("compiled/workloads.json"));
    let runtime = Runtime::new().unwrap();
    let error = runtime
        .block_on(start(&mut mesh))
        .expect_err("a file that is not a program");
    assert!(
        matches!(&error, MeshError::Io { what, .. } if what.contains("workloads.json")),
        "{error}"
    );
}

#[test]
fn the_error_for_a_real_envoy_that_cannot_start_has_the_last_line_of_its_log() {
    let folders = MeshFolders::new(&["user-v1-0"]);
    let mesh = folders.mesh(envoy());
    let occupied = TcpListener::bind(pod(&mesh, "user-v1-0").admin()).unwrap();
    let (how, _) = failed_start(&folders, mesh);
    assert!(how.starts_with("exit status: 1: "), "{how}");
    assert!(how.contains("Address already in use"), "{how}");
    drop(occupied);
}

#[test]
fn a_mesh_waits_for_an_envoy_that_ends_twice_and_then_keeps_running() {
    let folders = MeshFolders::new(&["user-v1-0"]);
    let (count, envoy) = (folders.at("count"), envoy());
    let program = folders.program(&format!(
        "echo x >> {0}; [ $(wc -l < {0}) -gt 2 ] || exit 1; exec {1} \"$@\"",
        count.display(),
        envoy.display()
    ));
    let mut mesh = folders.mesh(program);
    let runtime = Runtime::new().unwrap();
    runtime
        .block_on(start(&mut mesh))
        .expect("the third run is ready");
    assert_eq!(mesh.processes()["shop/user-v1-0"].1, 2);
    runtime.block_on(mesh.stop());
}

/// Sends a charge to the service `payment`, through the sidecar of the service `order`. `order` itself sends charges in this way.
/// Returns the response's status and body.
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

/// A copy of a filter's code. In the filter's responses, one word is replaced by another word of the same length, so that a test
/// can distinguish the copy from the original filter.
fn with_replaced_word(wasm: &[u8], word: &str, other: &str) -> Vec<u8> {
    assert_eq!(word.len(), other.len());
    let found = wasm
        .windows(word.len())
        .position(|part| part == word.as_bytes());
    let at = found.expect("the word");
    [&wasm[..at], other.as_bytes(), &wasm[at + word.len()..]].concat()
}

#[test]
fn a_rebuilt_filter_is_used_without_a_restart_and_a_file_that_is_not_a_filter_is_not_used() {
    let folders = MeshFolders::new(&["order-v1-0", "payment-v1-0"]);
    let built = root().join("target/wasm32-wasip1/release/payment_fault.wasm");
    let built = std::fs::read(&built).expect("payment_fault.wasm, which `make wasm` builds");
    let filter = folders.at("filters/payment_fault.wasm");
    std::fs::create_dir(folders.at("filters")).unwrap();
    std::fs::write(&filter, &built).unwrap();
    let always = json!({"rules": [
        {"name": "all", "match": {"methods": ["POST"]}, "percentage": {"numerator": 100}, "fault": {"decline": {}}},
    ]});
    let overrides = Overrides(BTreeMap::from([("payment-fault".to_owned(), always)]));
    overrides.write(&folders.at("mesh")).unwrap();

    let runtime = Runtime::new().unwrap();
    let mut mesh = folders.mesh(envoy());
    let order = pod(&mesh, "order-v1-0").egress(80);
    runtime.block_on(async {
        start(&mut mesh).await.expect("ready");
        let processes = mesh.processes();
        let answers = |code: &'static str| async move {
            let begin = Instant::now();
            loop {
                let (status, body) = charge(order).await;
                // No program listens at the address of payment's workload. So this response is from the filter: from its old build
                // or from its new build.
                assert_eq!(status, 402, "{body}");
                if body["code"] == code {
                    return begin.elapsed();
                }
                assert!(begin.elapsed() < DEADLINE, "{body}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        answers("payment_declined").await;
        // The file is written in two pieces, as a linker does, and overwritten in place, as `cp` does.
        let other = with_replaced_word(&built, "payment_declined", "payment_rejected");
        let half = other.len() / 2;
        std::fs::write(&filter, &other[..half]).unwrap();
        std::fs::write(&filter, &other).unwrap();
        println!(
            "the new filter is in use after {:?}",
            answers("payment_rejected").await
        );
        // The file is removed and written again with the first build.
        std::fs::remove_file(&filter).unwrap();
        std::fs::write(&filter, &built).unwrap();
        println!(
            "the first filter is in use again after {:?}",
            answers("payment_declined").await
        );
        assert_eq!(mesh.processes(), processes, "an Envoy was restarted");
        mesh.ready(DEADLINE)
            .await
            .expect("no Envoy rejected anything");
        // Envoy rejects half a file, because it is not a filter, and keeps using the current filter.
        std::fs::write(&filter, &other[..half]).unwrap();
        let begin = Instant::now();
        let error = loop {
            answers("payment_declined").await;
            if let Err(error) = mesh.ready(DEADLINE).await {
                break error;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "no Envoy rejected half a filter"
            );
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
