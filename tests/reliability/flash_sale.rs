//! Simulates a flash sale: two hundred buyers at once, and only a few units in stock.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use stoa_testkit::{Client, ShopOptions};

use crate::crowd::Crowd;
use crate::customer::{self, Operator, text};

const BUYERS: usize = 200;
const SKU: &str = "KIT-004";

#[test]
fn two_hundred_buyers_of_the_last_unit_make_one_order() {
    sale(1);
}

#[test]
fn two_hundred_buyers_of_thirty_seven_units_make_thirty_seven_orders() {
    sale(37);
}

fn sale(stock: usize) {
    let (shop, crowd) = Crowd::start(ShopOptions::checked(), BUYERS + 50);
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, u32::try_from(stock).unwrap());
    let over = AtomicBool::new(false);
    let (answers, reads) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch_stock(operator.client(), &over));
        let buyers: Vec<_> = (0..BUYERS)
            .map(|_| {
                let (token, key) = (crowd.token(), customer::key());
                let (crowd, gateway) = (&crowd, shop.gateway());
                scope.spawn(move || crowd.buy(gateway, &token, &key, SKU))
            })
            .collect();
        let answers: Vec<_> = buyers.into_iter().map(|b| b.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        (answers, watch.join().unwrap())
    });
    let (sold, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 201);
    for answer in &refused {
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert_eq!(answer.json["code"], "insufficient_stock");
    }
    for answer in &sold {
        assert_eq!(answer.json["status"], "confirmed", "{}", answer.text());
        let payment = text(&answer.json["payment"], "payment_id");
        assert_eq!(operator.ledger_of(&payment), ["capture"]);
    }
    println!(
        "{BUYERS} buyers, {stock} units in stock: {} units sold, {} buyers rejected, {} repeats, {reads} reads of the stock, 0 units oversold",
        sold.len(),
        refused.len(),
        crowd.repeats.load(Ordering::Relaxed)
    );
    assert_eq!(sold.len(), stock);
    assert_eq!(operator.stock(SKU), (0, 0, 0));
    // Buyers without an item paid nothing. In a busy shop an order may fail after its charge, and is then refunded.
    let mut payments = BTreeMap::<_, Vec<_>>::new();
    for entry in operator.ledger() {
        let payment = payments.entry(text(&entry, "reference")).or_default();
        payment.push(text(&entry, "kind"));
    }
    let (captured, refunded): (Vec<_>, Vec<_>) = payments
        .into_values()
        .partition(|kinds| kinds == &["capture"]);
    assert_eq!(captured.len(), stock);
    for kinds in &refunded {
        assert_eq!(kinds, &["capture", "refund"]);
    }
    let answer = operator
        .client()
        .get(&format!("/items/{SKU}/ledger"))
        .send();
    let ledger = answer.expect(200).json;
    let count = |name: &str| ledger[name].as_i64().unwrap();
    // The returned units belong to orders that failed after the commit.
    let stock = i64::try_from(stock).unwrap();
    assert_eq!(count("sold") - count("returned"), stock);
    assert_eq!(count("supplied"), stock);
}

/// Reads and checks the stock until the sale is over. Returns the number of reads.
fn watch_stock(operator: &Client, over: &AtomicBool) -> usize {
    let mut reads = 0;
    while !over.load(Ordering::SeqCst) {
        let answer = operator.get(&format!("/items/{SKU}")).send();
        if answer.status != 200 {
            continue; // The shop is overloaded, so this read does not count.
        }
        let count = |name: &str| answer.json[name].as_i64().unwrap();
        let (on_hand, reserved, available) =
            (count("on_hand"), count("reserved"), count("available"));
        assert!(
            on_hand >= 0 && reserved >= 0 && available >= 0 && available == on_hand - reserved,
            "{}",
            Value::to_string(&answer.json)
        );
        reads += 1;
    }
    assert!(reads > 0, "the stock was never read");
    reads
}
