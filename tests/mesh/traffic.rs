//! Tests of the callers' sidecars and of the gateway: retries, timeouts, ejection, limits, tokens, and unregistered hosts.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use stoa_testkit::envoy::{Call, Connection, Reply};
use stoa_testkit::mesh::Mesh;
use stoa_testkit::{Shop, ShopOptions, Stub, StubResponse, at_once, wait_until};

use crate::customer::{Customer, EFFECT_TIMEOUT, key};

/// Sends a request as a workload's component would: to the sidecar, which routes the request.
fn send_from(mesh: &Mesh, workload: &str, call: Call, service: &str) -> Reply {
    let host = match service.contains('.') {
        true => service.to_owned(),
        false => format!("{service}.shop.svc.cluster.local"),
    };
    let mut connection = Connection::plain(mesh.workload(workload).egress()).unwrap();
    connection.send(&call.header("host", &host)).unwrap()
}

#[test]
fn only_the_requests_in_the_table_are_retried() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let fails = |status: u16| Stub::start(move |_| StubResponse::problem(status, "unavailable"));
    // The columns: caller, callee, method, path, the status of each response from the callee, and the number of attempts that reach
    // the callee.
    for (caller, callee, method, path, status, times) in [
        ("order", "payment", "POST", "/payments", 503, 4),
        ("order", "payment", "POST", "/payments", 402, 1),
        ("order", "payment", "POST", "/payments", 409, 1),
        ("order", "payment", "GET", "/payments/x", 503, 4),
        ("order", "inventory", "GET", "/items/COF-001", 503, 4),
        ("order", "inventory", "GET", "/items/COF-001", 409, 4),
        ("order", "inventory", "GET", "/items/COF-001", 404, 1),
        ("order", "inventory", "POST", "/reservations", 503, 1),
        (
            "order",
            "inventory",
            "POST",
            "/reservations/x/commit",
            503,
            1,
        ),
        ("order", "inventory", "DELETE", "/reservations/x", 503, 1),
        ("order", "shipping", "POST", "/shipments", 503, 1),
        ("order", "shipping", "POST", "/shipments/x/cancel", 503, 1),
        ("order", "notification", "POST", "/events", 503, 1),
        ("order", "cart", "GET", "/cart", 503, 4),
        ("order", "cart", "DELETE", "/internal/carts/x", 503, 1),
        ("product", "order", "POST", "/order", 503, 1),
        ("cart", "user", "GET", "/user/jwks", 503, 4),
    ] {
        let stub = fails(status);
        let _stand_in = mesh.stand_in(callee, &stub);
        let key = key();
        let call = Call::new(method, path)
            .header("idempotency-key", &key)
            .json(&json!({}));
        let reply = send_from(&mesh, caller, call, callee);
        assert_eq!(
            reply.status,
            status,
            "{caller} {method} {path}: {}",
            reply.text()
        );
        let seen = stub.seen("/");
        assert_eq!(seen.len(), times, "{caller} {method} {path} {status}");
        assert!(
            seen.iter()
                .all(|seen| seen.header("idempotency-key") == Some(&key))
        );
    }
    // The public routes, through the gateway.
    for (callee, method, path, times) in [
        ("cart", "GET", "/cart", 4),
        ("cart", "DELETE", "/cart", 1),
        ("cart", "PUT", "/cart/items/COF-001", 1),
        ("order", "POST", "/order", 1),
        ("order", "GET", "/order", 4),
        ("order", "POST", "/order/x/cancel", 1),
        ("user", "POST", "/user/login", 1),
        ("user", "PATCH", "/user/me", 1),
        ("shipping", "GET", "/shipping/x", 4),
        ("shipping", "POST", "/shipments/x/events", 1),
        ("notification", "GET", "/notification", 4),
    ] {
        let stub = fails(503);
        let _stand_in = mesh.stand_in(callee, &stub);
        let gateway = stoa_testkit::Client::new(shop.gateway().base());
        let _ = gateway.request(method, path).send().expect(503);
        assert_eq!(stub.seen("/").len(), times, "{method} {path}");
    }
}

#[test]
fn a_request_that_takes_too_long_gets_504_at_its_timeout() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let silent = Stub::start(|_| StubResponse::Silence);
    for (caller, callee, method, path, seconds, attempts) in [
        ("order", "inventory", "GET", "/items/COF-001", 3, 3),
        ("order", "inventory", "POST", "/reservations", 5, 1),
        // Four attempts of two seconds each take eight seconds, within the timeout of ten seconds for all attempts.
        ("order", "payment", "POST", "/payments", 8, 4),
    ] {
        let _stand_in = mesh.stand_in(callee, &silent);
        let before = silent.seen("/").len();
        let begun = Instant::now();
        let reply = send_from(
            &mesh,
            caller,
            Call::new(method, path).json(&json!({})),
            callee,
        );
        let took = begun.elapsed();
        assert_eq!(reply.status, 504, "{method} {path}: {}", reply.text());
        assert_eq!(reply.json()["code"], "request_timeout");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        let seen = silent.seen("/").len() - before;
        println!("{method} {path}: 504 after {took:?}, {seen} attempts");
        assert!(
            (1..=attempts).contains(&seen),
            "{method} {path}: {seen} attempts"
        );
        // The response must not come earlier than the timeout, except for a timer's rounding. `routes.rs` checks the exact
        // timeouts.
        let limit = Duration::from_secs(seconds);
        assert!(
            took > limit - Duration::from_millis(100) && took < limit * 2,
            "{method} {path}: {took:?}"
        );
    }
}

