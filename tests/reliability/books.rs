//! The final balance, once every order has ended. The oracle is the third parties' records: the processor's ledger and the
//! carrier's parcels. The shop's own tables only provide the claims to check.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use stoa_testkit::{Client, wait_for};

use crate::customer::{self, Operator, text};

/// A lease, and the time that recovery needs after it.
const SETTLED: Duration = Duration::from_secs(240);
const CONFIRMED: &str = "stoa.order.confirmed";

/// The result, to be printed and recorded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) orders: usize,
    pub(crate) confirmed: usize,
    pub(crate) cancelled: usize,
    pub(crate) captures: usize,
    pub(crate) refunds: usize,
}

/// The response that a customer got about an order.
pub(crate) struct Told {
    pub(crate) token: String,
    pub(crate) order_id: String,
    pub(crate) confirmed: bool,
}

/// Waits until no order is pending and no event is in flight, then checks all records. `supply` is the initial stock of the one SKU.
pub(crate) fn balance(
    operator: &Operator,
    gateway: &Client,
    told: &[Told],
    sku: &str,
    supply: i64,
) -> Tally {
    let orders = wait_for(SETTLED, "the end of every order", || {
        let orders = operator.list("/internal/orders");
        orders
            .iter()
            .all(|order| order["status"] != "pending")
            .then_some(orders)
    });
    let ids: BTreeSet<_> = orders.iter().map(|order| text(order, "order_id")).collect();
    assert_eq!(ids.len(), orders.len(), "an order is listed twice");
    for told in told {
        assert!(ids.contains(&told.order_id), "lost: {}", told.order_id);
    }
    let mut tally = Tally {
        orders: orders.len(),
        ..Tally::default()
    };
    let money = ledger(operator, &orders, &mut tally);
    let parcels = shipments(operator);
    let reservations = by_order(operator.list("/reservations"));
    let mut sold = 0;
    for order in &orders {
        let id = text(order, "order_id");
        let kinds = money.get(&id).map(Vec::as_slice).unwrap_or_default();
        let reservation = reservations.get(&id).map(|all| {
            assert_eq!(all.len(), 1, "reservations of {id}");
            text(&all[0], "status")
        });
        let shipped = parcels.get(&id).copied().unwrap_or(0);
        if order["status"] == "confirmed" {
            tally.confirmed += 1;
            assert_eq!(
                kinds,
                ["capture"],
                "a confirmed order is charged once: {order}"
            );
            assert_eq!(reservation.as_deref(), Some("committed"), "{order}");
            assert_eq!(shipped, 1, "parcels of {order}");
            for item in customer::order_items(order) {
                sold += item["quantity"].as_i64().unwrap();
            }
        } else {
            tally.cancelled += 1;
            let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
            assert!(
                count("capture") <= 1 && count("capture") == count("refund"),
                "a cancelled order costs nothing: {kinds:?} {order}"
            );
            assert!(
                !matches!(reservation.as_deref(), Some("held" | "committed")),
                "{reservation:?} {order}"
            );
            assert_eq!(shipped, 0, "parcels of {order}");
        }
    }
    let (on_hand, reserved, _) = operator.stock(sku);
    assert_eq!((on_hand + sold, reserved), (supply, 0), "stock");
    for told in told {
        let order = orders
            .iter()
            .find(|order| text(order, "order_id") == told.order_id)
            .unwrap();
        assert_eq!(
            order["status"] == "confirmed",
            told.confirmed,
            "reported otherwise: {order}"
        );
        if told.confirmed {
            news(gateway, told);
        }
    }
    tally
}

/// The ledger's entries for each order, oldest first. Every entry belongs to a known order, and has its amount.
fn ledger(
    operator: &Operator,
    orders: &[Value],
    tally: &mut Tally,
) -> BTreeMap<String, Vec<String>> {
    let payments: BTreeMap<_, _> = operator
        .list("/payments")
        .iter()
        .map(|payment| (text(payment, "payment_id"), text(payment, "order_id")))
        .collect();
    let totals: BTreeMap<_, _> = orders
        .iter()
        .map(|order| (text(order, "order_id"), &order["total"]))
        .collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in operator.ledger() {
        let order_id = payments.get(&text(&entry, "reference"));
        let order_id = order_id.unwrap_or_else(|| panic!("a charge of no payment: {entry}"));
        let total = totals
            .get(order_id)
            .unwrap_or_else(|| panic!("a charge of no order: {entry}"));
        let kind = text(&entry, "kind");
        match kind.as_str() {
            "capture" => tally.captures += 1,
            "refund" => tally.refunds += 1,
            _ => {}
        }
        if kind != "void" {
            assert_eq!(&&entry["amount"], total, "{entry}");
        }
        found.entry(order_id.clone()).or_default().push(kind);
    }
    found
}

/// Number of the carrier's parcels for each order with a shipment.
fn shipments(operator: &Operator) -> BTreeMap<String, usize> {
    let mut parcels: BTreeMap<String, usize> = BTreeMap::new();
    for shipment in operator.list("/shipments") {
        let reference = text(&shipment, "shipment_id");
        let known = operator.all(&format!("/carrier/shipments?reference={reference}"));
        let live = known
            .iter()
            .filter(|parcel| parcel["status"] != "cancelled")
            .count();
        *parcels.entry(text(&shipment, "order_id")).or_default() += live;
    }
    parcels
}

fn by_order(all: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in all {
        found.entry(text(&one, "order_id")).or_default().push(one);
    }
    found
}

/// The customer got one notification.
fn news(gateway: &Client, told: &Told) {
    wait_for(customer::SOON, "the notification", || {
        let mut all = Vec::new();
        let mut path = "/notification?limit=100".to_owned();
        loop {
            let page = gateway
                .get(&path)
                .bearer(&told.token)
                .send()
                .expect(200)
                .json;
            all.extend(customer::items(&page));
            match page["next_page_token"].as_str() {
                Some(token) => path = format!("/notification?limit=100&page_token={token}"),
                None => break,
            }
        }
        let mine = all
            .iter()
            .filter(|one| one["order_id"] == told.order_id && one["type"] == CONFIRMED);
        let count = mine.count();
        assert!(count <= 1, "{count} notifications of {}", told.order_id);
        (count == 1).then_some(())
    });
}
