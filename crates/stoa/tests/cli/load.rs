//! Tests the output, the end and the exit code of `stoa load` with a simulated shop that has one product.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use stoa_testkit::{Stub, StubRequest, StubResponse, unreachable_url, wait_until};

use crate::errors::fails;
use crate::fixture::{Fixture, program};

const DEADLINE: Duration = Duration::from_secs(60);
const PRODUCT_ID: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";

/// A simulated shop. It serves a product list with one product, and `page` answers all other requests.
fn shop(page: impl Fn(Value) -> StubResponse + Send + Sync + 'static) -> Stub {
    Stub::start(move |seen: &StubRequest| {
        let product = json!({"product_id": PRODUCT_ID, "sku": "COF-001", "name": "Beans", "description": "", "category": "coffee",
            "image": "/c.svg", "price": {"amount": 1290, "currency": "EUR"}});
        if seen.path.starts_with("/product?") {
            return answer(json!({"items": [product], "next_page_token": null}));
        }
        page(product)
    })
}

fn answer(body: Value) -> StubResponse {
    let headers = [("x-request-id", "r-1"), ("x-shop-version", "v1")];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    StubResponse::Answer(200, headers.to_vec(), body)
}

/// The command `stoa load` with two customers who only browse, and do not pause between their steps.
fn load(shop: &Stub, more: &[&str]) -> Command {
    let mut command = Command::new(program());
    let usual = [
        "load",
        "--buyers",
        "0%",
        "--think-time",
        "0",
        "--users",
        "2",
        "--json",
        "--target",
    ];
    command
        .args(usual)
        .arg(shop.url())
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn report(output: &Output, code: i32) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_errors_without_a_shop_and_with_invalid_arguments_name_the_solution() {
    let fixture = Fixture::new();
    fails(
        &fixture,
        &["load"],
        69,
        &["no application runs in .stoa", "stoa up", "--target"],
    );
    fails(
        &fixture,
        &["load", "--target", &unreachable_url()],
        69,
        &["catalogue", "connect"],
    );
    for (arguments, word) in [
        (["--target", "shop"], "has no scheme"),
        (["--buyers", "20"], "0% to 100%"),
        (["--rate", "0"], "customers per second"),
        (["--duration", "0s"], "such as 500ms"),
        (["--users", "0"], "1..=10000"),
        (["--max-in-flight", "5"], "--rate"),
    ] {
        fails(
            &fixture,
            &["load", arguments[0], arguments[1]],
            64,
            &[arguments[0], word],
        );
    }
    fails(
        &fixture,
        &["load", "--users", "1", "--rate", "1"],
        64,
        &["cannot be used with"],
    );
    let target = unreachable_url();
    let long = [
        "load",
        "--target",
        &target,
        "--duration",
        "1s",
        "--ramp",
        "2s",
    ];
    fails(
        &fixture,
        &long,
        64,
        &["ramp: 2s, expected at most the duration"],
    );
    let nowhere = [
        "load",
        "--target",
        &target,
        "--orders",
        "nowhere/orders.jsonl",
    ];
    fails(&fixture, &nowhere, 73, &["nowhere/orders.jsonl"]);
}

#[test]
fn the_report_is_on_stdout_and_progress_on_stderr() {
    let shop = shop(answer);
    let folder = tempfile::tempdir().unwrap();
    let orders = folder.path().join("orders.jsonl");
    let more = [
        "--duration",
        "1s",
        "--seed",
        "42",
        "--orders",
        orders.to_str().unwrap(),
    ];
    let output = load(&shop, &more).output().unwrap();
    let report = report(&output, 0);
    assert_eq!(report["plan"]["seed"], 42);
    assert_eq!(
        report["plan"]["load"],
        json!({"kind": "closed", "users": 2})
    );
    assert_eq!(
        (&report["ended"], &report["total"]["failed"]),
        (&json!("duration"), &json!(0))
    );
    assert!(report["total"]["latency_us"]["p99_9"].as_u64().unwrap() > 0);
    // The report does not count the request for the product list that `stoa load` sends before customers arrive.
    assert_eq!(report["total"]["count"], json!(shop.seen("/").len() - 1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("stoa load: ") && !stderr.contains('\x1b'),
        "{stderr}"
    );
    assert_eq!(
        std::fs::read_to_string(orders).unwrap(),
        "",
        "no customer ordered"
    );
}

#[test]
fn a_wrong_answer_exits_with_1_and_is_in_the_report() {
    let shop = shop(|mut product| {
        product["price"]["amount"] = json!(1);
        answer(product)
    });
    let output = load(&shop, &["--duration", "1s"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("responses were wrong"));
    let report = report(&output, 1);
    let example = &report["wrong_answers"]["examples"][0];
    assert_eq!(
        example,
        &json!({"step": "product", "what": "price of COF-001: 1 EUR, but it was listed at 1290 EUR", "request_id": "r-1"})
    );
}

#[test]
fn more_than_1_percent_of_failures_exit_with_1_unless_max_failures_allows_more() {
    let shop = shop(|_| StubResponse::problem(503, "unavailable"));
    let failed = |more: &[&str], code| {
        let output = load(&shop, more)
            .arg("--duration")
            .arg("1s")
            .output()
            .unwrap();
        let report = report(&output, code);
        assert_eq!(report["failures"][0]["kind"], "503 unavailable");
        String::from_utf8(output.stderr).unwrap()
    };
    let stderr = failed(&[], 1);
    assert!(
        stderr.contains("more than 1.00% (--max-failures)"),
        "{stderr}"
    );
    failed(&["--max-failures", "10%"], 1);
    failed(&["--max-failures", "100%"], 0);
}

#[test]
fn a_first_ctrl_c_ends_the_load_and_reports() {
    let shop = shop(answer);
    let child = load(&shop, &["--duration", "1h"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    wait_until(DEADLINE, "customers", || shop.seen("/product/").len() > 5);
    kill_process(pid, Signal::INT).unwrap();
    let report = report(&child.wait_with_output().unwrap(), 0);
    assert_eq!(report["ended"], "stopped");
    assert!(report["total"]["count"].as_u64().unwrap() > 5);
}

#[test]
fn a_first_ctrl_c_before_customers_arrive_exits_without_a_report() {
    let shop = Stub::start(|_| StubResponse::Silence);
    let child = load(&shop, &["--timeout", "1h"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    wait_until(DEADLINE, "the catalogue", || {
        !shop.seen("/product").is_empty()
    });
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("stopped before the load began"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_answers() {
    let shop = shop(|_| StubResponse::Silence);
    let mut child = load(&shop, &["--duration", "1h", "--timeout", "1h"])
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    wait_until(DEADLINE, "customers", || shop.seen("/product/").len() == 2);
    kill_process(pid, Signal::INT).unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let ending = stderr
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("ending, 2 requests"));
    assert!(
        ending.is_some(),
        "stderr contains the number of requests in flight"
    );
    kill_process(pid, Signal::INT).unwrap();
    let report = report(&child.wait_with_output().unwrap(), 130);
    assert_eq!(
        (&report["ended"], &report["journeys"]["cut_off"]),
        (&json!("stopped_at_once"), &json!(2))
    );
}

/// Starts an HTTPS server that answers every request with 503. Returns its address, and its self-signed certificate as PEM.
fn https() -> (String, String) {
    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (
        vec![generated.cert.der().clone()],
        generated.signing_key.serialize_der(),
    );
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.try_into().unwrap())
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // This read fails if the client does not trust the certificate, because the client then closes the connection.
            let read = stream.read(&mut [0; 4096]);
            let _ = read
                .and_then(|_| stream.write_all(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    (address, generated.cert.pem())
}

#[test]
fn https_requires_a_certificate_authority_that_this_machine_trusts() {
    let (address, certificate) = https();
    let fixture = Fixture::new();
    fails(
        &fixture,
        &["load", "--target", &address],
        69,
        &["connect", "UnknownIssuer"],
    );
    fixture.write("authority.pem", &certificate);
    let output = Command::new(program())
        .args(["load", "--target", &address])
        .env("SSL_CERT_FILE", fixture.path("authority.pem"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(&format!(
            "cannot read the catalogue of {address}: 503 without a code"
        )),
        "{stderr}"
    );
}
