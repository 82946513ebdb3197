//! The cost of the mesh: the same requests to a shop with a mesh and to a shop without one, the memory of all Envoys, and the time
//! from the start of the program to its first response. Latencies are measured at 10 % of the machine's capacity: under a high
//! load, the waiting times in queues would hide the cost of a hop.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark that cannot measure has to stop"
)]

#[path = "../tests/customer.rs"]
mod customer;
#[expect(dead_code, reason = "only other benchmarks call the unused functions")]
mod process;

use std::path::Path;
use std::time::{Duration, Instant};

use customer::{Customer, Operator, address, card, key};
use serde_json::json;
use stoa_testkit::{Shop, ShopOptions, wait_for};

const RUNS: usize = 5;
/// Pause between two requests. There is only one client.
const PAUSE: Duration = Duration::from_millis(10);

fn options(mesh: bool) -> ShopOptions {
    let plain = ShopOptions {
        check: None,
        program: Some(process::shipped()),
        timers: false,
        on_disk: true,
        ..ShopOptions::default()
    };
    match mesh {
        true => ShopOptions {
            mesh: true,
            ..plain.filter("payment-fault", json!({"enabled": false}))
        },
        false => plain,
    }
}

/// The process ids of a shop's program and of all its Envoys.
fn processes(shop: &Shop) -> Vec<u32> {
    let mesh = shop.mesh();
    let envoys = mesh.workloads.iter().filter(|w| w.admin.is_some());
    let envoys = envoys.map(|workload| mesh.pid(&workload.name));
    std::iter::once(shop.pid()).chain(envoys).collect()
}

fn cpu(processes: &[u32]) -> Duration {
    processes.iter().map(|pid| process::cpu(*pid)).sum()
}

/// Proportional set size, in MiB: shared pages are divided among the processes that share them.
fn proportional(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let kib = rollup.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap();
    kib.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

struct Measured {
    cpu_micros: f64,
    median: f64,
    p90: f64,
    p99: f64,
}

fn measure(shop: &Shop, count: usize, send: &dyn Fn()) -> Measured {
    let processes = processes(shop);
    let before = cpu(&processes);
    let mut took = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        send();
        took.push(begun.elapsed());
        std::thread::sleep(PAUSE);
    }
    let used = cpu(&processes) - before;
    took.sort();
    let at = |part: f64| took[((count - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    Measured {
        cpu_micros: used.as_secs_f64() * 1e6 / count as f64,
        median: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runs = if words.iter().any(|word| word == "short") {
        1
    } else {
        RUNS
    };
    let (plain, meshed) = (Shop::start(options(false)), Shop::start(options(true)));
    println!(
        "| request | mesh | CPU, µs | median, ms | P90, ms | P99, ms |\n|---|---|---|---|---|---|"
    );
    let shops = [("without", &plain), ("with", &meshed)];
    let customers = shops.map(|(_, shop)| {
        Operator::of_shop(shop).set_stock("COF-001", 1_000_000);
        Customer::register(shop, "ann")
    });
    let body = json!({"shipping_address": address(), "payment": card("tok_visa"), "items": [{"sku": "COF-001", "quantity": 1}]});
    for (name, count) in [("GET /product", 500), ("POST /order", 100)] {
        let mut all = [Vec::new(), Vec::new()];
        for run in 0..=runs {
            for (which, (_, shop)) in shops.iter().enumerate() {
                let send = || match name {
                    "GET /product" => {
                        let request = shop
                            .gateway()
                            .get("/product")
                            .header("x-shop-version", "v1");
                        let _ = request.send().expect(200);
                    }
                    _ => {
                        let _ = customers[which].post("/order", &key(), &body).expect(201);
                    }
                };
                let measured = measure(shop, count, &send);
                // The first of the runs only warms up the shop; its result is not used.
                if run > 0 {
                    all[which].push(measured);
                }
            }
        }
        for ((mesh, _), runs) in shops.iter().zip(&all) {
            let median = |of: fn(&Measured) -> f64| {
                let mut values: Vec<_> = runs.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            println!(
                "| {name} | {mesh} | {:.0} | {:.2} | {:.2} | {:.2} |",
                median(|m| m.cpu_micros),
                median(|m| m.median),
                median(|m| m.p90),
                median(|m| m.p99)
            );
        }
    }
    let all = processes(&meshed);
    let envoys: f64 = all[1..].iter().map(|pid| proportional(*pid)).sum();
    println!(
        "\nproportional memory of {} Envoys: {envoys:.0} MiB; of the program: {:.0} MiB",
        all.len() - 1,
        proportional(all[0])
    );
    drop((plain, meshed));
    starts(runs);
}

/// Measures the time from the start of the program until the gateway returns a product. Everything was compiled before.
fn starts(runs: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut took: Vec<_> = (0..=runs).map(|_| start_once(folder.path())).collect();
    took.remove(0);
    took.sort();
    println!(
        "time from a warm start of the mesh to the first response: {:.2?} (median of {runs})",
        took[took.len() / 2]
    );
}

fn start_once(folder: &Path) -> Duration {
    let state = folder.join("state");
    let _ = std::fs::remove_file(state.join("run.json"));
    let mut command = std::process::Command::new(process::shipped());
    command.current_dir(stoa_testkit::workspace());
    command
        .args([
            "up",
            "--no-timers",
            "--listen",
            "127.0.0.1:0",
            "--state-dir",
        ])
        .arg(&state);
    let begun = Instant::now();
    let output = std::process::Stdio::null;
    let mut child = command.stdout(output()).stderr(output()).spawn().unwrap();
    let answered = wait_for(Duration::from_secs(60), "the gateway", || {
        let run = std::fs::read(state.join("run.json")).ok()?;
        let run: serde_json::Value = serde_json::from_slice(&run).ok()?;
        let gateway = stoa_testkit::Client::new(run["gateway"].as_str()?);
        let answer = gateway.get("/product/COF-001").try_send().ok()?;
        (answer.status == 200).then(|| begun.elapsed())
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    answered
}
