//! Checks all records of a shop after every order has ended. The checks compare the shop's records with the records of the third
//! parties: the processor's ledger and the carrier's parcels.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use stoa_testkit::{Client, wait_for};

use crate::customer::{self, Operator, text};

/// Timeout for the end of all orders: a lease, and the time that recovery needs after the lease has expired.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(240);
const CONFIRMED: &str = "stoa.order.confirmed";

/// The numbers of orders, captures and refunds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) orders: usize,
    pub(crate) confirmed: usize,
    pub(crate) cancelled: usize,
    pub(crate) captures: usize,
    pub(crate) refunds: usize,
}

/// The result of an order, as the shop reported it to the customer.
pub(crate) struct ReportedOrder {
    pub(crate) token: String,
    pub(crate) order_id: String,
    pub(crate) confirmed: bool,
}

/// Waits until no order is pending, and then checks all records. `supply` is the initial stock of `sku`.
pub(crate) fn check_balance(
    operator: &Operator,
    gateway: &Client,
    reported: &[ReportedOrder],
    sku: &str,
    supply: i64,
) -> Tally {
    let orders = wait_for(SETTLE_TIMEOUT, "the end of every order", || {
        let orders = operator.list("/internal/orders");
        orders
            .iter()
            .all(|order| order["status"] != "pending")
            .then_some(orders)
    });
    let ids: BTreeSet<_> = orders.iter().map(|order| text(order, "order_id")).collect();
    assert_eq!(ids.len(), orders.len(), "an order is listed twice");
    for order in reported {
        assert!(
            ids.contains(&order.order_id),
            "order {} is lost",
            order.order_id
        );
    }
    let mut tally = Tally {
        orders: orders.len(),
        ..Tally::default()
    };
    let entries = entries_by_order(operator, &orders, &mut tally);
    let parcels = parcels_by_order(operator);
    let reservations = group_by_order(operator.list("/reservations"));
    let mut sold = 0;
    for order in &orders {
        let id = text(order, "order_id");
        let kinds = entries.get(&id).map(Vec::as_slice).unwrap_or_default();
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
                "a confirmed order must have one capture: {order}"
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
                "a cancelled order must have no capture, or a refunded capture: {kinds:?} {order}"
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
    for reported in reported {
        let order = orders
            .iter()
            .find(|order| text(order, "order_id") == reported.order_id)
            .unwrap();
        assert_eq!(
            order["status"] == "confirmed",
            reported.confirmed,
            "the shop reported a different status to the customer: {order}"
        );
        if reported.confirmed {
            check_notification(gateway, reported);
        }
    }
    tally
}

/// The kinds of the ledger's entries for each order, oldest first. Checks that every entry belongs to an order, and has the order's
/// amount.
fn entries_by_order(
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
        let order_id =
            order_id.unwrap_or_else(|| panic!("the ledger entry has no payment: {entry}"));
        let total = totals
            .get(order_id)
            .unwrap_or_else(|| panic!("the ledger entry has no order: {entry}"));
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

/// Number of the carrier's parcels for each order. Cancelled parcels do not count.
fn parcels_by_order(operator: &Operator) -> BTreeMap<String, usize> {
    let mut parcels: BTreeMap<String, usize> = BTreeMap::new();
    for shipment in operator.list("/shipments") {
        let reference = text(&shipment, "shipment_id");
        let all = operator.list_unpaged(&format!("/carrier/shipments?reference={reference}"));
        let active = all
            .iter()
            .filter(|parcel| parcel["status"] != "cancelled")
            .count();
        *parcels.entry(text(&shipment, "order_id")).or_default() += active;
    }
    parcels
}

fn group_by_order(records: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records {
        let order_id = text(&record, "order_id");
        groups.entry(order_id).or_default().push(record);
    }
    groups
}

/// Waits until the customer's inbox has one notification of the confirmed order. Fails if the inbox has several.
fn check_notification(gateway: &Client, reported: &ReportedOrder) {
    wait_for(customer::EFFECT_TIMEOUT, "the notification", || {
        let mut all = Vec::new();
        let mut path = "/notification?limit=100".to_owned();
        loop {
            let page = gateway
                .get(&path)
                .bearer(&reported.token)
                .send()
                .expect(200)
                .json;
            all.extend(customer::items(&page));
            match page["next_page_token"].as_str() {
                Some(token) => path = format!("/notification?limit=100&page_token={token}"),
                None => break,
            }
        }
        let about_order = all.iter().filter(|message| {
            message["order_id"] == reported.order_id && message["type"] == CONFIRMED
        });
        let count = about_order.count();
        assert!(
            count <= 1,
            "{count} notifications of order {}",
            reported.order_id
        );
        (count == 1).then_some(())
    });
}
