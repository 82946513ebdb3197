//! The cost of an order on SQLite and on PostgreSQL, with 1,000 and with 1,000,000 stored orders.
//!
//! The stored orders are copies of one real order. A copy contains all rows of the order, in every table of every service, with new
//! ids.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark that cannot measure has to stop"
)]

#[path = "orders/copies.rs"]
mod copies;
#[path = "../tests/customer.rs"]
mod customer;
#[expect(dead_code, reason = "only other benchmarks call the unused functions")]
mod process;

use std::time::{Duration, Instant};

use customer::{Customer, Operator, address, card, key};
use serde_json::json;
use stoa_postgres::{Durability, Server};
use stoa_testkit::{Shop, ShopOptions};

const RUNS: usize = 5;
const ORDERS: usize = 200;
const SKU: &str = "COF-001";
const STORED: [u32; 2] = [1_000, 1_000_000];

fn main() {
    let short = std::env::args().any(|word| word == "short");
    let (runs, stored) = match short {
        true => (1, [1_000, 20_000]),
        false => (RUNS, STORED),
    };
    let server = Server::start(Durability::Full).unwrap();
    println!(
        "| database | stored orders | CPU of stoa | CPU of PostgreSQL | median latency |\n|---|---|---|---|---|"
    );
    for postgres in [false, true] {
        let shops = stored.map(|count| Grown::new(&server, postgres, count));
        let mut all = [Vec::new(), Vec::new()];
        for run in 0..=runs {
            for (which, shop) in shops.iter().enumerate() {
                let measured = shop.measure(&server);
                // The first of the runs only warms up the shop; its result is not used.
                if run > 0 {
                    all[which].push(measured);
                }
            }
        }
        let name = if postgres { "PostgreSQL" } else { "SQLite" };
        for (count, runs) in stored.iter().zip(&all) {
            let median = |of: fn(&Measured) -> f64| {
                let mut values: Vec<_> = runs.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            println!(
                "| {name} | {count} | {:.2} ms | {:.2} ms | {:.1} ms |",
                median(|m| m.own),
                median(|m| m.database),
                median(|m| m.latency)
            );
        }
    }
}

struct Measured {
    own: f64,
    database: f64,
    latency: f64,
}

/// A shop with a given number of stored orders.
struct Grown {
    shop: Shop,
    customer: Customer,
}

impl Grown {
    fn new(server: &Server, postgres: bool, count: u32) -> Self {
        let mut options = ShopOptions {
            check: None,
            program: Some(process::shipped()),
            timers: false,
            on_disk: true,
            ..ShopOptions::default()
        };
        let mut url = None;
        if postgres {
            let databases = server.databases(&stoa_testkit::SERVICES).unwrap();
            options = options
                .variable("database_url", databases.clone())
                .variable("database_host", format!("postgres://{}", server.host()));
            url = Some(databases);
        }
        let mut shop = Shop::start(options);
        let customer = Customer::register(&shop, "ann");
        Operator::of_shop(&shop).set_stock(SKU, 1_000_000);
        let order = customer.order(&key(), SKU, 1, "tok_visa").expect(201).json;
        shop.stop();
        let begun = Instant::now();
        match &url {
            Some(url) => {
                for service in stoa_testkit::SERVICES {
                    copies::postgres(&url.replace("{service}", service), &order, count);
                }
            }
            None => copies::sqlite(&shop.state_dir().join("default.db"), &order, count),
        }
        eprintln!("{count} orders stored in {:.0?}", begun.elapsed());
        shop.restart();
        let customer = customer.after_restart(&shop);
        Self { shop, customer }
    }

    fn measure(&self, server: &Server) -> Measured {
        let body = json!({"shipping_address": address(), "payment": card("tok_visa"), "items": [{"sku": SKU, "quantity": 1}]});
        let cpu = || (process::cpu(self.shop.pid()), server.cpu());
        let before = cpu();
        let mut took: Vec<Duration> = (0..ORDERS)
            .map(|_| {
                let begun = Instant::now();
                let _ = self.customer.post("/order", &key(), &body).expect(201);
                begun.elapsed()
            })
            .collect();
        let after = cpu();
        took.sort();
        let each = |used: Duration| used.as_secs_f64() * 1000.0 / ORDERS as f64;
        Measured {
            own: each(after.0 - before.0),
            database: each(after.1.saturating_sub(before.1)),
            latency: took[ORDERS / 2].as_secs_f64() * 1000.0,
        }
    }
}