#[test]
fn a_failing_replica_is_ejected_and_gets_requests_again_later() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let ejected = || {
        mesh.stat(
            "istio-ingressgateway",
            r"outbound\|80\|v1\|product.*ejections_active$",
        )
    };
    let visit = || {
        shop.gateway()
            .get("/product/COF-001")
            .header("x-shop-version", "v1")
            .send()
    };
    let _ = visit().expect(200);
    assert_eq!(ejected(), 0);
    let failing = Stub::start(|_| StubResponse::problem(500, "internal"));
    let stand_in = mesh.stand_in("product-v1-1", &failing);
    // Callers see no failure: a failed attempt is retried, and after three failures the replica is ejected.
    wait_until(EFFECT_TIMEOUT, "the ejection", || {
        let _ = visit().expect(200);
        ejected() == 1
    });
    let seen = failing.seen("/").len();
    println!("ejected after {seen} failures");
    for _ in 0..50 {
        let _ = visit().expect(200);
    }
    assert_eq!(
        failing.seen("/").len(),
        seen,
        "an ejected replica was called"
    );
    // The ejected replica works again, and after half a minute it gets requests again.
    drop(stand_in);
    let before = mesh.stat("product-v1-1", r"^cluster\.inbound.*upstream_rq_200$");
    wait_until(Duration::from_secs(60), "the replica's return", || {
        let _ = visit().expect(200);
        mesh.stat("product-v1-1", r"^cluster\.inbound.*upstream_rq_200$") > before
    });
    assert_eq!(ejected(), 0);
}

#[test]
fn the_gateway_rejects_invalid_tokens_and_too_many_log_ins() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    let gateway = shop.gateway();
    let customer = Customer::register(&shop, "ann");

    // A forged or malformed token gets 401 from the gateway, and no service is called. A request without a token gets 401 from the
    // service.
    let requests = || mesh.stat("order", r"^http\.inbound.*downstream_rq_total$");
    let before = requests();
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut parts = customer.token.split('.');
    let (head, claims) = (parts.next().unwrap(), parts.next().unwrap());
    let forged = format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
    let none = format!("{}.{claims}.", encode(json!({"alg": "none", "typ": "JWT"})));
    let foreign = format!(
        "{head}.{}.{}",
        encode(json!({"iss": "https://evil.example", "sub": "x"})),
        URL_SAFE_NO_PAD.encode([7; 64])
    );
    for token in [forged.as_str(), &none, &foreign, "x.y.z", "nothing"] {
        let answer = gateway.get("/order").bearer(token).send().expect(401);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{token}"
        );
        assert_eq!(answer.json["code"], "unauthorized");
        assert_eq!(answer.header("server"), Some("istio-envoy"));
    }
    assert_eq!(
        requests(),
        before,
        "a request with an invalid token reached the order service"
    );
    let _ = customer.get("/order").expect(200);
    let _ = gateway.get("/order").send().expect(401);
    assert_eq!(requests(), before + 2);

    // The gateway rejects too many log-ins at once with 429 and Retry-After.
    let plain = stoa_testkit::Client::new(gateway.base());
    let answers = at_once(100, |_| plain.post("/user/login").json(&json!({})).send());
    let limited: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    println!("{} of 100 log-ins at once were limited", limited.len());
    assert!((20..=60).contains(&limited.len()), "{}", limited.len());
    for answer in limited {
        assert_eq!(answer.json["code"], "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[test]
fn a_token_gets_503_and_not_401_while_it_cannot_be_verified() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    // The gateway fetches the keys from the user service when it gets the first token, in the request below.
    let customer = Customer::register(&shop, "ann");
    let requests = || mesh.stat("order", r"^http\.inbound.*downstream_rq_total$");
    let before = requests();
    let down = Stub::start(|_| StubResponse::problem(503, "unavailable"));
    let stand_in = mesh.stand_in("user", &down);
    let answer = customer.get("/order").expect(503);
    assert_eq!(answer.json["code"], "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // The header must not have `error="invalid_token"`, because a client would then discard the token.
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(down.seen("/user/jwks").len(), 1);
    assert_eq!(
        requests(),
        before,
        "a request with an unverified token reached the order service"
    );
    drop(stand_in);
    wait_until(EFFECT_TIMEOUT, "a verified token", || {
        customer.get("/order").status == 200
    });
}

#[test]
fn calls_to_unregistered_hosts_are_blocked() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let mesh = shop.mesh();
    for (caller, host) in [
        ("product", "example.com"),
        ("order", "evil.example"),
        // The hosts `order` and `partners` are registered in the mesh, but not for the callers `payment` and `cart`.
        ("payment", "order.shop.svc.cluster.local"),
        ("cart", "partners.partners.svc.cluster.local"),
    ] {
        let reply = send_from(&mesh, caller, Call::get("/"), host);
        assert_eq!(reply.status, 502, "{caller} to {host}: {}", reply.text());
        assert_eq!(reply.json()["code"], "bad_gateway", "{}", reply.text());
    }
    // Workloads that call no service have a running sidecar, but no listener for outbound calls.
    for caller in ["inventory", "user"] {
        let workload = mesh.workload(caller);
        let _ = Connection::plain(workload.inbound()).unwrap();
        let refused = Connection::plain(workload.egress()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{caller}");
    }
    // A call to a registered host succeeds.
    let reply = send_from(
        &mesh,
        "product",
        Call::get("/pim/products/COF-001"),
        "partners.partners.svc.cluster.local",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
}
