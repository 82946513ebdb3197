//! `stoa audit`: the settings of the component `order` bound the time that an order may be pending.

use std::fs::File;
use std::process::Command;

use serde_json::json;
use stoa_testkit::{Play, Stub};

use crate::audit::{SOON, answers};
use crate::errors::{fails, says};
use crate::fixture::{Fixture, program};

/// A shop with an order that has been pending for 200 s.
fn shop() -> Stub {
    let rest = answers(10);
    Stub::start(move |seen| {
        if !seen.path.starts_with("/internal/orders?") {
            return rest(seen);
        }
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(200);
        let then = humantime::format_rfc3339_seconds(then).to_string();
        let order = json!({"order_id": "019b76da-a800-71f9-9f94-ae97655f93b2", "status": "pending", "items": [],
            "total": {"amount": 1, "currency": "EUR"}, "timeline": [], "created_at": then, "direction": "forward",
            "step": "reserving", "lease_until": then});
        Play::json(200, json!({"items": [order], "next_page_token": null}))
    })
}

/// Writes a shop's manifest with this limit for pending orders, and a lease of 31 s.
fn with_manifest(fixture: &Fixture, name: &str, max_pending_seconds: &str) {
    let services = [
        "product",
        "cart",
        "payment",
        "user",
        "inventory",
        "shipping",
        "notification",
    ];
    let urls = services.map(|name| format!("{name}_url = \"http://{name}.spin.internal\"\n"));
    let manifest = format!(
        r#"
spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[variables]
max_pending_seconds = {{ default = "{max_pending_seconds}" }}
[[trigger.http]]
route = "/order/..."
component = "order"
[component.order]
source = "order.wasm"
[component.order.variables]
order_lease_seconds = "31"
max_pending_seconds = "{{{{ max_pending_seconds }}}}"
{}"#,
        urls.concat()
    );
    fixture.write(name, &manifest);
}

/// An order that is pending for 200 s breaks a bound of 151 s.
const STUCK: [&str; 2] = ["BREACH order-ends: ", "within 2m 31s"];

#[test]
fn the_bound_of_a_shop_with_an_operators_address_is_that_of_its_manifest() {
    let (fixture, shop) = (Fixture::new(), shop());
    with_manifest(&fixture, "shop.toml", "120");
    let audit = [&["audit", "--operator", shop.url()], &SOON[..]].concat();
    let sound = ["sound: 0 breaches"];
    // Without a manifest the defaults of order apply.
    says(&fixture, &audit, &sound);
    let audit = [&audit[..], &["--manifest", "shop.toml"]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(STUCK.iter().all(|word| text.contains(word)), "{text}");
    says(
        &fixture,
        &[&audit[..], &["--stuck-after", "10m"]].concat(),
        &sound,
    );
    // As in `stoa up`, the environment takes precedence.
    let output = Command::new(program())
        .args(&audit)
        .current_dir(fixture.path(""))
        .env("SPIN_VARIABLE_MAX_PENDING_SECONDS", "900")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_manifest_without_valid_settings_of_order_is_an_error() {
    let (fixture, shop) = (Fixture::new(), shop());
    with_manifest(&fixture, "soon.toml", "soon");
    let audit = |manifest, code, word| {
        let audit = ["audit", "--operator", shop.url(), "--manifest", manifest];
        fails(&fixture, &audit, code, &[word]);
    };
    audit("soon.toml", 65, "max_pending_seconds: `soon`");
    audit("none.toml", 66, "none.toml");
    // The manifest of another application.
    audit("spin.toml", 65, "order");
}

#[test]
fn the_bound_of_a_running_shop_is_that_of_its_manifest() {
    let (fixture, shop) = (Fixture::new(), shop());
    with_manifest(&fixture, "shop.toml", "120");
    let run = |manifest: &str| {
        let run =
            json!({"pid": 1, "gateway": shop.url(), "operator": shop.url(), "manifest": manifest});
        fixture.write(".stoa/run.json", &run.to_string());
    };
    run("shop.toml");
    // A running `stoa up` holds this lock.
    let lock = File::create(fixture.path(".stoa/lock")).unwrap();
    lock.lock().unwrap();
    let audit = [&["audit"], &SOON[..]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(STUCK.iter().all(|word| text.contains(word)), "{text}");
    // The shop was started in another folder: the defaults apply, and a note is printed.
    run("elsewhere.toml");
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        note.contains("elsewhere.toml") && note.contains("--stuck-after"),
        "{note}"
    );
}
