//! The record of an order.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::money::{Line, Money, merge_lines};
use super::status::OrderStatus;

/// An order in the response to `GET /internal/orders`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawOrder")]
pub(crate) struct Order {
    pub(crate) order_id: Uuid,
    pub(crate) status: OrderStatus,
    /// The ordered quantities: one line for each SKU, sorted by SKU.
    pub(crate) lines: Vec<Line>,
    pub(crate) total: Money,
    /// When the order entered its current status.
    pub(crate) since: Instant,
    /// The current step and its direction, such as `charging, forward`.
    pub(crate) step: String,
    pub(crate) lease_until: Instant,
}

/// An order as `GET /internal/orders` returns it.
#[derive(Deserialize)]
struct RawOrder {
    order_id: Uuid,
    status: OrderStatus,
    items: Vec<Line>,
    total: Money,
    timeline: Vec<TimelineEntry>,
    created_at: Instant,
    direction: String,
    step: String,
    lease_until: Instant,
}

#[derive(Deserialize)]
struct TimelineEntry {
    step: String,
    at: Instant,
}

impl From<RawOrder> for Order {
    fn from(raw: RawOrder) -> Self {
        let since = match raw.status {
            OrderStatus::Pending => pending_since(&raw),
            _ => raw.timeline.last().map_or(raw.created_at, |last| last.at),
        };
        Self {
            order_id: raw.order_id,
            status: raw.status,
            lines: merge_lines(raw.items),
            total: raw.total,
            since,
            step: format!("{}, {}", raw.step, raw.direction),
            lease_until: raw.lease_until,
        }
    }
}

/// Returns the time at which an order became pending. If a confirmed order is being cancelled, that is the time of the order's
/// first compensation. While this compensation is retried, the timeline states only the time of the latest attempt, so the returned
/// time may be too late.
fn pending_since(raw: &RawOrder) -> Instant {
    let confirmed = raw.timeline.iter().rposition(|e| e.step == "confirmed");
    let first_back = confirmed.and_then(|confirmed| raw.timeline.get(confirmed + 1));
    match (confirmed, first_back) {
        (None, _) => raw.created_at,
        (Some(_), Some(entry)) => entry.at,
        (Some(_), None) => raw.lease_until,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Instant {
        serde_json::from_value(json!(text)).unwrap()
    }

    fn order(status: &str, timeline: &[(&str, &str)]) -> Order {
        let timeline: Vec<_> = timeline
            .iter()
            .map(|(step, at)| json!({"step": step, "status": "done", "at": at}))
            .collect();
        serde_json::from_value(json!({
            "order_id": Uuid::nil(), "status": status, "total": {"amount": 1, "currency": "EUR"},
            "items": [{"sku": "B", "quantity": 1}, {"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 3}],
            "timeline": timeline, "created_at": "2026-11-21T14:00:00Z", "direction": "forward", "step": "charging",
            "lease_until": "2026-11-21T15:00:00Z", "payment": null, "name": "ignored"
        }))
        .unwrap()
    }

    #[test]
    fn an_order_has_one_line_per_sku() {
        let new = order("pending", &[("reserving", "2026-11-21T14:00:09Z")]);
        let line = |sku: &str, quantity| Line {
            sku: sku.to_owned(),
            quantity,
        };
        assert_eq!(new.lines, [line("A", 2), line("B", 4)]);
    }

    #[test]
    fn an_order_is_pending_since_it_was_created_or_turned_back() {
        let new = order("pending", &[("reserving", "2026-11-21T14:00:09Z")]);
        assert_eq!(new.since, at("2026-11-21T14:00:00Z"));
        let back = [
            ("shipping", "2026-11-21T14:00:01Z"),
            ("confirmed", "2026-11-21T14:00:02Z"),
            ("cancelling_shipment", "2026-11-22T09:00:00Z"),
            ("refunding", "2026-11-22T09:00:07Z"),
        ];
        assert_eq!(order("pending", &back).since, at("2026-11-22T09:00:00Z"));
        let ended = order("cancelled", &back);
        assert_eq!(ended.since, at("2026-11-22T09:00:07Z"));
    }
}
