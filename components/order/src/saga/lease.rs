//! One driver at a time: a lease that is longer than a request may last, compared at every write.

use stoa_service::id;
use stoa_service::sql::SqlError;

use crate::app::App;
use crate::domain::{Lease, Order};
use crate::store::{self, Guard};

/// A lease for a new driver.
pub fn new(app: &App) -> Lease {
    Lease {
        owner: id::new().to_string(),
        until: app.now() + app.config.lease(),
    }
}

/// Takes over a pending order without a driver. Returns false if another driver has it, or wrote it after it was read.
pub fn take_over(app: &App, order: &mut Order) -> Result<bool, SqlError> {
    let now = app.now();
    order.lease = new(app);
    let line = order.last_line();
    order.begin(order.step.clone(), now);
    store::save(&*app.db, order, Guard::Free(now), line, None)
}
