//! Fuzz tests of the filters. With any input, no filter panics, sends two responses, or lets a client wait forever. There are
//! thousands of cases in `make test`, and a million cases in `make soak`. A failure prints the seed that generates the cases.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use stoa_filter_host::{Filter, Headers, Options, Request, Response, Vm};

/// Number of cases per filter, from `STOA_FUZZ_CASES` (default 20,000).
fn cases() -> u64 {
    let text = std::env::var("STOA_FUZZ_CASES").ok();
    text.map_or(20_000, |text| {
        text.parse().expect("STOA_FUZZ_CASES must be a number")
    })
}

fn pick<T: Copy>(dice: &mut Rng, from: &[T]) -> T {
    from[dice.usize(..from.len())]
}

/// Random bytes that are often almost valid input of a filter.
fn bytes(dice: &mut Rng, words: &[&str]) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..dice.usize(..6) {
        match dice.u8(..4) {
            0 => all.push(dice.u8(..)),
            1 => all.push(pick(dice, b"{}[]\",:;=/?& ~0129-")),
            _ => all.extend_from_slice(pick(dice, words).as_bytes()),
        }
    }
    // Envoy never passes NUL, CR or LF to a filter.
    all.retain(|b| !matches!(b, 0 | b'\r' | b'\n'));
    all
}

fn json(dice: &mut Rng, names: &[&str], depth: usize) -> String {
    match dice.u8(..if depth == 0 { 5 } else { 8 }) {
        0 => dice.i64(..).to_string(),
        1 => dice.u8(..).to_string(),
        2 => format!("\"{}\"", pick(dice, names)),
        3 => pick(
            dice,
            &[
                "true",
                "false",
                "null",
                "1e6",
                "-0.5",
                "1e999",
                "\"spiffe://a/b\"",
                "[\"POST\"]",
            ],
        )
        .to_owned(),
        4 => String::from_utf8_lossy(&bytes(dice, names)).into_owned(),
        5 => {
            let items: Vec<_> = (0..dice.usize(..3))
                .map(|_| json(dice, names, depth - 1))
                .collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let members: Vec<_> = (0..dice.usize(..4))
                .map(|_| format!("\"{}\":{}", pick(dice, names), json(dice, names, depth - 1)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// The filter to test, and the texts from which the input is generated.
struct Subject {
    /// The filter's name.
    name: &'static str,
    /// Valid configurations. Together, their rules match on every part of a request.
    configs: &'static [&'static str],
    /// Words for configurations, headers and bodies.
    words: &'static [&'static str],
    /// Names of headers that the filter reads.
    headers: &'static [&'static str],
}

fn request(dice: &mut Rng, subject: &Subject) -> Request {
    let path = [b"/".to_vec(), bytes(dice, subject.words)].concat();
    let mut headers = Headers::default();
    headers.add(":method", pick(dice, &["GET", "POST", "PUT", "X"]));
    headers.add(":path", path);
    headers.add(":authority", "shop.test");
    for _ in 0..dice.usize(..6) {
        headers.add(pick(dice, subject.headers), bytes(dice, subject.words));
    }
    let mut request = Request::get("/");
    request.headers = headers;
    if dice.bool() {
        request = request.body(match dice.bool() {
            true => json(dice, subject.words, 3).into_bytes(),
            false => bytes(dice, subject.words),
        });
    }
    if dice.u8(..8) == 0 {
        request = request.trailer("x-end", "1");
    }
    request
}

/// Sends one random request and one random response through the filter.
fn fuzz_exchange(vm: &Vm, dice: &mut Rng, subject: &Subject) {
    let mut stream = vm.stream();
    if dice.bool() {
        let identity = pick(
            dice,
            &[
                "spiffe://cluster.local/ns/shop/sa/order",
                "spiffe://",
                "no identity",
            ],
        );
        stream.set_property("connection.uri_san_peer_certificate", identity);
    }
    let request = request(dice, subject);
    if stream.send(request).is_paused() && dice.u8(..4) == 0 {
        return;
    }
    // A filter delays a request or a response for at most one minute.
    vm.advance(std::time::Duration::from_secs(61));
    if stream.upstream().is_none() {
        return;
    }
    let mut response = Response::new(pick(dice, &[200, 201, 402, 503]));
    for name in ["set-cookie", "x-shop-version"] {
        if dice.bool() {
            response.headers.add(name, bytes(dice, subject.words));
        }
    }
    stream.answer(response.body(vec![b'x'; dice.usize(..2_000)]));
    vm.advance(std::time::Duration::from_secs(61));
    assert!(
        !stream.response().is_paused(),
        "the response is still paused after a minute"
    );
}

fn fuzz(subject: &Subject) {
    let filter = Filter::load(stoa_testkit::filter(subject.name)).unwrap();
    let cases = cases();
    let (mut accepted, mut rejected) = (0, 0);
    for round in 0..cases / 200 {
        let seed = round;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let dice = &mut Rng::with_seed(seed);
            let vm = filter.start(Options::new()).unwrap();
            vm.configure(pick(dice, subject.configs)).unwrap();
            let mut accepted = 0;
            for case in 0..200 {
                if case % 2 == 0 {
                    fuzz_exchange(&vm, dice, subject);
                } else {
                    let config = json(dice, subject.words, 5);
                    match vm.configure(config.as_bytes()) {
                        Ok(()) => accepted += 1,
                        Err(_) => vm.configure(pick(dice, subject.configs)).unwrap(),
                    }
                }
                assert!(vm.trap().is_none(), "{:?}", vm.trap());
            }
            accepted
        }));
        match result {
            Ok(count) => {
                accepted += count;
                rejected += 100 - count;
            }
            Err(_) => panic!("{}: a case generated from seed {seed} failed", subject.name),
        }
    }
    println!(
        "{}: {cases} cases; half of them are configurations: {accepted} accepted, {rejected} rejected",
        subject.name
    );
    assert!(rejected > 0);
}

