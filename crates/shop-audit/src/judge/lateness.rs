//! Checks for orders that stay pending, and for events and messages that stay in their queues.

use std::time::Duration;

use super::describe::order_name;
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::OrderStatus;
use crate::snapshot::Snapshot;

pub(crate) fn order_ends(snapshot: &Snapshot, options: &Options, judgement: &mut Judgement) {
    for pending in snapshot.orders_that_stayed(OrderStatus::Pending) {
        judgement.count_checked();
        let age = pending.since.age(snapshot.began_at);
        if age > options.stuck_after {
            let idle = pending.lease_until.age(snapshot.began_at);
            let driven = match idle.is_zero() {
                true => "a driver holds the order's lease".to_owned(),
                false => format!("the order's last lease expired {} ago", rounded(idle)),
            };
            judgement.add_breach(
                order_name(pending.order_id),
                format!(
                    "to be confirmed or cancelled within {}",
                    rounded(options.stuck_after)
                ),
                format!(
                    "pending for {} in step `{}`; {driven}",
                    rounded(age),
                    pending.step
                ),
            );
        }
    }
}

pub(crate) fn event_arrives(snapshot: &Snapshot, options: &Options, judgement: &mut Judgement) {
    for (name, queue) in &snapshot.queues {
        judgement.count_checked();
        let Some(oldest) = queue.oldest else {
            continue;
        };
        let age = oldest.age(snapshot.began_at);
        if age > options.undelivered_after {
            judgement.add_breach(
                *name,
                format!(
                    "no entry of this queue that waits for longer than {}",
                    rounded(options.undelivered_after)
                ),
                format!(
                    "{} waiting entries; the oldest has waited for {}",
                    queue.waiting,
                    rounded(age)
                ),
            );
        }
    }
}

/// Rounds a duration down to seconds. Durations under one second are not rounded.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    let whole = Duration::from_secs(duration.as_secs());
    humantime::format_duration(if whole.is_zero() { duration } else { whole })
}
