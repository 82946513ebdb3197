//! The lease of an order, which lets only one driver work on the order at a time. A lease is longer than the time limit of a
//! request, and every write of the order checks the lease.

use stoa_service::id;
use stoa_service::sql::SqlError;

use crate::app::App;
use crate::domain::{Lease, Order};
use crate::store::{self, Guard};

/// A lease for a new driver with a random id.
pub fn new(app: &App) -> Lease {
    Lease {
        owner: id::new().to_string(),
        until: app.now() + app.config.lease(),
    }
}

/// Takes over a pending order that has no driver. Returns false if another driver holds the lease, or wrote the order after this
/// request had read it.
pub fn take_over(app: &App, order: &mut Order) -> Result<bool, SqlError> {
    let now = app.now();
    order.lease = new(app);
    let line = order.last_entry_index();
    order.begin(order.step.clone(), now);
    store::save(&*app.db, order, Guard::Free(now), line, None)
}
