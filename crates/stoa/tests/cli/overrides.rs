//! Tests that overrides of the filters' configuration are set and shown while no mesh runs.

use serde_json::{Value, json};

use crate::errors::{fails, prints};
use crate::fixture::Fixture;

/// A folder that contains the output of istio-compile for the shop's two filters, and the state folder of an earlier run.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let workload = |namespace: &str, pod: &str, proxy: &str, ip: &str| json!({"namespace": namespace, "pod": pod, "owner": pod, "kind": "Deployment", "service_account": "any", "ip": ip, "proxy": proxy});
    let workloads = json!({"workloads": [
        workload("istio-system", "gateway-0", "gateway", "10.0.0.1"),
        workload("shop", "payment-v1-0", "sidecar", "10.0.0.2"),
    ]});
    fixture.write("istio/compiled/workloads.json", &workloads.to_string());
    let router = json!({"services": [{"name": "product", "stable": "v1",
        "versions": [{"name": "v1", "weight": 9000}, {"name": "v2", "weight": 1000}]}]});
    let fault = json!({"rules": [{"name": "default-decline", "match": {"path": {"exact": "/payments"}},
        "percentage": {"numerator": 10}, "fault": {"decline": {"code": "card_declined"}}}]});
    for (folder, name, config) in [
        (
            "istio-system/gateway-0",
            "istio-system.canary-router",
            router,
        ),
        ("shop/payment-v1-0", "shop.payment-fault", fault),
    ] {
        let folder = format!("istio/compiled/{folder}");
        for kind in ["listeners", "routes", "clusters", "endpoints"] {
            fixture.write(&format!("{folder}/{kind}.json"), r#"{"resources": []}"#);
        }
        let plugin = json!({"name": name, "configuration": {"value": config.to_string()}});
        let extensions = json!({"resources": [{"typed_config": {"config": plugin}}]});
        fixture.write(
            &format!("{folder}/extensions.json"),
            &extensions.to_string(),
        );
    }
    fixture.write(".stoa/lock", "");
    fixture
}

