//! The cost of the filters in real Envoys: CPU per request, memory, and whether memory grows over a million requests and a thousand
//! new configurations. Each Envoy has one worker, and responds itself, without an upstream. The baselines are an Envoy without a
//! filter and Envoy's own equivalents (its fault filter, a route by header).
//!
//! All Envoys run on one core. A client on another core sends requests to one Envoy after the other, in short slices, so that the
//! same noise affects all Envoys. The tables show medians. Arguments select benchmarks by name: cost, growth. `short` cuts the
//! measuring time to 10 %.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot measure has to stop"
)]

#[expect(dead_code, reason = "only other benchmarks call the unused functions")]
mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_testkit::envoy::{Envoy, Filter, Route, Setup};

/// Connections that send at the same time.
const CONNECTIONS: usize = 8;
/// Time for which one Envoy gets requests. Then the next Envoy gets requests.
const SLICE: Duration = Duration::from_millis(500);
const ROUNDS: usize = 24;
const REQUESTS: usize = 1_000_000;
const CONFIGURATIONS: usize = 1_000;
/// The body of every response. The head of a response never ends with this text, so the text marks the end of the response.
const BODY: &str = r#"{"answer":"of the bench"}"#;
/// Placeholder for the part of an `Idempotency-Key` that differs from request to request.
const NUMBER: &str = "################";

/// A browser's request, whose session cookie identifies the user.
const PRODUCTS: &str = "GET /product?category=coffee HTTP/1.1\r\nhost: shop.test\r\n\
    user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\naccept-language: en-US,en;q=0.5\r\n\
    accept-encoding: gzip, deflate, br, zstd\r\nreferer: http://shop.test/shop/\r\n\
    cookie: theme=dark; shop-session=0123456789abcdef; consent=yes\r\n\
    sec-fetch-dest: document\r\nsec-fetch-mode: navigate\r\nsec-fetch-site: same-origin\r\n\r\n";
/// A request from the service `order` to the service `payment`.
const LOOK_UP: &str = "GET /payments/0190b6f3-7a52-7cc3-98a1-b2d0c4e7f911 HTTP/1.1\r\nhost: payment.shop.svc.cluster.local\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\naccept: application/json\r\n\r\n";

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let short = words.iter().any(|word| word == "short");
    let names: Vec<_> = words.iter().filter(|word| *word != "short").collect();
    let picked = |name: &str| names.is_empty() || names.iter().any(|word| name.contains(*word));
    let parts = if short { 10 } else { 1 };
    pin(std::process::id(), 1);
    if picked("cost") {
        costs((ROUNDS / parts).max(3));
    }
    if picked("growth") {
        growth(parts);
    }
}

/// Pins a process, and the processes that it starts afterwards, to one core.
fn pin(pid: u32, core: u32) {
    let mut taskset = Command::new("taskset");
    let taskset = taskset.args(["-a", "-c", "-p", &core.to_string(), &pid.to_string()]);
    let output = taskset.output().unwrap();
    assert!(
        output.status.success(),
        "taskset failed (the benchmark needs two cores): {output:?}"
    );
}

fn start(setup: Setup) -> Envoy {
    let envoy = setup.start();
    pin(envoy.pid(), 0);
    envoy
}

/// A configuration that declines 0 % of the payments: the benchmark measures requests that pass the filter.
fn declining(rule: &str) -> Value {
    json!({"rules": [{
        "name": rule,
        "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "percentage": {"numerator": 0},
        "by": {"header": "idempotency-key"},
        "fault": {"decline": {}},
    }]})
}

/// A payment request without a body. If the request had a body, Envoy would respond before it has read the body, and then close the
/// connection.
fn payment() -> String {
    format!(
        "POST /payments HTTP/1.1\r\nhost: payment.shop.svc.cluster.local\r\ncontent-type: application/json\r\n\
        traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nidempotency-key: 0190b6f3-{NUMBER}\r\n\
        content-length: 0\r\n\r\n"
    )
}

fn plain() -> Setup {
    let setup = Setup::new().wasm_log("warn");
    setup.route(Route::prefix("/").answers(200, BODY))
}

/// The routes of a canary. The filter or the caller selects the version by the header `x-shop-version`.
fn versions() -> Setup {
    let chosen = |version| {
        let route = Route::prefix("/").header("x-shop-version", version);
        route.answers(200, BODY)
    };
    let setup = Setup::new().wasm_log("warn");
    setup
        .route(chosen("v2"))
        .route(chosen("v1"))
        .route(Route::prefix("/").answers(200, BODY))
}

fn native_fault() -> Filter {
    let config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "abort": {"http_status": 402, "percentage": {"numerator": 0}},
    });
    Filter::native("envoy.filters.http.fault", config)
}

fn both() -> Setup {
    let router = Filter::built("canary-router", json!({}));
    let fault = Filter::built("payment-fault", declining("bench"));
    versions().filter(router).filter(fault)
}

