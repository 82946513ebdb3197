//! Whether an answer is right, beyond its status: pure. The error is a sentence that says what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::wire::{Cart, Line, Message, Money, Order, Page, Product, Token, Tracking, User};

/// What is wrong with an answer.
pub(crate) type Checked = Result<(), String>;

/// Units by SKU.
pub(crate) type Basket = BTreeMap<String, u32>;

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// A page of products: not more than was asked for, none twice, none of the page before.
pub(crate) fn page(page: &Page<Product>, limit: usize, before: &[Product]) -> Checked {
    let count = page.items.len();
    ensure(count <= limit, || {
        format!("{count} products where {limit} were asked for")
    })?;
    ensure(page.next_page_token.is_none() || count > 0, || {
        "an empty page is not the last one".to_owned()
    })?;
    let mut seen: BTreeSet<&str> = before.iter().map(|p| p.sku.as_str()).collect();
    page.items.iter().try_for_each(|product| {
        ensure(!product.sku.is_empty(), || {
            format!("product {} has no SKU", product.product_id)
        })?;
        ensure(seen.insert(&product.sku), || {
            format!("{} is listed twice", product.sku)
        })
    })
}

/// What was found when a word of `product`'s name was searched.
pub(crate) fn found(found: &Page<Product>, word: &str, product: &Product) -> Checked {
    let there = found.items.iter().any(|p| p.sku == product.sku);
    ensure(there || found.next_page_token.is_some(), || {
        format!("a search for `{word}` does not find {}", product.sku)
    })
}

/// A product's page is the product that was listed.
pub(crate) fn product(shown: &Product, listed: &Product) -> Checked {
    ensure(shown.product_id == listed.product_id, || {
        format!(
            "product {} where {} was asked for",
            shown.product_id, listed.product_id
        )
    })?;
    ensure(shown.sku == listed.sku && shown.name == listed.name, || {
        format!(
            "{} `{}` was listed as {} `{}`",
            shown.sku, shown.name, listed.sku, listed.name
        )
    })?;
    ensure(shown.price == listed.price, || {
        let (now, then) = (price(&shown.price), price(&listed.price));
        format!("{} costs {now} and was listed at {then}", shown.sku)
    })
}

fn price(price: &Option<Money>) -> String {
    price
        .as_ref()
        .map_or("nothing".to_owned(), Money::to_string)
}

/// The account is the one that was asked for.
pub(crate) fn user(user: &User, email: &str) -> Checked {
    ensure(user.email == email, || {
        format!("an account for {} where {email} registered", user.email)
    })
}

/// A token that can be used.
pub(crate) fn token(token: &Token) -> Checked {
    ensure(
        token.token_type == "Bearer" && !token.access_token.is_empty(),
        || format!("no bearer token, but `{}`", token.token_type),
    )?;
    ensure((60..=86_400).contains(&token.expires_in), || {
        format!("a token for {} s, expected 60 to 86400", token.expires_in)
    })
}

/// A line is a product of the catalogue, at its price, and its total is right.
fn line(line: &Line, unit_price: Option<&Money>) -> Checked {
    let sku = &line.sku;
    ensure(line.unit_price.as_ref() == unit_price, || {
        let listed = price(&unit_price.cloned());
        format!(
            "{sku} at {} and was listed at {listed}",
            price(&line.unit_price)
        )
    })?;
    let expected = unit_price.map(|unit| Money {
        // Both fit 64 bits by far; what does not is no price.
        amount: unit.amount.saturating_mul(line.quantity.into()),
        currency: unit.currency.clone(),
    });
    ensure(line.line_total == expected, || {
        format!(
            "{} of {sku} make {} and not {}",
            line.quantity,
            price(&line.line_total),
            price(&expected)
        )
    })
}

/// An item that was put into a cart.
pub(crate) fn put(put: &Line, product: &Product, quantity: u32) -> Checked {
    ensure(put.sku == product.sku && put.quantity == quantity, || {
        format!(
            "{} of {} where {quantity} of {} were put in",
            put.quantity, put.sku, product.sku
        )
    })?;
    line(put, product.price.as_ref())
}

/// Lines are what was asked for, each is right, and the total is their sum.
fn lines(all: &[Line], total: Option<&Money>, basket: &Basket, catalogue: &[Product]) -> Checked {
    let mut held = Basket::new();
    for one in all {
        ensure(held.insert(one.sku.clone(), one.quantity).is_none(), || {
            format!("{} has two lines", one.sku)
        })?;
    }
    ensure(held == *basket, || {
        format!("holds {} and not {}", words(&held), words(basket))
    })?;
    for one in all {
        let listed = catalogue.iter().find(|p| p.sku == one.sku);
        line(one, listed.and_then(|p| p.price.as_ref()))?;
    }
    let priced: Vec<&Money> = all.iter().filter_map(|l| l.line_total.as_ref()).collect();
    let sum: u128 = priced.iter().map(|m| u128::from(m.amount)).sum();
    // Each line was held to the catalogue, and what is bought there has one currency.
    let currency = priced.first().map(|m| m.currency.as_str());
    let said = total.map(|t| (u128::from(t.amount), t.currency.as_str()));
    ensure(said == currency.map(|currency| (sum, currency)), || {
        let total = price(&total.cloned());
        format!("total: {total} is not the sum of its lines, {sum}")
    })
}

