//! A snapshot of the whole shop. The order of the reads prevents false breaches while the shop changes:
//!
//! ```text
//! orders > stock of each SKU > reservations > stock ledgers > stock > (stock ledgers) > reservations > queues
//!        > carrier's book > shipments > processor's ledger > payments > orders
//! ```
//!
//! - All orders are read twice, and the records that an order depends on are read in between. An order that is confirmed in both
//!   reads was confirmed all the time.
//! - An effect is read before its cause: a charge before its payment, and the payment before its order.
//! - A SKU's stock is read between two reads of its ledger and of the reservations. The two reads give the range in which the stock
//!   must be.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::client::{OperatorClient, encoded};
use crate::error::AuditError;
use crate::options::ThirdParties;
use crate::record::{
    Instant, Item, LedgerEntry, Order, OrderStatus, Parcel, Payment, Queue, Reservation, Shipment,
    StockLedger,
};

/// The records of all services. If the third parties' records were read, also these.
pub(crate) struct Snapshot {
    /// The time shortly before the snapshot's first request.
    pub(crate) began_at: Instant,
    /// The status of each order when the snapshot began. A snapshot reads all orders twice: at its beginning and at its end.
    first_statuses: HashMap<Uuid, OrderStatus>,
    /// The orders when the snapshot ended. A snapshot reads all orders twice: at its beginning and at its end.
    pub(crate) orders: BTreeMap<Uuid, Order>,
    pub(crate) reservations: ReadTwice<BTreeMap<Uuid, Reservation>>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) queues: Vec<(&'static str, Queue)>,
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) payments: Vec<Payment>,
    /// The parcels in the carrier's book; `None` if the book was not read. The shop does not write this book, so it is independent
    /// evidence.
    pub(crate) parcels: Option<Vec<Parcel>>,
    /// The entries of the card processor's ledger; `None` if the ledger was not read. The shop does not write this ledger, so it is
    /// independent evidence.
    pub(crate) entries: Option<Vec<LedgerEntry>>,
}

/// The results of two reads of the same records. Other records were read in between.
pub(crate) struct ReadTwice<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

/// The stock of a SKU.
pub(crate) struct Stock {
    pub(crate) item: Item,
    /// The SKU's ledger, before and after `item` was read. `None` if the SKU was not yet in stock when the ledgers were read.
    pub(crate) ledger: Option<ReadTwice<StockLedger>>,
}

/// The name of each queue, and the path at which its state is read.
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
        let first_statuses = first.map(|order| (order.order_id, order.status)).collect();
        let stocked: Vec<Item> = client.list("/items").await?;
        let before = reservations(client).await?;
        let stock = stock(client, stocked).await?;
        let reservations = ReadTwice {
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
            first_statuses,
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

    /// Names the third parties' records that were read: the card processor's ledger and the carrier's book.
    pub(crate) fn books(&self) -> Vec<&'static str> {
        let ledger = self.entries.is_some();
        let ledger = ledger.then_some("the card processor's ledger");
        let book = self.parcels.is_some().then_some("the carrier's book");
        ledger.into_iter().chain(book).collect()
    }

    /// The orders whose status was `status` both at the beginning and at the end of the snapshot.
    pub(crate) fn orders_that_stayed(&self, status: OrderStatus) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(move |order| {
            order.status == status && self.first_statuses.get(&order.order_id) == Some(&status)
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

/// Reads the ledger of each `stocked` item, and then the stock. If a ledger does not match the stock of its item, reads the ledger
/// a second time.
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
        let ledger = Some(ReadTwice { before, after });
        stock.push(Stock { item, ledger });
    }
    Ok(stock)
}

async fn ledger(client: &OperatorClient, sku: &str) -> Result<StockLedger, AuditError> {
    client.get(&format!("/items/{}/ledger", encoded(sku))).await
}
