//! One look at the whole shop. The order of the readings is what makes the checks one-sided:
//!
//! ```text
//! orders > stock of each SKU > reservations > stock ledgers > stock > (stock ledgers) > reservations > queues
//!        > carrier's book > shipments > processor's ledger > payments > orders
//! ```
//!
//! - What an order rests on is read between two readings of the orders: one that was confirmed both times was so all the while.
//! - What comes of something is read before it: a charge before the payment that it is for, that before its order.
//! - A SKU's stock is read between two readings of what moves it, which says how far it may have moved.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::auditor::ThirdParties;
use crate::record::{
    Instant, Item, LedgerEntry, Order, OrderStatus, Parcel, Payment, Reservation, Shipment,
    StockLedger, Waiting,
};
use crate::shop::{AuditError, Shop, encoded};

/// Everything that was read.
pub(crate) struct Look {
    /// When it began: nothing in it is from before.
    pub(crate) now: Instant,
    /// What stood in the beginning.
    first: HashMap<Uuid, OrderStatus>,
    /// What stood in the end.
    pub(crate) orders: BTreeMap<Uuid, Order>,
    pub(crate) reservations: Between<BTreeMap<Uuid, Reservation>>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) queues: Vec<(&'static str, Waiting)>,
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) payments: Vec<Payment>,
    /// The third parties' own books, where they can be read: what shows that the shop's are right.
    pub(crate) parcels: Option<Vec<Parcel>>,
    pub(crate) entries: Option<Vec<LedgerEntry>>,
}

/// The same thing, before and after something else was read.
pub(crate) struct Between<T> {
    pub(crate) before: T,
    pub(crate) after: T,
}

/// A SKU.
pub(crate) struct Stock {
    pub(crate) item: Item,
    /// Its ledger, before and after `item` was read; `None` where it was not stocked in the beginning.
    pub(crate) ledger: Option<Between<StockLedger>>,
}

/// What waits in a service, and where that is read.
const QUEUES: [(&str, &str); 3] = [
    ("order's outbox", "/internal/orders/outbox"),
    ("shipping's outbox", "/internal/shipments/outbox"),
    (
        "notification's deliveries",
        "/internal/notifications/deliveries",
    ),
];

impl Look {
    pub(crate) async fn take(shop: &Shop, third_parties: ThirdParties) -> Result<Self, AuditError> {
        let now = Instant::now();
        let first = orders(shop).await?;
        let first = first.map(|order| (order.order_id, order.status)).collect();
        let stocked: Vec<Item> = shop.list("/items").await?;
        let before = reservations(shop).await?;
        let stock = stock(shop, stocked).await?;
        let reservations = Between {
            before,
            after: reservations(shop).await?,
        };
        let mut queues = Vec::new();
        for (name, path) in QUEUES {
            queues.push((name, shop.get(path).await?));
        }
        let looks = third_parties == ThirdParties::WhereThere;
        let parcels = match looks {
            true => shop.find_list("/carrier/book").await?,
            false => None,
        };
        let shipments = shop.list("/shipments").await?;
        let entries = match looks {
            true => shop.find_list("/processor/ledger").await?,
            false => None,
        };
        Ok(Self {
            now,
            first,
            reservations,
            stock,
            queues,
            shipments,
            payments: shop.list("/payments").await?,
            orders: orders(shop).await?.map(|o| (o.order_id, o)).collect(),
            parcels,
            entries,
        })
    }

    /// The orders that were `status` in the beginning and in the end.
    pub(crate) fn steady(&self, status: OrderStatus) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(move |order| {
            order.status == status && self.first.get(&order.order_id) == Some(&status)
        })
    }
}

async fn orders(shop: &Shop) -> Result<impl Iterator<Item = Order> + use<>, AuditError> {
    let orders: Vec<Order> = shop.list("/internal/orders").await?;
    Ok(orders.into_iter())
}

async fn reservations(shop: &Shop) -> Result<BTreeMap<Uuid, Reservation>, AuditError> {
    let all: Vec<Reservation> = shop.list("/reservations").await?;
    Ok(all.into_iter().map(|r| (r.order_id, r)).collect())
}

/// The ledgers of what was `stocked`, the stock, and again the ledgers of what does not add up at once.
async fn stock(shop: &Shop, stocked: Vec<Item>) -> Result<Vec<Stock>, AuditError> {
    let mut ledgers = HashMap::new();
    for Item { sku, .. } in stocked {
        let ledger = ledger(shop, &sku).await?;
        ledgers.insert(sku, ledger);
    }
    let items: Vec<Item> = shop.list("/items").await?;
    let mut stock = Vec::with_capacity(items.len());
    for item in items {
        let Some(before) = ledgers.remove(&item.sku) else {
            stock.push(Stock { item, ledger: None });
            continue;
        };
        let after = match before.on_hand() == i128::from(item.on_hand) {
            true => before.clone(),
            false => ledger(shop, &item.sku).await?,
        };
        let ledger = Some(Between { before, after });
        stock.push(Stock { item, ledger });
    }
    Ok(stock)
}

async fn ledger(shop: &Shop, sku: &str) -> Result<StockLedger, AuditError> {
    shop.get(&format!("/items/{}/ledger", encoded(sku))).await
}

impl StockLedger {
    /// What should be there.
    pub(crate) fn on_hand(&self) -> i128 {
        i128::from(self.supplied) - i128::from(self.sold) + i128::from(self.returned)
    }
}