fn words(basket: &Basket) -> String {
    let all: Vec<String> = basket
        .iter()
        .map(|(sku, n)| format!("{n} x {sku}"))
        .collect();
    if all.is_empty() {
        return "nothing".to_owned();
    }
    all.join(", ")
}

/// A cart holds what was put in, and its total is the sum.
pub(crate) fn cart(cart: &Cart, basket: &Basket, catalogue: &[Product]) -> Checked {
    ensure(cart.unpriced.is_empty(), || {
        format!("has no price for {}", cart.unpriced.join(", "))
    })?;
    lines(&cart.items, cart.total.as_ref(), basket, catalogue)
}

/// A confirmed order: of what was in the cart, for what the cart said, paid and shipped.
pub(crate) fn confirmed(order: &Order, basket: &Basket, catalogue: &[Product]) -> Checked {
    let id = order.order_id;
    ensure(order.status == "confirmed", || {
        format!("order {id} is answered with 201 and is {}", order.status)
    })?;
    lines(&order.items, Some(&order.total), basket, catalogue)
        .map_err(|wrong| format!("order {id}: {wrong}"))?;
    match &order.payment {
        None => return Err(format!("order {id} is confirmed without a payment")),
        Some(payment) => ensure(payment.status == "captured", || {
            format!("order {id} is confirmed, its payment {}", payment.status)
        })?,
    }
    match &order.shipment {
        None => return Err(format!("order {id} is confirmed without a shipment")),
        Some(shipment) => ensure(
            !matches!(shipment.status.as_str(), "refused" | "cancelled"),
            || format!("order {id} is confirmed, its shipment {}", shipment.status),
        )?,
    }
    let ended = order
        .timeline
        .iter()
        .any(|e| (e.step.as_str(), e.status.as_str()) == ("confirmed", "done"));
    ensure(ended, || {
        format!("order {id} is confirmed, and its timeline does not say so")
    })?;
    ensure(order.created_at.parse::<Timestamp>().is_ok(), || {
        format!("order {id}: created_at: `{}` is no time", order.created_at)
    })
}

/// An order is later what it was. Its parcel moves, and a carrier that was late gives it a number.
pub(crate) fn same(now: &Order, then: &Order) -> Checked {
    let id = then.order_id;
    let differs = |what: &str| Err(format!("order {id}: {what} differs from the first answer"));
    if now.order_id != then.order_id {
        return Err(format!(
            "order {} where {id} was answered first",
            now.order_id
        ));
    }
    if now.status != then.status {
        return differs("status");
    }
    if now.items != then.items {
        return differs("items");
    }
    if now.total != then.total {
        return differs("total");
    }
    if now.payment != then.payment {
        return differs("payment");
    }
    if now.created_at != then.created_at {
        return differs("created_at");
    }
    match (&now.shipment, &then.shipment) {
        (None, None) => Ok(()),
        (Some(now), Some(then))
            if now.shipment_id == then.shipment_id
                && (then.tracking_number.is_none()
                    || now.tracking_number == then.tracking_number) =>
        {
            Ok(())
        }
        _ => differs("shipment"),
    }
}

/// An order that was refused is not confirmed, and holds no money.
pub(crate) fn refused(order: &Order) -> Checked {
    let id = order.order_id;
    ensure(order.status != "confirmed", || {
        format!("order {id} was refused and is confirmed")
    })?;
    let captured = order
        .payment
        .as_ref()
        .is_some_and(|p| p.status == "captured");
    ensure(order.status == "pending" || !captured, || {
        format!("order {id} was refused, and its payment is captured")
    })
}

/// The parcel that was asked for.
pub(crate) fn tracking(tracking: &Tracking, number: &str) -> Checked {
    ensure(tracking.tracking_number == number, || {
        format!(
            "parcel {} where {number} was asked for",
            tracking.tracking_number
        )
    })
}

/// An inbox speaks of its owner's orders only.
pub(crate) fn inbox(inbox: &Page<Message>, own: &BTreeSet<Uuid>) -> Checked {
    match inbox.items.iter().find(|m| !own.contains(&m.order_id)) {
        None => Ok(()),
        Some(message) => Err(format!(
            "a message about order {}, which is not this customer's",
            message.order_id
        )),
    }
}

#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
