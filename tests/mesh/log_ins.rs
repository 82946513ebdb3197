//! Tests which client address is used to count failed log-ins: the address that the gateway saw, not an address in the caller's
//! headers.

use serde_json::json;
use stoa_testkit::{Client, Shop, ShopOptions, Stub, StubResponse};

use crate::customer::{Customer, PASSWORD};

/// A forged X-Forwarded-For header, different for each request.
fn forged_addresses(n: usize) -> String {
    format!("203.0.113.{n}, 198.51.100.{n}")
}

#[test]
fn the_gateway_appends_the_callers_address_to_the_addresses_from_the_caller() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let stub = Stub::start(|_| StubResponse::problem(503, "unavailable"));
    let _stand_in = shop.mesh().stand_in("user", &stub);
    let plain = Client::new(shop.gateway().base());
    for n in 0..3 {
        let call = plain
            .post("/user/login")
            .header("x-forwarded-for", &forged_addresses(n));
        let _ = call.json(&json!({})).send().expect(503);
    }
    let _ = plain
        .post("/user/login")
        .json(&json!({}))
        .send()
        .expect(503);
    let seen: Vec<_> = stub
        .seen("/user/login")
        .iter()
        .map(|seen| seen.header("x-forwarded-for").unwrap().replace(' ', ""))
        .collect();
    // The caller's address is 127.0.0.1, but Envoy appends another address of this machine to X-Forwarded-For.
    let Some((real, forged)) = seen.split_last() else {
        panic!("the stub received no request");
    };
    assert!(real.parse::<std::net::IpAddr>().is_ok(), "{real}");
    for (n, addresses) in forged.iter().enumerate() {
        assert_eq!(*addresses, format!("203.0.113.{n},198.51.100.{n},{real}"));
    }
    assert_eq!(forged.len(), 3);
}

#[test]
fn failed_log_ins_with_forged_addresses_count_for_the_real_address() {
    let limit = 5;
    let shop = Shop::start(
        ShopOptions::mesh()
            .timers(false)
            .variable("login_attempts_per_account_and_address", "5"),
    );
    let ann = Customer::register(&shop, "ann");
    let log_in = |n: usize, password: &str| {
        shop.gateway()
            .post("/user/login")
            .header("x-forwarded-for", &forged_addresses(n))
            .header("spin-client-addr", &format!("203.0.113.{n}:1"))
            .json(&json!({"email": ann.email, "password": password}))
            .send()
    };
    for n in 0..limit {
        let _ = log_in(n, "not the password").refused(401, "invalid_credentials");
    }
    for password in ["not the password", PASSWORD] {
        let answer = log_in(limit, password).refused(429, "too_many_attempts");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=720).contains(&seconds), "{seconds}");
    }
}
