//! The checks of all invariants. Each check is a function of one snapshot.

mod charges;
mod describe;
mod grouping;
pub(crate) mod lateness;
pub(crate) mod money;
mod movements;
pub(crate) mod parcels;
pub(crate) mod reservations;
mod shipped;
pub(crate) mod stock;
