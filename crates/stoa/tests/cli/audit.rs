//! `stoa audit` of a shop that the test plays: it has sold nothing, and its stock is right or is not.

use serde_json::{Value, json};
use stoa_testkit::{Play, Stub, nobody};

use crate::errors::{fails, says};
use crate::fixture::Fixture;

/// A shop with ten of `A` on hand, of which this many were supplied.
fn shop(supplied: u32) -> Stub {
    Stub::start(move |seen| {
        let path = seen.path.split('?').next().unwrap();
        let items = match path {
            "/items" => vec![json!({"sku": "A", "on_hand": 10, "reserved": 0, "available": 10})],
            "/internal/orders" | "/reservations" | "/shipments" | "/payments" => Vec::new(),
            "/items/A/ledger" => {
                let ledger = json!({"sku": "A", "supplied": supplied, "sold": 0, "returned": 0});
                return Play::json(200, ledger);
            }
            "/internal/orders/outbox"
            | "/internal/shipments/outbox"
            | "/internal/notifications/deliveries" => {
                return Play::json(200, json!({"waiting": 0, "oldest": null, "failed": 0}));
            }
            _ => return Play::problem(404, "not_found"),
        };
        Play::json(200, json!({"items": items, "next_page_token": null}))
    })
}

const SOON: [&str; 2] = ["--look-again-after", "10ms"];

#[test]
fn a_shop_that_is_right_is_0_as_a_table_as_json_and_as_metrics() {
    let (fixture, shop) = (Fixture::new(), shop(10));
    let audit = ["audit", "--operator", shop.url()];
    says(
        &fixture,
        &audit,
        &["INVARIANT", "stock-adds-up", "sound: 0 breaches"],
    );
    let output = fixture.run(&[&audit[..], &["--json", "--metrics", "m.prom"]].concat());
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&verdict["sound"], &verdict["looks"]),
        (&json!(true), &json!(1))
    );
    let written = std::fs::read_to_string(fixture.path("m.prom")).unwrap();
    let sample = "stoa_audit_breaches{invariant=\"stock-adds-up\"} 0\n";
    assert!(written.contains(sample), "{written}");
    says(
        &fixture,
        &[&audit[..], &["--metrics", "-"]].concat(),
        &[sample],
    );
}

#[test]
fn a_shop_that_is_not_is_1_with_what_is_wrong() {
    let (fixture, shop) = (Fixture::new(), shop(11));
    let audit = [&["audit", "--operator", shop.url()], &SOON[..]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "BREACH stock-adds-up: SKU A: expected on_hand 11: supplied 11, sold 0, returned 0, found on_hand 10\n";
    assert!(text.contains(line), "{text}");
    fails(
        &fixture,
        &[&audit[..], &["--metrics", "m.prom"]].concat(),
        1,
        &["not as it should be"],
    );
    let written = std::fs::read_to_string(fixture.path("m.prom")).unwrap();
    let sample = "stoa_audit_breaches{invariant=\"stock-adds-up\"} 1\n";
    assert!(written.contains(sample), "{written}");
}

#[test]
fn what_cannot_be_read_is_never_fine() {
    let (fixture, shop) = (
        Fixture::new(),
        Stub::start(|_| Play::problem(403, "forbidden")),
    );
    let audit = |url: &str, code, words: &[&str]| {
        fails(&fixture, &["audit", "--operator", url], code, words);
    };
    audit(&nobody(), 69, &["/internal/orders", "does not answer"]);
    audit(shop.url(), 69, &["/internal/orders", "403", "forbidden"]);
    audit("shop", 64, &["`shop`"]);
    fails(
        &fixture,
        &["audit"],
        69,
        &["nothing runs in .stoa", "--operator"],
    );
    let listen = ["audit", "--listen", "127.0.0.1:0"];
    fails(&fixture, &listen, 64, &["--every"]);
}
