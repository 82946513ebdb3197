//! Sends due deliveries. A delivery is retried until its provider accepts the message. If all [`MAX_ATTEMPTS`] attempts fail, the
//! delivery gets the status `failed`.

use std::time::Duration;

use serde::Serialize;
use stoa_service::Context;
use stoa_service::queue::{Attempt, Queue, Settled};
use stoa_service::sql::{Database, SqlError};

use crate::client::Providers;
use crate::store::deliveries;

/// The maximum number of attempts to send one delivery. If all of them fail, the delivery is given up.
pub const MAX_ATTEMPTS: u32 = 12;
/// The lifetime of a worker's claim on a delivery. It is longer than the timeout of a call to a provider
/// ([`crate::client::TIMEOUT`]), so that no two workers send the same delivery at the same time.
pub const LEASE: Duration = Duration::from_secs(30);
/// The time after which [`deliver`] starts no further delivery. So [`deliver`] ends before the request that calls it times out,
/// even if every provider is slow.
const DELIVERY_BUDGET: Duration = Duration::from_secs(15);

/// The queue of deliveries.
pub fn queue() -> Queue {
    Queue {
        table: "notification_deliveries".to_owned(),
        id: "delivery_id",
        payload: "delivery_id",
        due_at: "next_attempt_at",
        waiting: Some("status = 'pending'"),
        done: Settled::Marked("status = 'delivered'"),
        give_up: Some((MAX_ATTEMPTS, Settled::Marked("status = 'failed'"))),
        lease: LEASE,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(300),
        batch: 50,
        failure_message: "the provider did not accept a notification",
    }
}

/// The result of one call of [`deliver`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// The number of deliveries that a provider accepted during this call.
    pub delivered: u32,
    /// The number of deliveries whose attempt failed during this call. Each of them is retried later, unless it has no attempt
    /// left.
    pub failed: u32,
    /// The number of deliveries that still wait after this call, whether they are due or not.
    pub left: u32,
}

/// Sends the due deliveries, oldest first.
pub fn deliver(
    db: &dyn Database,
    providers: &Providers<'_>,
    context: &Context,
) -> Result<Delivered, SqlError> {
    let drained = queue().drain(db, context, DELIVERY_BUDGET, |claim| {
        let sent = match deliveries::outgoing_message(db, claim.id)? {
            Some(message) => providers.send(&message),
            None => Err(
                "the delivery has no notification, no order, or no address of the recipient"
                    .to_owned(),
            ),
        };
        Ok::<_, SqlError>(sent.map_or_else(Attempt::Failed, |()| Attempt::Done))
    })?;
    Ok(Delivered {
        delivered: drained.done,
        failed: drained.failed,
        left: drained.still_waiting,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_longer_than_an_attempt() {
        assert!(crate::client::TIMEOUT < LEASE);
    }
}
