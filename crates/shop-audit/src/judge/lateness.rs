//! Orders that stay pending, and events and messages that stay in their queues.

use std::time::Duration;

use super::describe::order;
use crate::judgement::Judgement;
use crate::options::Options;
use crate::record::OrderStatus;
use crate::snapshot::Snapshot;

pub(crate) fn order_ends(snapshot: &Snapshot, options: &Options, judgement: &mut Judgement) {
    for pending in snapshot.steady(OrderStatus::Pending) {
        judgement.count();
        let age = pending.since.age(snapshot.began_at);
        if age > options.stuck_after {
            let idle = pending.lease_until.age(snapshot.began_at);
            let driven = match idle.is_zero() {
                true => "driven now".to_owned(),
                false => format!("without a driver for {}", rounded(idle)),
            };
            judgement.breach(
                order(pending.order_id),
                format!(
                    "confirmed or cancelled within {}",
                    rounded(options.stuck_after)
                ),
                format!("pending for {} ({}), {driven}", rounded(age), pending.step),
            );
        }
    }
}

pub(crate) fn event_arrives(snapshot: &Snapshot, options: &Options, judgement: &mut Judgement) {
    for (name, queue) in &snapshot.queues {
        judgement.count();
        let Some(oldest) = queue.oldest else {
            continue;
        };
        let age = oldest.age(snapshot.began_at);
        if age > options.undelivered_after {
            judgement.breach(
                *name,
                format!(
                    "nothing waiting for longer than {}",
                    rounded(options.undelivered_after)
                ),
                format!("{} waiting, the oldest for {}", queue.waiting, rounded(age)),
            );
        }
    }
}

/// Rounded to seconds, unless it is less than one second.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    let whole = Duration::from_secs(duration.as_secs());
    humantime::format_duration(if whole.is_zero() { duration } else { whole })
}
