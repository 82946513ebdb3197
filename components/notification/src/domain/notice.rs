//! Makes the message to the customer from an event.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stoa_service::money::Money;
use stoa_service::text::shorten;
use stoa_service::{Invalid, json};
use uuid::Uuid;

use super::{CloudEvent, Customer, Message, Notice};
use crate::error::Error;

/// The maximum number of order lines that a message lists.
const MAX_LINES: usize = 100;
/// The maximum length of a text that a message quotes from an event, in characters.
const MAX_QUOTE_LENGTH: usize = 500;

// Unknown members in the data of an event are accepted, because a newer release of the publisher may add members.

#[derive(Deserialize)]
struct OrderData {
    order_id: Uuid,
    user_id: Uuid,
    email: String,
    name: String,
    phone: Option<String>,
    total: Option<Money>,
    #[serde(default)]
    items: Vec<Line>,
    tracking_number: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize)]
struct ShipmentData {
    order_id: Uuid,
    tracking_number: Option<String>,
    status: String,
}

/// Makes the message for an event. `None` if no customer is notified of events of this type.
pub fn from_event(event: &CloudEvent) -> Result<Option<Notice>, Error> {
    let notice = match event.kind.as_str() {
        "stoa.order.confirmed" => order_notice(data(event)?, confirmed)?,
        "stoa.order.cancelled" => order_notice(data(event)?, cancelled)?,
        other => match other
            .strip_prefix("stoa.shipment.")
            .and_then(shipment_message)
        {
            Some(message) => shipment_notice(event, data(event)?, &message)?,
            None => return Ok(None),
        },
    };
    let order = notice.order_id.to_string();
    match event.subject.as_deref() {
        Some(subject) if subject != order => Err(invalid(format!(
            "subject: `{}` differs from data.order_id, which is {order}",
            shorten(subject)
        ))),
        _ => Ok(Some(notice)),
    }
}

fn invalid(sentence: impl Into<String>) -> Error {
    Invalid::new(sentence).into()
}

fn data<T: DeserializeOwned>(event: &CloudEvent) -> Result<T, Error> {
    json::read_value("data", &event.data)
        .map_err(|fault| invalid(format!("{fault} (in an event of type {})", event.kind)))
}

fn order_notice(
    data: OrderData,
    message: fn(&OrderData) -> Result<Message, Error>,
) -> Result<Notice, Error> {
    let message = message(&data)?;
    let OrderData { email, phone, .. } = data;
    let length = email.chars().count();
    if !(3..=254).contains(&length)
        || email.split('@').filter(|p| !p.is_empty()).count() != 2
        || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(invalid("data.email: expected an e-mail address"));
    }
    let is_number = |p: &str| {
        p.strip_prefix('+')
            .is_some_and(|d| (7..=15).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()))
    };
    if phone.as_deref().is_some_and(|p| !is_number(p)) {
        return Err(invalid(
            "data.phone: expected a telephone number in the format of E.164, or null",
        ));
    }
    Ok(Notice {
        order_id: data.order_id,
        customer: Some(Customer {
            user_id: data.user_id,
            email,
            name: check_quote("data.name", &data.name)?.to_owned(),
            phone,
        }),
        message,
    })
}

fn confirmed(order: &OrderData) -> Result<Message, Error> {
    let total = order.total.ok_or_else(|| invalid("data.total: missing"))?;
    if order.items.len() > MAX_LINES {
        return Err(invalid(format!(
            "data.items: has {} lines, expected {MAX_LINES} at most",
            order.items.len()
        )));
    }
    let mut body = format!("Thank you for your order {}.\n\n", order.order_id);
    for item in &order.items {
        let sku = check_quote("data.items.sku", &item.sku)?;
        body.push_str(&format!("{} x {sku}\n", item.quantity));
    }
    body.push_str(&format!("Total: {total}\n"));
    if let Some(number) = &order.tracking_number {
        let number = check_quote("data.tracking_number", number)?;
        body.push_str(&format!(
            "\nYour parcel has the tracking number {number}.\n"
        ));
    }
    Ok(Message {
        title: format!("Your order over {total} is confirmed"),
        body,
        sms: None,
    })
}

fn cancelled(order: &OrderData) -> Result<Message, Error> {
    let over_total = order
        .total
        .map(|t| format!(" over {t}"))
        .unwrap_or_default();
    let mut body = format!("Your order {}{over_total} was cancelled.\n", order.order_id);
    if let Some(reason) = order.reason.as_deref().filter(|r| !r.is_empty()) {
        // The reason for a cancellation may be a code, such as `payment_declined`. In the message, spaces replace the underscores.
        let reason = check_quote("data.reason", reason)?.replace('_', " ");
        body.push_str(&format!("Reason: {reason}\n"));
    }
    body.push_str("\nYou are not charged. If you have already paid, you get your money back.\n");
    Ok(Message {
        title: format!("Your order{over_total} was cancelled"),
        body,
        sms: None,
    })
}

/// Makes the message to the customer that the shipment has this status.
struct ShipmentMessage {
    status: &'static str,
    title: &'static str,
    sentence: &'static str,
    by_sms: bool,
}

fn shipment_message(status: &str) -> Option<ShipmentMessage> {
    #[rustfmt::skip]
    const ALL: [(&str, &str, &str, bool); 7] = [
        ("created", "Your parcel is announced", "The carrier will collect your parcel.", false),
        ("picked_up", "Your parcel was picked up", "The carrier has picked up your parcel.", false),
        ("in_transit", "Your parcel is on its way", "Your parcel is on its way to you.", false),
        ("out_for_delivery", "Your parcel is out for delivery", "Your parcel is out for delivery and arrives today.", true),
        ("delivered", "Your parcel was delivered", "Your parcel was delivered.", true),
        ("cancelled", "Your parcel was cancelled", "Your parcel was cancelled and will not be sent.", false),
        ("returned", "Your parcel was returned", "Your parcel could not be delivered and goes back to us.", false),
    ];
    ALL.into_iter()
        .find(|(word, ..)| *word == status)
        .map(|(status, title, sentence, by_sms)| ShipmentMessage {
            status,
            title,
            sentence,
            by_sms,
        })
}

fn shipment_notice(
    event: &CloudEvent,
    data: ShipmentData,
    message: &ShipmentMessage,
) -> Result<Notice, Error> {
    if data.status != message.status {
        return Err(invalid(format!(
            "data.status: `{}` does not match the event type {}",
            shorten(&data.status),
            event.kind
        )));
    }
    let mut body = format!("{}\n\nOrder: {}\n", message.sentence, data.order_id);
    let mut sms = format!("stoa: {}", message.sentence);
    if let Some(number) = &data.tracking_number {
        let number = check_quote("data.tracking_number", number)?;
        body.push_str(&format!("Tracking number: {number}\n"));
        sms.push_str(&format!(" Tracking number {number}."));
    }
    Ok(Notice {
        order_id: data.order_id,
        customer: None,
        message: Message {
            title: message.title.to_owned(),
            body,
            sms: message.by_sms.then_some(sms),
        },
    })
}

/// Checks a text that a message quotes. It must be short and on one line, so that it cannot imitate other parts of the message.
fn check_quote<'a>(field: &str, value: &'a str) -> Result<&'a str, Error> {
    if value.chars().count() <= MAX_QUOTE_LENGTH && !value.chars().any(char::is_control) {
        Ok(value)
    } else {
        Err(invalid(format!(
            "{field}: `{}` has several lines or more than {MAX_QUOTE_LENGTH} characters",
            shorten(&value.escape_debug().to_string())
        )))
    }
}
