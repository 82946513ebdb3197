//! An order.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;
use super::money::{Line, Money, joined};
use super::status::OrderStatus;

/// An order of `GET /internal/orders`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawOrder")]
pub(crate) struct Order {
    pub(crate) order_id: Uuid,
    pub(crate) status: OrderStatus,
    /// One line per SKU, by SKU.
    pub(crate) lines: Vec<Line>,
    pub(crate) total: Money,
    /// When it entered its status.
    pub(crate) since: Instant,
    /// `charging, forward`
    pub(crate) step: String,
    pub(crate) lease_until: Instant,
}

/// As the service sends it.
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
            lines: joined(raw.items),
            total: raw.total,
            since,
            step: format!("{}, {}", raw.step, raw.direction),
            lease_until: raw.lease_until,
        }
    }
}

/// A confirmed order that is being cancelled is pending since its first step back. While that step is retried, its entry has the time
/// of the last attempt; only an auditor that has seen the order before knows the first time.
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
