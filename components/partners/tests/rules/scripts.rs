//! Scripted failures.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::street::{Street, code};

#[test]
fn plays_what_it_is_scripted_to() {
    let street = Street::new();
    street.script("processor", json!({"mode": "error", "status": 500}));
    assert_eq!(code(&street.charge("r1", "tok_visa")), (500, "scripted"));
    assert_eq!(street.get("/processor/charges?reference=r1").0, 500);
    assert!(
        street.ledger("r1").is_empty(),
        "the books stay open to read"
    );

    street.script("processor", json!({"mode": "lost_response", "status": 504}));
    assert_eq!(street.charge("r1", "tok_visa").0, 504);
    assert_eq!(street.ledger("r1"), ["capture"]);

    street.script("processor", json!({"mode": "slow", "delay_ms": 60}));
    let start = Instant::now();
    assert_eq!(street.charge("r2", "tok_visa").0, 201);
    assert!(start.elapsed() >= Duration::from_millis(60));

    assert_eq!(
        street
            .call(Method::DELETE, "/script/processor", "", &Value::Null)
            .0,
        204
    );
    assert_eq!(street.charge("r3", "tok_visa").0, 201);
    assert_eq!(
        street.get("/pim/products/COF-001").0,
        200,
        "nobody else was scripted"
    );
}

#[test]
fn a_script_for_the_next_few_is_used_up_exactly_even_at_once() {
    let street = Street::new();
    street.script("processor", json!({"mode": "error", "remaining": 4}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|n| {
                let street = &street;
                scope.spawn(move || street.charge(&format!("r{n}"), "tok_visa").0)
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|s| **s == wanted).count();
    assert_eq!((count(503), count(201)), (4, 8));
    let (_, scripts) = street.get("/script");
    let processor = json!({"partner": "processor", "mode": "error", "status": 503, "delay_ms": 0, "remaining": 0});
    assert_eq!(scripts["items"][1], processor);
    assert_eq!(scripts["items"].as_array().unwrap().len(), 5);
}

#[test]
fn scripts_with_bad_values_are_refused() {
    let street = Street::new();
    for (script, word) in [
        (json!({"mode": "explode"}), "explode"),
        (json!({"mode": "error", "status": 200}), "status"),
        (json!({"mode": "error", "status": 600}), "status"),
        (json!({"mode": "slow", "delay_ms": 60_001}), "delay_ms"),
        (json!({"mode": "error", "remaining": -1}), "-1"),
        (json!({"mode": "error", "for": 1}), "for"),
    ] {
        let (status, problem) = street.script("processor", script.clone());
        assert_eq!(status, 422, "{script}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    assert_eq!(street.script("bank", json!({"mode": "ok"})).0, 404);
    assert_eq!(street.charge("r1", "tok_visa").0, 201);
}
