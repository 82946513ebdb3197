//! The records of payments and of the card processor's ledger.

use serde::Deserialize;
use uuid::Uuid;

use super::money::Money;
use super::status::{EntryKind, PaymentStatus};

/// A payment in the response to `GET /payments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Payment {
    pub(crate) payment_id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) amount: Money,
    pub(crate) status: PaymentStatus,
}

/// An entry in the response to `GET /processor/ledger`. If the shop caused the entry, `reference` is the id of the shop's payment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LedgerEntry {
    pub(crate) entry_id: String,
    pub(crate) reference: String,
    pub(crate) kind: EntryKind,
    pub(crate) amount: Option<Money>,
}
