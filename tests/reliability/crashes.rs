//! The program is killed under load and restarted, repeatedly. `STOA_CRASHES` sets the number of crashes, `STOA_SEED` their times.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use serde_json::json;
use stoa_testkit::{Answer, Shop, ShopOptions};

use crate::books::{self, Told};
use crate::crowd::{Crowd, body, goes_on};
use crate::customer::{self, Operator, text};

const BUYERS: usize = 8;
const SKU: &str = "KIT-004";
const SUPPLY: u32 = 100_000;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: expected a number"))
    })
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_charges_nobody_twice() {
    let (crashes, seed) = (number("STOA_CRASHES", 5), number("STOA_SEED", 20_261_122));
    let options = ShopOptions::checked().variable("order_lease_seconds", "31");
    let (shop, crowd) = Crowd::start(options, 128);
    let operator = Operator::of(&shop);
    operator.set_stock(SKU, SUPPLY);
    // Most orders are in progress at the crash.
    for partner in ["processor", "carrier"] {
        operator.script(partner, &json!({"mode": "slow", "delay_ms": 40}));
    }
    let shop = RwLock::new(shop);
    let story = Story::default();
    let mut dice = fastrand::Rng::with_seed(seed);
    std::thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| story.buy(&shop, &crowd));
        }
        for _ in 0..crashes {
            let before = story.sent.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(dice.u64(100..1500)));
            let mut shop = shop.write().unwrap();
            shop.kill();
            shop.restart();
            drop(shop);
            // Customers must be served in between; otherwise the crashes would hit an idle shop.
            stoa_testkit::wait_until(customer::SOON, "customers at work", || {
                story.sent.load(Ordering::SeqCst) > before + BUYERS
            });
        }
        story.over.store(true, Ordering::SeqCst);
    });
    let shop = shop.into_inner().unwrap();
    let cut = story.settle(&shop, &crowd);
    let told = story.told.into_inner().unwrap();
    let tally = books::balance(
        &Operator::of(&shop),
        shop.gateway(),
        &told,
        SKU,
        SUPPLY.into(),
    );
    println!("crashes {crashes} (seed {seed}): {tally:?}, answers cut off {cut}; lost 0, double 0");
    assert!(cut > 0, "no crash met a request");
}

#[derive(Default)]
struct Story {
    over: AtomicBool,
    sent: AtomicUsize,
    told: Mutex<Vec<Told>>,
    /// Token and key of requests without a definite response.
    cut: Mutex<Vec<(String, String)>>,
}

impl Story {
    /// Sends one order after the other.
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
                Ok(answer) if !goes_on(&answer) => self.hear(&token, &answer),
                _ => self.cut.lock().unwrap().push((token.clone(), key)),
            }
        }
    }

    fn hear(&self, token: &str, answer: &Answer) {
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.told.lock().unwrap().push(Told {
            token: token.to_owned(),
            order_id: text(&answer.json, "order_id"),
            confirmed: answer.json["status"] == "confirmed",
        });
    }

    /// Retries every request without a definite response, with the same key, until it has one.
    fn settle(&self, shop: &Shop, crowd: &Crowd) -> usize {
        let cut = std::mem::take(&mut *self.cut.lock().unwrap());
        let queue = Mutex::new(cut.iter());
        let next = || queue.lock().unwrap().next();
        // As many at once as before: a crowd that retries all at once is another test.
        std::thread::scope(|scope| {
            for _ in 0..BUYERS {
                scope.spawn(|| {
                    while let Some((token, key)) = next() {
                        self.hear(token, &crowd.buy(shop.gateway(), token, key, SKU));
                    }
                });
            }
        });
        cut.len()
    }
}