#[test]
fn payment_fault_survives_anything() {
    fuzz(&Subject {
        name: "payment-fault",
        configs: &[
            r#"{"header_faults": {"secret": "0123456789abcdef", "match": {}}, "log": {"numerator": 0},
                "rules": [{"name": "r", "by": {"header": "x-a"}, "percentage": {"numerator": 50}, "fault": {"decline": {}},
                "match": {"path": {"contains": "a"}, "body": [{"pointer": "/a/0", "min": 1}, {"pointer": "/b", "one_of": ["c"]}]}},
                {"name": "s", "match": {"body": [{"pointer": "/a", "max": 9}]}, "delay": {"fixed_ms": 50}},
                {"name": "t", "percentage": {"numerator": 30}, "fault": {"lost_response": {}}, "delay": {"uniform_ms": {"min": 0, "max": 9}}},
                {"name": "u", "fault": {"throttle": {"bytes_per_second": 100}}}]}"#,
            r#"{"max_body_bytes": 10, "max_active_faults": 1, "rules": [{"name": "r", "match": {"body": [{"pointer": "/a", "min": 0}]},
                "fault": {"abort": {"http_status": 500, "grpc_status": 3}}}, {"name": "s", "percentage": {"numerator": 50},
                "delay": {"log_normal_ms": {"median": 5, "sigma": 9}}}, {"name": "t", "fault": {"abort": {"grpc_status": 16}}}]}"#,
            "{}",
        ],
        words: &[
            "enabled",
            "rules",
            "name",
            "match",
            "methods",
            "path",
            "exact",
            "prefix",
            "headers",
            "principals",
            "body",
            "pointer",
            "min",
            "max",
            "one_of",
            "percentage",
            "numerator",
            "denominator",
            "by",
            "header",
            "seed",
            "until",
            "fault",
            "decline",
            "code",
            "abort",
            "http_status",
            "grpc_status",
            "lost_response",
            "throttle",
            "bytes_per_second",
            "delay",
            "fixed_ms",
            "uniform_ms",
            "exponential_ms",
            "log_normal_ms",
            "mean",
            "median",
            "sigma",
            "a",
            "b",
            "c",
            "secret",
            "payments",
            "delay=20",
            "abort=503",
            "abort=grpc:5",
            "throttle=50",
            "; secret=0123456789abcdef",
            "2026-12-31T18:00:00Z",
        ],
        headers: &[
            "x-stoa-fault",
            "x-a",
            "idempotency-key",
            "content-type",
            "x-request-id",
        ],
    });
}

#[test]
fn canary_router_survives_anything() {
    fuzz(&Subject {
        name: "canary-router",
        configs: &[
            r#"{"session": {"cookie": "sid", "header": "x-session"}, "health_checks": {"paths": ["/a"]},
                "services": [{"name": "p", "header": "x-shop-version", "stable": "v1",
                "versions": [{"name": "v1", "weight": 5000}, {"name": "v2", "weight": 5000}],
                "choose": {"query": "v", "cookie": "v", "headers": [{"name": "x-a", "suffix": "c", "version": "v2"}],
                "from_outside": ["x-a", "x-shop-version"]}}, {"name": "q", "stable": "a", "versions": [{"name": "a", "weight": 10000}]}]}"#,
            "{}",
        ],
        words: &[
            "services",
            "name",
            "header",
            "stable",
            "versions",
            "weight",
            "choose",
            "headers",
            "from_outside",
            "query",
            "cookie",
            "users",
            "groups",
            "names",
            "version",
            "salt",
            "session",
            "jwt",
            "payload",
            "inside",
            "health_checks",
            "paths",
            "same_site",
            "Lax",
            "secure",
            "path",
            "max_age_seconds",
            "v",
            "v1",
            "v2",
            "v=v2",
            "sid=",
            "sid=1;",
            "shop-session=",
            "?v=v2",
            "&v=v1",
            "a",
            "c",
            "kube-probe/",
            "everyone_on_stable",
            "tell",
        ],
        headers: &[
            "x-shop-version",
            "x-a",
            "cookie",
            "x-session",
            "user-agent",
            "x-q-version",
        ],
    });
}
