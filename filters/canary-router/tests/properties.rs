//! Tests properties that hold for any input: the filter does not panic, and every service gets one of its versions.
#![expect(
    clippy::unwrap_used,
    reason = "a configuration that cannot be read fails the test"
)]

use canary_router::config::Config;
use canary_router::cookie;
use canary_router::decision::{Request, decide};
use proptest::prelude::*;

#[derive(Debug)]
struct AnyRequest(Option<Vec<u8>>);

impl Request for AnyRequest {
    fn header(&self, _: &str) -> Option<Vec<u8>> {
        self.0.clone()
    }

    fn headers(&self, _: &str) -> Vec<Vec<u8>> {
        self.0.clone().into_iter().collect()
    }

    fn principal(&self) -> Option<Vec<u8>> {
        self.0.clone()
    }

    fn claim(&self, name: &str) -> Option<Vec<u8>> {
        self.0.clone().filter(|_| name == "groups")
    }
}

/// A configuration with which the filter reads every part of a request.
fn config_that_reads_everything() -> Config {
    let text = r#"{"session": {"cookie": "sid"}, "health_checks": {"paths": ["/a"]},
        "services": [{"name": "p", "stable": "v1", "versions": [{"name": "v1", "weight": 5000}, {"name": "v2", "weight": 5000}],
        "choose": {"query": "v", "cookie": "v", "headers": [{"name": "b", "suffix": "y", "version": "v2"}],
        "groups": [{"version": "v2", "names": ["g"]}], "from_outside": ["b"]}}]}"#;
    Config::parse(text.as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn any_request_gets_a_version(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "[/?&=;, vsid12gy]{0,40}".prop_map(String::into_bytes),
    ], dice: u64) {
        let config = config_that_reads_everything();
        let decision = decide(&config, &AnyRequest(Some(bytes)), || dice);
        prop_assert_eq!(decision.choices.len(), 1);
        prop_assert!(decision.choices[0].version < 2);
    }

    #[test]
    fn any_bytes_are_accepted_or_rejected_as_a_configuration(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&bytes);
    }

    #[test]
    fn any_object_is_accepted_as_a_configuration_or_rejected_with_an_error(
        name in "services|cookie|session|jwt|inside|health_checks|report_version",
        value in "(\\{|\\[|\"|[a-z0-9]|:|,|\\}|\\]){0,30}|\\[\\{\"name\": \"a\", \"versions\": [0-9\\[\\]{}\"]{0,9}\\}\\]",
    ) {
        let text = format!(r#"{{"{name}": {value}}}"#);
        if let Err(errors) = Config::parse(text.as_bytes()) {
            prop_assert!(!errors.lines().is_empty());
        }
    }

    #[test]
    fn a_cookie_is_found_among_other_cookies(before in "[a-z=; ]{0,20}", value in "[a-f0-9]{1,16}") {
        let header = format!("{before}; X={value}; tail=1");
        prop_assert_eq!(cookie::find(header.as_bytes(), "X"), Some(value.as_bytes()));
    }
}
