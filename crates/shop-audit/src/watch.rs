//! Repeats an audit at an interval.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::auditor::Auditor;
use crate::error::AuditError;
use crate::metrics::Tally;
use crate::verdict::Verdict;

/// Audits at once, and then every `interval` until `stop` completes. An audit that takes longer than `interval` delays the next
/// audit. Calls `report` after each audit. A failed audit does not end the watch, because the shop may recover.
///
/// # Errors
/// If `report` fails. Its error ends the watch.
pub async fn watch<E>(
    auditor: &mut Auditor,
    interval: Duration,
    stop: impl Future<Output = ()>,
    mut report: impl FnMut(&Tally, &Result<Verdict, AuditError>) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut stop = std::pin::pin!(stop);
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let audit = async {
            ticks.tick().await;
            auditor.audit().await
        };
        tokio::select! {
            () = &mut stop => return Ok(tally),
            audit = audit => {
                tally.add(&audit);
                report(&tally, &audit)?;
            }
        }
    }
}
