//! From an event to the message for its customer.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stoa_service::money::Money;
use stoa_service::text::shorten;
use stoa_service::{Invalid, json};
use uuid::Uuid;

use super::{CloudEvent, Customer, Message, Notice};
use crate::error::Error;

/// The most lines of an order that a message lists.
const MAX_LINES: usize = 100;
/// The longest text of an event that a message quotes, in characters.
const MAX_TEXT: usize = 500;

// Event data may have unknown members: publishers are released on their own, and may add some.

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

/// Reads a known event; `None` for any other type.
pub fn from_event(event: &CloudEvent) -> Result<Option<Notice>, Error> {
    let notice = match event.kind.as_str() {
        "stoa.order.confirmed" => of_order(data(event)?, confirmed)?,
        "stoa.order.cancelled" => of_order(data(event)?, cancelled)?,
        other => match other
            .strip_prefix("stoa.shipment.")
            .and_then(shipment_message)
        {
            Some(message) => of_shipment(event, data(event)?, &message)?,
            None => return Ok(None),
        },
    };
    let order = notice.order_id.to_string();
    match event.subject.as_deref() {
        Some(subject) if subject != order => Err(invalid(format!(
            "subject: `{}` is not the data's order_id {order}",
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

fn of_order(
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
            "data.phone: expected a number in the form of E.164, or null",
        ));
    }
    Ok(Notice {
        order_id: data.order_id,
        customer: Some(Customer {
            user_id: data.user_id,
            email,
            name: line("data.name", &data.name)?.to_owned(),
            phone,
        }),
        message,
    })
}

fn confirmed(order: &OrderData) -> Result<Message, Error> {
    let total = order
        .total
        .ok_or_else(|| invalid("data.total: is missing"))?;
    if order.items.len() > MAX_LINES {
        return Err(invalid(format!("data.items: more than {MAX_LINES}")));
    }
    let mut body = format!("Thank you for your order {}.\n\n", order.order_id);
    for item in &order.items {
        let sku = line("data.items.sku", &item.sku)?;
        body.push_str(&format!("{} x {sku}\n", item.quantity));
    }
    body.push_str(&format!("Total: {total}\n"));
    if let Some(number) = &order.tracking_number {
        let number = line("data.tracking_number", number)?;
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
    let of = order
        .total
        .map(|t| format!(" over {t}"))
        .unwrap_or_default();
    let mut body = format!("Your order {}{of} was cancelled.\n", order.order_id);
    if let Some(reason) = order.reason.as_deref().filter(|r| !r.is_empty()) {
        // A reason may be a code, such as payment_declined: it becomes words.
        let reason = line("data.reason", reason)?.replace('_', " ");
        body.push_str(&format!("Reason: {reason}\n"));
    }
    body.push_str("\nNothing is charged; what was paid already is paid back.\n");
    Ok(Message {
        title: format!("Your order{of} was cancelled"),
        body,
        sms: None,
    })
}

/// The message for a status of a shipment.
struct ShipmentMessage {
    status: &'static str,
    title: &'static str,
    sentence: &'static str,
    by_sms: bool,
}

fn shipment_message(status: &str) -> Option<ShipmentMessage> {
    #[rustfmt::skip]
    const ALL: [(&str, &str, &str, bool); 7] = [
        ("created", "Your parcel is announced", "The carrier knows of your parcel and will collect it.", false),
        ("picked_up", "Your parcel was picked up", "The carrier has picked up your parcel.", false),
        ("in_transit", "Your parcel is on its way", "Your parcel is on its way to you.", false),
        ("out_for_delivery", "Your parcel is out for delivery", "Your parcel is out for delivery and arrives today.", true),
        ("delivered", "Your parcel was delivered", "Your parcel was delivered.", true),
        ("cancelled", "Your parcel was called off", "Your parcel was called off and will not be sent.", false),
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

fn of_shipment(
    event: &CloudEvent,
    data: ShipmentData,
    message: &ShipmentMessage,
) -> Result<Notice, Error> {
    if data.status != message.status {
        return Err(invalid(format!(
            "data.status: `{}` does not belong to the type {}",
            shorten(&data.status),
            event.kind
        )));
    }
    let mut body = format!("{}\n\nOrder: {}\n", message.sentence, data.order_id);
    let mut sms = format!("stoa: {}", message.sentence);
    if let Some(number) = &data.tracking_number {
        let number = line("data.tracking_number", number)?;
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

/// Text for a message: short, and on one line, so that it cannot imitate other parts of the message.
fn line<'a>(field: &str, value: &'a str) -> Result<&'a str, Error> {
    if value.chars().count() <= MAX_TEXT && !value.chars().any(char::is_control) {
        Ok(value)
    } else {
        Err(invalid(format!(
            "{field}: `{}` is not one line of {MAX_TEXT} characters at most",
            shorten(&value.escape_debug().to_string())
        )))
    }
}
