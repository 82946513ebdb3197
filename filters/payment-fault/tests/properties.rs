//! No input from outside makes the filter panic.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use std::time::SystemTime;

use payment_fault::config::Config;
use payment_fault::decision::decide;
use payment_fault::fault::{Effect, decline};
use payment_fault::fault_request::FaultRequest;
use payment_fault::reply::{About, Reply};
use payment_fault::request::{Body, Request};
use proptest::prelude::*;

#[derive(Debug)]
struct Any {
    header: Option<Vec<u8>>,
    principal: Option<Vec<u8>>,
}

impl Request for Any {
    fn header(&self, _: &str) -> Option<Vec<u8>> {
        self.header.clone()
    }

    fn headers(&self, _: &str) -> Vec<Vec<u8>> {
        self.header.clone().into_iter().collect()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        self.principal.clone()
    }
}

/// A configuration that reads every part of a request.
fn curious() -> Config {
    let text = r#"{"header_faults": {"secret": "0123456789abcdef", "match": {}},
        "rules": [{"name": "r", "by": {"header": "a"}, "percentage": {"numerator": 50}, "fault": {"decline": {}},
        "match": {"path": {"contains": "x"}, "headers": [{"name": "b", "suffix": "y"}],
        "body": [{"pointer": "/a/0", "min": 1}, {"pointer": "/b", "one_of": ["c"]}]}},
        {"name": "s", "match": {"body": [{"pointer": "/a", "max": 9}]}, "delay": {"fixed_ms": 1}}]}"#;
    Config::parse(text.as_bytes()).unwrap()
}

/// Nested JSON, so that the filter reads more than its first byte.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f32>().prop_map(|n| format!("{n:e}")),
        "[a-z/~]{0,6}".prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let member = (
            "[a-c_]{1,3}|rules|name|match|fault|delay|percentage|numerator|by",
            inner.clone(),
        );
        let member = member.prop_map(|(name, value)| format!("{name:?}: {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(", "))),
        ]
    })
}

proptest! {
    #[test]
    fn any_configuration_is_read_or_refused_with_a_reason(text in json()) {
        if let Err(faults) = Config::parse(text.as_bytes()) {
            prop_assert!(!faults.lines().is_empty());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&bytes);
        let config = curious();
        let request = Any { header: Some(bytes.clone()), principal: Some(bytes.clone()) };
        let _ = decide(&config, &request, Body::Complete(&bytes), &mut || 1, SystemTime::now);
    }

    #[test]
    fn any_body_is_looked_into(body in json(), path in "[x/?]{0,5}") {
        let config = curious();
        let request = Any { header: Some(path.into_bytes()), principal: None };
        let _ = decide(&config, &request, Body::Complete(body.as_bytes()), &mut || 1, SystemTime::now);
    }

    #[test]
    fn any_fault_header_is_read_or_rejected(value in "[a-z_=:,; 0-9]{0,40}|\\PC{0,20}") {
        let (faults, parameters) = FaultRequest::split(&value);
        let _ = FaultRequest::parse(faults, FaultRequest::parameter(parameters, "percentage"));
    }

    #[test]
    fn every_reply_is_json_whatever_the_request_said(instance in "\\PC{0,20}", request_id in any::<String>()) {
        let about = About { instance: instance.clone(), request_id: request_id.clone(), grpc: false };
        let Effect::Reply(problem) = decline("card_declined").effect else {
            panic!("no reply");
        };
        let Reply::Http { body, .. } = Reply::new(&problem, &about) else {
            panic!("not HTTP");
        };
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&document["instance"], &instance);
        prop_assert_eq!(&document["request_id"], &request_id);
        prop_assert_eq!(&document["decline_code"], "card_declined");
    }
}
