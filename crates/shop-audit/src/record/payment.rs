//! Payments, and the card processor's ledger.

use serde::Deserialize;
use uuid::Uuid;

use super::money::Money;
use super::status::{EntryKind, PaymentStatus};

/// A payment of `GET /payments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Payment {
    pub(crate) payment_id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) amount: Money,
    pub(crate) status: PaymentStatus,
}

/// An entry of the card processor's `GET /processor/ledger`. The reference of the shop's own charges is the payment's id.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LedgerEntry {
    pub(crate) entry_id: String,
    pub(crate) reference: String,
    pub(crate) kind: EntryKind,
    pub(crate) amount: Option<Money>,
}
