//! Tests `stoa audit`: the settings of the component `order` limit the time that an order may be pending.

use std::fs::File;
use std::process::Command;

use serde_json::json;
use stoa_testkit::{Stub, StubResponse};

use crate::audit::{SHORT_WAIT, answers};
use crate::errors::{fails, prints};
use crate::fixture::{Fixture, program};

/// A simulated shop with one order, which has been pending for 200 s.
fn shop() -> Stub {
    let other_answers = answers(10);
    Stub::start(move |seen| {
        if !seen.path.starts_with("/internal/orders?") {
            return other_answers(seen);
        }
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(200);
        let then = humantime::format_rfc3339_seconds(then).to_string();
        let order = json!({"order_id": "019b76da-a800-71f9-9f94-ae97655f93b2", "status": "pending", "items": [],
            "total": {"amount": 1, "currency": "EUR"}, "timeline": [], "created_at": then, "direction": "forward",
            "step": "reserving", "lease_until": then});
        StubResponse::json(200, json!({"items": [order], "next_page_token": null}))
    })
}

/// Writes a shop's manifest. In this manifest, the setting `max_pending_seconds` has the given value, and the lease of an order
/// lasts 31 s.
fn write_manifest(fixture: &Fixture, name: &str, max_pending_seconds: &str) {
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

/// Texts in the report if the limit for pending orders is 151 s. The simulated order has been pending for 200 s, so the audit
/// reports a breach.
const STUCK_ORDER: [&str; 2] = ["BREACH order-ends: ", "within 2m 31s"];

#[test]
fn with_an_operators_address_the_given_manifest_limits_the_time_of_pending_orders() {
    let (fixture, shop) = (Fixture::new(), shop());
    write_manifest(&fixture, "shop.toml", "120");
    let audit = [&["audit", "--operator", shop.url()], &SHORT_WAIT[..]].concat();
    let sound = ["sound: 0 breaches"];
    // Without --manifest, the default settings of the component `order` apply. With these settings, an order may be pending for
    // more than 200 s.
    prints(&fixture, &audit, &sound);
    let audit = [&audit[..], &["--manifest", "shop.toml"]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(STUCK_ORDER.iter().all(|word| text.contains(word)), "{text}");
    prints(
        &fixture,
        &[&audit[..], &["--stuck-after", "10m"]].concat(),
        &sound,
    );
    // As in `stoa up`, the environment takes precedence over the manifest.
    let output = Command::new(program())
        .args(&audit)
        .current_dir(fixture.path(""))
        .env("SPIN_VARIABLE_MAX_PENDING_SECONDS", "900")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_manifest_without_valid_settings_of_the_component_order_is_rejected() {
    let (fixture, shop) = (Fixture::new(), shop());
    write_manifest(&fixture, "soon.toml", "soon");
    let audit = |manifest, code, word| {
        let audit = ["audit", "--operator", shop.url(), "--manifest", manifest];
        fails(&fixture, &audit, code, &[word]);
    };
    audit("soon.toml", 65, "max_pending_seconds: `soon`");
    audit("none.toml", 66, "none.toml");
    // This manifest describes an application that has no component `order`.
    audit("spin.toml", 65, "order");
}

#[test]
fn the_manifest_of_a_running_shop_limits_the_time_of_pending_orders() {
    let (fixture, shop) = (Fixture::new(), shop());
    write_manifest(&fixture, "shop.toml", "120");
    let run = |manifest: &str| {
        let run =
            json!({"pid": 1, "gateway": shop.url(), "operator": shop.url(), "manifest": manifest});
        fixture.write(".stoa/run.json", &run.to_string());
    };
    run("shop.toml");
    // The test holds the lock of the state folder, as a running `stoa up` does.
    let lock = File::create(fixture.path(".stoa/lock")).unwrap();
    lock.lock().unwrap();
    let audit = [&["audit"], &SHORT_WAIT[..]].concat();
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(STUCK_ORDER.iter().all(|word| text.contains(word)), "{text}");
    // run.json names a manifest that is not in this folder, as if the shop was started in another folder. The default settings
    // apply, and the audit prints a note.
    run("elsewhere.toml");
    let output = fixture.run(&audit);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        note.contains("elsewhere.toml") && note.contains("--stuck-after"),
        "{note}"
    );
}
