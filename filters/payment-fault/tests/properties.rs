//! Tests a property that holds for any input: the filter does not panic.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use std::time::SystemTime;

use payment_fault::config::Config;
use payment_fault::decision::decide;
use payment_fault::fault::{Effect, decline};
use payment_fault::fault_request::FaultRequest;
use payment_fault::reply::{Reply, RequestInfo};
use payment_fault::request::{Body, Request};
use proptest::prelude::*;

#[derive(Debug)]
struct AnyRequest {
    header: Option<Vec<u8>>,
    principal: Option<Vec<u8>>,
}

impl Request for AnyRequest {
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

/// A configuration with which the filter reads every part of a request.
fn config_that_reads_everything() -> Config {
    let text = r#"{"header_faults": {"secret": "0123456789abcdef", "match": {}},
        "rules": [{"name": "r", "by": {"header": "a"}, "percentage": {"numerator": 50}, "fault": {"decline": {}},
        "match": {"path": {"contains": "x"}, "headers": [{"name": "b", "suffix": "y"}],
        "body": [{"pointer": "/a/0", "min": 1}, {"pointer": "/b", "one_of": ["c"]}]}},
        {"name": "s", "match": {"body": [{"pointer": "/a", "max": 9}]}, "delay": {"fixed_ms": 1}}]}"#;
    Config::parse(text.as_bytes()).unwrap()
}

/// Nested JSON with the member names of a configuration. With such JSON, the parser of the configuration reads more than the first
/// byte.
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
    fn any_json_is_accepted_as_a_configuration_or_rejected_with_an_error(text in json()) {
        if let Err(errors) = Config::parse(text.as_bytes()) {
            prop_assert!(!errors.lines().is_empty());
        }
    }

    #[test]
    fn any_bytes_in_a_configuration_header_or_body_are_handled(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&bytes);
        let config = config_that_reads_everything();
        let request = AnyRequest { header: Some(bytes.clone()), principal: Some(bytes.clone()) };
        let _ = decide(&config, &request, Body::Complete(&bytes), &mut || 1, SystemTime::now);
    }

    #[test]
    fn any_json_body_is_handled(body in json(), path in "[x/?]{0,5}") {
        let config = config_that_reads_everything();
        let request = AnyRequest { header: Some(path.into_bytes()), principal: None };
        let _ = decide(&config, &request, Body::Complete(body.as_bytes()), &mut || 1, SystemTime::now);
    }

    #[test]
    fn any_fault_header_is_accepted_or_rejected(value in "[a-z_=:,; 0-9]{0,40}|\\PC{0,20}") {
        let (faults, parameters) = FaultRequest::split(&value);
        let _ = FaultRequest::parse(faults, FaultRequest::parameter(parameters, "percentage"));
    }

    #[test]
    fn a_reply_is_valid_json_for_any_request(instance in "\\PC{0,20}", request_id in any::<String>()) {
        let info = RequestInfo { instance: instance.clone(), request_id: request_id.clone(), grpc: false };
        let Effect::Reply(problem) = decline("card_declined").effect else {
            panic!("no reply");
        };
        let Reply::Http { body, .. } = Reply::new(&problem, &info) else {
            panic!("not HTTP");
        };
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&document["instance"], &instance);
        prop_assert_eq!(&document["request_id"], &request_id);
        prop_assert_eq!(&document["decline_code"], "card_declined");
    }
}
