//! The cost of the whole shop. The shipped program runs in its own process, so the CPU time of the load does not count.
//!
//! `make bench` runs it. docs/benchmarks.md contains the results, and explains them. Arguments select benchmarks by name: size,
//! start, request, catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot measure has to stop"
)]

#[path = "../tests/customer.rs"]
mod customer;
mod process;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use customer::{Customer, Operator, address, card, key};
use serde_json::json;
use stoa_testkit::{Shop, ShopOptions};

/// Connections that send at the same time.
const CLIENTS: usize = 8;
/// Runs of each benchmark; the table shows the median.
const RUNS: usize = 3;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let picked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    if picked("size") {
        sizes();
    }
    if picked("start") {
        starts();
    }
    if picked("request") {
        requests();
    }
    if picked("catalogue") {
        catalogue();
    }
}

fn shop() -> Shop {
    Shop::start(ShopOptions {
        program: Some(process::shipped()),
        timers: false,
        on_disk: true,
        ..ShopOptions::default()
    })
}

struct Measured {
    cpu_micros: f64,
    rate: f64,
    median_millis: f64,
    p99_millis: f64,
}

/// Sends `count` numbered requests from [`CLIENTS`] threads. Every request must succeed.
fn measure(shop: &Shop, count: usize, send: &(dyn Fn(usize, usize) + Sync)) -> Measured {
    let next = AtomicUsize::new(0);
    let (before, start) = (process::cpu(shop.pid()), Instant::now());
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let next = &next;
                scope.spawn(move || {
                    let mut took = Vec::new();
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= count {
                            return took;
                        }
                        let start = Instant::now();
                        send(client, n);
                        took.push(start.elapsed());
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|c| c.join().unwrap())
            .collect()
    });
    let (elapsed, used) = (start.elapsed(), process::cpu(shop.pid()) - before);
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    Measured {
        cpu_micros: used.as_secs_f64() * 1e6 / count as f64,
        rate: count as f64 / elapsed.as_secs_f64(),
        median_millis: at(0.5),
        p99_millis: at(0.99),
    }
}

fn median(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|a, b| a.cpu_micros.total_cmp(&b.cpu_micros));
    runs.swap_remove(runs.len() / 2)
}

fn row(name: &str, m: &Measured) {
    println!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.2} |",
        m.cpu_micros, m.rate, m.median_millis, m.p99_millis
    );
}

fn header() {
    println!("\n| request | CPU, µs | requests/s | median, ms | P99, ms |\n|---|---|---|---|---|");
}

fn sizes() {
    println!("\n| component | KiB |\n|---|---|");
    let folder = stoa_testkit::workspace().join("target/wasm32-wasip2/release");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            (path.extension()? == "wasm").then(|| (name, path.metadata().unwrap().len()))
        })
        .collect();
    files.sort();
    for (name, bytes) in files {
        println!("| {name} | {:.0} |", bytes as f64 / 1024.0);
    }
}

/// Measures the time from the start of the process to the first successful response to `GET /product`.
fn starts() {
    println!("\n| start of the whole shop | ms to the first response |\n|---|---|");
    let cache = tempfile::tempdir().unwrap();
    let first = |name: &str| {
        let state = tempfile::tempdir().unwrap();
        let mut runs: Vec<f64> = (0..if name == "cold" { 1 } else { 5 })
            .map(|_| start_once(state.path(), cache.path()))
            .collect();
        runs.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", runs[runs.len() / 2]);
    };
    first("cold");
    first("warm");
}

