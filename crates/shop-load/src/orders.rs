//! Records of all attempted orders. Tests compare these records with the records of the shop and of its card processor.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use uuid::Uuid;

use crate::failure::Refusal;
use crate::wire::{Money, Order};

/// The outcome of an order, as far as the buyer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The shop confirmed the order (201).
    Confirmed,
    /// The card was declined (402 `payment_declined`).
    Declined,
    /// An item was out of stock (409 `insufficient_stock`).
    OutOfStock,
    /// The buyer gave up because a service did not respond, and the shop has cancelled the order.
    Cancelled,
    /// The shop rejected the request for a reason that no other variant covers, and created no order.
    Refused,
    /// No response stated the outcome.
    Unknown,
}

/// The record of one order, that is, of one `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRecord {
    /// The order's `Idempotency-Key`.
    pub key: Uuid,
    /// Id of the buyer.
    pub user_id: Uuid,
    /// The order's outcome, as far as the buyer knows it.
    pub outcome: Outcome,
    /// The order id in the latest response that contains one.
    pub order_id: Option<Uuid>,
    /// Ids of earlier orders with the same key. The shop cancelled these orders because a service did not respond. Each
    /// cancellation freed the key. In JSON, this field has the name `before`.
    #[serde(rename = "before")]
    pub earlier_orders: Vec<Uuid>,
    /// Id of a confirmed order's payment. In the card processor's ledger, this id is the `reference`.
    pub payment_id: Option<Uuid>,
    /// Total of a confirmed order.
    pub total: Option<Money>,
    /// Number of times that the order was sent.
    pub attempts: u32,
}

impl OrderRecord {
    /// Records the order id of a response.
    pub(crate) fn set_order_id(&mut self, order_id: Uuid) {
        if let Some(earlier) = self.order_id.replace(order_id)
            && earlier != order_id
        {
            self.earlier_orders.push(earlier);
        }
    }

    /// Records a rejection.
    pub(crate) fn set_refused(&mut self, refusal: &Refusal) {
        if let Some(order_id) = refusal.order_id {
            self.set_order_id(order_id);
        }
        self.outcome = match refusal.status {
            402 => Outcome::Declined,
            _ => Outcome::OutOfStock,
        };
    }

    /// Records a confirmation.
    pub(crate) fn set_confirmed(&mut self, order: &Order) {
        self.set_order_id(order.order_id);
        self.outcome = Outcome::Confirmed;
        self.payment_id = order.payment.as_ref().map(|payment| payment.payment_id);
        self.total = Some(order.total.clone());
    }
}

/// All attempted orders of a run, including orders whose journey was cut short.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Vec<OrderRecord>>);

impl Book {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<OrderRecord>> {
        // The records are consistent after each statement, so the lock is used even if a thread panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record for an order. Returns the record's index, for [`Book::update`].
    pub(crate) fn add(&self, key: Uuid, user_id: Uuid) -> usize {
        let mut book = self.lock();
        book.push(OrderRecord {
            key,
            user_id,
            outcome: Outcome::Unknown,
            order_id: None,
            earlier_orders: Vec::new(),
            payment_id: None,
            total: None,
            attempts: 0,
        });
        book.len() - 1
    }

    pub(crate) fn update(&self, number: usize, change: impl FnOnce(&mut OrderRecord)) {
        if let Some(record) = self.lock().get_mut(number) {
            change(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_the_earlier_orders_of_its_key() {
        let book = Book::default();
        let number = book.add(Uuid::now_v7(), Uuid::now_v7());
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        for order_id in [first, first, second] {
            book.update(number, |record| record.set_order_id(order_id));
        }
        let record = book.lock()[0].clone();
        assert_eq!(
            (record.order_id, record.earlier_orders),
            (Some(second), vec![first])
        );
        assert_eq!(record.outcome, Outcome::Unknown);
    }
}
