//! What takes too long: orders between their ends, and what is to be told.

use std::time::Duration;

use super::order;
use crate::auditor::Options;
use crate::look::Look;
use crate::record::OrderStatus;
use crate::verdict::Judgement;

pub(crate) fn order_ends(look: &Look, options: &Options, judgement: &mut Judgement) {
    for pending in look.steady(OrderStatus::Pending) {
        judgement.look();
        let age = pending.since.age(look.now);
        if age > options.stuck_after {
            let idle = pending.lease_until.age(look.now);
            let driven = match idle.is_zero() {
                true => "driven now".to_owned(),
                false => format!("driven by nobody for {}", rounded(idle)),
            };
            judgement.fault(
                order(pending.order_id),
                format!("an end within {}", rounded(options.stuck_after)),
                format!("pending for {} ({}), {driven}", rounded(age), pending.step),
            );
        }
    }
}

pub(crate) fn event_arrives(look: &Look, options: &Options, judgement: &mut Judgement) {
    for (name, queue) in &look.queues {
        judgement.look();
        let Some(oldest) = queue.oldest else {
            continue;
        };
        let age = oldest.age(look.now);
        if age > options.undelivered_after {
            judgement.fault(
                *name,
                format!(
                    "nothing that waits for longer than {}",
                    rounded(options.undelivered_after)
                ),
                format!("{} waiting, the oldest for {}", queue.waiting, rounded(age)),
            );
        }
    }
}

/// To the second, unless it is less.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    let whole = Duration::from_secs(duration.as_secs());
    humantime::format_duration(if whole.is_zero() { duration } else { whole })
}
