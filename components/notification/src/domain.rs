//! Types, pure. [`notice`] turns an event into a message for the customer.

use serde::Serialize;
use serde_json::Value;
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

pub mod notice;

/// An event (CloudEvents 1.0). Its envelope is checked; its data is not.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    /// With `source`, the event's identity.
    pub id: String,
    /// The publisher, such as `/stoa/order`.
    pub source: String,
    /// Such as `stoa.order.confirmed`.
    pub kind: String,
    /// The subject of the event.
    pub subject: Option<String>,
    /// The payload; null where there is none.
    pub data: Value,
}

/// The customer of an order: every order event has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The owner of the inbox.
    pub user_id: Uuid,
    /// The address for e-mails.
    pub email: String,
    /// For the salutation.
    pub name: String,
    /// The number for SMS, in the form of E.164.
    pub phone: Option<String>,
}

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line, the subject of the e-mail.
    pub title: String,
    /// Without a salutation.
    pub body: String,
    /// The SMS, if the event gets one.
    pub sms: Option<String>,
}

/// The meaning of a known event for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The order.
    pub order_id: Uuid,
    /// Set by order events only; a shipment's event has no customer.
    pub customer: Option<Customer>,
    /// The text.
    pub message: Message,
}

/// The channel of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    /// By courier.
    Email,
    /// By SMS.
    Sms,
}

/// A message with its address, ready for a provider.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The key by which a provider detects a repeat.
    pub delivery_id: Uuid,
    /// Selects the provider.
    pub channel: Channel,
    /// An e-mail address or a telephone number.
    pub to: String,
    /// One line; not part of an SMS.
    pub subject: String,
    /// The text.
    pub body: String,
}