fn overrides(fixture: &Fixture) -> Value {
    let text = std::fs::read(fixture.path(".stoa/mesh/overrides.json")).unwrap_or(b"null".into());
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn get_shows_the_configuration_in_force_and_whether_it_is_an_override() {
    let fixture = fixture();
    let router = ["product: v1=90% v2=10%, from the manifests, at istio-system/gateway-0"];
    prints(&fixture, &["canary", "get"], &router);
    let manifest = "payment: default-decline=10%, from the manifests, at shop/payment-v1-0";
    let idle = "No mesh runs";
    prints(&fixture, &["fault", "get", "payment"], &[manifest, idle]);

    prints(
        &fixture,
        &["fault", "set", "payment", "decline=30%"],
        &["the next `stoa up` starts with this configuration"],
    );
    let set = [
        "payment: decline=30%, set in .stoa",
        "the manifests have default-decline=10%",
        "stoa fault set payment reset",
    ];
    prints(&fixture, &["fault", "get"], &set);
    prints(&fixture, &["canary", "set", "product", "off"], &[]);
    prints(
        &fixture,
        &["canary", "get", "product"],
        &["product: off, set in .stoa", "v1=90% v2=10%"],
    );
    prints(&fixture, &["canary", "set", "product", "reset"], &[]);
    prints(&fixture, &["canary", "get"], &router);
}

#[test]
fn each_kind_of_fault_is_set_and_shown_with_its_value() {
    let fixture = fixture();
    let set = |settings: &[&'static str]| [&["fault", "set", "payment"], settings].concat();
    let settings = ["delay=10%:200ms", "throttle=5%:1KiB/s", "abort=1%:grpc:14"];
    prints(
        &fixture,
        &set(&settings),
        &["the next `stoa up` starts with this configuration"],
    );
    prints(&fixture, &["fault", "get"], &[&settings.join(" ")]);
    let before = overrides(&fixture);
    for (setting, expected) in [
        ("delay=10%:61s", "a duration in whole milliseconds"),
        ("throttle=5%:fast", "a rate from 1B/s to 1GiB/s"),
        (
            "explode=5%",
            "decline, abort, lost_response, throttle, delay",
        ),
        ("decline=101%", "`off` and `reset` are valid as well"),
    ] {
        fails(
            &fixture,
            &set(&[setting]),
            64,
            &[setting.split('=').next().unwrap(), expected],
        );
    }
    assert_eq!(overrides(&fixture), before);
}

#[test]
fn an_unknown_state_folder_is_rejected_and_the_message_lists_the_known_state_folders() {
    let fixture = fixture();
    fixture.write(".stoa/canary/lock", "");
    for arguments in [
        &["canary", "get"][..],
        &["canary", "set", "product", "v2=25%"],
        &["fault", "get", "payment"],
        &["fault", "set", "payment", "off"],
    ] {
        let arguments = [arguments, &["--state-dir", ".sota"]].concat();
        let words = [
            "there is no state folder .sota",
            "existing state folders: .stoa, .stoa/canary",
        ];
        fails(&fixture, &arguments, 66, &words);
        assert!(
            !fixture.path(".sota").exists(),
            "{arguments:?} must not create the folder"
        );
    }
    assert_eq!(overrides(&fixture), Value::Null);
    // A folder that contains only files of other programs is not a state folder. An empty folder is accepted as a state folder.
    let off = ["fault", "set", "payment", "off", "--state-dir"];
    let other = [&off[..], &["istio"]].concat();
    fails(&fixture, &other, 66, &["there is no state folder istio"]);
    std::fs::create_dir(fixture.path("made")).unwrap();
    for _ in 0..2 {
        prints(
            &fixture,
            &[&off[..], &["made"]].concat(),
            &["payment-fault: off"],
        );
    }
    // A crash leaves the file run.json behind. A run.json whose process has ended does not count as a running shop.
    let run = json!({"pid": 1, "gateway": "http://127.0.0.1:9", "operator": "http://127.0.0.1:9", "manifest": "spin.toml"});
    fixture.write(".stoa/run.json", &run.to_string());
    for command in ["load", "audit"] {
        fails(&fixture, &[command], 69, &["no application runs in .stoa"]);
    }
    // If no shop runs, the error of a command that needs a running shop also lists the existing state folders.
    for command in [&["mesh", "status"][..], &["load"], &["audit"]] {
        let arguments = [command, &["--state-dir", ".sota"]].concat();
        let words = [
            "no application runs in .sota",
            "existing state folders: .stoa, .stoa/canary",
        ];
        fails(&fixture, &arguments, 69, &words);
    }
}

#[test]
fn a_service_without_a_filter_is_rejected_and_the_message_lists_services_with_a_filter() {
    let fixture = fixture();
    let words = [
        "no Envoy has the filter order-fault",
        "services with a fault filter: payment",
    ];
    fails(
        &fixture,
        &["fault", "set", "order", "decline=30%"],
        64,
        &words,
    );
    fails(
        &fixture,
        &["fault", "get", "order"],
        64,
        &["order has no fault filter; services with a fault filter: payment"],
    );
    fails(
        &fixture,
        &["canary", "get", "cart"],
        64,
        &["cart has no canary filter; services with a canary filter: product"],
    );
    fails(
        &fixture,
        &["canary", "set", "cart", "v2=5%"],
        64,
        &["there is no service \"cart\"; expected one of product"],
    );
    assert_eq!(overrides(&fixture), Value::Null);
}

#[test]
fn a_missing_mesh_folder_exits_with_66_and_a_damaged_mesh_folder_with_65() {
    let fixture = fixture();
    fixture.write("damaged/workloads.json", "{");
    for (folder, code, word) in [
        ("/nope", 66, "/nope/workloads.json"),
        ("damaged", 65, "make mesh"),
    ] {
        for arguments in [
            &["canary", "set", "product", "v2=25%"][..],
            &["canary", "get"],
            &["fault", "set", "payment", "off"],
            &["fault", "get"],
            &["up", "--listen", "127.0.0.1:0"],
        ] {
            let arguments = [arguments, &["--mesh", folder]].concat();
            fails(&fixture, &arguments, code, &[word]);
        }
    }
}

#[test]
fn the_help_of_canary_and_of_fault_has_different_examples() {
    let fixture = Fixture::new();
    let help = |command: &str| {
        let output = fixture.run(&[command, "set", "--help"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let (canary, fault) = (help("canary"), help("fault"));
    assert!(
        canary.contains("v2=25%") && !canary.contains("decline"),
        "{canary}"
    );
    assert!(
        fault.contains("decline=30%") && !fault.contains("v2="),
        "{fault}"
    );
}
