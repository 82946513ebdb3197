//! Makes an order from a submission: reads the lines, their prices and the customer. This module writes nothing to the database.

use serde_json::json;
use shop_pricing::{PriceError, Quote, QuoteLine};
use stoa_service::{Context, Invalid, Sku, id, log};
use uuid::Uuid;

use crate::app::App;
use crate::clients::Clients;
use crate::clients::product::Product;
use crate::clients::user::Contact;
use crate::domain::{Customer, Direction, Item, Order, Status, StepName};
use crate::draft::{self, Line, Submission};
use crate::error::Error;
use crate::saga::steps::STEPS;
use crate::saga::{lease, transition};

/// Makes an order from the submission with current prices. The order is not written yet and has no reservation.
pub fn price(app: &App, context: &Context, submission: &Submission<'_>) -> Result<Order, Error> {
    let (order_id, clients) = (id::new(), app.clients(context));
    let (cart_version, lines) = lines(&clients, submission)?;
    let products = products(&clients, &lines)?;
    let (items, quote) = quote(app, &lines, &products)
        .inspect_err(|error| log_unpriced(context, order_id, error))?;
    let draft = submission.draft;
    if draft.expected_total.is_some_and(|seen| seen != quote.total) {
        return Err(Error::PriceChanged(quote.total));
    }
    let now = app.now();
    let mut order = Order {
        order_id,
        customer: customer(context, &clients, submission),
        idempotency_key: Some(submission.key.to_owned()),
        fingerprint: submission.fingerprint.to_owned(),
        status: Status::Pending,
        direction: Direction::Forward,
        step: StepName::DONE,
        items,
        total: quote.total,
        address: draft.address.clone(),
        card_token: draft.card_token.clone(),
        payment: None,
        shipment: None,
        failure: None,
        freed_key: None,
        cart_version,
        clear_cart: cart_version.is_some(),
        uncertain_until: 0,
        created_at: now,
        confirmed_at: None,
        lease: lease::new(app),
        version: 1,
        timeline: Vec::new(),
    };
    transition::start(&STEPS, &mut order, now);
    Ok(order)
}

/// Returns the lines of the submission, without a cart version. If the submission has no lines, returns the lines of the customer's
/// cart and the cart's version.
fn lines(
    clients: &Clients<'_>,
    submission: &Submission<'_>,
) -> Result<(Option<i64>, Vec<Line>), Error> {
    if let Some(lines) = &submission.draft.lines {
        return Ok((None, lines.clone()));
    }
    let cart = clients.cart.of_user(submission.token)?;
    if cart.items.is_empty() {
        return Err(Error::EmptyCart);
    }
    let lines = cart.items.into_iter().map(|line| Line {
        sku: line.sku,
        quantity: line.quantity,
    });
    let lines = draft::join_lines("cart", lines.collect())?;
    Ok((Some(cart.version), lines))
}

/// The product of each line, in the sequence of the lines.
fn products(clients: &Clients<'_>, lines: &[Line]) -> Result<Vec<Product>, Error> {
    let skus: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    let found = clients.product.of_skus(&skus)?;
    let find = |sku: &Sku| found.iter().find(|product| product.sku == *sku).cloned();
    let mut unknown = Vec::new();
    let mut products = Vec::new();
    for line in lines {
        match find(&line.sku) {
            Some(product) => products.push(product),
            None => unknown.push(line.sku.clone()),
        }
    }
    match unknown.is_empty() {
        true => Ok(products),
        false => Err(Error::UnknownItems(unknown)),
    }
}

/// The items with their prices, and the quote with the total.
fn quote(app: &App, lines: &[Line], products: &[Product]) -> Result<(Vec<Item>, Quote), Error> {
    let wanted: Vec<QuoteLine<'_>> = lines
        .iter()
        .zip(products)
        .map(|(line, product)| QuoteLine {
            sku: line.sku.as_str(),
            quantity: line.quantity,
            unit_price: product.price,
        })
        .collect();
    let quote = app.prices.quote(&wanted).map_err(price_error)?;
    let items: Vec<Item> = wanted
        .iter()
        .zip(products)
        .zip(&quote.line_totals)
        .filter_map(|((line, product), line_total)| {
            Some(Item {
                sku: product.sku.clone(),
                name: product.name.clone(),
                quantity: line.quantity,
                unit_price: product.price?,
                line_total: *line_total,
            })
        })
        .collect();
    if items.len() == lines.len() {
        Ok((items, quote))
    } else {
        let cause = format!(
            "the component pricing returned {} totals for {} lines",
            items.len(),
            lines.len()
        );
        Err(Error::PricingBroken(cause))
    }
}

fn price_error(error: PriceError) -> Error {
    match error {
        PriceError::Unpriced(skus) => Error::UnpricedItems(skus),
        PriceError::MixedCurrencies | PriceError::Overflow => {
            Invalid::new(format!("items: {error}")).into()
        }
        PriceError::Broken(cause) => Error::PricingBroken(cause),
    }
}

/// Logs an error for each ordered item without a price, because a person must set the price.
fn log_unpriced(context: &Context, order_id: Uuid, error: &Error) {
    if let Error::UnpricedItems(skus) = error {
        for sku in skus {
            let fields = json!({"sku": sku, "order_id": order_id});
            log::error(context, "an ordered item has no price", fields);
        }
    }
}

/// The customer with their current contact data from the user service. If the user's profile cannot be read, the customer has no
/// telephone number and gets no SMS. The telephone number in the token is not used, because the user may have removed this number
/// from the profile.
fn customer(context: &Context, clients: &Clients<'_>, submission: &Submission<'_>) -> Customer {
    let claims = submission.claims;
    let contact = clients.user.contact(submission.token);
    let contact = contact.unwrap_or_else(|error| {
        let fields = json!({"cause": error.to_string()});
        log::warn(
            context,
            "cannot read the customer's profile; the customer gets no SMS",
            fields,
        );
        Contact {
            email: claims.email.clone(),
            name: claims.name.clone(),
            phone: None,
        }
    });
    Customer {
        user_id: claims.sub,
        email: contact.email,
        name: contact.name,
        phone: contact.phone,
    }
}
