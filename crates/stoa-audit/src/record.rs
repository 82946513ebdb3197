//! What is kept of the services' answers. Members that say nothing to an auditor are left out, so that large shops fit.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) i64);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// How long it has been since, at `now`; nothing for what is still to come.
    pub(crate) fn age(self, now: Self) -> Duration {
        let millis = now.0.saturating_sub(self.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => f.write_str("a time out of range"),
        }
    }
}

/// A member that may be null and may not be left out.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let timestamp: jiff::Timestamp = text
            .parse()
            .map_err(|_| de::Error::custom(format!("`{text}` is not an instant of RFC 3339")))?;
        Ok(Self(timestamp.as_millisecond()))
    }
}

/// In minor units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (minor units)", self.amount, self.currency)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
}

/// Statuses with their words in JSON.
macro_rules! statuses {
    ($($name:ident { $($variant:ident = $word:literal),* $(,)? })*) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
            pub(crate) enum $name {
                $(#[serde(rename = $word)] $variant),*
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self { $(Self::$variant => $word),* })
                }
            }
        )*
    };
}

statuses! {
    OrderStatus { Pending = "pending", Confirmed = "confirmed", Cancelled = "cancelled" }
    PaymentStatus {
        Pending = "pending", Captured = "captured", Declined = "declined", Refunded = "refunded", Voided = "voided",
    }
    EntryKind { Capture = "capture", Decline = "decline", Refund = "refund", Void = "void" }
    ReservationStatus {
        Held = "held", Expired = "expired", Committed = "committed", Released = "released", Returned = "returned",
    }
    ShipmentStatus {
        Pending = "pending", Refused = "refused", Created = "created", PickedUp = "picked_up", InTransit = "in_transit",
        OutForDelivery = "out_for_delivery", Delivered = "delivered", Returned = "returned", Cancelled = "cancelled",
    }
}

impl ReservationStatus {
    /// The stock has left, whether it came back or not.
    pub(crate) fn is_sold(self) -> bool {
        matches!(self, Self::Committed | Self::Returned)
    }
}

impl ShipmentStatus {
    /// There is a parcel that goes, or went, its way.
    pub(crate) fn is_alive(self) -> bool {
        !matches!(self, Self::Pending | Self::Refused | Self::Cancelled)
    }
}

/// An order of `GET /internal/orders`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Told")]
pub(crate) struct Order {
    pub(crate) order_id: Uuid,
    pub(crate) status: OrderStatus,
    /// A line a SKU, by SKU.
    pub(crate) lines: Vec<Line>,
    pub(crate) total: Money,
    /// Since when it is what it is: pending, confirmed or cancelled.
    pub(crate) since: Instant,
    /// `charging, forward`
    pub(crate) step: String,
    pub(crate) lease_until: Instant,
}

#[derive(Deserialize)]
struct Told {
    order_id: Uuid,
    status: OrderStatus,
    items: Vec<Line>,
    total: Money,
    timeline: Vec<Entry>,
    created_at: Instant,
    direction: String,
    step: String,
    lease_until: Instant,
}

#[derive(Deserialize)]
struct Entry {
    step: String,
    at: Instant,
}

impl From<Told> for Order {
    fn from(told: Told) -> Self {
        let since = match told.status {
            OrderStatus::Pending => pending_since(&told),
            _ => told.timeline.last().map_or(told.created_at, |last| last.at),
        };
        Self {
            order_id: told.order_id,
            status: told.status,
            lines: joined(told.items),
            total: told.total,
            since,
            step: format!("{}, {}", told.step, told.direction),
            lease_until: told.lease_until,
        }
    }
}

/// One that was confirmed before and is now being cancelled is pending since its first step back. As long as that one is
/// repeated, its time is that of the last try: who watches for longer knows better.
fn pending_since(told: &Told) -> Instant {
    let ended = told.timeline.iter().rposition(|e| e.step == "confirmed");
    let first_back = ended.and_then(|ended| told.timeline.get(ended + 1));
    match (ended, first_back) {
        (None, _) => told.created_at,
        (Some(_), Some(entry)) => entry.at,
        (Some(_), None) => told.lease_until,
    }
}

/// One line a SKU, by SKU.
pub(crate) fn joined(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines.dedup_by(|next, line| {
        let same = next.sku == line.sku;
        if same {
            line.quantity = line.quantity.saturating_add(next.quantity);
        }
        same
    });
    lines
}

/// A payment of `GET /payments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Payment {
    pub(crate) payment_id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) amount: Money,
    pub(crate) status: PaymentStatus,
}

/// An entry of the card processor's `GET /processor/ledger`. What the shop charges for has the payment's id as reference.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LedgerEntry {
    pub(crate) entry_id: String,
    pub(crate) reference: String,
    pub(crate) kind: EntryKind,
    pub(crate) amount: Option<Money>,
}

/// An item of `GET /items`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) available: i64,
}

/// The sums of `GET /items/{sku}/ledger`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StockLedger {
    pub(crate) supplied: i64,
    pub(crate) sold: i64,
    pub(crate) returned: i64,
}

/// A reservation of `GET /reservations`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) order_id: Uuid,
    pub(crate) status: ReservationStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) expires_at: Instant,
}

/// A shipment of `GET /shipments`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: Uuid,
    pub(crate) order_id: Uuid,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tracking_number: Option<String>,
    pub(crate) status: ShipmentStatus,
}

/// A parcel of the carrier's `GET /carrier/book`. What the shop announced has the shipment's id as reference.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) tracking_number: String,
    pub(crate) reference: String,
    pub(crate) status: ShipmentStatus,
}

/// What waits in an outbox, or for a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Counted")]
pub(crate) struct Waiting {
    pub(crate) waiting: u64,
    /// There is one where anything waits.
    pub(crate) oldest: Option<Instant>,
    /// Given up for good.
    pub(crate) failed: u64,
}

#[derive(Deserialize)]
struct Counted {
    waiting: u64,
    #[serde(deserialize_with = "nullable")]
    oldest: Option<Instant>,
    /// Outboxes give nothing up.
    #[serde(default)]
    failed: u64,
}

impl TryFrom<Counted> for Waiting {
    type Error = &'static str;

    fn try_from(counted: Counted) -> Result<Self, Self::Error> {
        let Counted {
            waiting,
            oldest,
            failed,
        } = counted;
        if waiting > 0 && oldest.is_none() {
            return Err("oldest: null, and something waits");
        }
        Ok(Self {
            waiting,
            oldest,
            failed,
        })
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
    fn an_order_has_a_line_a_sku_and_is_pending_since_it_was_made_or_turned_back() {
        let new = order("pending", &[("reserving", "2026-11-21T14:00:09Z")]);
        assert_eq!(new.since, at("2026-11-21T14:00:00Z"));
        let line = |sku: &str, quantity| Line {
            sku: sku.to_owned(),
            quantity,
        };
        assert_eq!(new.lines, [line("A", 2), line("B", 4)]);
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

    #[test]
    fn an_instant_is_no_older_than_it_is() {
        let then = at("2026-11-21T14:00:00.5Z");
        assert_eq!(then.to_string(), "2026-11-21T14:00:00.5Z");
        let now = at("2026-11-21T14:00:02Z");
        assert_eq!(then.age(now), Duration::from_millis(1500));
        assert_eq!(now.age(then), Duration::ZERO);
        assert!(serde_json::from_value::<Instant>(json!("noon")).is_err());
    }
}
