//! What an event means and what it says to a customer, pure.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use stoa_service::{json, text};
use uuid::Uuid;

use crate::cloudevent::CloudEvent;

/// The most lines of an order that a message lists.
const MAX_LINES: usize = 100;
/// The longest text out of an event that goes into a message, in characters.
const MAX_TEXT: usize = 500;

/// Whom an order is for: every order event says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Whose inbox.
    pub user_id: Uuid,
    /// Where e-mails go.
    pub email: String,
    /// For the salutation.
    pub name: String,
    /// Where SMS go, in the form of E.164.
    pub phone: Option<String>,
}

/// What a customer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line, the subject of the e-mail.
    pub title: String,
    /// Without a salutation.
    pub body: String,
    /// The SMS, where the event is worth one.
    pub sms: Option<String>,
}

/// What a known event comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The order it is about.
    pub order_id: Uuid,
    /// Known from order events only; a parcel's event knows no customer.
    pub customer: Option<Customer>,
    /// What to say.
    pub message: Message,
}

/// How a notification travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By courier.
    Email,
    /// By SMS.
    Sms,
}

impl Channel {
    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
        }
    }

    /// Reads [`Channel::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Channel::Email, Channel::Sms]
            .into_iter()
            .find(|c| c.word() == word)
    }
}

// What events say is read with unknown members allowed: their publishers are released on their own, and may say more.

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

/// Reads what a known event says; `None` for a type that is of no concern here. The error names the field.
pub fn news(event: &CloudEvent) -> Result<Option<News>, String> {
    let news = match event.kind.as_str() {
        "stoa.order.confirmed" => of_order(data(event)?, confirmed)?,
        "stoa.order.cancelled" => of_order(data(event)?, cancelled)?,
        other => match other.strip_prefix("stoa.shipment.").map(moved) {
            Some(Some(moved)) => of_shipment(event, data(event)?, &moved)?,
            _ => return Ok(None),
        },
    };
    let order = news.order_id.to_string();
    match event.subject.as_deref() {
        Some(subject) if subject != order => Err(format!(
            "subject: `{}` is not the data's order_id {order}",
            text::shorten(subject)
        )),
        _ => Ok(Some(news)),
    }
}

fn data<T: DeserializeOwned>(event: &CloudEvent) -> Result<T, String> {
    json::read_value("data", &event.data)
        .map_err(|fault| format!("{fault} (in an event of type {})", event.kind))
}

fn of_order(
    data: OrderData,
    say: fn(&OrderData) -> Result<Message, String>,
) -> Result<News, String> {
    let message = say(&data)?;
    let OrderData { email, phone, .. } = data;
    let length = email.chars().count();
    if !(3..=254).contains(&length)
        || email.split('@').filter(|p| !p.is_empty()).count() != 2
        || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err("data.email: expected an e-mail address".to_owned());
    }
    let is_number = |p: &str| {
        p.strip_prefix('+')
            .is_some_and(|d| (7..=15).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()))
    };
    if phone.as_deref().is_some_and(|p| !is_number(p)) {
        return Err("data.phone: expected a number in the form of E.164, or null".to_owned());
    }
    Ok(News {
        order_id: data.order_id,
        customer: Some(Customer {
            user_id: data.user_id,
            email,
            name: text("data.name", &data.name)?.to_owned(),
            phone,
        }),
        message,
    })
}

fn confirmed(order: &OrderData) -> Result<Message, String> {
    let total = order.total.ok_or("data.total: is missing")?;
    if order.items.len() > MAX_LINES {
        return Err(format!("data.items: more than {MAX_LINES}"));
    }
    let mut body = format!("Thank you for your order {}.\n\n", order.order_id);
    for line in &order.items {
        let sku = text("data.items.sku", &line.sku)?;
        body.push_str(&format!("{} x {sku}\n", line.quantity));
    }
    body.push_str(&format!("Total: {total}\n"));
    if let Some(number) = &order.tracking_number {
        let number = text("data.tracking_number", number)?;
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

fn cancelled(order: &OrderData) -> Result<Message, String> {
    let of = order
        .total
        .map(|t| format!(" over {t}"))
        .unwrap_or_default();
    let mut body = format!("Your order {}{of} was cancelled.\n", order.order_id);
    if let Some(reason) = order.reason.as_deref().filter(|r| !r.is_empty()) {
        // A reason may be a code, such as payment_declined: words read better.
        let reason = text("data.reason", reason)?.replace('_', " ");
        body.push_str(&format!("Reason: {reason}\n"));
    }
    body.push_str("\nNothing is charged; what was paid already is paid back.\n");
    Ok(Message {
        title: format!("Your order{of} was cancelled"),
        body,
        sms: None,
    })
}

/// What a status of a parcel says.
struct Moved {
    status: &'static str,
    title: &'static str,
    sentence: &'static str,
    by_sms: bool,
}

fn moved(status: &str) -> Option<Moved> {
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
        .map(|(status, title, sentence, by_sms)| Moved {
            status,
            title,
            sentence,
            by_sms,
        })
}

fn of_shipment(event: &CloudEvent, data: ShipmentData, moved: &Moved) -> Result<News, String> {
    if data.status != moved.status {
        return Err(format!(
            "data.status: `{}` is not what the type {} says",
            text::shorten(&data.status),
            event.kind
        ));
    }
    let mut body = format!("{}\n\nOrder: {}\n", moved.sentence, data.order_id);
    let mut sms = format!("stoa: {}", moved.sentence);
    if let Some(number) = &data.tracking_number {
        let number = text("data.tracking_number", number)?;
        body.push_str(&format!("Tracking number: {number}\n"));
        sms.push_str(&format!(" Tracking number {number}."));
    }
    Ok(News {
        order_id: data.order_id,
        customer: None,
        message: Message {
            title: moved.title.to_owned(),
            body,
            sms: moved.by_sms.then_some(sms),
        },
    })
}

/// Text that goes into a message: short, and of one line, so that it cannot look like more than it is.
fn text<'a>(field: &str, value: &'a str) -> Result<&'a str, String> {
    if value.chars().count() <= MAX_TEXT && !value.chars().any(char::is_control) {
        Ok(value)
    } else {
        Err(format!(
            "{field}: `{}` is not one line of {MAX_TEXT} characters at most",
            text::shorten(&value.escape_debug().to_string())
        ))
    }
}
