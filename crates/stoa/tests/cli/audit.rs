//! Tests `stoa audit` with a simulated shop that has no orders, and correct or wrong stock. `audit_bounds.rs` tests the limits for
//! pending orders.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stoa_testkit::{Stub, StubRequest, StubResponse, unreachable_url, wait_until};

use crate::errors::{fails, prints};
use crate::fixture::{Fixture, program};

/// A simulated shop with ten units of the SKU `A` on hand. Its inventory ledger shows `supplied` units, so the shop is sound if
/// `supplied` is 10.
fn shop(supplied: u32) -> Stub {
    Stub::start(answers(supplied))
}

pub(crate) fn answers(
    supplied: u32,
) -> impl Fn(&StubRequest) -> StubResponse + Send + Sync + 'static {
    move |seen| {
        let path = seen.path.split('?').next().unwrap();
        let items = match path {
            "/items" => vec![json!({"sku": "A", "on_hand": 10, "reserved": 0, "available": 10})],
            "/internal/orders" | "/reservations" | "/shipments" | "/payments" => Vec::new(),
            "/items/A/ledger" => {
                let ledger = json!({"sku": "A", "supplied": supplied, "sold": 0, "returned": 0});
                return StubResponse::json(200, ledger);
            }
            "/internal/orders/outbox"
            | "/internal/shipments/outbox"
            | "/internal/notifications/deliveries" => {
                return StubResponse::json(200, json!({"waiting": 0, "oldest": null, "failed": 0}));
            }
            _ => return StubResponse::problem(404, "not_found"),
        };
        StubResponse::json(200, json!({"items": items, "next_page_token": null}))
    }
}

/// Arguments that shorten the pause before a suspected breach is checked again.
pub(crate) const SHORT_WAIT: [&str; 2] = ["--recheck-after", "10ms"];

#[test]
fn a_sound_shop_exits_with_0_as_a_table_as_json_and_as_metrics() {
    let (fixture, shop) = (Fixture::new(), shop(10));
    let audit = ["audit", "--operator", shop.url()];
    prints(
        &fixture,
        &audit,
        &["INVARIANT", "stock-adds-up", "sound: 0 breaches"],
    );
    let output = fixture.run(&[&audit[..], &["--json", "--metrics", "m.prom"]].concat());
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&verdict["sound"], &verdict["snapshots"], &verdict["looks"]),
        (&json!(true), &json!(1), &json!(1))
    );
    let written = std::fs::read_to_string(fixture.path("m.prom")).unwrap();
    let sample = "stoa_audit_breaches{invariant=\"stock-adds-up\"} 0\n";
    assert!(written.contains(sample), "{written}");
    prints(
        &fixture,
        &[&audit[..], &["--metrics", "-"]].concat(),
        &[sample],
    );
}

#[test]
fn a_breach_exits_with_1_and_is_printed() {
    let (fixture, shop) = (Fixture::new(), shop(11));
    let audit = [&["audit", "--operator", shop.url()], &SHORT_WAIT[..]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "BREACH stock-adds-up: SKU A: expected on_hand 11 (supplied 11, sold 0, returned 0), found on_hand 10\n";
    assert!(text.contains(line), "{text}");
    fails(
        &fixture,
        &[&audit[..], &["--metrics", "m.prom"]].concat(),
        1,
        &["found breaches"],
    );
    let written = std::fs::read_to_string(fixture.path("m.prom")).unwrap();
    let sample = "stoa_audit_breaches{invariant=\"stock-adds-up\"} 1\n";
    assert!(written.contains(sample), "{written}");
}

#[test]
fn an_audit_of_an_unreadable_shop_fails() {
    let (fixture, shop) = (
        Fixture::new(),
        Stub::start(|_| StubResponse::problem(403, "forbidden")),
    );
    let audit = |url: &str, code, words: &[&str]| {
        fails(&fixture, &["audit", "--operator", url], code, words);
    };
    audit(&unreachable_url(), 69, &["/internal/orders", "cannot read"]);
    audit(shop.url(), 69, &["/internal/orders", "403", "forbidden"]);
    audit("shop", 64, &["`shop`"]);
    fails(
        &fixture,
        &["audit"],
        69,
        &["no application runs in .stoa", "--operator"],
    );
    let listen = ["audit", "--listen", "127.0.0.1:0"];
    fails(&fixture, &listen, 64, &["--every"]);
}

#[test]
fn metrics_that_cannot_be_written_do_not_hide_the_verdict() {
    let fixture = Fixture::new();
    for (supplied, code, verdict) in [
        (10, 73, "sound: 0 breaches"),
        (11, 1, "BREACH stock-adds-up: "),
    ] {
        let shop = shop(supplied);
        let audit = ["audit", "--metrics", "nowhere/m.prom", "--operator"];
        let once = [&audit[..], &[shop.url()], &SHORT_WAIT[..]].concat();
        let repeated = [&once[..], &["--every", "1h"]].concat();
        for audit in [once, repeated] {
            fails(&fixture, &audit, code, &["nowhere/m.prom (--metrics)"]);
            let output = fixture.run(&audit);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(verdict), "{audit:?}: {text}");
        }
    }
}

/// Starts `stoa audit --every`.
fn repeated_audit(shop: &Stub, every: &str) -> Child {
    Command::new(program())
        .args(["audit", "--every", every, "--operator", shop.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads lines until a line contains this word.
#[track_caller]
fn wait_for_line(output: &mut BufReader<impl Read>, word: &str) {
    let found = output.lines().map(Result::unwrap).any(|l| l.contains(word));
    assert!(found, "no line contains {word}");
}

/// Sends Ctrl-C and returns the exit code.
fn interrupt(mut child: Child) -> Option<i32> {
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn a_repeated_audit_exits_with_the_code_of_its_last_audit() {
    let down = Arc::new(AtomicBool::new(false));
    let shop = Stub::start({
        let (down, answers) = (Arc::clone(&down), answers(10));
        move |seen| match down.load(Ordering::SeqCst) {
            true => StubResponse::problem(403, "forbidden"),
            false => answers(seen),
        }
    });
    let mut child = repeated_audit(&shop, "1h");
    let mut out = BufReader::new(child.stdout.take().unwrap());
    wait_for_line(&mut out, "sound: 0 breaches");
    assert_eq!(interrupt(child), Some(0));

    let mut child = repeated_audit(&shop, "50ms");
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    wait_for_line(&mut out, "sound: 0 breaches");
    down.store(true, Ordering::SeqCst);
    wait_for_line(&mut errors, "403");
    assert_eq!(interrupt(child), Some(69));
}

#[test]
fn a_repeated_audit_that_is_stopped_before_its_first_verdict_exits_with_69() {
    let shop = Stub::start(|_| StubResponse::Silence);
    let child = repeated_audit(&shop, "1h");
    let deadline = Duration::from_secs(60);
    wait_until(deadline, "a first request", || !shop.seen("/").is_empty());
    assert_eq!(interrupt(child), Some(69));
}
