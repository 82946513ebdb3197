//! Sends what is due. A delivery is retried until its provider takes it, or is given up after its last attempt.

use std::time::Duration;

use serde::Serialize;
use stoa_service::Context;
use stoa_service::queue::{Attempt, Queue, Settled};
use stoa_service::sql::{Database, SqlError};

use crate::client::Providers;
use crate::store::deliveries;

/// How often a delivery is attempted; after that it has failed.
pub const MAX_ATTEMPTS: u32 = 12;
/// How long a claim of a delivery holds: longer than a provider may take ([`crate::client::TIMEOUT`]).
pub const LEASE: Duration = Duration::from_secs(30);
/// How long one pass begins new deliveries, so that it ends within a request's time even if every provider is slow.
const PASS: Duration = Duration::from_secs(15);

/// The queue of deliveries.
pub fn queue() -> Queue {
    Queue {
        table: "notification_deliveries".to_owned(),
        id: "delivery_id",
        due_at: "next_attempt_at",
        waiting: Some("status = 'pending'"),
        done: Settled::Marked("status = 'delivered'"),
        give_up: Some((MAX_ATTEMPTS, Settled::Marked("status = 'failed'"))),
        lease: LEASE,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(300),
        batch: 50,
        failure_message: "a notification was not delivered",
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Taken by the provider.
    pub delivered: u32,
    /// Not taken; to be retried, unless it was the last attempt.
    pub failed: u32,
    /// Still to be delivered, whenever it is due.
    pub left: u32,
}

/// Sends what is due, oldest first.
pub fn deliver(
    db: &dyn Database,
    providers: &Providers<'_>,
    context: &Context,
) -> Result<Delivered, SqlError> {
    let drained = queue().drain(db, context, PASS, |claim| {
        let sent = match deliveries::letter(db, claim.id)? {
            Some(letter) => providers.send(&letter),
            None => Err("it has no notification or no order".to_owned()),
        };
        Ok::<_, SqlError>(sent.map_or_else(Attempt::Failed, |()| Attempt::Done))
    })?;
    Ok(Delivered {
        delivered: drained.done,
        failed: drained.failed,
        left: drained.left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_outlasts_an_attempt() {
        assert!(crate::client::TIMEOUT < LEASE);
    }
}
