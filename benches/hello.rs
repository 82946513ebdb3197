//! The cost of a request that does nothing: CPU per request, rate, memory, the price of a composed dependency, and the latency
//! of a cheap request while other requests compute. The shipped program runs in its own process, so the CPU time of the load does
//! not count. Every figure is the median of several rounds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run should say so and stop"
)]

mod process;

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::Full;
use stoa_testkit::{Shop, ShopOptions};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

/// The component `burn` simulates log-ins: each request computes for 50 ms, about as long as a log-in (argon2id with 19 MiB and two
/// passes).
const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "bench"
[[trigger.http]]
route = "/hello"
component = "hello"
[component.hello]
source = "{wasm}/guest_hello.wasm"
[[trigger.http]]
route = "/greeted"
component = "greeted"
[component.greeted]
source = "{wasm}/guest_greeted.wasm"
[component.greeted.dependencies]
"test:greeting/greet@1.0.0" = { component = "greeter" }
[component.greeter]
source = "{wasm}/guest_greeter.wasm"
[[trigger.http]]
route = "/burn"
component = "burn"
[component.burn]
source = "{wasm}/guest_trouble.wasm"
"#;

fn main() {
    if std::env::args().any(|arg| arg == "--no-guest") {
        return no_guest();
    }
    let folder = tempfile::tempdir().unwrap();
    let wasm = stoa_testkit::workspace().join("target/wasm32-wasip2/release");
    let manifest = folder.path().join("spin.toml");
    std::fs::write(
        &manifest,
        MANIFEST.replace("{wasm}", wasm.to_str().unwrap()),
    )
    .unwrap();
    let shop = Shop::start(ShopOptions {
        manifest,
        program: Some(process::shipped()),
        on_disk: true,
        ..ShopOptions::default()
    });
    let server = Server {
        pid: shop.pid(),
        address: shop.gateway().base().replace("http://", ""),
    };
    let none = NoGuest::start();

    println!("| measured | result |\n|---|---|");
    row(
        "resident before the load, MiB",
        process::resident(server.pid),
    );
    for connections in [1, 8, 32] {
        let mut rounds = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            // The requests with a guest, with a composed dependency and without a guest take turns, so that the same noise affects
            // all three kinds.
            rounds[0].push(load(&server, "/hello", connections, ROUND));
            rounds[1].push(load(&server, "/greeted?you", connections, ROUND));
            rounds[2].push(load(&none.server, "/", connections, ROUND / 3));
        }
        let names = ["hello", "hello from a composed dependency", "no guest"];
        for (name, rounds) in names.iter().zip(rounds) {
            let cpu = median(rounds.iter().map(|r| r.nanos_per_request).collect());
            let rate = median(rounds.iter().map(|r| r.rate).collect());
            let what = format!("{name}, {connections} connections: ");
            row(
                &format!("{what}CPU per request, µs"),
                format!("{:.1}", cpu as f64 / 1e3),
            );
            row(&format!("{what}requests a second"), rate);
        }
    }
    row(
        "resident after the load, MiB",
        process::resident(server.pid),
    );
    row(
        "resident at its peak, MiB",
        process::resident_at_its_peak(server.pid),
    );

    let alone = server.latency(Duration::from_secs(3));
    let stop = Arc::new(AtomicBool::new(false));
    let log_ins: Vec<_> = (0..4)
        .map(|_| {
            let (stop, address) = (Arc::clone(&stop), server.address.clone());
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
        let at =
            |part: usize| format!("{:.2}", times[times.len() * part / 100].as_secs_f64() * 1e3);
        row(&format!("hello {what}: median, ms"), at(50));
        row(&format!("hello {what}: 99th percentile, ms"), at(99));
    }
}

fn row(what: &str, result: impl std::fmt::Display) {
    println!("| {what} | {result} |");
}

fn median(mut values: Vec<u128>) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// The baseline: a server that runs no guest, so a request costs only sockets and HTTP. Prints its address, and runs until stdin
/// closes.
#[tokio::main]
async fn no_guest() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let hello = hyper::service::service_fn(|_| async {
            Ok::<_, Infallible>(http::Response::new(Full::new(bytes::Bytes::from("hello"))))
        });
        tokio::spawn(async move {
            let io = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(io, hello)
                .await;
        });
    }
}

struct NoGuest {
    child: Child,
    server: Server,
}

impl NoGuest {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--no-guest")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut address).unwrap();
        let server = Server {
            pid: child.id(),
            address: address.trim().to_owned(),
        };
        Self { child, server }
    }
}

impl Drop for NoGuest {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

struct Server {
    pid: u32,
    address: String,
}

struct Load {
    nanos_per_request: u128,
    rate: u128,
}

/// Measures the requests that `connections` clients send within `time`. Each client waits for a response before its next request.
fn load(server: &Server, path: &str, connections: usize, time: Duration) -> Load {
    let (done, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (begun, cpu) = (Instant::now(), process::cpu(server.pid));
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
            let (address, path) = (server.address.clone(), path.to_owned());
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
    let (cpu, took) = (process::cpu(server.pid) - cpu, begun.elapsed());
    let done = u128::from(done.load(Ordering::Relaxed)).max(1);
    Load {
        nanos_per_request: cpu.as_nanos() / done,
        rate: done * 1_000 / took.as_millis(),
    }
}

impl Server {
    /// The latencies of sequential requests, sorted. The client pauses after each request.
    fn latency(&self, time: Duration) -> Vec<Duration> {
        let end = Instant::now() + time;
        let mut client = Client::connect(&self.address);
        let mut times = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            client.get("/hello");
            times.push(begun.elapsed());
            thread::sleep(Duration::from_millis(3));
        }
        times.sort();
        times
    }
}

/// A client with one keep-alive connection. It uses as little CPU time as possible, because it runs on the cores that the server
/// needs.
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
