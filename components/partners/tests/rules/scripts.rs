//! Tests of scripted failures.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::third_parties::{ThirdParties, code};

#[test]
fn a_third_party_works_as_its_script_defines() {
    let partners = ThirdParties::new();
    partners.script("processor", json!({"mode": "error", "status": 500}));
    assert_eq!(code(&partners.charge("r1", "tok_visa")), (500, "scripted"));
    assert_eq!(partners.get("/processor/charges?reference=r1").0, 500);
    assert!(
        partners.ledger("r1").is_empty(),
        "scripts never apply to the ledger"
    );

    partners.script("processor", json!({"mode": "lost_response", "status": 504}));
    assert_eq!(partners.charge("r1", "tok_visa").0, 504);
    assert_eq!(partners.ledger("r1"), ["capture"]);

    partners.script("processor", json!({"mode": "slow", "delay_ms": 60}));
    let start = Instant::now();
    assert_eq!(partners.charge("r2", "tok_visa").0, 201);
    assert!(start.elapsed() >= Duration::from_millis(60));

    assert_eq!(
        partners
            .call(Method::DELETE, "/script/processor", "", &Value::Null)
            .0,
        204
    );
    assert_eq!(partners.charge("r3", "tok_visa").0, 201);
    assert_eq!(
        partners.get("/pim/products/COF-001").0,
        200,
        "only the processor had a script"
    );
}

#[test]
fn a_script_applies_to_exactly_the_remaining_number_of_concurrent_requests() {
    let partners = ThirdParties::new();
    partners.script("processor", json!({"mode": "error", "remaining": 4}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|n| {
                let partners = &partners;
                scope.spawn(move || partners.charge(&format!("r{n}"), "tok_visa").0)
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|s| **s == wanted).count();
    assert_eq!((count(503), count(201)), (4, 8));
    let (_, scripts) = partners.get("/script");
    let processor = json!({"partner": "processor", "mode": "error", "status": 503, "delay_ms": 0, "remaining": 0});
    assert_eq!(scripts["items"][1], processor);
    assert_eq!(scripts["items"].as_array().unwrap().len(), 5);
}

#[test]
fn scripts_with_invalid_values_are_rejected() {
    let partners = ThirdParties::new();
    for (script, word) in [
        (json!({"mode": "explode"}), "explode"),
        (json!({"mode": "error", "status": 200}), "status"),
        (json!({"mode": "error", "status": 600}), "status"),
        (json!({"mode": "slow", "delay_ms": 60_001}), "delay_ms"),
        (json!({"mode": "error", "remaining": -1}), "-1"),
        (json!({"mode": "error", "for": 1}), "for"),
    ] {
        let (status, problem) = partners.script("processor", script.clone());
        assert_eq!(status, 422, "{script}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    assert_eq!(partners.script("bank", json!({"mode": "ok"})).0, 404);
    assert_eq!(partners.charge("r1", "tok_visa").0, 201);
}
