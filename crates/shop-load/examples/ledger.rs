//! Uses the load generator as a library: customers buy for ten seconds, and then every order is compared with the card processor's
//! ledger.
//!
//! Run it with `cargo run -p shop-load --example ledger -- GATEWAY OPERATOR`. `.stoa/run.json` has the two addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use shop_load::{Http, Outcome, Plan, Stop, Target, Transport, run, table};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(gateway), Some(operator)) = (arguments.next(), arguments.next()) else {
        return Err(
            "expected two arguments, GATEWAY and OPERATOR, such as http://127.0.0.1:8080 http://127.0.0.1:8081"
                .into(),
        );
    };
    let before = captures(&operator).await?;
    let plan = Plan {
        duration: Duration::from_secs(10),
        buyers: 1.0,
        ..Plan::new(gateway.parse()?)
    };
    let report = run(&plan, &mut |_| {}, &Stop::default()).await?;
    println!("{}", table(&report));

    let mut captured = captures(&operator).await?;
    captured.retain(|payment, _| !before.contains_key(payment));
    let mut wrong = 0;
    for order in &report.book {
        let taken = order
            .payment_id
            .and_then(|id| captured.remove(&id.to_string()));
        let expected = order.total.as_ref().map(|total| (1, total.amount));
        if taken != expected {
            wrong += 1;
            println!(
                "{order:?}: expected (captures, minor units) {expected:?}, but the ledger has {taken:?}"
            );
        }
    }
    // The captures that remain do not belong to a confirmed order, so they must belong to orders without a result.
    let open = report
        .book
        .iter()
        .filter(|o| o.outcome == Outcome::Unknown)
        .count();
    println!(
        "ledger: {wrong} orders differ, {} captures belong to no confirmed order, {open} orders have no result",
        captured.len()
    );
    if wrong > 0 || captured.len() > open {
        return Err("the processor's ledger and the orders differ".into());
    }
    Ok(())
}

/// Reads the ledger. For each payment that is not refunded, returns the number and the sum of its captures.
async fn captures(operator: &str) -> Result<BTreeMap<String, (u32, u64)>, Box<dyn Error>> {
    let http = Http::new(&operator.parse::<Target>()?)?;
    let mut taken: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    let mut returned = BTreeSet::new();
    let mut next = Some(String::new());
    while let Some(token) = next {
        let address = format!("{operator}/processor/ledger?limit=100{token}");
        let answer = http.send(Request::get(address).body(Bytes::new())?).await?;
        let page: Value = serde_json::from_slice(answer.body())?;
        for entry in page
            .get("items")
            .and_then(Value::as_array)
            .ok_or("items: missing in the ledger's response")?
        {
            let reference = entry
                .get("reference")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            match entry.get("kind").and_then(Value::as_str) {
                Some("capture") => {
                    let all = taken.entry(reference).or_default();
                    all.0 += 1;
                    all.1 += entry
                        .pointer("/amount/amount")
                        .and_then(Value::as_u64)
                        .ok_or("amount: missing in a capture")?;
                }
                Some("refund") => {
                    returned.insert(reference);
                }
                _ => {}
            }
        }
        let token = page.get("next_page_token").and_then(Value::as_str);
        next = token.map(|token| format!("&page_token={token}"));
    }
    taken.retain(|reference, _| !returned.contains(reference));
    Ok(taken)
}