fn start_once(state: &Path, cache: &Path) -> f64 {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let start = Instant::now();
    let mut child = std::process::Command::new(process::shipped())
        .args(["up", "--no-timers", "--listen", &address.to_string()])
        .arg("--manifest")
        .arg(stoa_testkit::workspace().join("spin.toml"))
        .arg("--state-dir")
        .arg(state)
        .arg("--cache-dir")
        .arg(cache)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let client = stoa_testkit::Client::new(format!("http://{address}"));
    let millis = loop {
        match client.get("/product").try_send() {
            Ok(answer) if answer.status == 200 => break start.elapsed().as_secs_f64() * 1000.0,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "stoa ended before it responded"
        );
    };
    child.kill().unwrap();
    child.wait().unwrap();
    millis
}

fn requests() {
    let shop = shop();
    let operator = Operator::of_shop(&shop);
    for sku in ["COF-001", "TEA-002"] {
        operator.set_stock(sku, 1_000_000);
    }
    let customers: Vec<_> = (0..CLIENTS)
        .map(|n| Customer::register(&shop, &format!("c{n}")))
        .collect();
    let idle = process::resident(shop.pid());
    header();
    let run = |name: &str, count: usize, send: &(dyn Fn(usize, usize) + Sync)| {
        measure(&shop, count / 10 + CLIENTS, send);
        row(
            name,
            &median((0..RUNS).map(|_| measure(&shop, count, send)).collect()),
        );
    };
    run("GET /product (20 of 66)", 3000, &|_, _| {
        let _ = shop.gateway().get("/product").send().expect(200);
    });
    run("GET /product/{sku}", 3000, &|_, _| {
        let _ = shop.gateway().get("/product/COF-001").send().expect(200);
    });
    run("PUT /cart/items/{sku}", 1500, &|client, n| {
        let sku = if n.is_multiple_of(2) {
            "COF-001"
        } else {
            "TEA-002"
        };
        let _ = customers[client]
            .put_in_cart(sku, 1 + (n % 5) as u32)
            .expect(200);
    });
    run("GET /cart", 1500, &|client, _| {
        let _ = customers[client].get("/cart").expect(200);
    });
    let body = json!({"shipping_address": address(), "payment": card("tok_visa"), "items": [{"sku": "COF-001", "quantity": 1}]});
    run("POST /order", 500, &|client, _| {
        let _ = customers[client].post("/order", &key(), &body).expect(201);
    });
    println!(
        "\nResident memory: {idle} MiB before the load, {} MiB after it, {} MiB at its peak.",
        process::resident(shop.pid()),
        process::resident_at_its_peak(shop.pid())
    );
}

/// Sends the same requests to a shop with 66 products, and to a shop with 100,066 products.
fn catalogue() {
    println!("\nThe effect of the catalogue's size:");
    let (small, large) = (shop(), shop());
    {
        let _ = large.gateway().get("/product").send().expect(200);
        let db = stoa_service::testing::Connection::open(&large.state_dir().join("default.db"));
        let products: Vec<_> = (0..100_000_u32).map(filler).collect();
        for chunk in products.chunks(5_000) {
            stoa_service::sql::transaction(&db, "products", || {
                product::store::filling::add(&db, chunk)
            })
            .unwrap();
        }
    }
    header();
    for path in [
        "/product",
        "/product?category=coffee",
        "/product?q=grinder",
        "/product/COF-001",
    ] {
        for (name, shop) in [("66", &small), ("100,066", &large)] {
            let send = |_: usize, _: usize| {
                let _ = shop.gateway().get(path).send().expect(200);
            };
            measure(shop, 200, &send);
            row(
                &format!("GET {path}, {name} products"),
                &median((0..RUNS).map(|_| measure(shop, 1500, &send)).collect()),
            );
        }
    }
}

fn filler(n: u32) -> product::domain::Product {
    serde_json::from_value(json!({
        "product_id": uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)),
        "sku": format!("FIL-{n:06}"),
        "name": format!("Filler number {n}"),
        "description": "Something that fills the shelf.",
        "category": if n.is_multiple_of(2) { "filler" } else { "coffee" },
        "image": "/shop/images/filler.svg",
        "price": {"amount": 100 + n, "currency": "EUR"},
    }))
    .unwrap()
}
