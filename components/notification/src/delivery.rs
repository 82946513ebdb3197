//! Sends due deliveries. A delivery is retried until its provider accepts it; after its last attempt it has failed.

use std::time::Duration;

use serde::Serialize;
use stoa_service::Context;
use stoa_service::queue::{Attempt, Queue, Settled};
use stoa_service::sql::{Database, SqlError};

use crate::client::Providers;
use crate::store::deliveries;

/// The most attempts at a delivery; after that it has failed.
pub const MAX_ATTEMPTS: u32 = 12;
/// The lifetime of a claim: longer than a provider's timeout ([`crate::client::TIMEOUT`]).
pub const LEASE: Duration = Duration::from_secs(30);
/// How long one pass starts new deliveries, so that it ends within a request's time even if every provider is slow.
const PASS: Duration = Duration::from_secs(15);

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
        failure_message: "a notification was not delivered",
    }
}

/// The result of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Accepted by the provider.
    pub delivered: u32,
    /// Not accepted; retried, unless it was the last attempt.
    pub failed: u32,
    /// Still waiting, due or not.
    pub left: u32,
}

/// Sends the due deliveries, oldest first.
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