fn costs(rounds: usize) {
    let fault = plain().filter(Filter::built("payment-fault", declining("bench")));
    let router = Filter::built("canary-router", json!({}));
    let setups = [
        ("no filter", plain()),
        ("Envoy's own", versions().filter(native_fault())),
        (
            "a filter that does nothing",
            plain().filter(Filter::built("probe", "")),
        ),
        ("payment-fault", fault),
        ("canary-router", versions().filter(router)),
        ("both", both()),
    ];
    let payment = payment();
    let requests = [
        ("GET /product", PRODUCTS),
        ("POST /payments", &payment),
        ("GET /payments/{id}", LOOK_UP),
    ];
    let envoys = setups.map(|(name, setup)| {
        let envoy = start(setup);
        let mut load = Load::on(&envoy);
        for (_, request) in requests {
            load.run(request, &mut |n| n >= 5_000);
        }
        (name, envoy, load)
    });
    let mut measured = vec![[const { Vec::new() }; 3]; envoys.len()];
    let mut envoys = Vec::from(envoys);
    for round in 0..rounds {
        for (kind, (_, request)) in requests.iter().enumerate() {
            for turn in 0..envoys.len() {
                let place = (turn + round) % envoys.len(); // each round begins with a different Envoy
                let (_, envoy, load) = &mut envoys[place];
                measured[place][kind].push(load.cost(envoy.pid(), request, SLICE));
            }
        }
    }
    println!(
        "| request | in the Envoy | CPU per request, µs | minimum | more than without a filter, µs | quartiles | resident, MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (kind, (request, _)) in requests.iter().enumerate() {
        for (place, (name, envoy, _)) in envoys.iter().enumerate() {
            let (own, none) = (&measured[place][kind], &measured[0][kind]);
            // Subtracts what the Envoy without a filter needed in the same round, so that noise which affects the whole round
            // cancels out.
            let over: Vec<f64> = own.iter().zip(none).map(|(own, none)| own - none).collect();
            println!(
                "| {request} | {name} | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1} | {} |",
                part(own, 2),
                part(own, 0),
                part(&over, 2),
                part(&over, 1),
                part(&over, 3),
                process::resident(envoy.pid())
            );
        }
    }
}

/// A quartile of the values. For the parameter `quartile`, 0 selects the minimum, 2 the median, and 4 the maximum.
fn part(values: &[f64], quartile: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * quartile / 4]
}

fn growth(parts: usize) {
    let envoy = start(both());
    let mut load = Load::on(&envoy);
    let payment = payment();
    let mut serve = |requests: usize| {
        for request in [PRODUCTS, &payment] {
            load.run(request, &mut |n| n >= requests / 2);
        }
    };
    let push = |times: usize| {
        // Each configuration differs from the previous configuration of the same filter.
        for time in 0..times {
            let (filter, config) = match time % 4 {
                0 => ("canary-router", json!({"everyone_on_stable": true})),
                1 => ("payment-fault", declining("other")),
                2 => ("canary-router", json!({})),
                _ => ("payment-fault", declining("bench")),
            };
            envoy.push_config(filter, config).unwrap();
        }
    };
    println!("\n| an Envoy with both filters, after | resident, MiB |\n|---|---|");
    let row = |what: String| println!("| {what} | {} |", process::resident(envoy.pid()));
    row("the start".to_owned());
    serve(20_000);
    push(20);
    row("20,000 requests and 20 configurations".to_owned());
    for quarter in 1..=4 {
        serve(REQUESTS / parts / 4);
        row(format!("{} requests more", REQUESTS / parts / 4 * quarter));
    }
    for quarter in 1..=4 {
        push(CONFIGURATIONS / parts / 4);
        row(format!(
            "{} configurations more",
            CONFIGURATIONS / parts / 4 * quarter
        ));
    }
    serve(20_000);
    row("20,000 requests with the last configuration".to_owned());
    row(format!(
        "all of this, with a peak of {} MiB",
        process::resident_at_its_peak(envoy.pid())
    ));
}

/// A client with several keep-alive connections in one thread. It uses as little CPU time as possible for each request.
struct Load {
    sockets: Vec<TcpStream>,
    buffer: Vec<u8>,
    sent: u64,
}

impl Load {
    fn on(envoy: &Envoy) -> Self {
        let open = |_| {
            let socket = TcpStream::connect(envoy.address()).unwrap();
            socket.set_nodelay(true).unwrap();
            let patience = Some(Duration::from_secs(30));
            socket.set_read_timeout(patience).unwrap();
            socket
        };
        Self {
            sockets: (0..CONNECTIONS).map(open).collect(),
            buffer: vec![0; 8192],
            sent: 0,
        }
    }

    /// CPU time of Envoy for each request, in µs, measured over `time`.
    fn cost(&mut self, pid: u32, request: &str, time: Duration) -> f64 {
        let (end, before) = (Instant::now() + time, cpu(pid));
        let served = self.run(request, &mut |_| Instant::now() >= end);
        (cpu(pid) - before).as_secs_f64() * 1e6 / served as f64
    }

    /// Sends requests until `enough` returns true. Returns the number of requests.
    fn run(&mut self, request: &str, enough: &mut dyn FnMut(usize) -> bool) -> usize {
        let mut bytes = request.as_bytes().to_vec();
        let number = request.find(NUMBER);
        let mut served = 0;
        while !enough(served) {
            for socket in &mut self.sockets {
                if let Some(at) = number {
                    self.sent += 1;
                    write!(&mut bytes[at..at + NUMBER.len()], "{:016x}", self.sent).unwrap();
                }
                socket.write_all(&bytes).unwrap();
            }
            for socket in &mut self.sockets {
                let mut filled = 0;
                while !self.buffer[..filled].ends_with(BODY.as_bytes()) {
                    let read = socket.read(&mut self.buffer[filled..]).unwrap();
                    assert!(read > 0, "Envoy closed the connection");
                    filled += read;
                }
                let answer = &self.buffer[..filled];
                let text = || String::from_utf8_lossy(answer);
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", text());
                served += 1;
            }
        }
        served
    }
}

/// CPU time of all threads, in nanoseconds. A slice is too short to measure it in the clock ticks that [`process`] reads.
fn cpu(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = threads.map(|thread| {
        let file = thread.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(file).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}
