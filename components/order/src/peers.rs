//! The saga's calls: inventory, payment, shipping. Each may be repeated; its key is derived from the order.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use stoa_service::outbound::{Call, CallError, Outbound, Reply};
use stoa_service::{Context, text};
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{Order, Payment, Shipment};
use crate::steps::{Outcome, Refusal};

/// With the two calls for prices, a whole way forward stays below the time limit of a request (30 s). Where a way back
/// does not, recovery finishes it.
const STOCK_TIMEOUT: Duration = Duration::from_secs(3);
const CHARGE_TIMEOUT: Duration = Duration::from_secs(8);
const SHIP_TIMEOUT: Duration = Duration::from_secs(5);
const UNDO_TIMEOUT: Duration = Duration::from_secs(4);
/// A reader does not wait longer for where the parcels are.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq)]
pub enum Fail {
    /// A definite no.
    Refused(Refusal),
    /// It never left.
    NotDone(String),
    /// A gatekeeper rejected it before the service was reached.
    TurnedAway(String),
    /// It may have happened.
    Unknown {
        /// For the log.
        cause: String,
        /// It may still be on its way.
        in_flight: bool,
    },
}

impl From<Fail> for Outcome {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Refused(refusal) => Outcome::Refused(refusal),
            Fail::NotDone(cause) => Outcome::NotDone(cause),
            Fail::TurnedAway(cause) => Outcome::TurnedAway(cause),
            Fail::Unknown { cause, in_flight } => Outcome::Unknown { cause, in_flight },
        }
    }
}

/// The services that the saga calls, on behalf of one request.
pub struct Peers<'a> {
    /// The way out.
    pub outbound: &'a dyn Outbound,
    /// Their addresses.
    pub config: &'a Config,
    /// What the calls carry on.
    pub context: &'a Context,
}

#[derive(Deserialize)]
struct PaymentView {
    payment_id: Uuid,
    status: String,
}

impl From<PaymentView> for Payment {
    fn from(view: PaymentView) -> Self {
        Self {
            payment_id: view.payment_id,
            status: view.status,
        }
    }
}

#[derive(Deserialize)]
struct ShipmentView {
    shipment_id: Uuid,
    #[serde(default)]
    tracking_number: Option<String>,
    status: String,
}

