//! Tests of the scenarios in `istio/scenarios`: each scenario has the effect that its README describes, and the effect ends with
//! the scenario.
//!
//! One mesh runs for all scenarios (`scenarios/stage.rs`). A test measures the effect twice in the same way: with the scenario, and
//! after the end of the scenario.

mod borders;
mod faults;
mod payments;
mod stage;
mod versions;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;

use stoa_testkit::workspace;

use stage::{Scenario, Stage};

/// The test of a scenario.
type Test = fn(&Scenario<'_>);

/// Every scenario, and its test. Scenarios with orders come first, because the later scenarios make the access logs long, and tests
/// with orders read the logs repeatedly.
const SCENARIOS: [(&str, Test); 12] = [
    ("fault-product-delay", faults::fault_product_delay),
    ("fault-cart-abort-503", faults::fault_cart_abort_503),
    ("fault-inventory-slow", faults::fault_inventory_slow),
    ("pool-inventory-overflow", faults::pool_inventory_overflow),
    ("fault-payment-503", payments::fault_payment_503),
    ("retry-payment-storm", payments::retry_payment_storm),
    ("mtls-shop-migration", borders::mtls_shop_migration),
    ("egress-partners-blocked", borders::egress_partners_blocked),
    ("mirror-product-v2", versions::mirror_product_v2),
    ("outage-product-v2-dead", versions::outage_product_v2_dead),
    ("canary-product-95-5", versions::canary_product_95_5),
    ("canary-product-50-50", versions::canary_product_50_50),
];

#[test]
fn every_scenario_has_its_effect_only_while_it_is_active() {
    let stage = Stage::start(&SCENARIOS.map(|(name, _)| name));
    for (name, test) in SCENARIOS {
        println!("== {name}");
        let begun = Instant::now();
        test(&Scenario {
            name,
            stage: &stage,
        });
        println!("   {:.1?}", begun.elapsed());
    }
    for workload in stage.mesh.workloads.iter().filter(|w| w.admin.is_some()) {
        let refused = stage.mesh.stats(
            &workload.name,
            "(update_rejected|update_failure|config_fail)$",
        );
        assert!(
            refused.values().all(|count| *count == 0),
            "{}: {refused:?}",
            workload.name
        );
    }
}

#[test]
fn every_scenario_has_a_test_and_a_line_in_the_list() {
    let folder = workspace().join("istio/scenarios");
    let entries = std::fs::read_dir(&folder).unwrap().flatten();
    let folders: BTreeSet<_> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let tested: BTreeSet<_> = SCENARIOS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(folders, tested);
    let list = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for name in &folders {
        assert!(
            list.contains(&format!("[{name}]({name})")),
            "istio/scenarios/README.md does not list {name}"
        );
        assert!(
            folder.join(name).join("README.md").is_file(),
            "{name}/README.md"
        );
    }
}

#[test]
fn an_unknown_scenario_is_rejected_before_a_build() {
    // If the command began to build, it would first call `go`. The test replaces `go` with a script that records the call.
    let folder = tempfile::tempdir().unwrap();
    let (go, began) = (folder.path().join("go"), folder.path().join("began"));
    std::fs::write(
        &go,
        format!("#!/bin/sh\ntouch {}\nexit 1\n", began.display()),
    )
    .unwrap();
    std::fs::set_permissions(&go, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let state = folder.path().join("state");
    let generate = |name: &str| {
        let mut command = Command::new(workspace().join("scripts/generate-mesh"));
        command
            .args(["--scenario", name, "--state-dir"])
            .arg(&state);
        command.env("PATH", format!("{}:{path}", folder.path().display()));
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    for name in ["fault-nothing", "", "../scenarios"] {
        let (code, text) = generate(name);
        assert_eq!(code, Some(64), "{name}: {text}");
        for (known, _) in SCENARIOS {
            assert!(
                text.contains(&format!("\n  {known}\n")),
                "{name}: no {known} in {text}"
            );
        }
    }
    // If the state folder belongs to no shop, the command fails too.
    let (code, text) = generate("fault-product-delay");
    assert_eq!(code, Some(66), "{text}");
    assert!(!began.exists() && !state.exists());
}
