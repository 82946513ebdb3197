//! A snapshot of the whole shop. The order of the reads makes the checks one-sided:
//!
//! ```text
//! orders > stock of each SKU > reservations > stock ledgers > stock > (stock ledgers) > reservations > queues
//!        > carrier's book > shipments > processor's ledger > payments > orders
//! ```
//!
//! - The records that an order depends on are read between two reads of the orders: an order that was confirmed both times was confirmed
//!   throughout.
//! - An effect is read before its cause: a charge before its payment, and the payment before its order.
//! - A SKU's stock is read between two reads of the records that move it; these limit how far it may have moved.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::client::{OperatorClient, encoded};
use crate::error::AuditError;
use crate::options::ThirdParties;
use crate::record::{
    Instant, Item, LedgerEntry, Order, OrderStatus, Parcel, Payment, Queue, Reservation, Shipment,
    StockLedger,
};

/// Everything that was read.
pub(crate) struct Snapshot {
    /// When it began: all of it was read later.
    pub(crate) began_at: Instant,
    /// The orders' statuses at the first read.
    first: HashMap<Uuid, OrderStatus>,
    /// The orders at the last read.
    pub(crate) orders: BTreeMap<Uuid, Order>,
    pub(crate) reservations: Between<BTreeMap<Uuid, Reservation>>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) queues: Vec<(&'static str, Queue)>,
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) payments: Vec<Payment>,
    /// The third parties' own books, if there are any: evidence that the shop did not write itself.
    pub(crate) parcels: Option<Vec<Parcel>>,
    pub(crate) entries: Option<Vec<LedgerEntry>>,
}

/// The same records, read before and after others.
pub(crate) struct Between<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

/// The stock of a SKU.
pub(crate) struct Stock {
    pub(crate) item: Item,
    /// Its ledger, before and after `item` was read; `None` if the first read of the stock did not list it.
    pub(crate) ledger: Option<Between<StockLedger>>,
}

/// The queues, and the path at which each is read.
const QUEUES: [(&str, &str); 3] = [
    ("order's outbox", "/internal/orders/outbox"),
    ("shipping's outbox", "/internal/shipments/outbox"),
    (
        "notification's deliveries",
        "/internal/notifications/deliveries",
    ),
];

impl Snapshot {
    pub(crate) async fn take(
        client: &OperatorClient,
        third_parties: ThirdParties,
    ) -> Result<Self, AuditError> {
        let began_at = Instant::now();
        let first = orders(client).await?;
        let first = first.map(|order| (order.order_id, order.status)).collect();
        let stocked: Vec<Item> = client.list("/items").await?;
        let before = reservations(client).await?;
        let stock = stock(client, stocked).await?;
        let reservations = Between {
            before,
            after: reservations(client).await?,
        };
        let mut queues = Vec::new();
        for (name, path) in QUEUES {
            queues.push((name, client.get(path).await?));
        }
        let reads_books = third_parties == ThirdParties::IfPresent;
        let parcels = match reads_books {
            true => client.find_list("/carrier/book").await?,
            false => None,
        };
        let shipments = client.list("/shipments").await?;
        let entries = match reads_books {
            true => client.find_list("/processor/ledger").await?,
            false => None,
        };
        Ok(Self {
            began_at,
            first,
            reservations,
            stock,
            queues,
            shipments,
            payments: client.list("/payments").await?,
            orders: orders(client).await?.map(|o| (o.order_id, o)).collect(),
            parcels,
            entries,
        })
    }

    /// The third parties' books that were read.
    pub(crate) fn books(&self) -> Vec<&'static str> {
        let ledger = self.entries.is_some();
        let ledger = ledger.then_some("the card processor's ledger");
        let book = self.parcels.is_some().then_some("the carrier's book");
        ledger.into_iter().chain(book).collect()
    }

    /// The orders that had `status` at the first and at the last read.
    pub(crate) fn steady(&self, status: OrderStatus) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(move |order| {
            order.status == status && self.first.get(&order.order_id) == Some(&status)
        })
    }
}

async fn orders(
    client: &OperatorClient,
) -> Result<impl Iterator<Item = Order> + use<>, AuditError> {
    let orders: Vec<Order> = client.list("/internal/orders").await?;
    Ok(orders.into_iter())
}

async fn reservations(client: &OperatorClient) -> Result<BTreeMap<Uuid, Reservation>, AuditError> {
    let all: Vec<Reservation> = client.list("/reservations").await?;
    Ok(all.into_iter().map(|r| (r.order_id, r)).collect())
}

/// Reads the ledgers of the `stocked` items, then the stock, then again the ledgers that do not match it.
async fn stock(client: &OperatorClient, stocked: Vec<Item>) -> Result<Vec<Stock>, AuditError> {
    let mut ledgers = HashMap::new();
    for Item { sku, .. } in stocked {
        let ledger = ledger(client, &sku).await?;
        ledgers.insert(sku, ledger);
    }
    let items: Vec<Item> = client.list("/items").await?;
    let mut stock = Vec::with_capacity(items.len());
    for item in items {
        let Some(before) = ledgers.remove(&item.sku) else {
            stock.push(Stock { item, ledger: None });
            continue;
        };
        let after = match before.on_hand() == i128::from(item.on_hand) {
            true => before.clone(),
            false => ledger(client, &item.sku).await?,
        };
        let ledger = Some(Between { before, after });
        stock.push(Stock { item, ledger });
    }
    Ok(stock)
}

async fn ledger(client: &OperatorClient, sku: &str) -> Result<StockLedger, AuditError> {
    client.get(&format!("/items/{}/ledger", encoded(sku))).await
}
