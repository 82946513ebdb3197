//! Tests of a running mesh: Envoys that are killed or hang, and certificates that are renewed under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stoa_testkit::mesh::Mesh;
use stoa_testkit::{Shop, ShopOptions, wait_for, wait_until};

use crate::customer::{Customer, EFFECT_TIMEOUT, key};

#[test]
fn a_killed_envoy_handles_traffic_again_within_two_seconds() {
    let shop = Shop::start(ShopOptions::mesh());
    let mesh = shop.mesh();
    let customer = Customer::register(&shop, "ann");
    // A client that does not check responses against `api/openapi.yaml`. While a sidecar is down, Envoys respond, and the file does
    // not contain their responses.
    let gateway = stoa_testkit::Client::new(shop.gateway().base());
    let works = |path: &str| {
        let request = gateway.get(path).bearer(&customer.token);
        matches!(request.try_send(), Ok(answer) if answer.status == 200)
    };
    for (workload, path) in [
        ("istio-ingressgateway", "/product/COF-001"),
        ("cart", "/cart"),
        ("order", "/order"),
        ("user", "/user/me"),
        ("notification", "/notification"),
        ("storefront", "/shop/"),
    ] {
        wait_until(EFFECT_TIMEOUT, path, || works(path));
        let pid = mesh.pid(workload);
        mesh.kill(workload);
        let killed = Instant::now();
        wait_until(EFFECT_TIMEOUT, "traffic", || {
            works(path) && mesh.pid(workload) != pid
        });
        let took = killed.elapsed();
        println!("{workload}: its Envoy handled requests again {took:?} after it was killed");
        assert!(took < Duration::from_secs(2), "{workload}: {took:?}");
    }
    // Kills an Envoy in the middle of an order. Retries with the same key must make one order with one charge.
    for workload in ["payment", "inventory", "shipping"] {
        let key = key();
        let order = std::thread::scope(|scope| {
            let order = scope.spawn(|| {
                wait_for(Duration::from_secs(60), "an order", || {
                    let answer = customer.order(&key, "COF-001", 1, "tok_visa");
                    matches!(answer.status, 200 | 201).then_some(answer.json)
                })
            });
            mesh.kill(workload);
            order.join().unwrap()
        });
        assert_eq!(order["status"], "confirmed", "{workload}: {order}");
        let payment = order["payment"]["payment_id"].as_str().unwrap();
        let operator = crate::customer::Operator::of_shop(&shop);
        assert_eq!(operator.ledger_of(payment), ["capture"], "{workload}");
    }
}

#[test]
fn an_envoy_that_hangs_is_reported_in_metrics_status_and_log_and_delays_nothing_else() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let operator = stoa_testkit::Client::new(shop.operator().base());
    // Reads the metrics as Prometheus does, with Prometheus' default timeout.
    let page = || {
        let timeout = "x-prometheus-scrape-timeout-seconds";
        let request = operator.get("/metrics").header(timeout, "10");
        request.send().expect(200).text()
    };
    let up = |page: &str, pod: &str, value: &str| {
        let labels = format!("pod=\"{pod}\"}} {value}");
        let mut lines = page
            .lines()
            .filter(|line| line.starts_with("stoa_envoy_up{"));
        lines.any(|line| line.ends_with(&labels))
    };
    assert!(up(&page(), "notification-v1-0", "1"));
    let pid = i32::try_from(mesh.pid("notification")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let begun = Instant::now();
    let hung = page();
    let took = begun.elapsed();
    println!("the metrics page took {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(up(&hung, "notification-v1-0", "0"));
    assert!(up(&hung, "order-v1-0", "1"));
    assert!(hung.contains("envoy_server_uptime{workload=\"order-v1\""));
    let begun = Instant::now();
    let status = crate::commands::stdout_of(&shop, &["mesh", "status"]);
    let took = begun.elapsed();
    println!("`stoa mesh status` took {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(status.contains("NOT ANSWERING"), "{status}");
    let silent = "this Envoy does not answer";
    shop.wait_for_line("the Envoy that hangs", |line| {
        line.to_string().contains(silent) && line["envoy"] == "shop/notification-v1-0"
    });
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    wait_until(EFFECT_TIMEOUT, "the Envoy's metrics", || {
        up(&page(), "notification-v1-0", "1")
    });
    shop.wait_for_line("the Envoy that answers again", |line| {
        line.to_string().contains("this Envoy answers again")
    });
    let log = shop.log();
    let own = |line: &&str| line.contains(silent) && line.contains("shop/notification-v1-0");
    assert_eq!(
        log.lines().filter(own).count(),
        1,
        "the log must have one line about the Envoy: {log}"
    );
}

#[test]
fn a_mesh_uses_as_many_inotify_instances_as_doctor_and_the_documents_state() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let envoys = mesh.workloads.iter().filter(|w| w.admin.is_some());
    let instances = envoys.flat_map(|workload| {
        let files = std::fs::read_dir(format!("/proc/{}/fd", mesh.pid(&workload.name)));
        let files = files.unwrap().flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok())
    });
    let inotify_count = instances.filter(|to| to.to_string_lossy() == "anon_inode:inotify");
    let inotify_count = inotify_count.count();
    let doctor = crate::commands::stdout_of(&shop, &["doctor", "--listen", "127.0.0.1:0"]);
    let words = format!("a mesh needs {inotify_count}");
    assert!(
        doctor.contains(&words),
        "{inotify_count} instances: {doctor}"
    );
    for (document, words) in [
        ("README.md", format!("takes {inotify_count} inotify")),
        ("docs/mesh.md", format!("takes {inotify_count} of them")),
    ] {
        let text = std::fs::read_to_string(stoa_testkit::workspace().join(document)).unwrap();
        assert!(text.contains(&words), "{document}: no {words:?}");
    }
}

