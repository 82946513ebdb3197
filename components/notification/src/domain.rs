//! The types of this service. [`notice`] makes the message to the customer from an event.

use serde::Serialize;
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

pub mod notice;

/// An event (CloudEvents 1.0). Its attributes are checked, and its data is not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    /// The event's id. `source` and `id` together identify the event.
    pub id: String,
    /// The event's publisher, such as `/stoa/order`.
    pub source: String,
    /// The event's type, such as `stoa.order.confirmed`.
    pub kind: String,
    /// The event's subject: the id of the order.
    pub subject: Option<String>,
    /// The event's payload; null if the event has none.
    pub data: Value,
}

/// The customer of an order, from the data of an event that the `order` service published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The customer's user id, which selects the inbox.
    pub user_id: Uuid,
    /// The address for e-mails.
    pub email: String,
    /// The customer's name, for the salutation.
    pub name: String,
    /// The telephone number for SMS, in the format of E.164.
    pub phone: Option<String>,
}

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The title, on one line. It is also the e-mail's subject.
    pub title: String,
    /// The text, without a salutation.
    pub body: String,
    /// The text of the SMS; `None` if the event causes no SMS.
    pub sms: Option<String>,
}

/// A message to a customer about an order, made from an event of a known type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The id of the order.
    pub order_id: Uuid,
    /// The customer that the event names. `None` for events of the `shipping` service, which do not name the customer.
    pub customer: Option<Customer>,
    /// The message.
    pub message: Message,
}

/// The channel of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    /// E-mail, sent by the courier.
    Email,
    /// SMS, sent by the SMS gateway.
    Sms,
}

/// A message with the recipient's address, which a provider can send.
#[derive(Debug, Clone)]
pub struct OutgoingMessage {
    /// The id of the delivery. It is also the idempotency key of the call to the provider, so the provider detects repeats.
    pub delivery_id: Uuid,
    /// The channel, which selects the provider.
    pub channel: Channel,
    /// The recipient: an e-mail address or a telephone number.
    pub to: String,
    /// The subject of an e-mail, on one line. It is not used for an SMS.
    pub subject: String,
    /// The text.
    pub body: String,
}
