//! A response of the shop: its status, its headers, and its body as a type of `wire.rs`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Refusal};
use crate::wire::Problem;

/// Longest wait before a retry, even if the response's Retry-After is longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// A response of the shop.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body of a response that must have the status `status`. Any other status is a failure.
    pub(crate) fn expect<T: DeserializeOwned>(&self, status: u16) -> Result<T, Failure> {
        self.expect_empty(status)?;
        self.read()
    }

    /// Checks that the response has the status `status` and an `x-request-id`, and ignores the body. Any other status is a failure.
    pub(crate) fn expect_empty(&self, status: u16) -> Result<(), Failure> {
        if self.status.as_u16() != status {
            return Err(self.failure());
        }
        match self.header("x-request-id") {
            Some(_) => Ok(()),
            None => Err(Failure::Wrong("header x-request-id: missing".to_owned())),
        }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::Wrong(format!("the body is not the expected JSON: {error}")))
    }

    /// Returns the rejection if the response has the status `status` and one of these codes.
    pub(crate) fn refusal(&self, status: u16, codes: &[&str]) -> Option<Refusal> {
        let problem = self.problem()?;
        let expected = self.status.as_u16() == status && codes.contains(&problem.code.as_str());
        expected.then(|| Refusal {
            status,
            code: problem.code,
            order_id: problem.order_id,
            retry_after: self.retry_after(),
        })
    }

    /// The problem document, if it is complete and its status is the response's status.
    fn problem(&self) -> Option<Problem> {
        self.read::<Problem>()
            .ok()
            .filter(|problem| problem.status == self.status.as_u16())
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
    }

    fn failure(&self) -> Failure {
        // A success (2xx) with an undocumented status is a wrong answer.
        if self.status.is_success() {
            return Failure::Wrong(format!("unexpected status {}", self.status.as_u16()));
        }
        let (code, order_id) = match self.problem() {
            Some(problem) => (Some(problem.code), problem.order_id),
            None => (None, None),
        };
        Failure::Status {
            status: self.status.as_u16(),
            code,
            order_id,
            retry_after: self.retry_after(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use uuid::Uuid;

    use super::*;
    use crate::transport::NoAnswer;

    fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let body = Bytes::from(body.to_string());
        response.body(body).unwrap().into()
    }

    const ID: [(&str, &str); 1] = [("x-request-id", "r-1")];

    #[test]
    fn a_correct_response_has_the_status_a_request_id_and_a_valid_body() {
        let read = |answer: Answer| answer.expect::<Vec<u8>>(200);
        assert_eq!(read(answer(200, &ID, &json!([1, 2]))), Ok(vec![1, 2]));
        for (answer, expected) in [
            (
                answer(200, &[], &json!([1])),
                "header x-request-id: missing",
            ),
            (
                answer(200, &ID, &json!({"a": 1})),
                "the body is not the expected JSON",
            ),
            (answer(202, &ID, &json!([1])), "unexpected status 202"),
        ] {
            let Err(Failure::Wrong(found)) = read(answer) else {
                panic!("expected: {expected}")
            };
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn an_error_is_counted_by_its_status_and_code() {
        let kind = |status, body: &Value| {
            let headers = [("retry-after", "7")];
            let failure = answer(status, &headers, body)
                .expect_empty(200)
                .unwrap_err();
            assert!(failure.is_status(status) && failure.is_timed());
            let Failure::Status { retry_after, .. } = &failure else {
                panic!("{failure:?}")
            };
            assert_eq!(*retry_after, Some(Duration::from_secs(7)));
            failure.to_string()
        };
        let problem = json!({"status": 503, "code": "unavailable"});
        assert_eq!(kind(503, &problem), "503 unavailable");
        assert_eq!(
            kind(502, &problem),
            "502 without a code",
            "a problem document is ignored if its status is not the response's status"
        );
        assert_eq!(kind(502, &json!("<html>")), "502 without a code");
        for (reason, kind) in [
            (NoAnswer::Connect(String::new()), "connect"),
            (NoAnswer::Timeout, "timeout"),
            (NoAnswer::Reset(String::new()), "reset"),
            (NoAnswer::Protocol(String::new()), "protocol"),
        ] {
            let failure = Failure::from(reason);
            assert_eq!(
                (failure.to_string().as_str(), failure.is_timed()),
                (kind, kind == "timeout")
            );
        }
    }

    #[test]
    fn a_retry_after_is_an_hour_at_most() {
        let headers = [("retry-after", "18446744073709551615")];
        let failure = answer(429, &headers, &json!({}))
            .expect_empty(200)
            .unwrap_err();
        let Failure::Status { retry_after, .. } = &failure else {
            panic!("{failure:?}")
        };
        assert_eq!(*retry_after, Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn a_rejection_is_expected_only_if_its_status_and_code_are_documented() {
        let order_id = Uuid::now_v7();
        let declined = answer(
            402,
            &ID,
            &json!({"status": 402, "code": "payment_declined", "order_id": order_id}),
        );
        let refusal = declined.refusal(402, &["payment_declined"]).unwrap();
        assert_eq!((refusal.status, refusal.order_id), (402, Some(order_id)));
        assert_eq!(declined.refusal(409, &["payment_declined"]), None);
        assert_eq!(declined.refusal(402, &["insufficient_stock"]), None);
    }
}
