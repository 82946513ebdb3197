//! Property tests of CloudEvents 1.0 in both modes: any input becomes a valid notification, or is ignored, or is rejected.

use http::Method;
use notification::domain::notice;
use notification::http::cloudevent::{MAX_ATTRIBUTE_LENGTH, read};
use proptest::prelude::*;
use stoa_service::Request;

use crate::{config, mutated};

const CONFIRMED: &str = r#"{"specversion":"1.0","id":"e1","source":"/stoa/order","type":"stoa.order.confirmed","subject":"019b76da-a800-71f9-9f94-ae97655f93b2","time":"2026-11-21T14:05:09Z","datacontenttype":"application/json","data":{"order_id":"019b76da-a800-71f9-9f94-ae97655f93b2","user_id":"019b76da-a801-7eb9-9455-b1187e16ee43","email":"ann@example.com","name":"Ann","phone":"+31201234567","total":{"amount":1999,"currency":"EUR"},"items":[{"sku":"A-1","name":"A","quantity":2}],"tracking_number":"PX1"}}"#;
const DELIVERED: &str = r#"{"specversion":"1.0","id":"e2","source":"/stoa/shipping","type":"stoa.shipment.delivered","subject":"019b76da-a800-71f9-9f94-ae97655f93b2","data":{"order_id":"019b76da-a800-71f9-9f94-ae97655f93b2","shipment_id":"019b76da-a801-7eb9-9455-b1187e16ee43","tracking_number":"PX1","status":"delivered"}}"#;

fn request(headers: &[(&str, &[u8])], body: &[u8]) -> Request {
    let mut builder = http::Request::builder().method(Method::POST).uri("/events");
    for (name, value) in headers {
        if let Ok(value) = http::HeaderValue::from_bytes(value) {
            builder = builder.header(*name, value);
        }
    }
    Request::new("notification", builder.body(body.to_vec()).unwrap())
}

/// Whether the request has an event that becomes a notification. Checks the event and the notification.
fn becomes_notification(request: &Request) -> Result<bool, TestCaseError> {
    let event = match read(request) {
        Ok(event) => event,
        Err(problem) => {
            prop_assert!(
                matches!(problem.status().as_u16(), 400 | 415 | 422),
                "{problem:?}"
            );
            return Ok(false);
        }
    };
    let subject = event.subject.iter();
    for attribute in [&event.id, &event.source, &event.kind]
        .into_iter()
        .chain(subject)
    {
        prop_assert!((1..=MAX_ATTRIBUTE_LENGTH).contains(&attribute.chars().count()));
        prop_assert!(!attribute.chars().any(char::is_control));
    }
    match notice::from_event(&event) {
        Ok(Some(notice)) => {
            let one_line = |text: &str| !text.chars().any(char::is_control);
            prop_assert!(one_line(&notice.message.title), "{:?}", notice.message);
            prop_assert!(
                notice.message.sms.as_deref().is_none_or(one_line),
                "{:?}",
                notice.message
            );
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            Ok(false)
        }
    }
}

const CONTENT_TYPES: [&[u8]; 5] = [
    b"application/cloudevents+json",
    b"application/json",
    b"text/plain",
    b"application/cloudevents-batch+json",
    b"\xff; x",
];

const STRUCTURED: (&str, &[u8]) = ("content-type", b"application/cloudevents+json");

#[test]
fn valid_events_become_notifications() {
    for event in [CONFIRMED, DELIVERED] {
        assert!(
            becomes_notification(&request(&[STRUCTURED], event.as_bytes())).unwrap(),
            "{event}"
        );
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_a_mutated_event(text in prop_oneof![mutated(CONFIRMED, "[\\[\\]{}\":,\\\\a-z0-9\u{0}-\u{1f}\u{e9}-]{0,6}"), mutated(DELIVERED, "[\\[\\]{}\":,\\\\a-z0-9u-]{0,6}")]) {
        becomes_notification(&request(&[STRUCTURED], text.as_bytes()))?;
    }

    /// A text from outside is always one line of the message.
    #[test]
    fn a_text_from_outside_never_adds_a_line_to_a_message(text in prop_oneof![any::<String>(), "[a-z\n\r\t ]{0,40}"], cancelled in any::<bool>()) {
        let mut event: serde_json::Value = serde_json::from_str(if cancelled { CONFIRMED } else { DELIVERED }).unwrap();
        if cancelled {
            event["type"] = "stoa.order.cancelled".into();
            event["data"]["reason"] = text.clone().into();
        } else {
            event["data"]["tracking_number"] = text.clone().into();
        }
        let event = read(&request(&[STRUCTURED], event.to_string().as_bytes())).unwrap();
        if let Ok(notice) = notice::from_event(&event) {
            let message = notice.unwrap().message;
            let lines = if cancelled && text.is_empty() { 3 } else { 4 };
            prop_assert_eq!(message.body.split('\n').count(), lines + 1, "{:?}", message);
        }
    }

    #[test]
    fn fuzz_any_bytes_as_an_event(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in prop::sample::select(CONTENT_TYPES.to_vec())) {
        becomes_notification(&request(&[("content-type", kind)], &bytes))?;
    }

    #[test]
    fn fuzz_any_headers_in_binary_mode(values in proptest::collection::vec(proptest::collection::vec(prop_oneof![4 => 0x20..0x7f_u8, 1 => any::<u8>()], 0..300), 6), valid in any::<bool>(), body in mutated(DELIVERED, "[{}\":,a-z0-9]{0,6}")) {
        let names = ["ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-specversion"];
        let mut headers = vec![("content-type", &b"application/json"[..])];
        headers.extend(names.into_iter().zip(values.iter().map(Vec::as_slice)).take(if valid { 4 } else { 6 }));
        if valid {
            headers.push(("ce-specversion", b"1.0"));
        }
        becomes_notification(&request(&headers, body.as_bytes()))?;
    }
}
