//! The JSON bodies of the shop's responses, as in `api/openapi.yaml`. Required members must be present, even if they may be null.
//! Unknown members are ignored.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// An amount of money in minor units (cents) of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units.
    pub amount: u64,
    /// The currency's ISO 4217 code, such as `EUR`.
    pub currency: String,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Deserializes a member that may be null but not absent.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) next_page_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Product {
    pub(crate) product_id: Uuid,
    pub(crate) sku: String,
    pub(crate) name: String,
    #[serde(rename = "description")]
    _description: String,
    #[serde(rename = "category")]
    _category: String,
    #[serde(rename = "image")]
    _image: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) price: Option<Money>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) user_id: Uuid,
    pub(crate) email: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    pub(crate) token_type: String,
    pub(crate) expires_in: u64,
}

/// A line of a cart or an order. A line of a cart may lack a price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    #[serde(rename = "name")]
    _name: String,
    pub(crate) quantity: u32,
    #[serde(deserialize_with = "nullable")]
    pub(crate) unit_price: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) line_total: Option<Money>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cart {
    pub(crate) items: Vec<Line>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) total: Option<Money>,
    pub(crate) unpriced: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: Uuid,
    pub(crate) status: String,
    pub(crate) items: Vec<Line>,
    pub(crate) total: Money,
    #[serde(deserialize_with = "nullable")]
    pub(crate) payment: Option<Payment>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) shipment: Option<Shipment>,
    pub(crate) timeline: Vec<Entry>,
    pub(crate) created_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Payment {
    pub(crate) payment_id: Uuid,
    pub(crate) status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: Uuid,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tracking_number: Option<String>,
    pub(crate) status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) step: String,
    pub(crate) status: String,
    #[serde(rename = "at")]
    _at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tracking {
    pub(crate) tracking_number: String,
    #[serde(rename = "status")]
    _status: String,
    #[serde(rename = "events")]
    _events: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "notification_id")]
    _notification_id: Uuid,
    #[serde(rename = "title")]
    _title: String,
    pub(crate) order_id: Uuid,
}

/// A problem document (RFC 9457).
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) order_id: Option<Uuid>,
}
