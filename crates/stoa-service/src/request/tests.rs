use super::*;

fn request(uri: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut builder = http::Request::builder().uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    Request::new("test", builder.body(body.as_bytes().to_vec()).unwrap())
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn calls_forward_the_version_the_trace_and_the_request_id_but_no_credentials() {
    let request = request(
        "/",
        &[
            ("x-shop-version", "v2"),
            ("traceparent", TRACE),
            ("x-request-id", "abc-1"),
            ("cookie", "secret"),
            ("authorization", "Bearer x"),
        ],
        "",
    );
    let mut names: Vec<_> = request
        .context()
        .headers()
        .map(|(n, v)| format!("{n}={}", v.to_str().unwrap()))
        .collect();
    names.sort();
    let trace = format!("traceparent={TRACE}");
    assert_eq!(
        names,
        [trace.as_str(), "x-request-id=abc-1", "x-shop-version=v2"]
    );
    assert_eq!(
        request.context().trace_id(),
        "0af7651916cd43dd8448eb211c80319c"
    );
}

#[test]
fn a_malformed_request_id_or_trace_is_replaced() {
    for bad in ["", "a b", "x\"y"] {
        let request = request("/", &[("x-request-id", bad), ("traceparent", "00-zz")], "");
        assert_eq!(request.context().request_id().len(), 36);
        assert_eq!(request.context().trace_id().len(), 32);
    }
}

#[test]
fn unknown_repeated_and_badly_encoded_parameters_are_rejected() {
    for (uri, code) in [
        ("/?x=1", "unknown_parameter"),
        ("/?q=1&q=2", "repeated_parameter"),
        ("/?q=%ff", "bad_encoding"),
        ("/?q=%4", "bad_encoding"),
    ] {
        assert_eq!(request(uri, &[], "").query(["q"]).unwrap_err().code(), code);
    }
    let [q] = request("/?q=caf%C3%A9+noir", &[], "").query(["q"]).unwrap();
    assert_eq!(q.as_deref(), Some("café noir"));
}

#[test]
fn malformed_json_is_400_and_a_wrong_value_is_422() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "the test only decodes the field")]
        quantity: u32,
    }
    let json = [("content-type", "application/json")];
    for (body, status) in [
        ("{", 400),
        ("\u{0}", 400),
        (r#"{"quantity":-1}"#, 422),
        (r#"{"quantity":1,"x":2}"#, 422),
        (r#"{"quantity":1,"quantity":2}"#, 422),
        ("[1]", 422),
        ("1", 422),
        (r#"{"quantity":1} {}"#, 400),
        ("{}", 422),
    ] {
        let problem = request("/", &json, body).json::<Body>().unwrap_err();
        assert_eq!(problem.status().as_u16(), status, "{body}: {problem:?}");
    }
    assert_eq!(
        request("/", &[], "{}").json::<Body>().unwrap_err().status(),
        415
    );
}

#[test]
fn exactly_one_visible_idempotency_key_is_required() {
    for headers in [
        &[][..],
        &[("idempotency-key", "a b")],
        &[("idempotency-key", "")],
        &[("idempotency-key", "a"), ("idempotency-key", "b")],
    ] {
        let problem = request("/", headers, "").idempotency_key().unwrap_err();
        assert_eq!(problem.code(), "idempotency_key_required");
    }
}
