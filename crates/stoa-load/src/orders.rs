//! Every order that was tried, for whoever compares them with what the shop and its card processor know.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use uuid::Uuid;

use crate::answer::Refusal;
use crate::wire::{Money, Order};

/// How an order ended, as far as its buyer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 201.
    Confirmed,
    /// 402 `payment_declined`.
    Declined,
    /// 409 `insufficient_stock`.
    OutOfStock,
    /// A service did not answer, for as long as the buyer had patience, and the order is cancelled.
    Cancelled,
    /// Another no: no order was made.
    Refused,
    /// Nobody said.
    Unknown,
}

/// One order: one `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderRecord {
    /// Its `Idempotency-Key`.
    pub key: Uuid,
    /// Its buyer.
    pub user_id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// The order, where an answer named it.
    pub order_id: Option<Uuid>,
    /// Orders that answers to the same key named before: those of the shop's that were cancelled for want of a service,
    /// which gives the key free.
    pub before: Vec<Uuid>,
    /// What a confirmed order was paid with: the `reference` in the card processor's ledger.
    pub payment_id: Option<Uuid>,
    /// What a confirmed order costs.
    pub total: Option<Money>,
    /// How often it was sent.
    pub attempts: u32,
}

impl OrderRecord {
    /// An answer named this order.
    pub(crate) fn named(&mut self, order_id: Uuid) {
        if let Some(earlier) = self.order_id.replace(order_id)
            && earlier != order_id
        {
            self.before.push(earlier);
        }
    }

    /// An answer said no.
    pub(crate) fn refused(&mut self, no: &Refusal) {
        if let Some(order_id) = no.order_id {
            self.named(order_id);
        }
        self.outcome = match no.status {
            402 => Outcome::Declined,
            _ => Outcome::OutOfStock,
        };
    }

    /// An answer said that it is confirmed.
    pub(crate) fn confirmed(&mut self, order: &Order) {
        self.named(order.order_id);
        self.outcome = Outcome::Confirmed;
        self.payment_id = order.payment.as_ref().map(|payment| payment.payment_id);
        self.total = Some(order.total.clone());
    }
}

/// The orders of a run. One that was begun is in it, whatever happens to its buyer.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Vec<OrderRecord>>);

impl Book {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<OrderRecord>> {
        // A record is whole after each statement, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new order; its number is for [`Book::change`].
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
    fn a_key_remembers_the_orders_it_stood_for_before() {
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
