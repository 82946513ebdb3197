//! Kills the program under load, and restarts it, repeatedly. `STOA_CRASHES` sets the number of crashes, and `STOA_SEED` the random
//! times between them.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use serde_json::json;
use stoa_testkit::{Answer, Shop, ShopOptions};

use crate::books::{self, ReportedOrder};
use crate::crowd::{Crowd, body, must_retry};
use crate::customer::{self, Operator, text};

const BUYERS: usize = 8;
const SKU: &str = "KIT-004";
const SUPPLY: u32 = 100_000;

/// Reads a number from an environment variable.
fn env_number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: expected a number"))
    })
}

#[test]
fn killed_at_any_moment_the_shop_loses_no_order_and_charges_no_order_twice() {
    let (crashes, seed) = (
        env_number("STOA_CRASHES", 5),
        env_number("STOA_SEED", 20_261_122),
    );
    let options = ShopOptions::checked().variable("order_lease_seconds", "31");
    let (shop, crowd) = Crowd::start(options, 128);
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, SUPPLY);
    // The third parties are slow, so that most orders are in progress when the program is killed.
    for partner in ["processor", "carrier"] {
        operator.script(partner, &json!({"mode": "slow", "delay_ms": 40}));
    }
    let shop = RwLock::new(shop);
    let buyers = Buyers::default();
    let mut rng = fastrand::Rng::with_seed(seed);
    std::thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| buyers.buy(&shop, &crowd));
        }
        for _ in 0..crashes {
            let before = buyers.sent.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(rng.u64(100..1500)));
            let mut shop = shop.write().unwrap();
            shop.kill();
            shop.restart();
            drop(shop);
            // Waits until the buyers send orders again. Otherwise the next crash would hit an idle shop.
            stoa_testkit::wait_until(customer::EFFECT_TIMEOUT, "new orders", || {
                buyers.sent.load(Ordering::SeqCst) > before + BUYERS
            });
        }
        buyers.over.store(true, Ordering::SeqCst);
    });
    let shop = shop.into_inner().unwrap();
    let interrupted = buyers.retry_interrupted(&shop, &crowd);
    let reported = buyers.reported.into_inner().unwrap();
    let tally = books::check_balance(
        &Operator::of_shop(&shop),
        shop.gateway(),
        &reported,
        SKU,
        SUPPLY.into(),
    );
    println!(
        "{crashes} crashes (seed {seed}): {tally:?}, {interrupted} interrupted requests; 0 orders lost, 0 orders charged twice"
    );
    assert!(interrupted > 0, "no crash interrupted a request");
}

#[derive(Default)]
struct Buyers {
    over: AtomicBool,
    sent: AtomicUsize,
    reported: Mutex<Vec<ReportedOrder>>,
    /// Token and key of each request without a definite response.
    interrupted: Mutex<Vec<(String, String)>>,
}

impl Buyers {
    /// Sends one order after the other, until `over` is set.
    fn buy(&self, shop: &RwLock<Shop>, crowd: &Crowd) {
        let token = crowd.token();
        while !self.over.load(Ordering::SeqCst) {
            let gateway = shop.read().unwrap().gateway().clone();
            let key = customer::key();
            let call = gateway
                .post("/order")
                .bearer(&token)
                .header("idempotency-key", &key);
            self.sent.fetch_add(1, Ordering::SeqCst);
            match call.json(&body(SKU)).try_send() {
                Ok(answer) if !must_retry(&answer) => self.record(&token, &answer),
                _ => self.interrupted.lock().unwrap().push((token.clone(), key)),
            }
        }
    }

    fn record(&self, token: &str, answer: &Answer) {
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.reported.lock().unwrap().push(ReportedOrder {
            token: token.to_owned(),
            order_id: text(&answer.json, "order_id"),
            confirmed: answer.json["status"] == "confirmed",
        });
    }

    /// Retries every interrupted request with the same key, until the request has a definite response. Returns the number of these
    /// requests.
    fn retry_interrupted(&self, shop: &Shop, crowd: &Crowd) -> usize {
        let interrupted = std::mem::take(&mut *self.interrupted.lock().unwrap());
        let queue = Mutex::new(interrupted.iter());
        let next = || queue.lock().unwrap().next();
        // Sends at most as many concurrent requests as the buyers did before. Other tests check larger numbers of concurrent
        // requests.
        std::thread::scope(|scope| {
            for _ in 0..BUYERS {
                scope.spawn(|| {
                    while let Some((token, key)) = next() {
                        self.record(token, &crowd.buy(shop.gateway(), token, key, SKU));
                    }
                });
            }
        });
        interrupted.len()
    }
}
