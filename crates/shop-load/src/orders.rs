//! Every attempted order, to compare with the records of the shop and of its card processor.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use uuid::Uuid;

use crate::failure::Refusal;
use crate::wire::{Money, Order};

/// The outcome of an order, as far as its buyer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 201.
    Confirmed,
    /// 402 `payment_declined`.
    Declined,
    /// 409 `insufficient_stock`.
    OutOfStock,
    /// A service did not answer before the buyer gave up, and the order is cancelled.
    Cancelled,
    /// Another rejection: no order was created.
    Refused,
    /// No answer with a result.
    Unknown,
}

/// One order: one `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRecord {
    /// Its `Idempotency-Key`.
    pub key: Uuid,
    /// Id of its buyer.
    pub user_id: Uuid,
    /// Its outcome.
    pub outcome: Outcome,
    /// Id of the order, if an answer named it.
    pub order_id: Option<Uuid>,
    /// Orders that earlier answers to the same key named: the shop cancelled them because a service did not answer, which frees
    /// the key.
    pub before: Vec<Uuid>,
    /// Id of a confirmed order's payment: the `reference` in the card processor's ledger.
    pub payment_id: Option<Uuid>,
    /// Total of a confirmed order.
    pub total: Option<Money>,
    /// Number of times that it was sent.
    pub attempts: u32,
}

impl OrderRecord {
    /// Records that an answer named this order.
    pub(crate) fn named(&mut self, order_id: Uuid) {
        if let Some(earlier) = self.order_id.replace(order_id)
            && earlier != order_id
        {
            self.before.push(earlier);
        }
    }

    /// Records a rejection.
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        if let Some(order_id) = refusal.order_id {
            self.named(order_id);
        }
        self.outcome = match refusal.status {
            402 => Outcome::Declined,
            _ => Outcome::OutOfStock,
        };
    }

    /// Records a confirmation.
    pub(crate) fn confirmed(&mut self, order: &Order) {
        self.named(order.order_id);
        self.outcome = Outcome::Confirmed;
        self.payment_id = order.payment.as_ref().map(|payment| payment.payment_id);
        self.total = Some(order.total.clone());
    }
}

/// The orders of a run, including those whose buyer was cut short.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Vec<OrderRecord>>);

impl Book {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<OrderRecord>> {
        // A record is consistent after each statement, even if a thread panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an order; returns its number, for [`Book::change`].
    pub(crate) fn begin(&self, key: Uuid, user_id: Uuid) -> usize {
        let mut book = self.lock();
        book.push(OrderRecord {
            key,
            user_id,
            outcome: Outcome::Unknown,
            order_id: None,
            before: Vec::new(),
            payment_id: None,
            total: None,
            attempts: 0,
        });
        book.len() - 1
    }

    pub(crate) fn change(&self, number: usize, change: impl FnOnce(&mut OrderRecord)) {
        if let Some(record) = self.lock().get_mut(number) {
            change(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_the_orders_that_it_named_before() {
        let book = Book::default();
        let number = book.begin(Uuid::now_v7(), Uuid::now_v7());
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        for order_id in [first, first, second] {
            book.change(number, |record| record.named(order_id));
        }
        let record = book.lock()[0].clone();
        assert_eq!(
            (record.order_id, record.before),
            (Some(second), vec![first])
        );
        assert_eq!(record.outcome, Outcome::Unknown);
    }
}