impl From<ShipmentView> for Shipment {
    fn from(view: ShipmentView) -> Self {
        Self {
            shipment_id: view.shipment_id,
            tracking_number: view.tracking_number,
            status: view.status,
        }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

impl Peers<'_> {
    fn call(&self, method: Method, base: &str, path: &str) -> Call {
        Call::new(self.context, method, base, path)
    }

    fn send(&self, call: Call) -> Result<Reply, Fail> {
        let asked = format!("{} {}", call.method, call.url);
        sort(&asked, self.outbound.send(call))
    }

    fn lines(order: &Order) -> Value {
        order
            .items
            .iter()
            .map(|item| json!({"sku": item.sku, "quantity": item.quantity}))
            .collect()
    }

    /// Reserves all lines or none.
    pub fn reserve(&self, order: &Order) -> Result<(), Fail> {
        let call = self
            .call(Method::POST, &self.config.inventory_url, "/reservations")
            .idempotency_key(&order.call_key("reserve"))
            .json(&json!({"order_id": order.order_id, "lines": Self::lines(order)}))
            .timeout(STOCK_TIMEOUT);
        self.send(call).map(drop)
    }

    fn stock(&self, order: &Order, what: &str) -> Call {
        let path = format!("/reservations/{}/{what}", order.order_id);
        self.call(Method::POST, &self.config.inventory_url, &path)
            .idempotency_key(&order.call_key(what))
            .timeout(STOCK_TIMEOUT)
    }

    /// Makes the reservation hold for `seconds` from now on at least, taking the stock again if it ran out.
    pub fn extend(&self, order: &Order, seconds: u32) -> Result<(), Fail> {
        let call = self
            .stock(order, "extend")
            .json(&json!({"seconds": seconds}));
        self.send(call).map(drop)
    }

    /// The stock leaves.
    pub fn commit(&self, order: &Order) -> Result<(), Fail> {
        self.send(self.stock(order, "commit").json(&json!({})))
            .map(drop)
    }

    /// Gives the stock back, committed or not, and closes the door for a reservation still on its way.
    pub fn release(&self, order: &Order) -> Result<(), Fail> {
        let path = format!("/reservations/{}", order.order_id);
        let call = self
            .call(Method::DELETE, &self.config.inventory_url, &path)
            .idempotency_key(&order.call_key("release"))
            .timeout(UNDO_TIMEOUT);
        self.send(call).map(drop)
    }

    /// Charges the card.
    pub fn charge(&self, order: &Order) -> Result<Payment, Fail> {
        let body = json!({"order_id": order.order_id, "amount": order.total, "method": "card",
            "card_token": order.card_token});
        let call = self
            .call(Method::POST, &self.config.payment_url, "/payments")
            .idempotency_key(&order.call_key("charge"))
            .json(&body)
            .timeout(CHARGE_TIMEOUT);
        let payment = read::<PaymentView>(&self.send(call)?)?;
        if payment.status == "captured" {
            Ok(payment.into())
        } else {
            Err(Fail::Unknown {
                cause: format!("payment {} is {}", payment.payment_id, payment.status),
                in_flight: false,
            })
        }
    }

    /// The payment of an order, if payment knows of one.
    pub fn payment_of(&self, order_id: Uuid) -> Result<Option<Payment>, Fail> {
        let path = format!("/payments?order_id={order_id}");
        let call = self
            .call(Method::GET, &self.config.payment_url, &path)
            .timeout(UNDO_TIMEOUT);
        let page: Page<PaymentView> = read(&self.send(call)?)?;
        Ok(page.items.into_iter().next().map(Payment::from))
    }

    /// Gives the money back, or makes sure that it is never taken.
    pub fn refund(&self, order: &Order, payment_id: Uuid) -> Result<Payment, Fail> {
        let path = format!("/payments/{payment_id}/refund");
        let call = self
            .call(Method::POST, &self.config.payment_url, &path)
            .idempotency_key(&order.call_key("refund"))
            .json(&json!({}))
            .timeout(UNDO_TIMEOUT);
        Ok(read::<PaymentView>(&self.send(call)?)?.into())
    }

    /// Hands the parcel to the carrier.
    pub fn ship(&self, order: &Order) -> Result<Shipment, Fail> {
        let body = json!({"order_id": order.order_id, "address": order.address, "lines": Self::lines(order)});
        let call = self
            .call(Method::POST, &self.config.shipping_url, "/shipments")
            .idempotency_key(&order.call_key("ship"))
            .json(&body)
            .timeout(SHIP_TIMEOUT);
        Ok(read::<ShipmentView>(&self.send(call)?)?.into())
    }

    /// The shipment of an order, if shipping knows of one.
    pub fn shipment_of(&self, order_id: Uuid) -> Result<Option<Shipment>, Fail> {
        let path = format!("/shipments?order_id={order_id}");
        let call = self
            .call(Method::GET, &self.config.shipping_url, &path)
            .timeout(UNDO_TIMEOUT);
        let page: Page<ShipmentView> = read(&self.send(call)?)?;
        Ok(page.items.into_iter().next().map(Shipment::from))
    }

    /// The shipments of these orders, at most 101, as shipping has them now; orders without one are left out.
    pub fn shipments_of(&self, order_ids: &[Uuid]) -> Result<Vec<(Uuid, Shipment)>, Fail> {
        #[derive(Deserialize)]
        struct OfOrder {
            order_id: Uuid,
            #[serde(flatten)]
            shipment: ShipmentView,
        }
        let ids: Vec<String> = order_ids.iter().map(Uuid::to_string).collect();
        let path = format!("/shipments?order_id={}", ids.join(","));
        let call = self
            .call(Method::GET, &self.config.shipping_url, &path)
            .timeout(READ_TIMEOUT);
        let page: Page<OfOrder> = read(&self.send(call)?)?;
        let found = page.items.into_iter();
        Ok(found.map(|of| (of.order_id, of.shipment.into())).collect())
    }

    /// Calls the shipment off.
    pub fn cancel_shipment(&self, order: &Order, shipment_id: Uuid) -> Result<Shipment, Fail> {
        let path = format!("/shipments/{shipment_id}/cancel");
        let call = self
            .call(Method::POST, &self.config.shipping_url, &path)
            .idempotency_key(&order.call_key("cancel_shipment"))
            .json(&json!({}))
            .timeout(UNDO_TIMEOUT);
        Ok(read::<ShipmentView>(&self.send(call)?)?.into())
    }
}

fn read<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Fail> {
    reply.json().map_err(|error| Fail::Unknown {
        cause: error.to_string(),
        in_flight: false,
    })
}

/// Sorts what came back by what it proves.
fn sort(asked: &str, reply: Result<Reply, CallError>) -> Result<Reply, Fail> {
    let reply = match reply {
        Ok(reply) if reply.status.is_success() => return Ok(reply),
        Ok(reply) => reply,
        Err(CallError::NotSent(cause)) => return Err(Fail::NotDone(cause)),
        Err(CallError::Lost(cause)) => {
            return Err(Fail::Unknown {
                cause,
                in_flight: true,
            });
        }
    };
    let code = reply.code();
    let cause = format!(
        "{asked} answered {} {}",
        reply.status,
        text::shorten(&String::from_utf8_lossy(&reply.body))
    );
    Err(match reply.status {
        // Its first try is still at work.
        StatusCode::CONFLICT if code == "request_in_progress" => Fail::Unknown {
            cause,
            in_flight: true,
        },
        // Said by a gatekeeper, before the service was asked.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::TOO_MANY_REQUESTS => Fail::TurnedAway(cause),
        status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            if code.is_empty() {
                return Err(Fail::TurnedAway(cause)); // No service of ours: nobody was there.
            }
            let mut members = match serde_json::from_slice(&reply.body) {
                Ok(Value::Object(members)) => members,
                _ => serde_json::Map::new(),
            };
            let detail = match members.remove("detail") {
                Some(Value::String(detail)) => detail,
                _ => code.clone(),
            };
            Fail::Refused(Refusal {
                code,
                detail,
                members,
            })
        }
        // The service itself says that it could not; what it began can be looked up. A proxy's 502 or 504 proves less.
        status => Fail::Unknown {
            cause,
            in_flight: status != StatusCode::SERVICE_UNAVAILABLE,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_service::testing::reply;

    fn outcome(result: Result<Reply, CallError>) -> Outcome {
        sort("POST /x", result).map_or_else(Outcome::from, |_| Outcome::Done)
    }

    #[test]
    fn tells_a_no_from_nothing_done_and_from_not_known() {
        let is = |o: &Outcome| match o {
            Outcome::Done => "done",
            Outcome::Refused(_) => "refused",
            Outcome::NotDone(_) => "not done",
            Outcome::TurnedAway(_) => "turned away",
            Outcome::Unknown { in_flight, .. } if *in_flight => "in flight",
            Outcome::Unknown { .. } => "unknown",
            _ => "?",
        };
        for (status, code, expected) in [
            (201, "", "done"),
            (402, "payment_declined", "refused"),
            (409, "insufficient_stock", "refused"),
            (409, "request_in_progress", "in flight"),
            (404, "not_found", "refused"),
            (404, "", "turned away"),
            (403, "", "turned away"),
            (429, "rate_limited", "turned away"),
            (503, "unavailable", "unknown"),
            (500, "", "in flight"),
            (504, "", "in flight"),
        ] {
            let given = outcome(reply(status, json!({"code": code})));
            let given = match (code, status) {
                ("", 404 | 403) => outcome(reply(status, json!({}))),
                _ => given,
            };
            assert_eq!(is(&given), expected, "{status} {code}");
        }
        assert_eq!(
            is(&outcome(Err(CallError::NotSent("x".into())))),
            "not done"
        );
        assert_eq!(is(&outcome(Err(CallError::Lost("x".into())))), "in flight");
    }
}