/// Sets the flag that ends the load when this value is dropped, even if the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The sum of a counter of a workload's Envoy over all calls to other services.
fn outbound(mesh: &Mesh, workload: &str, counts: &str) -> u64 {
    mesh.stat(workload, &format!(r"^cluster\.outbound\|80\|.*\.{counts}$"))
}

/// Number of failed connections from a workload's Envoy to other Envoys. Two kinds of failures are excluded, because they happen on
/// a busy machine: connections that took too long to open, and attempts that timed out and were retried (`upstream_rq_retry`).
fn failed_connections(mesh: &Mesh, workload: &str) -> u64 {
    let failed = [
        "upstream_cx_connect_fail",
        "upstream_cx_destroy_remote_with_active_rq",
        r"ssl\.connection_error",
        r"ssl\.fail_verify_.*",
    ];
    let failed = failed.map(|count| outbound(mesh, workload, count));
    failed.iter().sum::<u64>() - outbound(mesh, workload, "upstream_cx_connect_timeout")
}

#[test]
fn certificates_are_renewed_under_load_and_no_request_fails() {
    let mut options = ShopOptions::mesh();
    options.arguments = vec!["--certificate-lifetime".to_owned(), "8s".to_owned()];
    let shop = Shop::start(options);
    let mesh = shop.mesh();
    let serials = || {
        let certificates = mesh
            .admin("product-v1-0")
            .get("/certs")
            .send()
            .expect(200)
            .json;
        certificates["certificates"][0]["cert_chain"][0]["serial_number"].to_string()
    };
    let customer = Customer::register(&shop, "ann");
    // A read that fails with a broken connection is retried, so only these counters show that a connection broke.
    let callers = ["istio-ingressgateway", "cart"];
    let failed = || callers.map(|caller| failed_connections(&mesh, caller));
    let opened = || callers.map(|caller| outbound(&mesh, caller, r"ssl\.handshake"));
    let (failed_before, opened_before) = (failed(), opened());
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let stop_on_drop = StopOnDrop(&stop);
        // Writes are not retried, so every write must succeed.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = customer.put_in_cart("COF-001", 1).expect(200);
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let _ = shop.gateway().get("/product/COF-001").send().expect(200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..3 {
            let before = serials();
            wait_until(EFFECT_TIMEOUT, "a new certificate", || serials() != before);
            println!(
                "certificate renewal {round}: {} requests so far",
                sent.load(Ordering::Relaxed)
            );
        }
        drop(stop_on_drop);
    });
    assert!(sent.load(Ordering::Relaxed) > 100);
    assert!(written.load(Ordering::Relaxed) > 20);
    assert_eq!(failed(), failed_before, "of {callers:?}");
    let opened = opened();
    println!(
        "connections opened by {callers:?}: {opened_before:?} before the load, {opened:?} after it"
    );
    assert!(
        opened
            .iter()
            .zip(opened_before)
            .all(|(now, before)| *now > before)
    );
}
