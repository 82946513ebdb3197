//! `stoa load` against a shop with one product: its output, its ending and its exit code.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use stoa_testkit::{Play, Seen, Stub, nobody, wait_until};

use crate::errors::fails;
use crate::fixture::{Fixture, program};

const SOON: Duration = Duration::from_secs(60);
const ID: &str = "019b76da-a800-71f9-9f94-ae97655f93b2";

/// The catalogue; `page` answers requests for the product itself.
fn shop(page: impl Fn(Value) -> Play + Send + Sync + 'static) -> Stub {
    Stub::start(move |seen: &Seen| {
        let product = json!({"product_id": ID, "sku": "COF-001", "name": "Beans", "description": "", "category": "coffee",
            "image": "/c.svg", "price": {"amount": 1290, "currency": "EUR"}});
        if seen.path.starts_with("/product?") {
            return answer(json!({"items": [product], "next_page_token": null}));
        }
        page(product)
    })
}

fn answer(body: Value) -> Play {
    let headers = [("x-request-id", "r-1"), ("x-shop-version", "v1")];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    Play::Answer(200, headers.to_vec(), body)
}

/// `stoa load` with browsers without think time.
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
fn without_a_shop_it_says_what_to_do() {
    let fixture = Fixture::new();
    fails(
        &fixture,
        &["load"],
        69,
        &["nothing runs in .stoa", "stoa up", "--target"],
    );
    fails(
        &fixture,
        &["load", "--target", &nobody()],
        69,
        &["catalogue", "connect"],
    );
    for (arguments, word) in [
        (["--target", "shop"], "has no scheme"),
        (["--buyers", "20"], "0% to 100%"),
        (["--rate", "0"], "customers a second"),
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
    let target = nobody();
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
        &["ramp: 2s is longer than the duration"],
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
    // One more request was for the catalogue.
    assert_eq!(report["total"]["count"], json!(shop.seen("/").len() - 1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with("stoa load: ") && !told.contains('\x1b'),
        "{told}"
    );
    assert_eq!(
        std::fs::read_to_string(orders).unwrap(),
        "",
        "nobody bought"
    );
}

#[test]
fn a_wrong_answer_ends_with_1_and_is_in_the_report() {
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
        &json!({"step": "product", "what": "COF-001 costs 1 EUR and was listed at 1290 EUR", "request_id": "r-1"})
    );
}

#[test]
fn more_failures_than_one_in_a_hundred_end_with_1_unless_more_are_allowed() {
    let shop = shop(|_| Play::problem(503, "unavailable"));
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
    let told = failed(&[], 1);
    assert!(told.contains("more than 1.00% (--max-failures)"), "{told}");
    failed(&["--max-failures", "10%"], 1);
    failed(&["--max-failures", "100%"], 0);
}

#[test]
fn a_first_ctrl_c_ends_the_load_and_reports() {
    let shop = shop(answer);
    let child = load(&shop, &["--duration", "1h"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    wait_until(SOON, "customers", || shop.seen("/product/").len() > 5);
    kill_process(pid, Signal::INT).unwrap();
    let report = report(&child.wait_with_output().unwrap(), 0);
    assert_eq!(report["ended"], "stopped");
    assert!(report["total"]["count"].as_u64().unwrap() > 5);
}

#[test]
fn before_customers_come_a_first_ctrl_c_ends_it_without_a_report() {
    let shop = Stub::start(|_| Play::Silence);
    let child = load(&shop, &["--timeout", "1h"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    wait_until(SOON, "the catalogue", || !shop.seen("/product").is_empty());
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped before the load began"), "{told}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_answers() {
    let shop = shop(|_| Play::Silence);
    let mut child = load(&shop, &["--duration", "1h", "--timeout", "1h"])
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    wait_until(SOON, "customers", || shop.seen("/product/").len() == 2);
    kill_process(pid, Signal::INT).unwrap();
    let told = BufReader::new(child.stderr.take().unwrap());
    let ending = told
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("ending, 2 requests"));
    assert!(ending.is_some(), "it reports what it waits for");
    kill_process(pid, Signal::INT).unwrap();
    let report = report(&child.wait_with_output().unwrap(), 130);
    assert_eq!(
        (&report["ended"], &report["journeys"]["cut_off"]),
        (&json!("stopped_at_once"), &json!(2))
    );
}

/// A server with a self-signed certificate that answers 503; returns its address, and the certificate as PEM.
fn https() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (
        vec![made.cert.der().clone()],
        made.signing_key.serialize_der(),
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
            // A client that does not trust the certificate closes the connection.
            let asked = stream.read(&mut [0; 4096]);
            let _ = asked
                .and_then(|_| stream.write_all(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    (address, made.cert.pem())
}

#[test]
fn https_asks_for_an_authority_that_this_machine_trusts() {
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
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("the catalogue cannot be read: 503 without a code"),
        "{told}"
    );
}
