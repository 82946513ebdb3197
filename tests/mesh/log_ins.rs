//! The client address for failed log-ins: the one that the gateway saw, whatever address the caller claims.

use serde_json::json;
use stoa_testkit::{Client, Play, Shop, ShopOptions, Stub};

use crate::customer::{Customer, PASSWORD};

/// A different forged address for each request.
fn pretended(n: usize) -> String {
    format!("203.0.113.{n}, 198.51.100.{n}")
}

#[test]
fn the_gateway_says_whom_it_was_called_by_behind_whatever_the_caller_said() {
    let shop = Shop::start(ShopOptions::mesh().timers(false));
    let stub = Stub::start(|_| Play::problem(503, "unavailable"));
    let _stand_in = shop.mesh().stand_in("user", &stub);
    let plain = Client::new(shop.gateway().base());
    for n in 0..3 {
        let call = plain
            .post("/user/login")
            .header("x-forwarded-for", &pretended(n));
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
    // Envoy writes the machine's own address if the caller is 127.0.0.1.
    let Some((own, pretending)) = seen.split_last() else {
        panic!("nothing came through");
    };
    assert!(own.parse::<std::net::IpAddr>().is_ok(), "{own}");
    for (n, seen) in pretending.iter().enumerate() {
        assert_eq!(*seen, format!("203.0.113.{n},198.51.100.{n},{own}"));
    }
    assert_eq!(pretending.len(), 3);
}

#[test]
fn whatever_address_a_caller_pretends_to_have_his_guesses_add_up() {
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
            .header("x-forwarded-for", &pretended(n))
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
