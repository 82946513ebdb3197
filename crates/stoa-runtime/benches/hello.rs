//! What a request costs: CPU per request, rate, memory, start, and what a cheap request waits while others compute.
//!
//! The server is a process of its own, so that the load's CPU does not count. Every figure is the median of several
//! rounds. Run: `cargo bench --profile native -p stoa-runtime` (after `make wasm`).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run should say so and stop"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stoa_runtime::{AppOptions, Runtime, RuntimeConfig, ServeOptions, serve};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
/// As many as a small shop has.
const COMPONENTS: usize = 12;

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("--serve") {
        let folder = args.next().unwrap();
        return server(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    write_manifest(folder.path());

    let cold = Server::start(folder.path());
    println!("| {:<58} | {:>10} |", "measured", "result");
    println!("| {:-<58} | {:->10} |", "", "");
    row(
        "cold start to first answer, 12 components, ms",
        cold.first_answer.as_millis(),
    );
    drop(cold);
    let starts = (0..ROUNDS).map(|_| Server::start(folder.path()).first_answer.as_micros());
    row(
        "warm start to first answer, 12 components, ms",
        millis(median(starts.collect())),
    );

    let server = Server::start(folder.path());
    row("resident after a warm start, MiB", server.resident());
    for connections in [1, 8, 32] {
        // Alternating, so that both see the same noise.
        let (guest, native): (Vec<_>, Vec<_>) = (0..ROUNDS)
            .map(|_| {
                let guest = load(&server, &server.address, "/c0/", connections, ROUND);
                (
                    guest,
                    load(&server, &server.native, "/c0/", connections, ROUND / 3),
                )
            })
            .unzip();
        for (what, rounds) in [("hello", guest), ("no guest", native)] {
            let cpu = median(rounds.iter().map(|r| r.nanos_per_request).collect());
            let rate = median(rounds.iter().map(|r| r.rate).collect());
            row(
                &format!("{what}, {connections} connections: CPU per request, µs"),
                micros(cpu),
            );
            row(
                &format!("{what}, {connections} connections: requests a second"),
                rate,
            );
        }
    }
    for component in 0..COMPONENTS {
        let path = format!("/c{component}/");
        load(
            &server,
            &server.address,
            &path,
            8,
            Duration::from_millis(300),
        );
    }
    row(
        "resident after load on all 12 components, MiB",
        server.resident(),
    );

    let alone = server.latency(Duration::from_secs(3));
    let stop = Arc::new(AtomicBool::new(false));
    let log_ins: Vec<_> = (0..4)
        .map(|_| {
            let (stop, address) = (Arc::clone(&stop), server.address.clone());
            // 50 ms of computing: what argon2id with 19 MiB and two passes takes.
            thread::spawn(move || {
                let mut client = Client::connect(&address);
                while !stop.load(Ordering::Relaxed) {
                    client.get("/burn?50");
                }
            })
        })
        .collect();
    let beside = server.latency(Duration::from_secs(5));
    stop.store(true, Ordering::Relaxed);
    for one in log_ins {
        one.join().unwrap();
    }
    for (what, times) in [("alone", alone), ("beside four log-ins", beside)] {
        row(
            &format!("hello {what}: median, ms"),
            micros_of(times[times.len() / 2]),
        );
        row(
            &format!("hello {what}: 99th percentile, ms"),
            micros_of(times[times.len() * 99 / 100]),
        );
    }
}

fn row(what: &str, result: impl std::fmt::Display) {
    println!("| {what:<58} | {result:>10} |");
}

fn median(mut values: Vec<u128>) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn millis(micros: u128) -> String {
    format!("{:.1}", micros as f64 / 1e3)
}

fn micros(nanos: u128) -> String {
    format!("{:.1}", nanos as f64 / 1e3)
}

fn micros_of(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// Eleven hellos and one that computes.
fn write_manifest(folder: &Path) {
    let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm32-wasip2/release");
    let mut text = "spin_manifest_version = 2\n[application]\nname = \"bench\"\n".to_owned();
    for n in 0..COMPONENTS {
        let guest = if n == 11 {
            "guest_trouble"
        } else {
            "guest_hello"
        };
        let file = wasm.join(format!("{guest}.wasm"));
        assert!(
            file.exists(),
            "{} is missing: run `make wasm` first",
            file.display()
        );
        // Each a file of its own, or the cache would compile only two. Appended is a custom section named for it.
        let mut bytes = std::fs::read(file).unwrap();
        let name = format!("copy{n:02}");
        bytes.extend([0, name.len() as u8 + 1, name.len() as u8]);
        bytes.extend(name.as_bytes());
        let copy = folder.join(format!("c{n}.wasm"));
        std::fs::write(&copy, bytes).unwrap();
        text += &format!("[[trigger.http]]\nroute = \"/c{n}/...\"\ncomponent = \"c{n}\"\n");
        text += &format!("[component.c{n}]\nsource = \"{}\"\n", copy.display());
    }
    text += "[[trigger.http]]\nroute = \"/burn\"\ncomponent = \"c11\"\n";
    std::fs::write(folder.join("spin.toml"), text).unwrap();
}

/// The server process: runs until its stdin closes.
fn server(folder: &Path) {
    let tokio = stoa_runtime::tokio_runtime(None).unwrap();
    tokio.block_on(async {
        let options = stoa_manifest::LoadOptions::default();
        let app = stoa_manifest::load(&folder.join("spin.toml"), &options).unwrap();
        let config = RuntimeConfig {
            cache_dir: Some(folder.join("cache")),
            ..RuntimeConfig::new(folder.join("state"))
        };
        let runtime = Runtime::new(config).unwrap();
        let app = runtime.load(&app, AppOptions::default()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let native = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!(
            "{} {}",
            listener.local_addr().unwrap(),
            native.local_addr().unwrap()
        );
        tokio::spawn(serve_native(native));
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let end = async {
            let _ = closed.await;
        };
        serve(listener, app, ServeOptions::default(), end).await;
    });
}

/// The same server without a guest: what the socket and HTTP alone cost on this machine, at this moment.
async fn serve_native(listener: tokio::net::TcpListener) {
    use hyper::service::service_fn;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let hello = service_fn(|_| async {
            let response = http::Response::new(stoa_runtime::body::full("hello"));
            Ok::<_, std::convert::Infallible>(response)
        });
        tokio::spawn(async move {
            let io = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(io, hello)
                .await;
        });
    }
}

struct Server {
    child: Child,
    address: String,
    native: String,
    first_answer: Duration,
}

struct Load {
    nanos_per_request: u128,
    rate: u128,
}

/// As many requests as `connections` clients can send within `time`, each after the answer to its last.
fn load(server: &Server, address: &str, path: &str, connections: usize, time: Duration) -> Load {
    let (done, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (begun, cpu) = (Instant::now(), server.cpu());
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
            let (address, path) = (address.to_owned(), path.to_owned());
            thread::spawn(move || {
                let mut client = Client::connect(&address);
                while !stop.load(Ordering::Relaxed) {
                    client.get(&path);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    for one in threads {
        one.join().unwrap();
    }
    let (cpu, took) = (server.cpu() - cpu, begun.elapsed());
    let done = u128::from(done.load(Ordering::Relaxed)).max(1);
    Load {
        nanos_per_request: cpu.as_nanos() / done,
        rate: done * 1_000 / took.as_millis(),
    }
}

impl Server {
    fn start(folder: &Path) -> Self {
        let begun = Instant::now();
        let this: PathBuf = std::env::current_exe().unwrap();
        let mut child = Command::new(this)
            .arg("--serve")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut address).unwrap();
        let (address, native) = address.trim().split_once(' ').unwrap();
        let (address, native) = (address.to_owned(), native.to_owned());
        Client::connect(&address).get("/c0/");
        let first_answer = begun.elapsed();
        Self {
            child,
            address,
            native,
            first_answer,
        }
    }

    /// Times of one request after the other, a pause between them, sorted.
    fn latency(&self, time: Duration) -> Vec<Duration> {
        let end = Instant::now() + time;
        let mut client = Client::connect(&self.address);
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            client.get("/c0/");
            times.push(begun.elapsed());
            thread::sleep(Duration::from_millis(3));
        }
        times.sort();
        times
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        let mut total = Duration::ZERO;
        // A thread's schedstat counts nanoseconds; the process's stat only hundredths of a second.
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap() {
            let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat"));
            let text = text.unwrap_or_default();
            let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
            total += Duration::from_nanos(nanos.unwrap_or(0));
        }
        total
    }

    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// One keep-alive connection.
struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            buffer: vec![0; 4096],
        }
    }

    fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        self.socket.write_all(request.as_bytes()).unwrap();
        let mut filled = 0;
        loop {
            let read = self.socket.read(&mut self.buffer[filled..]).unwrap();
            assert!(read > 0, "the server closed the connection");
            filled += read;
            let text = std::str::from_utf8(&self.buffer[..filled]).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            let whole = match length {
                Some(length) => body.len() >= length.parse().unwrap(),
                None => body.ends_with("0\r\n\r\n"),
            };
            if whole {
                return;
            }
        }
    }
}
