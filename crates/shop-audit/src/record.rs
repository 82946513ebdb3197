//! The records of the shop, without the JSON members that no check uses, so that a large shop fits into memory.

mod instant;
mod money;
mod order;
mod payment;
mod queue;
mod required;
mod shipment;
mod status;
mod stock;

pub(crate) use instant::Instant;
pub(crate) use money::{Line, Money, merge_lines};
pub(crate) use order::Order;
pub(crate) use payment::{LedgerEntry, Payment};
pub(crate) use queue::Queue;
pub(crate) use required::nullable;
pub(crate) use shipment::{Parcel, Shipment};
pub(crate) use status::{EntryKind, OrderStatus, PaymentStatus, ReservationStatus, ShipmentStatus};
pub(crate) use stock::{Item, Reservation, StockLedger};
